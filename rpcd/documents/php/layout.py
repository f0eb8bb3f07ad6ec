"""PHP: what the locator finds in a file. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rpcd.documents.document import Value
from rpcd.documents.key import Key

__all__ = ["Array", "Expression", "Item", "Layout", "Node", "Scalar", "Statement", "Table", "is_list", "is_listed"]


@dataclass(slots=True)
class Scalar:
    """A literal that is no array."""

    start: int
    end: int
    value: Value
    home: "Item | Statement | None" = None


@dataclass(slots=True)
class Expression:
    """What only PHP can tell the value of."""

    start: int
    end: int
    home: "Item | Statement | None" = None


@dataclass(slots=True)
class Item:
    """A part of an array literal, from `start` to `end` without its comma; `key_end` is 0 where it has no key."""

    key_start: int
    key_end: int
    start: int
    end: int
    comma: int = 0
    """Behind its comma; 0 where it has none."""


@dataclass(slots=True)
class Statement:
    """A statement that sets something; `before` is where the word before it ended, `end` is behind its semicolon.

    `name` to `name_end` is what is set, as it is written. `alone` says that it sets nothing else and has a semicolon.
    """

    kind: str
    before: int
    start: int
    end: int
    name: int
    name_end: int
    alone: bool = True
    path: Key = ()


@dataclass(slots=True)
class Table:
    """What is known of a variable that is set index by index, and of a whole file."""

    members: "dict[str, Node]" = field(default_factory=dict)
    home: None = None


@dataclass(slots=True)
class Array(Table):
    """An array literal, and what later statements add to it. `inner` and `inner_end` are within its brackets."""

    start: int = 0
    end: int = 0
    inner: int = 0
    inner_end: int = 0
    items: list[Item] = field(default_factory=list)
    keyed: bool = True
    """Whether every key is a literal."""
    home: "Item | Statement | None" = None  # type: ignore[assignment]  # a table has none


Node = Scalar | Expression | Array | Table


@dataclass(slots=True)
class Layout:
    """A whole file: what it sets, and by which statements, and which keys are doubtful."""

    root: Table = field(default_factory=Table)
    statements: list[Statement] = field(default_factory=list)
    lead: int = 0
    """Where the first statement may stand."""
    doubts: set[Key] = field(default_factory=set)
    above_doubts: set[Key] = field(default_factory=set)
    returned: Array | None = None

    def doubt(self, key: Key) -> None:
        """Tell nothing about `key` and what lies below it, and change nothing around it."""
        self.doubts.add(key)
        self.above_doubts.update(key[:depth] for depth in range(len(key)))

    def is_doubtful(self, key: Key) -> bool:
        """Whether it is not known what a key's value is."""
        return any(key[:depth] in self.doubts for depth in range(1, len(key) + 1))


def is_list(names: Iterable[str]) -> bool:
    """Whether an array with these keys is a list."""
    return all(name == str(number) for number, name in enumerate(names))


def is_listed(table: Table) -> bool:
    """Whether a table is told as a list."""
    return is_list(table.members) and (not isinstance(table, Array) or table.keyed)
