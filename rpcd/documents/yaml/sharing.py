"""YAML files: which keys share what an alias or `<<` stands for. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from rpcd.documents.document import not_editable
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.yaml.layout import Collection, Layout, Node, Part, find

__all__ = ["Sharing"]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where values are held, with the segment that names them there, and by which mappings merged; by `id`."""

    held: dict[int, list[tuple[Collection, str]]]
    merged: dict[int, list[Collection]]


class Sharing:
    """Follows the aliases of one text."""

    def __init__(self, root: Node, layout: Layout) -> None:
        self._root = root
        self._aliases = layout.aliases

    def target(self, node: Node) -> Node:
        """What a node is, or stands for."""
        return self._aliases.get(node.at, node) if node.kind == "alias" else node

    def merged(self, node: Collection, segment: str) -> tuple[Collection, Part] | None:
        """The member that `<<` brings to a mapping, with the mapping that has it."""
        for mapping in self._merges(node):
            part = find(mapping, segment)
            found = (mapping, part) if part is not None else self.merged(mapping, segment)
            if found is not None:
                return found
        return None

    def members(self, node: Collection) -> Iterator[tuple[str, Part]]:
        """The parts of a collection by the segments that name them, with those that `<<` brings."""
        if node.kind == "sequence":
            yield from ((str(number), part) for number, part in enumerate(node.parts))
            return
        yield from node.names.items()
        seen = set(node.names)
        for mapping in self._merges(node):
            for name, part in self.members(mapping):
                if name not in seen:
                    seen.add(name)
                    yield name, part

    def keys(self, holder: Node, segment: str) -> list[Key]:
        """Every key at which the part is found that this collection has, or would have, by this segment."""
        if holder is self._root:
            return [(segment,)]
        found = [(*key, segment) for outer, name in self._places.held[id(holder)] for key in self.keys(outer, name)]
        for mapping in self._places.merged[id(holder)]:
            brought = self.merged(mapping, segment)
            if find(mapping, segment) is None and (brought is None or brought[0] is holder):
                found += self.keys(mapping, segment)
        return found

    def keys_of(self, node: Node) -> list[Key]:
        """Every key at which a value is found, which has an anchor or not.

        Raises `Refused("not_editable")` for a mapping whose members `<<` brings to others.
        """
        if self._places.merged[id(node)]:
            raise not_editable("shared")
        return [key for outer, name in self._places.held[id(node)] for key in self.keys(outer, name)]

    def reaches_into(self, node: Node, *, itself: bool) -> bool:
        """Whether an alias elsewhere stands for something in a node, or for the node itself."""
        return any(
            node.start <= target.start < node.end and not node.start <= at < node.end and (itself or target is not node)
            for at, target in self._aliases.items()
        )

    @kept
    def _places(self) -> "_Places":
        places = _Places(defaultdict(list), defaultdict(list))
        self._follow(self._root, places)
        return places

    def _follow(self, node: Node, places: "_Places") -> None:
        """Note where every value is held, and merged."""
        if not isinstance(node, Collection):
            return
        for number, part in enumerate(node.parts):
            name = part.name if node.kind == "mapping" else str(number)
            if name is not None:
                places.held[id(self.target(part.value))].append((node, name))
            self._follow(part.value, places)
        for mapping in self._merges(node):
            places.merged[id(mapping)].append(node)

    def _merges(self, node: Collection) -> Iterator[Collection]:
        """The mappings that `<<` names, in their order."""
        for part in node.parts:
            if not part.merges:
                continue
            value = self.target(part.value)
            if isinstance(value, Collection):
                several = [self.target(inner.value) for inner in value.parts] if value.kind == "sequence" else [value]
                yield from (mapping for mapping in several if isinstance(mapping, Collection))
