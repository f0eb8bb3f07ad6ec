"""Java properties: the judge. Pure, and it shares nothing with the locator but what both mean by such a file.

It goes line by line and character by character, as Java's own reader does. The tests hold it against that.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from rpcd.documents.document import MAX_DEPTH, not_editable

__all__ = ["judge"]

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_NO_UTF_8: Final = re.compile(r"[\udc80-\udcff]")
_WHITE: Final = " \t\f"
_MEANING: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def judge(text: str) -> object:
    """The tables of `text`, with strings in them.

    Raises `Refused("not_editable")` for an escape that is none, for a line that Java has read in more than one way, and
    where two names are the same key.
    """
    if not text.isascii() and _NO_UTF_8.search(text):
        text = text.encode("utf-8", "surrogateescape").decode("iso-8859-1")
    properties: dict[str, str] = {}
    for at, line in _logical_lines(text):
        end = _end_of_name(line)
        rest = line[end:].lstrip(_WHITE)
        if rest[:1] in {"=", ":"}:
            rest = rest[1:].lstrip(_WHITE)
        try:
            properties[_unescaped(line[:end])] = _unescaped(rest)
        except ValueError:
            raise not_editable("syntax", text, at) from None
    return _tables(properties)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Every line with something on it, and what continues it; with its place, and without white space before it."""
    whole: list[str] = []
    start = at = 0
    for end in (*(found.span() for found in _LINE_END.finditer(text)), (len(text), len(text))):
        line = text[at : end[0]].lstrip(_WHITE)
        continued = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        if not whole:
            start = at
            if line == "\\":  # whether a comment may follow depends on the version
                raise not_editable("ambiguous", text, at)
            continued = continued and line[0] not in "#!"
        at = end[1]
        if whole or (line and line[0] not in "#!"):
            whole.append(line[:-1] if continued else line)
        if whole and not continued:
            yield start, "".join(whole)
            whole = []
    if whole:
        yield start, "".join(whole)


def _end_of_name(line: str) -> int:
    escaped = False
    for at, character in enumerate(line):
        if not escaped and character in " \t\f=:":
            return at
        escaped = character == "\\" and not escaped
    return len(line)


def _unescaped(spelled: str) -> str:
    """What a spelling means; ValueError for half an escape."""
    first, *pieces = spelled.split("\\")
    meant = [first]
    literal = False  # the piece after a backslash that was escaped itself
    for piece in pieces:
        if literal:
            meant.append(piece)
            literal = False
        elif not piece:
            meant.append("\\")
            literal = True
        elif piece[0] == "u":
            if len(piece) < len("uXXXX") or not _HEX.issuperset(piece[1:5]):
                raise ValueError
            meant.append(chr(int(piece[1:5], 16)) + piece[5:])
        else:
            meant.append(_MEANING.get(piece[0], piece[0]) + piece[1:])
    joined = "".join(meant)
    return joined if joined.isascii() else joined.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _tables(properties: dict[str, str]) -> dict[str, Any]:
    """The properties as tables: a name goes down one table at each dot."""
    root: dict[str, Any] = {}
    for name in sorted(properties, key=len, reverse=True):  # longer names first: they make the tables
        *above, last = name.split(".")
        if len(above) >= MAX_DEPTH:
            raise not_editable("depth")
        table = root
        for segment in above:
            table = table.setdefault(segment, {})
        if isinstance(table.get(last), dict):
            table, last = table[last], ""
        if last in table:
            raise not_editable("duplicate")
        table[last] = properties[name]
    return root
