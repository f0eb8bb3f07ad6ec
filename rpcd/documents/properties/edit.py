r"""Java properties: what an edit changes. Pure.

Rules of this file:

- A new property stands after those that share most of its name, else after the last one: before the comments at the
  end. It is written as the property above it.
- Whatever a string holds is written with escapes; so it needs no line of its own, and is read the same in every
  encoding.
- No value is made a table, and no table a value: that would give other properties other keys.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rpcd.documents.document import Entry, Value, not_editable, require_told
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.properties.locate import Item, Table, items_below, locate, tables
from rpcd.documents.splice import Splice, bounded, insert, join, separator_like
from rpcd.errors import Refused

__all__ = ["PropertiesDocument"]

_TO_ESCAPE: Final = re.compile(r"[\\\x00-\x1f\x7f-\U0010ffff]")
_SHORT: Final = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\f": r"\f"}
_IN_NAME: Final = re.compile(r"[ =:]|^[#!]")
_FIRST_IN_VALUE: Final = re.compile(r"^[ =:]")
_PLAIN_MARK: Final = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")


class PropertiesDocument:
    """A located file of properties."""

    def __init__(self, text: str) -> None:
        self._text = text

    @kept
    def _items(self) -> Sequence[Item]:
        return locate(self._text)

    @kept
    def _root(self) -> Table:
        return tables(self._items)

    def get(self, key: Key) -> Value:
        """See `Document`."""
        return require_told(_value(self._found(key)))

    def entries(self) -> Sequence[Entry]:
        """See `Document`. A name that stands twice is one entry, from its first line to its last."""
        found: list[Entry] = []
        _list((), self._root, found)
        found.sort(key=lambda entry: entry.start)  # stable: tables stay before what they hold
        return found

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        held = self._find(key)
        if isinstance(held, list):
            return self._replace(held, value)
        if held is None and not isinstance(value, dict):
            return self._add(key, {key: value})
        if not isinstance(value, dict):
            raise not_editable("structure")
        return self._put_table(key, held or {}, value)

    def remove(self, key: Key) -> Splice:
        """See `Document`. Every line of a name goes: an earlier one would count again."""
        held = self._found(key)
        self._require_keys_stay(key)
        return join(self._text, [Splice(item.start, item.end, "") for item in _items_of(held)])

    def _require_keys_stay(self, key: Key) -> None:
        """Refuse to take away all that goes on after a name: its own value would get another key."""
        for depth in range(len(key) - 1, 0, -1):
            beside = {*_segments(self._find(key[:depth]))} - {key[depth]}
            if beside == {""} and key[depth]:
                raise not_editable("structure")
            if beside:
                return

    def _find(self, key: Key) -> Table | list[Item] | None:
        held: Table | list[Item] | None = self._root
        for segment in key:
            held = held.get(segment) if isinstance(held, dict) else None
        return held

    def _found(self, key: Key) -> Table | list[Item]:
        held = self._find(key)
        if held is None:
            raise Refused("no_such_key")
        return held

    def _replace(self, items: Sequence[Item], value: Value) -> Splice:
        """What gives a name that is there another value: its last one counts."""
        item, spelled = items[-1], _spell_value(value)
        mark = self._mark(item.name, item) if spelled and item.name_end == item.value_start else ""
        return Splice(item.value_start, item.value_end, mark + spelled)

    def _put_table(self, key: Key, table: Table, value: Mapping[str, Value]) -> Splice:
        """What gives a table, which may not be there yet, exactly these values."""
        old = dict(_leaves(key, table))
        new = dict(_leaves(key, value))
        if not new:
            raise not_editable("type")
        splices = [Splice(item.start, item.end, "") for name, items in old.items() if name not in new for item in items]
        splices += [self._replace(items, new[name]) for name, items in old.items() if name in new]
        added = {name: held for name, held in new.items() if name not in old}
        return join(self._text, [*splices, self._add(key, added)] if added else splices)

    def _add(self, key: Key, new: Mapping[Key, Value]) -> Splice:
        """New lines for names at or below `key`."""
        like = self._neighbour(key)
        lines = []
        for below, value in new.items():
            if any(isinstance(self._find(below[:depth]), list) for depth in range(1, len(below))):
                raise not_editable("structure")
            name = _spell_name(below)
            indent = bounded(self._text[like.start : like.name_start]) if like else ""
            lines.append(indent + name + self._mark(name, like) + _spell_value(value))
        return insert(self._text, like.end if like else len(self._text), lines)

    def _neighbour(self, key: Key) -> Item | None:
        """The last of the properties that share most with `key`."""
        for depth in range(len(key), -1, -1):
            held = self._find(key[:depth])
            if held:
                return max(_items_of(held), key=lambda item: item.start)
        return None

    def _mark(self, name: str, like: Item | None) -> str:
        """What stands between a name and its value."""
        if like is not None and like.name_end == like.value_start:
            like = next((item for item in reversed(self._items) if item.name_end < item.value_start), None)
        if like is None:
            return "="
        mark = self._text[like.name_end : like.value_start]
        if not _PLAIN_MARK.fullmatch(mark):
            return "="
        return separator_like(mark, self._text[like.name_start : like.name_end], name)


def _segments(held: Table | list[Item] | None) -> Iterable[str]:
    return held if isinstance(held, dict) else ()


def _items_of(held: Table | list[Item]) -> Sequence[Item]:
    return items_below(held) if isinstance(held, dict) else held


def _value(held: Table | list[Item]) -> Value:
    if isinstance(held, dict):
        return {segment: _value(below) for segment, below in held.items()}
    return held[-1].value


def _list(key: Key, table: Table, found: list[Entry]) -> None:
    for segment, held in table.items():
        below, at = (*key, segment), len(found)
        if isinstance(held, dict):
            _list(below, held, found)
            start = min(entry.start for entry in found[at:])
            found.insert(at, Entry(below, "object", start, max(entry.end for entry in found[at:])))
        else:
            found.append(Entry(below, "string", held[0].start, held[-1].end))


def _leaves(key: Key, table: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    """What stands at the ends of tables within tables."""
    for segment, held in table.items():
        if isinstance(held, dict):
            yield from _leaves((*key, segment), held)
        else:
            yield (*key, segment), held


def _spell_name(key: Key) -> str:
    """How the name that a key stands for is written."""
    if any("." in segment for segment in key):
        raise not_editable("characters")
    name = ".".join(key[:-1] if len(key) > 1 and key[-1] == "" else key)
    return _IN_NAME.sub(r"\\\g<0>", _escaped(name))


def _spell_value(value: Value) -> str:
    if isinstance(value, dict):
        raise not_editable("structure")
    if not isinstance(value, str):
        raise not_editable("type")
    return _FIRST_IN_VALUE.sub(r"\\\g<0>", _escaped(value))


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return _SHORT.get(found[0]) or "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
