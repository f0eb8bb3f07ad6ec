"""YAML files: where everything is. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from rpcd.documents.document import index

__all__ = ["BlockScalar", "Collection", "Kind", "Layout", "Node", "Part", "Style", "find"]

Kind = Literal["scalar", "mapping", "sequence", "alias"]

Style = Literal["plain", "single", "double", "literal", "folded", "empty", "block", "flow", "pair", "stream"]
"""How a node is written: the first six are scalars'; an alias is `plain`; a `pair` is an element without braces.

A `stream` is the sequence of several documents.
"""


@dataclass(slots=True, eq=False)
class Node:
    """A value, with its anchor and tag: these from `start`, itself from `at` to `end`.

    The end of a block scalar is that of its last line that is not blank, before its line end; with `+` that of its last
    line. An empty value stands where it would begin.
    """

    kind: Kind
    style: Style
    start: int
    at: int
    end: int
    anchor: str = ""
    tag: str = ""


@dataclass(slots=True, eq=False)
class BlockScalar(Node):
    """A literal or folded scalar, whose lines begin in `column`."""

    column: int = 0


@dataclass(slots=True, eq=False)
class Collection(Node):
    """A mapping or sequence. `column` is that of its keys or dashes, in block style.

    `names` are the members by name: what `<<` brings, and what no segment of a key can name, is in `parts` only.
    """

    column: int = 0
    parts: list["Part"] = field(default_factory=list)
    names: dict[str, "Part"] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Part:
    """A member or an element: from `start`, where its key or dash stands, with its value somewhere behind `mark`.

    `mark` is behind the colon or dash; within brackets, where an element begins, or a key without a colon ends.
    """

    start: int
    mark: int
    name: str | None
    merges: bool
    value: Node


@dataclass(slots=True, eq=False)
class Layout:
    """A located text."""

    documents: list[Node]
    aliases: dict[int, Node]
    """What every alias stands for, by its place."""


def find(node: Node, segment: str) -> Part | None:
    """The member or element that a segment names; None where there is none that is written here."""
    if not isinstance(node, Collection):
        return None
    if node.kind == "mapping":
        return node.names.get(segment)
    at = index(segment)
    return node.parts[at] if at is not None and at < len(node.parts) else None
