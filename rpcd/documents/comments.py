"""Comments that belong to a key: those above it, and the key itself where it is commented out. Pure.

Rules of this file:

- A key's own comment are the comment lines right above it, up to a blank line, another key or a commented-out default
  (`;port = 3306`): a mark without white space behind it, and an assignment.
- A place where a key is commented out is one where it is there without the mark, and nothing else is: the format's
  judge finds that out.
- The cost is linear in the size of the text; at most `MAX_TRIED` places are tried.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rpcd.documents.document import Entry
from rpcd.documents.format import Comments
from rpcd.documents.key import Key

__all__ = ["MAX_TRIED", "above", "commented", "comments_of", "told"]

MAX_TRIED: Final = 4
"""Commented-out places of one key that are tried."""

LONGEST: Final = 4096
"""Characters of a comment that are told."""

_DEFAULT: Final = re.compile(r"[\w.\"'/-]+(?:[ \t]*+[=:{]|[ \t]++[^\s=:]++;?\Z)")
"""What follows the mark of something that is commented out."""


def above(text: str, entries: Iterable[Entry], comments: Comments) -> Iterator[tuple[Entry, int, int]]:
    """Every entry that has a comment, and from where to where the lines of that are."""
    floor = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        line = _line_start(text, entry.start)
        if line >= floor and not text[line : entry.start].strip(" \t"):
            start = _first_line(text, line, floor, comments)
            if start < line:
                yield entry, start, line
        if entry.type not in {"object", "array"}:
            floor = max(floor, entry.end)


def comments_of(text: str, entries: Sequence[Entry], comments: Comments) -> Mapping[Key, str]:
    """The comments of keys, as they are told. A line that makes several keys at once (`a.b = 1`) is about the last."""
    places = {start: (entry.key, end) for entry, start, end in above(text, entries, comments)}
    return {key: told(text[start:end], comments) for start, (key, end) in places.items()}


def told(lines: str, comments: Comments) -> str:
    """The text of comment lines: without marks, and without the white space beside them."""
    marks = "|".join(map(re.escape, (*comments.line, *(mark for pair in comments.block for mark in pair))))
    bare = re.sub(rf"(?m)^[ \t]*(?:{marks})+[ \t]?|[ \t]*(?:{marks})?[ \t]*\r?$", "", lines)
    return bare.strip("\n")[:LONGEST].encode("utf-8", "replace").decode("utf-8")


def commented(text: str, key: Key, comments: Comments) -> Iterator[tuple[int, int]]:
    """From where to where the marks are that may comment `key` out, the likeliest first; at most `MAX_TRIED`."""
    if not comments.line or not key:
        return
    marks = "|".join(map(re.escape, sorted(comments.line, key=len, reverse=True)))
    name = re.escape(key[-1])
    line = re.compile(
        rf"""^\ufeff?[ \t]*+((?:{marks})[ \t]?)(?=[^\n]{{0,64}}?(?<![\w-]){name}(?![\w-]))""", re.MULTILINE
    )
    found = [match.span(1) for match in line.finditer(text)]
    found.sort(key=lambda span: text[span[1] - 1] in " \t")  # a person leaves no space after the mark
    yield from found[:MAX_TRIED]


def _line_start(text: str, at: int) -> int:
    """Where the line of `at` starts, behind a byte order mark."""
    return text.rfind("\n", 0, at) + 1 or int(text.startswith("\ufeff"))


def _first_line(text: str, line: int, floor: int, comments: Comments) -> int:
    """Where the comment lines start that end at `line`, not above `floor`; `line` where there are none."""
    while line > floor:
        start = max(_line_start(text, line - 1), floor)
        content = text[start:line].strip(" \t\r\n")
        mark = next((mark for mark in comments.line if content.startswith(mark)), None)
        if mark is not None:
            if _DEFAULT.match(content, len(mark)):
                return line
        else:
            start = _opening_line(text, start, line, comments)
            if start < floor:
                return line
        line = start
    return line


def _opening_line(text: str, start: int, line: int, comments: Comments) -> int:
    """The line on which the block comment opens that ends on the one from `start` to `line`; -1 where none does."""
    content = text[start:line].rstrip(" \t\r\n")
    end = start + len(content)
    for opening, closing in comments.block:
        at = text.rfind(opening, 0, end) if content.endswith(closing) else -1
        first = _line_start(text, at)
        if at >= 0 and text.find(closing, at + len(opening)) + len(closing) == end and not text[first:at].strip():
            return first
    return -1
