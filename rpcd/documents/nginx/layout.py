"""nginx's files: what the locator finds in one, and what a key names there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rpcd.documents.document import Value, index, not_editable
from rpcd.documents.key import Key

__all__ = [
    "Argument",
    "Body",
    "Element",
    "Group",
    "Node",
    "Statement",
    "Word",
    "find",
    "is_numbered",
    "step",
    "value_of",
]

NUMBERED: Final = "server"
"""The block that is told as a list, also where there is one of it."""


class Word(NamedTuple):
    """A name or an argument: spelled from `start` to `end`, quotes included, and what nginx reads."""

    start: int
    end: int
    value: str


@dataclass(slots=True)
class Statement:
    """A directive with a semicolon, or a block.

    `before` is where the one before it ended; `end` is behind its semicolon or closing brace. `raw` says that what is
    between the braces is no nginx.
    """

    words: Sequence[Word]
    before: int
    end: int = 0
    body: "Body | None" = None
    raw: bool = False

    @property
    def arguments(self) -> Sequence[Word]:
        """The words after the name."""
        return self.words[1:]


@dataclass(slots=True)
class Body:
    """What stands between braces, or in a whole file; from `start` to `end`, without them."""

    start: int
    end: int = 0
    owner: "Statement | None" = None
    statements: list[Statement] = field(default_factory=list)
    members: dict[str, list[Statement]] = field(default_factory=dict)


class Group(NamedTuple):
    """Everything of one name in a body, where that is a list."""

    statements: Sequence[Statement]


class Element(NamedTuple):
    """A directive that is one of several: told as the list of its arguments."""

    statement: Statement


class Argument(NamedTuple):
    """One argument of several."""

    statement: Statement
    number: int


Node = Body | Statement | Group | Element | Argument


def is_numbered(statements: Sequence[Statement]) -> bool:
    """Whether a name's statements are told as a list."""
    first = statements[0]
    return len(statements) > 1 or (first.body is not None and [word.value for word in first.words] == [NUMBERED])


def step(node: Node, segment: str) -> Node | None:
    """What `segment` names in what a node holds."""
    if isinstance(node, Statement) and node.body is not None:
        node = node.body
    if isinstance(node, Body):
        statements = node.members.get(segment)
        if statements is None:
            return None
        return Group(statements) if is_numbered(statements) else statements[0]
    number = index(segment)
    if number is None or isinstance(node, Argument):
        return None
    if isinstance(node, Group):
        if number >= len(node.statements):
            return None
        found = node.statements[number]
        return found if found.body is not None or found.raw else Element(found)
    least = 1 if isinstance(node, Element) else 2  # a single argument is the value itself
    statement = node.statement if isinstance(node, Element) else node
    return Argument(statement, number) if least <= len(statement.arguments) > number else None


def find(root: Body, key: Key) -> Node | None:
    """What a key names."""
    node: Node | None = root
    for segment in key:
        if node is None:
            return None
        node = step(node, segment)
    return node


def value_of(node: Node, text: str) -> Value:
    """What a node is told as; raises `Refused("not_editable")` for what is no nginx."""
    if isinstance(node, Argument):
        return node.statement.arguments[node.number].value
    if isinstance(node, Element):
        return [word.value for word in node.statement.arguments] or None
    if isinstance(node, Group):
        return [value_of(one if one.body is not None or one.raw else Element(one), text) for one in node.statements]
    if isinstance(node, Body):
        return {
            name: value_of(Group(held) if is_numbered(held) else held[0], text) for name, held in node.members.items()
        }
    if node.raw:
        raise not_editable("expression", text, node.words[0].start)
    if node.body is not None:
        return value_of(node.body, text)
    values: list[Value] = [word.value for word in node.arguments]
    return values if len(values) > 1 else values[0] if values else None
