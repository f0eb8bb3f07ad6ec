"""A splice: the one place of a text that an edit changes. Pure.

Every character outside `start` and `end` is the same character as before: that is all that an edit can do.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rpcd.errors import Refused

__all__ = [
    "MAX_REPEATED",
    "Splice",
    "apply",
    "bounded",
    "insert",
    "join",
    "newline_of",
    "separator_like",
    "skip_blank_lines",
]


MAX_REPEATED: Final = 128
"""Characters that a text may want repeated on every line of a value: white space, or the key of a table.

Longer ones are no style. A request of 64 KiB has room for thousands of lines, and would become gigabytes.
"""

_BLANK_LINES: Final = re.compile(r"(?:[ \t]*+(?:\r\n|\n|\r))*+")


@dataclass(frozen=True, slots=True)
class Splice:
    """Put `text` in place of the characters from `start` up to `end`."""

    start: int
    end: int
    text: str


def apply(text: str, *splices: Splice) -> str:
    """`text` with all splices done, which count in characters of `text` as it was.

    Raises `Refused("not_editable")` where two of them want the same characters.
    """
    parts: list[str] = []
    at = 0
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        if splice.start < at:
            raise Refused("not_editable", reason="structure")
        parts += (text[at : splice.start], splice.text)
        at = splice.end
    return "".join((*parts, text[at:]))


def join(text: str, splices: Sequence[Splice]) -> Splice:
    """One splice that does what several do, with what lies between them as it was."""
    start = min(splice.start for splice in splices)
    end = max(splice.end for splice in splices)
    moved = (Splice(splice.start - start, splice.end - start, splice.text) for splice in splices)
    return Splice(start, end, apply(text[start:end], *moved))


def newline_of(text: str) -> str:
    """The first line end of `text`; a newline where it has none."""
    end = text.find("\n")  # far faster than a pattern where the first line is long
    carriage = text.find("\r", 0, end if end >= 0 else len(text))
    if carriage < 0:
        return "\n"
    return "\r\n" if carriage + 1 == end else "\r"


def insert(text: str, at: int, lines: Iterable[str]) -> Splice:
    """Whole lines put in at the start of a line, or at the end of a text that may lack its last line end."""
    newline = newline_of(text)
    if at and text[at - 1] not in "\r\n\ufeff":
        return Splice(at, at, "".join(newline + line for line in lines))
    return Splice(at, at, "".join(line + newline for line in lines))


def skip_blank_lines(text: str, at: int) -> int:
    """Where the next line starts that is not blank; `at` is the start of a line."""
    found = _BLANK_LINES.match(text, at)
    return found.end() if found else at


def bounded(white: str) -> str:
    """White space as a text has it, for every line of a value; none where there is too much of it."""
    return white if len(white) <= MAX_REPEATED else ""


def separator_like(between: str, beside: str, name: str) -> str:
    """What stands between `name` and its value where `between` stands after `beside`: marks stay below each other.

    Up to `MAX_REPEATED` columns: farther out nothing is lined up.
    """
    if len(between) > MAX_REPEATED:
        return f" {between.strip()} "
    mark = between.lstrip(" ")
    column = len(beside) + len(between) - len(mark)
    if column - len(beside) < 2 or column > MAX_REPEATED:  # noqa: PLR2004
        return between
    return " " * max(1, column - len(name)) + mark
