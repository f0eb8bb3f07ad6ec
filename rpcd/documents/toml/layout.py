"""TOML files: where everything is. Pure.

A table is one of four kinds, which decides how a key is added to it: one with a header (`[a]`, an element of `[[a]]`,
and the file itself), one that others imply (`a`, where only `[a.b]` is written), one of dotted keys (`a.b = 1`), and an
inline one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from rpcd.documents.document import index
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
    "pairs_below",
    "places",
    "span",
]

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
