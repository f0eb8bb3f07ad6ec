"""Whether a target allows what a change would make of its file: its schema, and its `refuse` patterns.

Rules of this file:

- A change is refused for what it adds. What was wrong before is told by `rpcd check`; but whoever writes a value, or a
  whole file that it may not read, answers for all of that.
- The caller is told only of places that it may know; the audit log has the others, too, in the words of the schema:
  what somebody named may be a secret that was mistaken for a name. Neither has a value.
- `refuse` patterns look at lines, whatever the format makes of them. A line that was there before may stay there.
"""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import chain, islice

from rpcd import documents
from rpcd.documents.select import is_within
from rpcd.errors import Refused
from rpcd.schemas.document import Broken
from rpcd.schemas.instance import instance
from rpcd.schemas.pattern import Pattern
from rpcd.schemas.validator import MAX_FAULTS, pointer
from rpcd.settings import Target
from rpcd.store.edits import Edit, Rejected

__all__ = ["require_allowed"]


def require_allowed(target: Target, edit: Edit, before: bytes | None, after: bytes) -> None:
    """Raise `Rejected` unless `edit` may turn `before`, which may be nothing, into `after`."""
    broken = _broken(target, edit, before, after)
    lines = list(_refused_lines(target, edit, before, after))
    if broken is None and not lines:
        return
    told: list[dict[str, object]] = [
        {"at": pointer(fault.place), "rule": fault.rule} for fault in broken or () if edit.tells(fault.place)
    ]
    told += [{"at": "", "rule": rule} | ({"line": line} if line and edit.plain else {}) for rule, line in lines]
    record = [rule for rule, _ in lines]
    if target.schema is not None:
        record += [f"{pointer(target.schema.known(fault.place))}: {fault.rule}" for fault in broken or ()]
    raise Rejected(told[:MAX_FAULTS], list(dict.fromkeys(record))[:MAX_FAULTS])


def _broken(target: Target, edit: Edit, before: bytes | None, after: bytes) -> list[Broken] | None:
    """What the schema has against it."""
    if target.schema is None:
        return None
    new = instance(documents.read(target.format, after))
    if target.schema.holds(new):
        return None
    old = None
    if before is not None and not (edit.written and not edit.key):
        try:
            old = instance(documents.read(target.format, before))
        except Refused:  # what nobody can read is no measure
            old = None
    return target.schema.broken_by(old, new, edit.key, written=edit.written)


def _refused_lines(target: Target, edit: Edit, before: bytes | None, after: bytes) -> Iterator[tuple[str, int | None]]:
    """Which patterns a new line has, and the first such line; None where it takes several lines."""
    if not target.refuse:
        return
    new = after.decode("utf-8", "replace").split("\n")
    old = before.decode("utf-8", "replace").split("\n") if before and not (edit.written and not edit.key) else []
    text = "\n".join(new)
    found = {number: pattern for number, pattern in enumerate(target.refuse) if pattern.found_in(text)}
    own = _own_lines(target, edit, after) if found else frozenset()
    for number, pattern in found.items():
        is_new, line = _added(pattern, old, new, own)
        if is_new:
            yield f"refuse[{number}]", line


def _own_lines(target: Target, edit: Edit, after: bytes) -> frozenset[int]:
    """The numbers of the lines that have what the caller wrote at a key."""
    if not (edit.written and edit.key):
        return frozenset()
    text = documents.decode(after)
    entries = documents.open_document(target.format, after).entries()
    spans = [(entry.start, max(entry.start, entry.end - 1)) for entry in entries if is_within(entry.key, edit.key)]
    lines = [range(text.count("\n", 0, first), text.count("\n", 0, last) + 1) for first, last in spans]
    return frozenset(chain.from_iterable(lines))


def _added(pattern: Pattern, old: list[str], new: list[str], own: AbstractSet[int]) -> tuple[bool, int | None]:
    """Whether a pattern is found in what `new` has and `old` has not, or in its `own` lines, and in which line."""
    stay = set(_matching(pattern, old))
    known = Counter(old[number] for number in stay)
    rest = new[:]
    for number in _matching(pattern, new):
        if number in own or known[new[number]] <= 0:
            return True, number + 1
        known[new[number]] -= 1
        rest[number] = ""
    before = ["" if number in stay else line for number, line in enumerate(old)]
    return pattern.found_in("\n".join(rest)) and not pattern.found_in("\n".join(before)), None


def _matching(pattern: Pattern, lines: list[str]) -> Iterator[int]:
    """The numbers of the lines in which a pattern is found, in order; they are sought by halves."""
    waiting = [(0, len(lines))]
    while waiting:
        start, end = waiting.pop()
        if start == end or not pattern.found_in("\n".join(islice(lines, start, end))):
            continue
        if end - start == 1:
            yield start
        else:
            middle = (start + end) // 2
            waiting += [(middle, end), (start, middle)]
