"""TOML files: what an edit changes. Pure.

Rules of this file:

- A value is replaced where it stands. A new key goes to the end of its table, as that table is written: a line below
  its header, a dotted key beside the others, a part of an inline table. A new table gets a header where its parent has
  one, after everything that belongs to the parent.
- A table is replaced member by member, so that comments and the order of what stays are kept.
"""

from collections.abc import Mapping, Sequence
from itertools import count

from rpcd.documents.document import Entry, Value, index, not_editable, require_told
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.proof import same
from rpcd.documents.splice import MAX_REPEATED, Splice, insert, join, skip_blank_lines
from rpcd.documents.toml.inline import append, cut_item, cut_pairs, replace_pairs, respell
from rpcd.documents.toml.layout import Array, Body, Node, Scalar, Table, Tables, bounds, find, pairs_below, places, span
from rpcd.documents.toml.locate import locate
from rpcd.documents.toml.spelling import Style, gets_headers, spell, spell_key, tell, type_of
from rpcd.errors import Refused

__all__ = ["TomlDocument"]


class TomlDocument:
    """A located TOML file."""

    def __init__(self, text: str) -> None:
        self._text = text

    @kept
    def _root(self) -> Table:
        return locate(self._text)

    def get(self, key: Key) -> Value:
        """See `Document`. Dates are told as they are written."""
        return require_told(self._value(self._found(key)))

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        found: list[Entry] = []
        self._list((), self._root, found)
        found.sort(key=lambda entry: entry.start)  # stable: tables stay before what they hold
        return found

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        node: Node = self._root
        for depth, segment in enumerate(key):
            parent, below = node, find(node, (segment,))
            if below is None:
                return self._join(self._add(node, key[depth:], value))
            node = below
        return self._join(self._replace(parent, key[-1], node, value))

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        self._found(key)
        splices = self._removal(self._found(key[:-1]), key[-1])
        return self._join([self._with_blank_lines(splice) for splice in splices])

    @kept
    def _style(self) -> Style:
        return Style(self._text, self._root)

    def _join(self, splices: list[Splice]) -> Splice:
        return join(self._text, splices or [Splice(0, 0, "")])

    def _found(self, key: Key) -> Node:
        node = find(self._root, key)
        if node is None:
            raise Refused("no_such_key")
        return node

    # What is there.

    def _value(self, node: Node) -> Value:
        if isinstance(node, Scalar):
            return tell(self._text[node.start : node.end])
        if isinstance(node, Table):
            return {name: self._value(held) for name, held in node.members.items()}
        return [self._value(item) for item in node.items]

    def _list(self, key: Key, node: Node, found: list[Entry]) -> None:
        if isinstance(node, Scalar):
            return
        parts = node.members.items() if isinstance(node, Table) else zip(map(str, count()), node.items, strict=False)
        for name, held in parts:
            below = (*key, name)
            found.append(Entry(below, self._type(held), *self._place(node, name, held)))
            self._list(below, held, found)

    def _type(self, node: Node) -> str:
        if isinstance(node, Scalar):
            return type_of(self._text[node.start : node.end])
        return "object" if isinstance(node, Table) else "array"

    def _place(self, parent: Node, name: str, node: Node) -> tuple[int, int]:
        if isinstance(parent, Table) and name in parent.pairs:
            return parent.pairs[name].start, parent.pairs[name].end
        return bounds(node)

    # What is there is replaced.

    def _replace(self, parent: Node, name: str, node: Node, value: Value) -> list[Splice]:
        splices = self._in_place(node, value)
        if splices is not None:
            return splices
        if not isinstance(parent, Table):
            raise not_editable("structure")
        return [*self._removal(parent, name), *self._add_members(parent, {name: value})]

    def _in_place(self, node: Node, value: Value) -> list[Splice] | None:
        """What gives a node this value where it stands; None where the value belongs somewhere else."""
        if isinstance(node, Scalar | Array) or (isinstance(node, Table) and node.kind == "inline"):
            start, end = bounds(node)
            return [Splice(start, end, respell(self._text, node, value))]
        if isinstance(node, Table) and node.body is not None and node.body.inline:
            pair = f"{spell_key(node.prefix)} = {respell(self._text, node, value)}"
            return [replace_pairs(self._text, node.body, [*pairs_below(node)], [pair])]
        if isinstance(node, Table) and isinstance(value, dict) and _can_stay(node, value):
            return self._members(node, value)
        if isinstance(node, Tables) and isinstance(value, list) and gets_headers(node.items[0].path, value):
            return self._elements(node, value)
        return None

    def _members(self, table: Table, value: Mapping[str, Value]) -> list[Splice]:
        """What gives a table exactly these members."""
        splices: list[Splice] = []
        new = {name: held for name, held in value.items() if name not in table.members}
        for name, node in table.members.items():
            if name not in value:
                splices += self._removal(table, name)
            elif not same(self._value(node), value[name]):
                changed = self._in_place(node, value[name])
                if changed is None:
                    changed = self._removal(table, name)
                    new[name] = value[name]
                splices += changed
        return [*splices, *self._add_members(table, new)] if new else splices

    def _elements(self, tables: Tables, values: Sequence[Value]) -> list[Splice]:
        """What gives an array of tables exactly these elements."""
        splices: list[Splice] = []
        for table, value in zip(tables.items, values, strict=False):
            splices += self._members(table, value if isinstance(value, dict) else {})
        for table in tables.items[len(values) :]:
            splices += self._cut(table)
        path = tables.items[0].path
        lines = [line for value in values[len(tables.items) :] for line in self._style.element(path, value)]
        return [*splices, insert(self._text, span(tables)[1], lines)] if lines else splices

    # What is not there is added.

    def _add(self, node: Node, rest: Key, value: Value) -> list[Splice]:
        """What adds a member or element, with the tables that are missing on the way to it."""
        for name in reversed(rest[1:]):
            value = {name: value}
        if isinstance(node, Table):
            return self._add_members(node, {rest[0]: value})
        if isinstance(node, Scalar):
            raise not_editable("structure")
        if index(rest[0]) != len(node.items):
            raise Refused("no_such_key")
        if isinstance(node, Array):
            return [append(self._text, node, value)]
        if not isinstance(value, dict):
            raise not_editable("structure")
        return [insert(self._text, span(node)[1], self._style.element(node.items[0].path, value))]

    def _add_members(self, table: Table, new: Mapping[str, Value]) -> list[Splice]:
        body = table.body
        if body is None:
            return [self._add_sections(table, {table.path: dict(new)})]
        headers = table.kind == "header"
        sections = {
            path: value for name, value in new.items() if headers and gets_headers(path := (*table.path, name), value)
        }
        here = {name: value for name, value in new.items() if (*table.path, name) not in sections}
        splices = [self._add_pairs(table, body, here)] if here else []
        return [*splices, self._add_sections(table, sections)] if sections else splices

    def _add_pairs(self, table: Table, body: Body, new: Mapping[str, Value]) -> Splice:
        beside = [*pairs_below(table)] if table.kind == "dotted" else body.pairs[-1:]
        last = max(beside, key=lambda pair: pair.start) if beside else None
        keys = {(*table.prefix, name): value for name, value in new.items()}
        if body.inline:
            spelled = ", ".join(f"{spell_key(key)} = {spell(value)}" for key, value in keys.items())
            if last is None:
                return Splice(body.start + 1, body.head_end - 1, f" {spelled} ")
            return Splice(last.value_end, last.value_end, ", " + spelled)
        lines = [self._style.pair(key, value, body) for key, value in keys.items()]
        if last is not None:
            return insert(self._text, last.end, lines)
        if table is self._root:
            return self._add_first(lines)
        return insert(self._text, body.head_end, lines)

    def _add_first(self, lines: list[str]) -> Splice:
        """Pairs where there were none before the first header: they go before that and the comment on it."""
        if not self._root.members:
            return insert(self._text, len(self._text), lines)
        header = at = min(bounds(member)[0] for member in self._root.members.values())
        while (above := self._text.rfind("\n", 0, max(0, at - 1)) + 1) < at and self._text[above] == "#":
            at = above
        return insert(self._text, at or header, [*lines, ""])

    def _add_sections(self, table: Table, sections: Mapping[Key, Value]) -> Splice:
        """New headers after everything that belongs to `table`."""
        empty = table is self._root and not table.members
        at = len(self._text) if empty else span(table)[1]
        lines = [line for path, value in sections.items() for line in self._style.section(path, value)]
        return insert(self._text, at, lines if self._text[:at].strip("\ufeff \t\r\n") else lines[1:])

    # What is there goes.

    def _removal(self, parent: Node, name: str) -> list[Splice]:
        if isinstance(parent, Array):
            return [cut_item(self._text, parent, int(name))]
        if isinstance(parent, Table) and name in parent.pairs:
            pair = parent.pairs[name]
            if parent.body is not None and parent.body.inline:
                return [cut_pairs(self._text, parent.body, [pair])]
            return [Splice(pair.start, pair.end, "")]
        node = find(parent, (name,))
        return self._cut(node) if isinstance(node, Table | Tables) else []

    def _cut(self, node: Table | Tables) -> list[Splice]:
        """What takes away a table that is no pair's value."""
        if isinstance(node, Table) and node.body is not None and node.body.inline:
            return [cut_pairs(self._text, node.body, [*pairs_below(node)])]
        gone: list[Splice] = []
        for start, end in sorted(places(node)):
            if not gone or start >= gone[-1].end:
                gone.append(Splice(start, end, ""))
        return gone

    def _with_blank_lines(self, gone: Splice) -> Splice:
        """A header goes with the blank lines after what stands below it."""
        if self._text.startswith(("[", " [", "\t["), gone.start):
            return Splice(gone.start, skip_blank_lines(self._text, gone.end), "")
        return gone


def _can_stay(table: Table, value: Mapping[str, Value]) -> bool:
    """Whether a table that is not inline is there with other members: others than one with a header need some."""
    return table.kind == "header" or (bool(value) and sum(map(len, table.prefix)) <= MAX_REPEATED)
