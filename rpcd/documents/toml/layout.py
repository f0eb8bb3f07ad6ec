"""TOML files: the locator. Pure.

Rules of this file:

- It is given nothing but TOML: the judge comes first (`documents.open_document`). So it finds spans, and where it is
  lost it refuses.
- A table is one of four kinds, which decides how a key is added to it: one with a header (`[a]`, an element of `[[a]]`,
  and the file itself), one that others imply (`a`, where only `[a.b]` is written), one of dotted keys (`a.b = 1`), and
  an inline one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from rpcd.documents.document import index, not_editable
from rpcd.documents.key import Key

__all__ = [
    "Array",
    "Body",
    "Node",
    "Pair",
    "Scalar",
    "Table",
    "Tables",
    "bounds",
    "find",
    "locate",
    "pairs_below",
    "places",
    "span",
]

_PART: Final = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+')"""
_KEY: Final = rf"{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+"
_LINE: Final = re.compile(
    rf"""[ \t]*+
    (?: (?P<key> {_KEY} ) (?P<between> [ \t]*+ = [ \t]*+ )
      | \[ (?P<many> \[ )?+ [ \t]*+ (?P<header> {_KEY} ) [ \t]*+ \] \]?+
    )?+""",
    re.VERBOSE,
)
_REST: Final = re.compile(r"[ \t]*+(?:#[^\n]*+)?(?:\r?\n|\Z)")
_SEGMENT: Final = re.compile(r"""([A-Za-z0-9_-]++)|"((?:[^"\\]++|\\.)*+)"|'([^']*+)'""")
_SCALAR: Final = re.compile(
    r'''"""(?:[^"\\]++|\\[\s\S]|"{1,2}+(?!"))*+"{3,5}+'''
    r"""|'''(?:[^']++|'{1,2}+(?!'))*+'{3,5}+"""
    r'''|"(?:[^"\\\n]++|\\.)*+"'''
    r"""|'[^'\n]*+'"""
    r"""|[^\s,\[\]{}#"']++(?:[ ][0-9][0-9:.Z+-]*+)?+"""
)
_BETWEEN: Final = re.compile(r"(?:[ \t\r\n,]++|#[^\n]*+)*+")
_ESCAPE: Final = re.compile(r"\\(?:u(.{4})|U(.{8})|(.))")
_MEANING: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}

Kind = Literal["header", "implied", "dotted", "inline"]


@dataclass(slots=True)
class Scalar:
    """A value that holds no others."""

    start: int
    end: int


@dataclass(slots=True)
class Array:
    """An array between brackets."""

    start: int
    end: int = 0
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """A table. `path` is its key without numbers of elements; one of dotted keys has the name `prefix` in `body`.

    `pairs` are those that give `members` their values.
    """

    kind: Kind
    path: Key
    body: "Body | None" = None
    prefix: Key = ()
    members: dict[str, "Node"] = field(default_factory=dict)
    pairs: dict[str, "Pair"] = field(default_factory=dict)


@dataclass(slots=True)
class Tables:
    """An array of tables, each with a header."""

    items: list[Table] = field(default_factory=list)


@dataclass(slots=True)
class Pair:
    """A key and its value: from `start` to `end` with its lines, or within an inline table without."""

    start: int
    key_start: int
    key_end: int
    value_start: int
    value_end: int
    end: int


@dataclass(slots=True)
class Body:
    """What stands below a header, which ends at `head_end`, or between braces, the last of which does."""

    start: int
    head_end: int
    inline: bool = False
    pairs: list[Pair] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Where the last of its pairs ends."""
        return self.pairs[-1].end if self.pairs else self.head_end


Node = Scalar | Array | Table | Tables


def locate(text: str) -> Table:
    """Find everything in `text`, which is TOML."""
    return _Locator(text).run()


def find(root: Node, key: Key) -> Node | None:
    """What `key` names; None where there is nothing."""
    node: Node | None = root
    for segment in key:
        if isinstance(node, Table):
            node = node.members.get(segment)
        elif isinstance(node, Array | Tables):
            at = index(segment)
            node = node.items[at] if at is not None and at < len(node.items) else None
        else:
            return None
    return node


def pairs_below(table: Table) -> Iterator[Pair]:
    """The pairs of a table and of the tables that dotted keys make in it."""
    yield from table.pairs.values()
    for member in table.members.values():
        if isinstance(member, Table) and member.kind == "dotted":
            yield from pairs_below(member)


def places(node: Table | Tables) -> Iterator[tuple[int, int]]:
    """From where to where the parts of a table stand that is not inline; some lie within others."""
    if isinstance(node, Tables):
        for table in node.items:
            yield from places(table)
        return
    if node.kind == "header" and node.body is not None:
        yield node.body.start, node.body.end
    for name, member in node.members.items():
        if name in node.pairs:
            yield node.pairs[name].start, node.pairs[name].end
        elif isinstance(member, Table | Tables):
            yield from places(member)


def bounds(node: Node) -> tuple[int, int]:
    """From where to where a value stands, or everything from the first to the last place of a table."""
    if isinstance(node, Scalar | Array):
        return node.start, node.end
    if isinstance(node, Table) and node.kind == "inline" and node.body is not None:
        return node.body.start, node.body.head_end
    return span(node)


def span(node: Table | Tables) -> tuple[int, int]:
    """From the first to the last of the places of a table."""
    found = list(places(node))
    return min(start for start, _ in found), max(end for _, end in found)


class _Locator:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0
        self.body = Body(self.at, self.at)
        self.root = self.table = Table("header", (), self.body)

    def run(self) -> Table:
        """Take all lines."""
        text, match = self.text, _LINE.match
        while self.at < len(text):
            line = match(text, self.at)
            if line is None:
                raise self.lost()
            if line["key"] is not None:
                self.pair(line)
            elif line["header"] is not None:
                self.header(line)
            else:
                self.at = self.rest(line.end())
        return self.root

    def lost(self) -> Exception:
        """The refusal of what is no TOML."""
        return not_editable("syntax", self.text, self.at)

    def rest(self, at: int) -> int:
        """Where the next line starts."""
        found = _REST.match(self.text, at)
        if found is None:
            raise self.lost()
        return found.end()

    def pair(self, line: re.Match[str]) -> None:
        """A line of a key, and further lines of its value."""
        key = _unquote(line["key"])
        value, end = self.value(line.end())
        start, self.at = self.at, self.rest(end)
        pair = Pair(start, *line.span("key"), line.end(), end, self.at)
        _attach(self.table, self.body, key, value, pair)

    def header(self, line: re.Match[str]) -> None:
        """The line of a header."""
        key = _unquote(line["header"])
        self.body = Body(self.at, self.rest(line.end()))
        self.at = self.body.head_end
        above = self.root
        for depth, segment in enumerate(key[:-1]):
            below = above.members.setdefault(segment, Table("implied", key[: depth + 1]))
            if isinstance(below, Tables):
                below = below.items[-1]
            if not isinstance(below, Table):
                raise self.lost()
            above = below
        if line["many"]:
            tables = above.members.setdefault(key[-1], Tables())
            if not isinstance(tables, Tables):
                raise self.lost()
            self.table = Table("header", key, self.body)
            tables.items.append(self.table)
            return
        table = above.members.setdefault(key[-1], Table("implied", key))
        if not isinstance(table, Table):
            raise self.lost()
        table.kind, table.body = "header", self.body
        self.table = table

    def value(self, at: int) -> tuple[Node, int]:
        """A value and where it ends."""
        opening = self.text[at : at + 1]
        if opening == "[":
            array = Array(at)
            at = self.skip(at + 1)
            while self.text[at] != "]":
                item, end = self.value(at)
                array.items.append(item)
                at = self.skip(end)
            array.end = at + 1
            return array, array.end
        if opening == "{":
            return self.inline(at)
        found = _SCALAR.match(self.text, at)
        if found is None:
            raise self.lost()
        return Scalar(at, found.end()), found.end()

    def inline(self, at: int) -> tuple[Table, int]:
        """An inline table and where it ends."""
        body = Body(at, at, inline=True)
        table = Table("inline", (), body)
        at = self.skip(at + 1)
        while self.text[at] != "}":
            line = _LINE.match(self.text, at)
            if line is None or line["key"] is None:
                raise self.lost()
            key = _unquote(line["key"])
            value, end = self.value(line.end())
            _attach(table, body, key, value, Pair(at, *line.span("key"), line.end(), end, end))
            at = self.skip(end)
        body.head_end = at + 1
        return table, at + 1

    def skip(self, at: int) -> int:
        """Pass over white space, commas and comments; something follows."""
        found = _BETWEEN.match(self.text, at)
        at = found.end() if found else at
        if at == len(self.text):
            raise self.lost()
        return at


def _attach(table: Table, body: Body, key: Key, value: Node, pair: Pair) -> None:
    """Make `value` a member of `table`, or of the tables that a dotted key leads to."""
    for depth, segment in enumerate(key[:-1], 1):
        below = table.members.setdefault(segment, Table("dotted", (*table.path, segment), body, key[:depth]))
        if not isinstance(below, Table):
            raise not_editable("syntax")
        table = below
    table.members[key[-1]] = value
    table.pairs[key[-1]] = pair
    body.pairs.append(pair)


def _unquote(spelled: str) -> Key:
    """The segments of a key as it is written."""
    if spelled.isidentifier():  # most are
        return (spelled,)
    found = _SEGMENT.findall(spelled)
    return tuple(bare or literal or _ESCAPE.sub(_character, basic) for bare, basic, literal in found)


def _character(escape: re.Match[str]) -> str:
    four, eight, short = escape.groups()
    return chr(int(four or eight, 16)) if short is None else _MEANING.get(short, short)
