"""The unified diff of a dry run, as far as the caller may see it.

Rules of this file:

- A line that holds any part of a secret key is shown as changed, never with its text.
- Who may read the whole file sees all other lines. Anybody else sees the lines that hold nothing but keys which it may
  get: no context, no comments, no positions.
- The time is bounded: what differs in more places than a person would read is shown as one block.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from rpcd import documents
from rpcd.errors import Refused
from rpcd.methods.method import Call
from rpcd.wire import encode

__all__ = ["visible_diff"]

CONTEXT: Final = 3
"""Lines around a change, as diff(1) has them."""

MAX_COMPARED: Final = 1_000_000
"""Pairs of lines that are compared one by one; beyond that what differs is one block."""

MAX_LINES: Final = 200_000
"""Lines of a text up to which it is compared: each takes a hundred bytes of memory and more."""

SPARE: Final = 2048
"""Bytes that the members beside the diff take in a reply."""

SECRET: Final = "[secret]"  # noqa: S105 - what stands in place of one

Seen = list[str | None]
"""The lines of a text as the caller sees them; None for one that it does not."""

Opcode = tuple[str, int, int, int, int]
"""As difflib has them: what, from and to in the old lines, from and to in the new ones."""


def visible_diff(call: Call, old: bytes | None, new: bytes | None) -> dict[str, object]:
    """`{"diff": …}` from `old` to `new`, with `"truncated": true` where it is not all of it.

    Empty where the caller may see nothing of it.
    """
    if any(content is not None and content.count(b"\n") > MAX_LINES for content in (old, new)):
        return {"diff": "", "truncated": True}
    whole = call.plain and (call.key is None or call.may("get_key", call.key))
    before, after = _seen(call, old, whole=whole), _seen(call, new, whole=whole)
    changes = _compare(_lines(old), _lines(new))
    rows = _unified(call.name_of_target, changes, before, after) if whole else _changed(changes, before, after)
    shown: list[str] = []
    left = call.room - SPARE
    for row in rows:
        left -= len(encode(row)) + 2
        if left < 0:
            return {"diff": "".join(shown), "truncated": True}
        shown.append(row + "\n")
    return {"diff": "".join(shown)} if shown or whole else {}


def _lines(content: bytes | None) -> list[str]:
    """Lines as git has them: only a newline ends one. Bytes that are no text are shown as U+FFFD."""
    return content.decode("utf-8", "replace").removesuffix("\n").split("\n") if content else []


def _seen(call: Call, content: bytes | None, *, whole: bool) -> Seen:
    """The lines of `content` as the caller may see them, who may read it whole or only by key."""
    target = call.find()
    lines = _lines(content)
    if target.secret_content:
        return [SECRET] * len(lines)
    if content is None or (whole and not target.has_secrets):
        return list(lines) if whole else [None] * len(lines)
    try:
        entries = documents.open_document(target.format, content).entries()
    except Refused:  # nobody can say which of these lines hold a secret
        return [SECRET if whole else None] * len(lines)
    seen: Seen = list(lines) if whole else [None] * len(lines)
    starts = [0, *(match.end() for match in re.finditer("\n", documents.decode(content)))]
    judged: dict[int, str | None] = {}
    for entry in entries:
        if entry.type == "object":  # what it holds has entries of its own
            continue
        first, last = bisect_right(starts, entry.start), bisect_right(starts, max(entry.start, entry.end - 1))
        secret = target.hides(entry.key)
        granted = whole or call.may("get_key", entry.key)
        for number in range(first - 1, min(last, len(lines))):
            if not granted or judged.get(number, "") is None:
                judged[number] = None
            elif secret or judged.get(number) != SECRET:
                judged[number] = SECRET if secret else lines[number]
    for number, sight in judged.items():
        seen[number] = sight
    return seen


def _compare(old: list[str], new: list[str]) -> list[Opcode]:
    """What has to be done to `old` to have `new`; what is the same at both ends is not looked at twice."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle: list[Opcode]
    if (len(old) - head - tail) * (len(new) - head - tail) > MAX_COMPARED:
        middle = [("replace", head, len(old) - tail, head, len(new) - tail)]
    else:
        matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail])
        middle = [(what, head + a, head + b, head + c, head + d) for what, a, b, c, d in matcher.get_opcodes()]
    start: list[Opcode] = [("equal", 0, head, 0, head)]
    end: list[Opcode] = [("equal", len(old) - tail, len(old), len(new) - tail, len(new))]
    return start + middle + end


def _unified(name: str, changes: list[Opcode], before: Seen, after: Seen) -> Iterator[str]:
    """The rows of a unified diff with its context."""
    if all(what == "equal" for what, *_ in changes):
        return
    yield f"--- {name}"
    yield f"+++ {name}"
    for hunk in _hunks(changes):
        (_, a, _, c, _), (_, _, b, _, d) = hunk[0], hunk[-1]
        yield f"@@ -{_range(a, b)} +{_range(c, d)} @@"
        for what, *span in hunk:
            if what == "equal":
                yield from (f" {line}" for line in before[span[0] : span[1]])
            else:
                a, b, c, d = span
                yield from _changed([(what, a, b, c, d)], before, after)


def _hunks(changes: list[Opcode]) -> Iterator[list[Opcode]]:
    """Groups of changes that share their context."""
    hunk: list[Opcode] = []
    for what, a, b, c, d in changes:
        if what != "equal":
            hunk.append((what, a, b, c, d))
        elif not hunk:
            hunk = [(what, max(a, b - CONTEXT), b, max(c, d - CONTEXT), d)]
        elif b - a > 2 * CONTEXT:
            yield [*hunk, (what, a, a + CONTEXT, c, c + CONTEXT)]
            hunk = [(what, b - CONTEXT, b, d - CONTEXT, d)]
        else:
            hunk.append((what, a, b, c, d))
    if any(what != "equal" for what, *_ in hunk):
        what, a, b, c, d = hunk[-1]
        last: Opcode = (what, a, min(b, a + CONTEXT), c, min(d, c + CONTEXT)) if what == "equal" else hunk[-1]
        yield [*hunk[:-1], last]


def _range(start: int, stop: int) -> str:
    """Where a hunk lies, as POSIX's `diff -u` writes it: the line before it, where it has none."""
    count = stop - start
    if count == 1:
        return str(start + 1)
    return f"{start + 1 if count else start},{count}"


def _changed(changes: list[Opcode], before: Seen, after: Seen) -> Iterator[str]:
    """The lines that go and the lines that come, as far as they are seen."""
    for what, a, b, c, d in changes:
        if what != "equal":
            yield from (f"-{line}" for line in before[a:b] if line is not None)
            yield from (f"+{line}" for line in after[c:d] if line is not None)
