"""PHP: what an edit changes. Pure.

Rules of this file:

- A literal is replaced where it stands. A new key goes behind the last one of its array, of its variable, or of all
  constants, written as that is: an item of a literal where there is one, else a statement of its own.
- What a file returns has the new names at the top, where it returns an array; else they are constants.
- An array is replaced part by part, so that comments and the order of what stays are kept.
- What is doubtful, or no literal, is neither replaced nor taken away, and nothing around it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from rpcd.documents.document import Entry, Value, index, not_editable, require_told
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.php.layout import (
    Array,
    Expression,
    Item,
    Layout,
    Node,
    Scalar,
    Statement,
    Table,
    is_list,
    is_listed,
)
from rpcd.documents.php.locate import locate
from rpcd.documents.php.place import after_item, behind, leading, only_item, without_item, without_statement
from rpcd.documents.php.style import Style
from rpcd.documents.proof import same
from rpcd.documents.splice import Splice, join, newline_of
from rpcd.errors import Refused

__all__ = ["PhpDocument"]

_TYPES: Final[Mapping[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]*")


class PhpDocument:
    """A located PHP file."""

    def __init__(self, text: str) -> None:
        self._text = text

    @kept
    def _layout(self) -> Layout:
        return locate(self._text)

    @kept
    def _style(self) -> Style:
        return Style(self._text, self._layout, newline_of(self._text))

    def get(self, key: Key) -> Value:
        """See `Document`. Of a table, the literals in it."""
        return require_told(self._value(key, self._found(key)))

    def entries(self) -> Sequence[Entry]:
        """See `Document`. Only literals have entries."""
        found = [*self._list((), self._layout.root)]
        found.sort(key=lambda entry: entry.start)  # stable: tables stay before what they hold
        return found

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        node: Node = self._layout.root
        for depth, segment in enumerate(key):
            below = node.members.get(segment) if isinstance(node, Table) else None
            if below is None:
                self._require_sure(key)
                return join(self._text, self._add(key[:depth], node, key[depth:], value))
            node = below
        return join(self._text, self._replace(key, node, value) or [Splice(0, 0, "")])

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        return join(self._text, self._removal(key, self._found(key)))

    def _found(self, key: Key) -> Node:
        node: Node | None = self._layout.root
        for segment in key:
            node = node.members.get(segment) if isinstance(node, Table) else None
        if node is None:
            raise Refused("no_such_key")
        return node

    def _require_sure(self, key: Key, *, around: bool = False) -> None:
        """Refuse what code may set, and where it may set something within, if that matters."""
        if self._layout.is_doubtful(key) or (around and key in self._layout.above_doubts):
            raise not_editable("ambiguous")

    # What is there.

    def _value(self, key: Key, node: Node) -> Value:
        self._require_sure(key)
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Expression):
            raise not_editable("expression", self._text, node.start)
        if key and is_listed(node):
            self._require_sure(key, around=True)
            return [self._value((*key, name), held) for name, held in node.members.items()]
        members: dict[str, Value] = {}
        for name, held in node.members.items():
            with suppress(Refused):  # what cannot be told is left out
                members[name] = self._value((*key, name), held)
        return members

    def _list(self, key: Key, table: Table) -> Iterator[Entry]:
        for name, node in table.members.items():
            below = (*key, name)
            if below in self._layout.doubts or isinstance(node, Expression):
                continue
            home = node.home
            if isinstance(node, Scalar):
                place = (home.start, home.end) if home else (node.start, node.end)
                yield Entry(below, _TYPES[type(node.value)], *place)
                continue
            inner = [*self._list(below, node)]
            if home is not None:
                place = (home.start, home.end)
            elif inner:
                place = (min(entry.start for entry in inner), max(entry.end for entry in inner))
            else:
                continue
            yield Entry(below, "array" if is_listed(node) else "object", *place)
            yield from inner

    # What is there is replaced.

    def _replace(self, key: Key, node: Node, value: Value) -> list[Splice]:
        self._require_sure(key, around=True)
        if isinstance(node, Expression):
            raise not_editable("expression", self._text, node.start)
        if isinstance(node, Scalar):
            return [Splice(node.start, node.end, self._style.replacement(node, value))]
        if isinstance(value, dict) and (not is_listed(node) or not node.members) and not is_list(value):
            return self._parts(key, node, value)
        if isinstance(value, list) and is_listed(node) and (node.members or not value):
            return self._parts(key, node, {str(number): part for number, part in enumerate(value)})
        if not isinstance(node, Array) or not _is_literal(node):
            raise not_editable("structure")
        lines = "\n" in self._text[node.start : node.end]
        return [
            Splice(
                node.start, node.end, self._style.value(value, self._style.margin(node.start), lines=lines, like=node)
            )
        ]

    def _parts(self, key: Key, table: Table, value: Mapping[str, Value]) -> list[Splice]:
        """What gives an array exactly these parts."""
        splices: list[Splice] = []
        gone = [name for name in table.members if name not in value]
        new = {name: part for name, part in value.items() if name not in table.members}
        if isinstance(table, Array) and (len(gone) > 1 or len(new) > 1 or (gone and new)):
            return self._whole(table, value)  # neighbours share commas
        for name in gone:
            splices += self._removal((*key, name), table.members[name])
        for name, node in table.members.items():
            if name in value:
                held = None if isinstance(node, Expression) else self._value((*key, name), node)
                if isinstance(node, Expression) or not same(held, value[name]):
                    splices += self._replace((*key, name), node, value[name])
        for name, part in new.items():
            splices += self._add(key, table, (name,), part)
        return splices

    def _whole(self, array: Array, value: Mapping[str, Value]) -> list[Splice]:
        if not _is_literal(array):
            raise not_editable("expression", self._text, array.start)
        held: Value = list(value.values()) if is_list(value) else dict(value)
        lines = "\n" in self._text[array.start : array.end]
        margin = self._style.margin(array.start)
        return [Splice(array.start, array.end, self._style.value(held, margin, lines=lines, like=array))]

    # What is not there is added.

    def _add(self, above: Key, node: Node, rest: Key, value: Value) -> list[Splice]:
        """What adds a key, with the arrays that are missing on the way to it."""
        if isinstance(node, Scalar | Expression):
            raise not_editable("structure" if isinstance(node, Scalar) else "expression", self._text, node.start)
        root = node is self._layout.root
        array = self._layout.returned if root and not rest[0].startswith("$") else node
        if isinstance(array, Array) and not _is_overlaid(array):
            return self._add_item(array, rest, value)
        if root and rest[0].startswith("$"):
            rest, value = rest[:1], _nested(rest[1:], value)
        if not root and is_listed(node) and node.members and index(rest[0]) != len(node.members):
            raise Refused("no_such_key") if index(rest[0]) is not None else not_editable("structure")
        statements = [one for one in self._layout.statements if one.path[: len(above)] == above]
        alike = [one for one in statements if (one.kind == "variable") == (*above, *rest)[0].startswith("$")]
        last = next(reversed(alike or statements), None)
        line = self._style.statement((*above, *rest), value, last)
        if last is None:
            return [leading(self._text, self._layout.lead, line)]
        if not last.alone:
            raise not_editable("structure", self._text, last.start)
        return [behind(self._text, last, line)]

    def _add_item(self, array: Array, rest: Key, value: Value) -> list[Splice]:
        name = rest[0]
        value = _nested(rest[1:], value)
        if not array.keyed and _NUMBER.fullmatch(name):
            raise not_editable("ambiguous")
        listed = bool(array.members) and is_listed(array)
        if listed and index(name) != len(array.members):
            raise Refused("no_such_key") if index(name) is not None else not_editable("structure")
        if not array.members and index(name) not in {None, 0}:
            raise Refused("no_such_key")
        lines = "\n" in self._text[array.inner : array.items[0].start if array.items else array.inner_end]
        item = self._style.item(array, name, value, lines=lines)
        if not array.items:
            return [only_item(self._text, array, item, self._style.margin(array.start))]
        return after_item(self._text, array, item, self._style.margin(array.items[-1].start), lines=lines)

    # What is there goes.

    def _removal(self, key: Key, node: Node) -> list[Splice]:
        self._require_sure(key, around=True)
        if isinstance(node, Expression):
            raise not_editable("expression", self._text, node.start)
        splices: list[Splice] = []
        if isinstance(node, Table):
            for name, held in node.members.items():
                if not isinstance(node, Array) or isinstance(held.home, Statement) or isinstance(held, Expression):
                    splices += self._removal((*key, name), held)
        home = node.home
        if isinstance(home, Statement):
            if not home.alone:
                raise not_editable("structure", self._text, home.start)
            splices.append(without_statement(self._text, home))
        elif isinstance(home, Item):
            array = self._holder(key)
            splices.append(without_item(self._text, array, home))
            if is_listed(array):
                splices += self._renumber(array, array.items.index(home) + 1)
        return splices

    def _holder(self, key: Key) -> Array:
        """The array literal in which a key is an item."""
        holder = self._found(key[:-1]) if len(key) > 1 else self._layout.returned
        if not isinstance(holder, Array):
            raise not_editable("structure")
        return holder

    def _renumber(self, array: Array, start: int) -> list[Splice]:
        """The keys of a list that have numbers, one less from here on."""
        return [
            Splice(item.key_start, item.key_end, str(number - 1))
            for number, item in enumerate(array.items[start:], start)
            if item.key_end
        ]


def _is_overlaid(array: Array) -> bool:
    """Whether later statements add to an array."""
    return any(isinstance(held.home, Statement) or held.home is None for held in array.members.values())


def _nested(rest: Key, value: Value) -> Value:
    for name in reversed(rest):
        value = {name: value}
    return value


def _is_literal(node: Node) -> bool:
    """Whether an array is nothing but literals, in one place."""
    if not isinstance(node, Array):
        return isinstance(node, Scalar)
    return (
        node.keyed
        and len(node.items) == len(node.members)
        and all(isinstance(held.home, Item) and _is_literal(held) for held in node.members.values())
    )
