"""TOML files: the locator. Pure.

It is given nothing but TOML: the judge comes first (`documents.open_document`). So it finds spans, and where it is lost
it refuses.
"""

import re
from typing import Final

from rpcd.documents.document import not_editable
from rpcd.documents.key import Key
from rpcd.documents.toml.layout import Array, Body, Node, Pair, Scalar, Table, Tables

__all__ = ["locate"]

_PART: Final = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+')"""
_KEY: Final = rf"{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+"
_LINE: Final = re.compile(
    rf"""[ \t]*+
    (?: (?P<key> {_KEY} ) (?P<between> [ \t]*+ = [ \t]*+ )
      | \[ (?P<many> \[ )?+ [ \t]*+ (?P<header> {_KEY} ) [ \t]*+ \] \]?+
    )?+""",
    re.VERBOSE,
)
_PLAIN: Final = re.compile(
    r"""[ \t]*+ ([A-Za-z0-9_-]++) [ \t]*+ = [ \t]*+
    ( "[^"\\\n]*+" (?!") | '[^'\n]*+' (?!') | [^\s"'\[{\#] [^\s\#]*+ )
    [ \t]*+ (?: \# [^\n]*+ )?+ (?: \r?\n | \Z )""",
    re.VERBOSE,
)
"""A line as most are: a name, and a value without white space, or in one pair of quotes."""

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


def locate(text: str) -> Table:
    """Find everything in `text`, which is TOML."""
    return _Locator(text).run()


class _Locator:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0
        self.body = Body(self.at, self.at)
        self.root = self.table = Table("header", (), self.body)

    def run(self) -> Table:
        """Take all lines."""
        text, match, plain = self.text, _LINE.match, _PLAIN.match
        while self.at < len(text):
            line = plain(text, self.at)
            if line is not None:
                self.plain_pair(line)
                continue
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

    def plain_pair(self, line: re.Match[str]) -> None:
        """A line that holds a key and its value, and nothing more."""
        name, table = line[1], self.table
        start, end = line.span(2)
        self.at = line.end()
        pair = Pair(line.start(), *line.span(1), start, end, self.at)
        table.members[name] = Scalar(start, end)
        table.pairs[name] = pair
        self.body.pairs.append(pair)

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
