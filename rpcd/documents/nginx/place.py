"""nginx's files: where statements stand, and where new lines go. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from rpcd.documents.nginx.layout import Body, Statement
from rpcd.documents.splice import Splice, insert, newline_of

__all__ = ["ahead", "behind", "into", "span"]

_REST_OF_LINE: Final = re.compile(r"[ \t\r]*+(?:#[^\n]*+)?(?:\n|\Z)")
_BLANKS: Final = re.compile(r"[ \t]*+")


def span(text: str, statement: Statement) -> tuple[int, int]:
    """From where to where a statement stands: its lines, or its part of those that it shares."""
    start = statement.words[0].start
    line = text.rfind("\n", statement.before, start) + 1
    rest = _REST_OF_LINE.match(text, statement.end)
    begins = line > 0 or statement.before == 0
    if begins and rest is not None:
        return line, rest.end()
    if rest is not None:
        return statement.before + len(text[statement.before : start].rstrip(" \t")), statement.end
    blanks = _BLANKS.match(text, statement.end)
    return start, blanks.end() if blanks else statement.end


def behind(text: str, statement: Statement, lines: Sequence[str]) -> Splice:
    """Lines behind a statement, or the same on its line where that goes on."""
    rest = _REST_OF_LINE.match(text, statement.end)
    if rest is None:
        return Splice(statement.end, statement.end, _inline(lines))
    return insert(text, rest.end(), lines)


def ahead(text: str, body: Body, lines: Sequence[str]) -> Splice:
    """Lines before the first statement of a body and the comment on it, with a blank line between."""
    first = body.statements[0].words[0].start
    at = text.rfind("\n", body.start, first) + 1
    if not at and body.start:
        return Splice(body.start, body.start, _inline(lines))
    while at > body.start:
        above = text.rfind("\n", body.start, at - 1) + 1
        if above < body.start or not text[above:at].lstrip(" \t").startswith("#"):
            break
        at = above
    return insert(text, at, [*lines, ""])


def into(text: str, body: Body, lines: Sequence[str], margin: str) -> Splice:
    """Lines between braces that have no statement between them, the first after `margin`, or in a file without one."""
    if body.owner is None:
        return insert(text, len(text), lines)
    line = text.rfind("\n", body.start, body.end) + 1
    if line:
        return insert(text, line, lines)
    newline = newline_of(text)
    return Splice(body.start, body.end, newline + newline.join(lines) + newline + margin)


def _inline(lines: Sequence[str]) -> str:
    return "".join(" " + line.strip(" \t") for line in lines if line)
