r"""Java properties: the locator, which is given nothing but properties (the judge comes first). Pure.

A name goes up to `=`, `:` or white space that no backslash stands before; a backslash at the end of a line joins the
next, whose indentation is no part of it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

__all__ = ["Item", "Table", "items_below", "locate", "tables"]

_JOIN: Final = r"\\(?:\r\n|\r|\n)[ \t\f]*+"
_LINE: Final = re.compile(
    rf"""[ \t\f]*+ (?: [\#!][^\r\n]*+ |
      (?P<name> (?: [^\\\ \t\f=:\r\n]++ | {_JOIN} | \\[^\r\n] )*+ )
      (?P<mark> (?: [ \t\f]++ | {_JOIN} )*+ [=:]?+ (?: [ \t\f]++ | {_JOIN} )*+ )
      (?P<value> (?: [^\\\r\n]++ | {_JOIN} | \\[^\r\n] )*+ ) \\?+
    ) (?: \r\n | \r | \n | \Z )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(rf"({_JOIN})|\\u([0-9A-Fa-f]{{4}})|\\(.)|\\\Z", re.DOTALL)
_MEANING: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_NO_UTF_8: Final = re.compile(r"[\udc80-\udcff]")
_PAIR: Final = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")


class Item(NamedTuple):
    """One property: its lines from `start` to `end`; its name, what marks its value, and that, as they are spelled."""

    name: str
    value: str
    start: int
    name_start: int
    name_end: int
    value_start: int
    value_end: int
    end: int


Table = dict[str, Any]
"""Tables by segment, and lists of items: all that have the same name, in the order of the text."""


def locate(text: str) -> Sequence[Item]:
    """Every property of `text`, in order."""
    items: list[Item] = []
    bytewise = not text.isascii() and _NO_UTF_8.search(text) is not None
    at = 0
    while at < len(text) and (line := _LINE.match(text, at)) is not None:
        at = line.end()
        name, mark, value = line.group("name", "mark", "value")
        if name or mark or value:
            if bytewise:
                name, value = (part.encode("utf-8", "surrogateescape").decode("iso-8859-1") for part in (name, value))
            start, end = line.span("name")
            items.append(Item(_meant(name), _meant(value), line.start(), start, end, *line.span("value"), at))
    return items


def tables(items: Sequence[Item]) -> Table:
    """The items by the segments of their names; where a table is, what has its name has the segment ""."""
    names: dict[str, list[Item]] = {}
    for item in items:
        names.setdefault(item.name, []).append(item)
    above = {name[:at] for name in names for at in _dots(name)}
    root: Table = {}
    for name, found in names.items():
        segments = name.split(".")
        table = root
        for segment in segments if name in above else segments[:-1]:
            table = table.setdefault(segment, {})
        table["" if name in above else segments[-1]] = found
    return root


def items_below(table: Mapping[str, Any]) -> Sequence[Item]:
    """All items of a table and the tables in it."""
    found: list[Item] = []
    for held in table.values():
        found += items_below(held) if isinstance(held, dict) else held
    return found


def _dots(name: str) -> Sequence[int]:
    return [found.start() for found in re.finditer(r"\.", name)]


def _meant(spelled: str) -> str:
    """What a spelling means."""
    if "\\" not in spelled:
        return spelled
    return _PAIR.sub(_character, _ESCAPE.sub(_piece, spelled))


def _piece(found: re.Match[str]) -> str:
    join, code, character = found.groups()
    if code:
        return chr(int(code, 16))
    return "" if join or not character else _MEANING.get(character, character)


def _character(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
