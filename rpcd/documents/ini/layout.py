"""Ini files: where everything is. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rpcd.documents.document import Entry, Untold, Value, index, not_editable, require_told
from rpcd.documents.key import Key

__all__ = ["Item", "Layout", "Node", "OddItem", "PlainItem", "Section"]

_WHITE: Final = " \t"


class PlainItem:
    """A key and its value, on a line like most; where they are is worked out when it is asked for.

    `line` has matched the key as its second group, and all after the mark and white space as its third.
    """

    __slots__ = ("_line", "name")

    locked = False
    quote = ""

    def __init__(self, line: re.Match[str], name: str) -> None:
        self._line = line
        self.name = name

    @property
    def value(self) -> str:
        """What stands after the mark."""
        return self._line[3].rstrip(_WHITE)

    @property
    def start(self) -> int:
        """Where the line starts."""
        return self._line.start()

    @property
    def name_start(self) -> int:
        """Where the key starts."""
        return self._line.start(2)

    @property
    def name_end(self) -> int:
        """Where the key ends."""
        return self._line.start(2) + len(self.name)

    @property
    def value_start(self) -> int:
        """Where the value starts."""
        return self._line.start(3)

    @property
    def value_end(self) -> int:
        """Where the value ends."""
        return self._line.start(3) + len(self.value)

    @property
    def end(self) -> int:
        """Where the next line starts."""
        return self._line.end()


@dataclass(slots=True)
class OddItem:
    """A key and its value, or a key alone, on lines of any kind.

    Its lines are `start` to `end`, with the line end; the value without its quotes is at `value_start` to `value_end`.
    `locked` is set where readers disagree about which keys stand here.
    """

    name: str
    value: str | None
    start: int
    name_start: int
    name_end: int
    value_start: int
    value_end: int
    end: int
    quote: str = ""
    locked: bool = False


Item = PlainItem | OddItem


@dataclass(slots=True)
class Section:
    """A section, or, without a name, what stands before the first one."""

    name: str
    start: int
    head_end: int
    items: list[Item] = field(default_factory=list)
    keys: dict[str, list[Item]] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """Where the last of its keys ends: comments and blank lines after that may belong to the next section."""
        return self.items[-1].end if self.items else self.head_end

    def add(self, item: Item) -> None:
        """Note an item that stands in this section."""
        self.items.append(item)
        self.keys.setdefault(item.name, []).append(item)


Node = Item | Section | list[Item] | list[Section]
"""What a key names: a value, a table, or an array of either."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is. `top` are the keys before any section, `sections` all sections in the order of the text.

    `arrays` are names of sections that are lists, even where there is only one.
    """

    text: str
    top: Section
    sections: Sequence[Section]
    tables: Mapping[str, list[Section]]
    arrays: frozenset[str] = frozenset()

    def find(self, key: Key) -> Node | None:
        """What `key` names; None where there is nothing."""
        node: Node | None = self._only(key[0])
        for segment in key[1:]:
            if isinstance(node, Section):
                node = _only(node.keys.get(segment))
            elif node is None or isinstance(node, Item):
                return None
            else:
                number = index(segment)
                node = node[number] if number is not None and number < len(node) else None
        return node

    def whole(self) -> Value:
        """The value of the whole document."""
        return {name: self.value(self._only(name) or []) for name in (*self.top.keys, *self.tables)}

    def _only(self, name: str) -> Node | None:
        """What a key of one segment names."""
        node = self.top.keys.get(name) or self.tables.get(name)
        return node if name in self.arrays else _only(node)

    def entries(self) -> list[Entry]:
        """Everything, in the order of the text."""
        found = [*self._entries_of((), self.top)]
        for name, sections in self.tables.items():
            many = len(sections) > 1 or name in self.arrays
            if many:
                found.append(Entry((name,), "array", sections[0].start, sections[-1].end))
            for number, section in enumerate(sections):
                key = (name, str(number)) if many else (name,)
                found.append(Entry(key, "object", section.start, section.end))
                found += self._entries_of(key, section)
        found.sort(key=lambda entry: entry.start)  # stable: tables stay before what they hold
        return found

    def _entries_of(self, table: Key, section: Section) -> Iterator[Entry]:
        for name, items in section.keys.items():
            key = (*table, name)
            if len(items) > 1:
                yield Entry(key, "array", items[0].start, items[-1].end)
            for number, item in enumerate(items):
                one = key if len(items) == 1 else (*key, str(number))
                yield Entry(one, "null" if item.value is None else "string", item.start, item.end)

    def value(self, node: Node) -> Value:
        """The value of what a key names."""
        if isinstance(node, Item):
            if isinstance(node.value, Untold):
                raise not_editable("ambiguous", self.text, node.start)
            return require_told(node.value)
        if isinstance(node, Section):
            return {name: self.value(items[0] if len(items) == 1 else items) for name, items in node.keys.items()}
        return [self.value(one) for one in node]


def _only(nodes: list[Item] | list[Section] | None) -> Node | None:
    return nodes[0] if nodes is not None and len(nodes) == 1 else nodes
