"""YAML files: what an edit changes. Pure.

Rules of this file:

- A value is replaced where it stands, behind its anchor. A new member goes to the end of its mapping, before the
  comments that follow; a new element to the end of its sequence.
- A collection in block style is replaced part by part, so that comments and the order of what stays are kept.
- A key that leads through an alias or `<<` is edited where the value stands. A member that `<<` brings is overridden:
  the mapping gets one of its own.
"""

from collections.abc import Sequence
from typing import Self

from rpcd.documents import document
from rpcd.documents.document import Entry, Value, not_editable
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.splice import Splice
from rpcd.documents.yaml.changing import Changes, require_no_tag
from rpcd.documents.yaml.cutting import cut
from rpcd.documents.yaml.judge import judge
from rpcd.documents.yaml.layout import Collection, Layout, Node, Part, find
from rpcd.documents.yaml.locate import locate
from rpcd.documents.yaml.sharing import Sharing
from rpcd.documents.yaml.telling import entries_of, held_at, value_at
from rpcd.documents.yaml.writing import Writer
from rpcd.errors import Refused

__all__ = ["YamlDocument"]

Step = tuple[Collection, Part]
"""A collection, and the part of it that a segment names."""


class YamlDocument(document.Reading, document.Sharing):
    """A located YAML file."""

    def __init__(self, text: str, tree: object = None) -> None:
        self._text = text
        self._read = tree

    def read_as(self, tree: object) -> Self:
        """See `document.Reading`."""
        return type(self)(self._text, tree)

    @kept
    def _layout(self) -> Layout:
        return locate(self._text)

    @kept
    def _root(self) -> Node:
        """The only document, or a sequence of several."""
        documents = self._layout.documents
        if len(documents) == 1:
            return documents[0]
        parts = [Part(node.start, node.start, None, False, node) for node in documents]
        return Collection("sequence", "stream", 0, 0, len(self._text), parts=parts)

    @kept
    def _sharing(self) -> Sharing:
        return Sharing(self._root, self._layout)

    @kept
    def _changes(self) -> Changes:
        return Changes(self._text, Writer(self._text, self._layout))

    @kept
    def _tree(self) -> object:
        return judge(self._text) if self._read is None else self._read

    def get(self, key: Key) -> Value:
        """See `Document`. Dates are told in the way of ISO 8601."""
        return value_at(self._tree, key, self._text)

    def entries(self) -> Sequence[Entry]:
        """See `Document`. What an alias or `<<` brings has the place where it is written."""
        return entries_of(self._text, self._root, self._sharing, self._tree)

    def sharers(self, key: Key) -> Sequence[Key]:
        """See `document.Sharing`."""
        if not self._layout.aliases:
            return (key,)
        steps, node, rest = self._walk(key)
        if rest:
            return [(*one, *rest[1:]) for one in self._sharing.keys(node, rest[0])]
        return self._sharing.keys(steps[-1][0], key[-1]) if node.kind == "alias" else self._sharing.keys_of(node)

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        steps, node, rest = self._walk(key)
        for name in reversed(rest[1:]):
            value = {name: value}
        if rest:
            above = steps[-1] if steps else None
            if above is not None and above[1].value is not node and not (isinstance(node, Collection) and node.parts):
                raise self._shared(node)
            return self._changes.add(above, node, rest[0], value)
        if self._sharing.reaches_into(node, itself=False):
            raise self._shared(node)
        holder, part = steps[-1]
        tree = isinstance(value, dict | list) and isinstance(node, Collection)
        return self._changes.replace(holder, part, value, held_at(self._tree, key) if tree else None)

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        steps, node, rest = self._walk(key)
        if rest:
            value_at(self._tree, key, self._text)
            raise self._shared(node)
        holder, part = steps[-1]
        if self._sharing.reaches_into(part.value, itself=True):
            raise self._shared(node)
        if holder.style in {"stream", "pair"}:
            raise not_editable("structure", self._text, node.start)
        if len(holder.parts) > 1:
            return cut(self._text, holder, part)
        above = steps[-2] if len(steps) > 1 else None
        if above is not None and above[1].value is not holder:
            raise self._shared(holder)
        return self._changes.empty(above, holder)

    def _walk(self, key: Key) -> tuple[list[Step], Node, Key]:
        """The way to what a key names, through aliases and `<<`, and the segments for which there is nothing."""
        steps: list[Step] = []
        node = self._root
        for depth, segment in enumerate(key):
            node = self._sharing.target(node)
            require_no_tag(node, self._text)
            step = self._step(node, segment, last=depth + 1 == len(key))
            if step is None:
                return steps, node, key[depth:]
            steps.append(step)
            node = step[1].value
        return steps, node, ()

    def _step(self, node: Node, segment: str, *, last: bool) -> Step | None:
        if not isinstance(node, Collection):
            return None
        part = find(node, segment)
        if part is not None:
            return node, part
        return self._sharing.merged(node, segment) if node.kind == "mapping" and not last else None

    def _shared(self, node: Node) -> Refused:
        return not_editable("shared", self._text, node.start)
