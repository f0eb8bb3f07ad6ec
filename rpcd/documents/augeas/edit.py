"""What an edit changes in a text that a lens has read.

Rules of this file:

- A value that stands in the text is replaced where it stands. All else is written by the lens, from a list of ways of
  which it takes the first that it can: a new node after the last one of its label or parent, else further up.
- What the lens writes has to be the text as it was, but for what lies between the neighbours of the changed node. It is
  known to touch more: that is refused.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from rpcd.documents.augeas.process import Process
from rpcd.documents.augeas.tree import OWN, Node, Tree, entries, told, value_of
from rpcd.documents.document import UNFIT, Entry, Value, index, not_editable, require_told
from rpcd.documents.key import Key
from rpcd.documents.proof import GONE, prove
from rpcd.documents.splice import Splice, apply
from rpcd.errors import Refused

__all__ = ["AugeasDocument"]

MAX_WAYS = 8
"""Places for a new node that are tried."""

Way = list[list[str | None]]
"""Steps for the lens (library.py)."""


class AugeasDocument:
    """A text that a lens has read."""

    def __init__(self, text: str, tree: Tree, process: Process) -> None:
        self._text = text
        self._root = tree.root
        self._process = process

    def get(self, key: Key) -> Value:
        """See `Document`."""
        if key and key[-1] == OWN:
            return require_told(self._with_own(key).value)
        return require_told(value_of(self._found(key)))

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        return entries(self._root)

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        if key[-1:] == (OWN,):
            return self._set(self._with_own(key), _scalar(value))
        nodes = self._find(key)
        if not nodes:
            return self._add(key, value)
        if len(nodes) == 1 and not nodes[0].children and not isinstance(value, dict | list):
            return self._set(nodes[0], _scalar(value))
        return self._rebuild(nodes, value)

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        if key[-1] == OWN:
            node = self._with_own(key)
            return self._written([[["set", _path(node.path), None]]], [node])
        nodes = self._found(key)
        steps: Way = [["rm", _path(node.path)] for node in reversed(nodes)]
        try:
            return self._written([steps], nodes)
        except Refused as refusal:
            if refusal.kind != "not_editable" or not self._is_cut(cut := _cut(nodes), key):
                raise
            return cut

    def _is_cut(self, cut: Splice, key: Key) -> bool:
        """Whether a key goes with its own characters, where the lens itself would write more than that."""
        with suppress(Refused):
            prove(told(self._root), told(Tree.read(self._process, apply(self._text, cut)).root), key, GONE)
            return True
        return False

    # Places.

    def _find(self, key: Key) -> list[Node]:
        """The nodes at a key: several where it names an array."""
        nodes = [self._root]
        for segment in key:
            if len(nodes) > 1:
                number = index(segment)
                nodes = nodes[number : number + 1] if number is not None else []
            elif nodes:
                nodes = [child for child in nodes[0].children if child.label == segment]
        return nodes

    def _found(self, key: Key) -> list[Node]:
        nodes = self._find(key)
        if not nodes:
            raise Refused("no_such_key")
        return nodes

    def _with_own(self, key: Key) -> Node:
        """The node that has a value beside children."""
        nodes = self._found(key[:-1])
        if len(nodes) > 1 or not nodes[0].children or nodes[0].value is None:
            raise Refused("no_such_key")
        return nodes[0]

    def _parent(self, node: Node) -> Node:
        parent = self._root
        for number in node.path[:-1]:
            parent = parent.children[number - 1]
        return parent

    # What is there is replaced.

    def _set(self, node: Node, value: str | None) -> Splice:
        if value is not None:
            _require_fit(value, node.value or "")
            if node.value_end and self._text[node.value_start : node.value_end] == node.value:
                return Splice(node.value_start, node.value_end, value)
        return self._written([[["set", _path(node.path), value]]], [node])

    def _rebuild(self, nodes: Sequence[Node], value: Value) -> Splice:
        """Nodes with one label become others."""
        values = value if isinstance(value, list) else [value]
        if not values:
            raise not_editable("type")
        steps: Way = []
        first = nodes[0]
        for number, held in enumerate(values):
            path = (*first.path[:-1], first.path[-1] + number)
            steps += [["insert", _path(path), first.label, _own(held)], *_children(_path(path), held)]
        old = [(*node.path[:-1], node.path[-1] + len(values)) for node in nodes]
        steps += [["rm", _path(path)] for path in reversed(old)]
        return self._written([steps], nodes)

    # What is not there is added.

    def _add(self, key: Key, value: Value) -> Splice:
        *above, label = key
        nodes = self._find(tuple(above))
        if above and index(label) is not None and nodes and (len(nodes) > 1 or not nodes[0].children):
            if index(label) != len(nodes):
                raise Refused("no_such_key")
            return self._insert(self._parent(nodes[0]), nodes[0].label, value)  # one more with the same label
        if len(nodes) > 1:
            raise not_editable("structure")
        if not nodes:
            return self._add(tuple(above), {label: value})
        if above and not nodes[0].children:
            raise not_editable("structure")
        return self._insert(nodes[0], label, value)

    def _insert(self, parent: Node, label: str, value: Value) -> Splice:
        """New nodes in `parent`, at the first place where the lens takes them."""
        values = value if isinstance(value, list) else [value]
        if not values or label == OWN:
            raise not_editable("type")
        ways: list[Way] = []
        for before in _places(parent, label):
            steps: Way = []
            for number, held in enumerate(values):
                if before is None:
                    steps.append(["add", _path(parent.path), label, _own(held)])
                    path = f"{_path(parent.path)}/*[last()]"
                else:
                    path = _path((*parent.path, before + number))
                    steps.append(["insert", path, label, _own(held)])
                steps += _children(path, held)
            ways.append(steps)
        return self._written(ways, [], parent)

    # What the lens writes.

    def _written(self, ways: list[Way], nodes: Sequence[Node], parent: Node | None = None) -> Splice:
        """The text as the lens writes it, as a splice."""
        text = self._text
        whole = text if text.endswith("\n") else f"{text}\n"
        answer = self._process.ask({"text": whole, "ways": ways})
        written = answer.get("text")
        if not isinstance(written, str):
            raise not_editable("structure")
        if whole != text:
            written = written.removesuffix("\n")
        start, end = self._room(nodes, parent)
        rest = len(text) - end
        if len(written) < start + rest or written[:start] != text[:start] or not written.endswith(text[end:]):
            raise not_editable("structure")
        new, old = written[start : len(written) - rest], text[start:end]
        same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
        same = min(len(old), len(new)) if same is None else same
        tail = 0
        while tail < min(len(old), len(new)) - same and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        if not nodes and old[same : len(old) - tail].strip():  # what is new takes nobody's place
            raise not_editable("structure")
        return Splice(start + same, end - tail, new[same : len(new) - tail])

    def _room(self, nodes: Sequence[Node], parent: Node | None) -> tuple[int, int]:
        """Between which characters the lens may change the text: the neighbours of nodes, else the end of a table."""
        if not nodes:
            inner = parent or self._root
            return inner.start, inner.end
        around = self._parent(nodes[0])
        first, last = nodes[0].path[-1], nodes[-1].path[-1]
        before = [child.end for child in around.children[: first - 1]]
        after = [child.start for child in around.children[last:] if child.end]
        return max(before, default=around.start), min(after, default=around.end)


def _places(parent: Node, label: str) -> Iterator[int | None]:
    """Before which children of `parent` a new one may stand; None for the end. Where labels change, from the end."""
    labels = [child.label for child in parent.children]
    alike = [number for number, name in enumerate(labels, 1) if name == label]
    seen = 0
    if alike and alike[-1] < len(labels):
        yield alike[-1] + 1
        seen += 1
    yield None
    for number, (one, other) in reversed([*enumerate(pairwise(labels), 2)]):
        if one != other and seen < MAX_WAYS:
            seen += 1
            yield number
    if labels:
        yield 1


def _cut(nodes: Sequence[Node]) -> Splice:
    """All that belongs to nodes, and what lies between them."""
    return Splice(nodes[0].start, nodes[-1].end, "")


def _path(path: Sequence[int]) -> str:
    return "".join(f"/*[{number}]" for number in path)


def _children(path: str, value: Value) -> Way:
    """The steps that give a new node what it holds."""
    if not isinstance(value, dict):
        return []
    steps: Way = []
    for label, held in value.items():
        if label == OWN:
            continue
        for one in held if isinstance(held, list) else [held]:
            steps += [["add", path, label, _own(one)], *_children(f"{path}/*[last()]", one)]
    return steps


def _own(value: Value) -> str | None:
    """The value that a node has itself."""
    own = _scalar(value.get(OWN)) if isinstance(value, dict) else _scalar(value)
    if own is not None:
        _require_fit(own, "")
    return own


def _scalar(value: Value) -> str | None:
    if value is not None and not isinstance(value, str):
        raise not_editable("type")
    return value


def _require_fit(value: str, old: str) -> None:
    """Raise `Refused("not_editable")` for control characters; but a tab, or a line end, may come where one was."""
    if UNFIT.search(value.translate({ord(mark): None for mark in "\t\n" if mark in old})):
        raise not_editable("characters")
