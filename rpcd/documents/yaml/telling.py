"""YAML files: what is told of them. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

from rpcd.documents.document import Entry, Value, index, not_editable, require_told
from rpcd.documents.key import Key
from rpcd.documents.yaml.cutting import line_end, line_start
from rpcd.documents.yaml.judge import BYTES, FOREIGN, Tagged
from rpcd.documents.yaml.layout import Collection, Node, Part
from rpcd.documents.yaml.sharing import Sharing
from rpcd.errors import Refused

__all__ = ["entries_of", "held_at", "value_at"]

_TYPES: Final = {
    bool: "boolean", int: "integer", float: "number", dict: "object", list: "array", type(None): "null",
}  # fmt: skip
_BYTES: Final = re.compile("[\udc80-\udcff]")


def value_at(tree: object, key: Key, text: str) -> Value:
    """The value of a key of `text`, in the tree that the judge has read there.

    Raises `Refused("no_such_key")`, and `Refused("not_editable")` for what cannot be told.
    """
    return require_told(_told(held_at(tree, key), text))


def held_at(tree: object, key: Key) -> object:
    """What the judge has read at a key; raises as `value_at` does."""
    found = tree
    for segment in key:
        at = index(segment) if isinstance(found, list) else None
        if isinstance(found, dict) and (name := segment.translate(BYTES)) in found:
            found = found[name]
        elif isinstance(found, list) and at is not None and at < len(found):
            found = found[at]
        else:
            raise not_editable("tag") if isinstance(found, Tagged) else Refused("no_such_key")
    return found


def _told(found: object, text: str) -> Value:
    if isinstance(found, Tagged):
        raise not_editable("tag")
    if isinstance(found, str):
        if not found.isascii() and FOREIGN.search(found) and _BYTES.search(text):
            raise not_editable("bytes")
        return found
    if isinstance(found, dict):
        if any(name.startswith("\0") for name in found):
            raise not_editable("characters")
        return {name: _told(held, text) for name, held in found.items()}
    if isinstance(found, list):
        return [_told(held, text) for held in found]
    if isinstance(found, date):
        return found.isoformat()
    return cast("Value", found)  # the judge makes nothing else


def entries_of(text: str, root: Node, sharing: Sharing, tree: object) -> Sequence[Entry]:
    """Everything that segments can name, with the place where it is written.

    Raises `Refused("not_editable")` where locator and judge do not find the same: nobody could say what stands where.
    """
    lister = _Lister(text, sharing, [])
    lister.list((), root, tree)
    return lister.found


@dataclass(frozen=True, slots=True)
class _Lister:
    """Collects the entries of one text."""

    text: str
    sharing: Sharing
    found: list[Entry]

    def list(self, key: Key, node: Node, tree: object) -> None:
        """Everything in a node, which the judge has read as `tree`."""
        node = self.sharing.target(node)
        parts = dict(self.sharing.members(node)) if isinstance(node, Collection) else {}
        held = _parts(tree.value if isinstance(tree, Tagged) else tree)
        if held.keys() != {name.translate(BYTES) for name in parts}:
            raise not_editable("ambiguous", self.text, node.start)
        for name, part in parts.items():
            below, inner = (*key, name), held[name.translate(BYTES)]
            self.found.append(Entry(below, _type(inner), *_place(self.text, part)))
            self.list(below, part.value, inner)


def _parts(tree: object) -> dict[str, object]:
    """What the judge has read in a collection, by the segments that can name it."""
    if isinstance(tree, dict):
        return {name: held for name, held in tree.items() if not name.startswith("\0")}
    return {str(number): held for number, held in enumerate(tree)} if isinstance(tree, list) else {}


def _type(held: object) -> str:
    return _TYPES.get(type(held.value if isinstance(held, Tagged) else held), "string")


def _place(text: str, part: Part) -> tuple[int, int]:
    """A part's lines, where they are its own."""
    start, end = line_start(text, part.start), line_end(text, part.value.end)
    if text[start : part.start].strip(" \t") or text[part.value.end : end].partition("#")[0].strip(" \t"):
        return part.start, part.value.end
    return start, min(len(text), end + (2 if text.startswith("\r", end) else 1))
