"""JSON files (RFC 8259): the judge is the standard library's reader; the locator is below. Pure.

Rules of this file:

- The judge comes first (`documents.open_document`), so the locator is given nothing but JSON, and finds spans only.
- A member that stands twice in an object is refused: readers disagree about which one counts.
- What is added is written as its neighbours are: on a line of its own with their indentation, or after a comma on the
  same line, with the file's own white space after colons and commas. Numbers keep their spelling elsewhere.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NoReturn

from rpcd.documents.document import (
    MAX_DEPTH,
    Entry,
    Format,
    Value,
    index,
    not_editable,
    require_told,
)
from rpcd.documents.key import Key
from rpcd.documents.splice import Splice
from rpcd.errors import Refused

__all__ = ["JSON"]

_TOKEN: Final = re.compile(r'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+"|[][{}:,]|[^][{}:, \t\r\n"]++)')
_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)
_UNSEEN: Final = re.compile(r"[\x7f-\x9f\u2028\u2029]")
_TYPES: Final = {"n": "null", "t": "boolean", "f": "boolean", '"': "string", "{": "object", "[": "array"}


def judge(text: str) -> object:
    """The value of `text`.

    Raises `Refused("not_editable")` for what is no JSON, too deep, or has a member twice.
    """
    depth = 0
    text = text.removeprefix("\ufeff")
    for found in _BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise not_editable("depth", text, found.start())
        elif found[0] in "]}":
            depth -= 1
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise not_editable("syntax", text, error.pos) from None
    except ValueError:  # an integer of more digits than Python converts
        raise not_editable("syntax") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise not_editable("duplicate")
    return members


def _constant(_name: str) -> NoReturn:
    raise ValueError("no JSON")


@dataclass(slots=True)
class _Node:
    """A value from `start` to `end`, with what it holds."""

    start: int
    end: int = 0
    parts: list["_Part"] = field(default_factory=list)
    names: dict[str, int] | None = None


@dataclass(slots=True)
class _Part:
    """A member or an element: from `start`, where its name stands if it has one, to the end of its value."""

    start: int
    node: _Node


class _Locator:
    """Finds every value of a text that is JSON."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.finditer(text, 1 if text.startswith("\ufeff") else 0)

    def value(self, token: re.Match[str] | None = None) -> _Node:
        """The value that begins with `token`, or with the next one."""
        token = token or next(self._tokens)
        node = _Node(token.start(1), token.end())
        if token[1] == "{":
            self._object(node)
        elif token[1] == "[":
            self._array(node)
        return node

    def _object(self, node: _Node) -> None:
        node.names = {}
        for token in self._tokens:
            if token[1] == "}":
                node.end = token.end()
                return
            if token[1] != ",":
                next(self._tokens)  # the colon
                node.names[json.loads(token[1])] = len(node.parts)
                node.parts.append(_Part(token.start(1), self.value()))

    def _array(self, node: _Node) -> None:
        for token in self._tokens:
            if token[1] == "]":
                node.end = token.end()
                return
            if token[1] != ",":
                part = self.value(token)
                node.parts.append(_Part(part.start, part))


class JsonDocument:
    """A located JSON file."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _root(self) -> _Node:
        return _Locator(self._text).value()

    def get(self, key: Key) -> Value:
        """See `Document`."""
        node = self._root
        for segment in key:
            at = _at(node, segment)
            if at is None:
                raise Refused("no_such_key")
            node = node.parts[at].node
        value: Value = json.loads(self._text[node.start : node.end])
        return require_told(value)

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        found: list[Entry] = []
        self._list((), self._root, found)
        return found

    def _list(self, key: Key, node: _Node, found: list[Entry]) -> None:
        names = node.names if node.names is not None else map(str, range(len(node.parts)))
        for name, part in zip(names, node.parts, strict=True):
            below = (*key, name)
            found.append(Entry(below, self._type(part.node), part.start, part.node.end))
            if part.node.parts:
                self._list(below, part.node, found)

    def _type(self, node: _Node) -> str:
        known = _TYPES.get(self._text[node.start])
        if known:
            return known
        number = self._text[node.start : node.end]
        return "number" if any(mark in number for mark in ".eE") else "integer"

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        node = self._root
        for depth, segment in enumerate(key):
            at = _at(node, segment)
            if at is None:
                return self._add(node, key[depth:], value)
            node = node.parts[at].node
        return Splice(node.start, node.end, self._style.write(value, self._margin(node)))

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        node = self._root
        for segment in key[:-1]:
            at = _at(node, segment)
            if at is None:
                raise Refused("no_such_key")
            node = node.parts[at].node
        at, parts = _at(node, key[-1]), node.parts
        if at is None:
            raise Refused("no_such_key")
        if len(parts) == 1:
            return Splice(node.start + 1, node.end - 1, "")
        if at == len(parts) - 1:
            return Splice(parts[at - 1].node.end, parts[at].node.end, "")
        return Splice(parts[at].start, parts[at + 1].start, "")

    def _add(self, node: _Node, rest: Key, value: Value) -> Splice:
        """What adds a member, or an element at the end, with the objects that are missing on the way to it."""
        if node.names is None:
            if self._text[node.start] != "[":
                raise not_editable("structure")
            if index(rest[0]) != len(node.parts):
                raise Refused("no_such_key")
        for name in reversed(rest[1:]):
            value = {name: value}
        style = self._style
        name = style.name(rest[0]) if node.names is not None else ""
        if not node.parts:
            margin = self._margin(node)
            part = name + style.write(value, margin + style.indent)
            return Splice(node.start + 1, node.end - 1, style.around(part, margin))
        last = node.parts[-1]
        if len(node.parts) > 1:
            white = self._text[node.parts[-2].node.end : last.start].partition(",")[2]
        else:
            white = self._text[node.start + 1 : last.start] or style.after_comma
        margin = white.rpartition("\n")[2] if "\n" in white else self._margin(node)
        return Splice(last.node.end, last.node.end, "," + white + name + style.write(value, margin))

    def _margin(self, node: _Node) -> str:
        """The indentation of the line that a value starts on."""
        line = self._text[self._text.rfind("\n", 0, node.start) + 1 : node.start].removeprefix("\ufeff")
        return line[: len(line) - len(line.lstrip(" \t"))]

    @cached_property
    def _style(self) -> "_Style":
        return _Style(self._text)


class _Style:
    """How a file is written."""

    def __init__(self, text: str) -> None:
        inner = re.search(r"[\[{][ \t]*(\r?\n)([ \t]*)", text)
        self.newline = inner[1] if inner else ""
        self.indent = inner[2] if inner else ""
        colon = re.search(r'"([ \t]*:[ \t]*)', text)
        self.colon = colon[1] if colon else ": "
        comma = re.search(r'[]}"0-9el],([ \t]*)(?=[]["{}\w-])', text)
        self.after_comma = comma[1] if comma else " " if self.colon.endswith(" ") else ""
        self.ascii = text.isascii() and "\\u" in text

    def name(self, name: str) -> str:
        """A member's name and its colon."""
        return self.write(name, "") + self.colon

    def write(self, value: Value, margin: str) -> str:
        """A value that begins on a line with `margin`."""
        written = json.dumps(
            value,
            ensure_ascii=self.ascii,
            allow_nan=False,
            indent=self.indent if self.newline else None,
            separators=("," if self.newline else "," + self.after_comma, self.colon),
        )
        if self.newline:
            written = written.replace("\n", self.newline + margin)
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written)

    def around(self, part: str, margin: str) -> str:
        """What stands between brackets that had nothing between them."""
        return self.newline + margin + self.indent + part + self.newline + margin if self.newline else part


def _at(node: _Node, segment: str) -> int | None:
    """Which part of a node a segment names."""
    if node.names is not None:
        return node.names.get(segment)
    at = index(segment)
    return at if at is not None and at < len(node.parts) else None


JSON: Final = Format("json", JsonDocument, judge)
