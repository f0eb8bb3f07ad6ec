"""JSON files (RFC 8259): the judge is the standard library's reader; the locator is below. Pure.

Rules of this file:

- The judge comes first (`documents.open_document`), so the locator is given nothing but JSON, and finds spans only.
- A member that stands twice in an object is refused: readers disagree about which one counts.
- What is added is written as its neighbours are: on a line of its own with their indentation, or after a comma on the
  same line, with the file's own white space after colons and commas. Numbers keep their spelling elsewhere.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple, NoReturn

from rpcd.documents.document import MAX_DEPTH, Entry, Value, not_editable, require_told
from rpcd.documents.format import Format
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.splice import MAX_REPEATED, Splice, bounded
from rpcd.errors import Refused

__all__ = ["configure"]

_BETWEEN: Final = re.compile(r"[ \t\r\n,:]*+")
_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)
_TO_BRACKET: Final = re.compile(r'[^][{}"]*+(?:"(?:[^"\\]++|\\.)*+"[^][{}"]*+)*+[][{}]')
_UNSEEN: Final = re.compile(r"[\x7f-\x9f\u2028\u2029]")
_DECODER: Final = json.JSONDecoder()
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


class _Part(NamedTuple):
    """A member or an element: from `start`, where its name stands if it has one; its value from `at` to `end`."""

    start: int
    at: int
    end: int


def _ends(text: str) -> dict[int, int]:
    """Where each object and array ends, by where it starts."""
    ends: dict[int, int] = {}
    starts: list[int] = []
    at = 0
    while (found := _TO_BRACKET.match(text, at)) is not None:
        at = found.end()
        if text[at - 1] in "[{":
            starts.append(at - 1)
        else:
            ends[starts.pop()] = at
    return ends


def _parts(text: str, ends: dict[int, int], at: int) -> dict[str, _Part]:
    """What the object or array at `at` holds, by name or number; nothing, where another value stands.

    What lies deeper is only passed over: most of it nobody asks for.
    """
    parts: dict[str, _Part] = {}
    closing = ends.get(at, 0) - 1
    named = text[at] == "{"
    at = _skip(text, at + 1)
    while at < closing:
        start, name = at, str(len(parts))
        if named:
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
        end = ends.get(at) or _DECODER.raw_decode(text, at)[1]
        parts[name] = _Part(start, at, end)
        at = _skip(text, end)
    return parts


def _skip(text: str, at: int) -> int:
    """Where the next value, name or closing bracket stands."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


class JsonDocument:
    """A located JSON file."""

    def __init__(self, text: str) -> None:
        start = _skip(text, 1 if text.startswith("\ufeff") else 0)
        self._text = text
        self._root = _Part(start, start, len(text.rstrip(" \t\r\n")))

    @kept
    def _parts(self) -> Callable[[int], dict[str, _Part]]:
        return cache(partial(_parts, self._text, _ends(self._text)))

    def get(self, key: Key) -> Value:
        """See `Document`."""
        part = self._found(key)
        value: Value = json.loads(self._text[part.at : part.end])
        return require_told(value)

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        found: list[Entry] = []
        self._list((), self._root, found)
        return found

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        part = self._root
        for depth, segment in enumerate(key):
            below = self._parts(part.at).get(segment)
            if below is None:
                return self._add(part, key[depth:], value)
            part = below
        return Splice(part.at, part.end, self._style.write(value, self._margin(part)))

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        gone, above = self._found(key), self._found(key[:-1])
        parts = list(self._parts(above.at).values())
        if len(parts) == 1:
            return Splice(above.at + 1, above.end - 1, "")
        at = parts.index(gone)
        if at == len(parts) - 1:
            return Splice(parts[at - 1].end, gone.end, "")
        return Splice(gone.start, parts[at + 1].start, "")

    def _found(self, key: Key) -> _Part:
        part = self._root
        for segment in key:
            below = self._parts(part.at).get(segment)
            if below is None:
                raise Refused("no_such_key")
            part = below
        return part

    def _list(self, key: Key, above: _Part, found: list[Entry]) -> None:
        for name, part in self._parts(above.at).items():
            kind, below = self._type(part), (*key, name)
            found.append(Entry(below, kind, part.start, part.end))
            if kind in {"object", "array"}:
                self._list(below, part, found)

    def _type(self, part: _Part) -> str:
        known = _TYPES.get(self._text[part.at])
        if known:
            return known
        number = self._text[part.at : part.end]
        return "number" if any(mark in number for mark in ".eE") else "integer"

    def _add(self, above: _Part, rest: Key, value: Value) -> Splice:
        """What adds a member, or an element at the end, with the objects that are missing on the way to it."""
        text, style, opening, parts = self._text, self._style, self._text[above.at], [*self._parts(above.at).values()]
        if opening not in "[{":
            raise not_editable("structure")
        if opening == "[" and rest[0] != str(len(parts)):
            raise Refused("no_such_key")
        for name in reversed(rest[1:]):
            value = {name: value}
        name = style.name(rest[0]) if opening == "{" else ""
        if not parts:
            margin = self._margin(above)
            added = name + style.write(value, margin + style.indent)
            return Splice(above.at + 1, above.end - 1, style.around(added, margin))
        last = parts[-1]
        if len(parts) > 1:
            white = text[parts[-2].end : last.start].partition(",")[2]
        else:
            white = text[above.at + 1 : last.start] or style.after_comma
        margin = bounded(white.rpartition("\n")[2]) if "\n" in white else self._margin(above)
        return Splice(last.end, last.end, "," + white + name + style.write(value, margin))

    def _margin(self, part: _Part) -> str:
        """The indentation of the line that a value starts on."""
        line = self._text[self._text.rfind("\n", 0, part.at) + 1 : part.at].removeprefix("\ufeff")
        return bounded(line[: len(line) - len(line.lstrip(" \t"))])

    @kept
    def _style(self) -> "_Style":
        return _Style(self._text)


class _Style:
    """How a file is written."""

    def __init__(self, text: str) -> None:
        inner = re.search(r"[\[{][ \t]*(\r?\n)([ \t]*)", text)
        self.newline = inner[1] if inner else ""
        self.indent = bounded(inner[2]) if inner else ""
        colon = re.search(r'"([ \t]*:[ \t]*)', text)
        self.colon = bounded(colon[1]) or ":" if colon else ": "
        comma = re.search(r'[]}"0-9el],([ \t]*)(?=[]["{}\w-])', text)
        self.after_comma = bounded(comma[1]) if comma else " " if self.colon.endswith(" ") else ""
        self.ascii = text.isascii() and "\\u" in text

    def name(self, name: str) -> str:
        """A member's name and its colon."""
        return self.write(name, "") + self.colon

    def write(self, value: Value, margin: str) -> str:
        """A value that begins on a line with `margin`.

        Raises `Refused("not_editable")` for numbers that are none or have no end.
        """
        lines = self.newline and _depth(value) * len(self.indent) <= MAX_REPEATED
        try:
            written = json.dumps(
                value,
                ensure_ascii=self.ascii,
                allow_nan=False,
                indent=self.indent if lines else None,
                separators=("," if lines else "," + self.after_comma, self.colon),
            )
        except ValueError:
            raise not_editable("type") from None
        if lines:
            written = written.replace("\n", self.newline + margin)
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written)

    def around(self, part: str, margin: str) -> str:
        """What stands between brackets that had nothing between them."""
        return self.newline + margin + self.indent + part + self.newline + margin if self.newline else part


def _depth(value: Value) -> int:
    """How many arrays and objects a value has within each other."""
    if isinstance(value, dict | list):
        return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


def configure() -> Format:
    """The format."""
    return Format("json", JsonDocument, judge)
