"""The tree that a lens reads, and the values that it stands for.

Rules of this file:

- What a worker answers is believed no further than its shape: nodes in tables before what they hold, places inside the
  text.
- A label that stands once is a value, or a table where it has children; repeated, an array. A node's own value is at
  the empty segment where it has children. A table that has the members 1, 2, 3 … is numbered by their order.
- The cost is linear in the number of nodes, and that of the places in the size of the text.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from rpcd.documents.augeas.process import Process
from rpcd.documents.document import MAX_DEPTH, UNFIT, Entry, Value, not_editable
from rpcd.documents.key import Key
from rpcd.documents.numbered import Numbered
from rpcd.errors import Refused

__all__ = ["OWN", "Node", "Tree", "told", "value_of"]

OWN: Final = ""
"""The segment of the value that a node has beside its children."""

MAX_SIZE: Final = 256 * 1024
"""Characters of a text that is given to a lens."""


class Node(NamedTuple):
    """A node: its path among its parent's children, label, value, the value's place, its own, and its children."""

    path: tuple[int, ...]
    label: str
    value: str | None
    value_start: int
    value_end: int
    start: int
    end: int
    children: list["Node"]

    def named(self) -> dict[str, list["Node"]]:
        """The children by their labels."""
        names: dict[str, list[Node]] = {}
        for child in self.children:
            names.setdefault(child.label, []).append(child)
        return names


class Tree(NamedTuple):
    """A text that a lens has read."""

    root: Node

    @classmethod
    def read(cls, process: Process, text: str) -> "Tree":
        """The tree of `text`.

        Raises `Refused("not_editable")` where it is none of the lens's, and `Refused("unavailable")`.
        """
        return _read(process, text)


def told(node: Node) -> object:
    """What a judge says that a node holds."""
    return _told(node, numbered=True)


def value_of(nodes: Sequence[Node]) -> Value:
    """What one node, or several with one label, hold."""
    values: list[Any] = [_told(node, numbered=False) for node in nodes]
    return values[0] if len(values) == 1 else values


def entries(node: Node, key: Key = ()) -> list[Entry]:
    """Everything that is in a node, in the order of the text."""
    found: list[Entry] = []
    waiting = [(key, node)]
    while waiting:
        above, inner = waiting.pop()
        if inner.children and inner.value is not None:
            start, end = (inner.value_start, inner.value_end) if inner.value_end else (inner.start, inner.end)
            found.append(Entry((*above, OWN), "string", start, end))
        for label, nodes in inner.named().items():
            if UNFIT.search(label):
                continue
            own = (*above, label)
            if len(nodes) > 1:
                found.append(Entry(own, "array", nodes[0].start, nodes[-1].end))
            for number, child in enumerate(nodes):
                place = (*own, str(number)) if len(nodes) > 1 else own
                found.append(Entry(place, _type(child), child.start, child.end))
                if child.children:
                    waiting.append((place, child))
    return sorted(found, key=lambda entry: (entry.start, -entry.end, len(entry.key)))


def _type(node: Node) -> str:
    return "object" if node.children else "null" if node.value is None else "string"


def _told(node: Node, *, numbered: bool) -> Any:
    if not node.children and node.path:
        return node.value
    table: dict[str, Any] = {} if node.value is None else {OWN: node.value}
    for label, nodes in node.named().items():
        values = [_told(child, numbered=numbered) for child in nodes]
        table[label] = values[0] if len(values) == 1 else values
    return Numbered(table) if numbered and "1" in table else table


@lru_cache(maxsize=16)
def _read(process: Process, text: str) -> Tree:
    """The tree of a text; the locator asks for the one that the judge had."""
    if len(text) > MAX_SIZE:
        raise Refused("too_large", limit=MAX_SIZE)
    if "\0" in text:
        raise not_editable("syntax", text, text.index("\0"))
    whole = text if text.endswith("\n") else f"{text}\n"
    answer = process.ask({"text": whole})
    places = _places(whole)
    if "fault" in answer:
        at = answer["at"]
        raise not_editable("syntax", text, places[at] if isinstance(at, int) and at < len(places) else None)
    try:
        return Tree(_built(answer["nodes"], places, len(text)))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise not_editable("syntax") from error


def _built(nodes: Sequence[Any], places: Sequence[int], end: int) -> Node:
    root = Node((), "", None, 0, 0, 0, end, [])
    built = [root]
    for number, label, value, spans in nodes:
        parent = built[number]
        own, own_end, start, stop = (min(places[at], end) for at in spans)
        if label == OWN or len(parent.path) >= MAX_DEPTH or not isinstance(value, str | None):
            raise ValueError
        if not stop:  # nobody knows where: what is in a table is somewhere there, for who hides secrets
            start, stop = parent.start, parent.end
        path = (*parent.path, len(parent.children) + 1)
        node = Node(path, "(none)" if label is None else str(label), value, own, own_end, start, stop, [])
        parent.children.append(node)
        built.append(node)
    return root


def _places(text: str) -> Sequence[int]:
    """The character that each byte of a text belongs to."""
    if text.isascii():
        return range(len(text) + 1)
    places: list[int] = []
    for number, character in enumerate(text):
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - a byte that is no UTF-8 (PEP 383)
            places.append(number)
        else:
            places += [number] * (1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF))  # noqa: PLR2004 - UTF-8
    return [*places, len(text)]
