"""YAML files: the locator of scalars on a line, and of what stands between brackets and braces. Pure."""

import re
from typing import Final

from rpcd.documents.yaml.layout import Collection, Node, Part, Style
from rpcd.documents.yaml.scalars import name_of

__all__ = ["PLAIN", "FlowScanner"]

_GAP: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_GAP_BEGINS: Final = frozenset(" \t\r\n#")
_PROPERTY: Final = re.compile(r"(&[\w-]*+|!(?:<[^>\s]*+>|[^ \t\r\n]*+))[ \t]*+", re.ASCII)
_FLOW_PROPERTY: Final = re.compile(r"(&[\w-]*+|!(?:<[^>\s]*+>|[^ \t\r\n,\[\]{}]*+))", re.ASCII)
_QUOTED: Final = re.compile(r""""(?:[^"\\]++|\\[\s\S])*+"|'(?:[^']++|'')*+'|\*[\w-]++""", re.ASCII)
PLAIN: Final = re.compile(
    r"(?:[^ \t\r\n:]++|:(?![ \t\r\n]|\Z)|[ \t]++(?![#\r\n]|:(?:[ \t\r\n]|\Z)|\Z))++",
)
"""A line of a plain scalar in a block."""

_FLOW_PLAIN: Final = re.compile(
    r"(?:[^ \t\r\n:,\[\]{}]++|:(?![ \t\r\n,\[\]{}]|\Z)|[ \t\r\n]++(?![#,\[\]{}]|:(?:[ \t\r\n,\[\]{}]|\Z)|\Z))++"
)
_QUESTION: Final = re.compile(r"\?(?=[ \t\r\n,\[\]{}])")


class FlowScanner:
    """Goes over one text. Methods take the place to begin at; a node's `end` says where they came to."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.aliases: dict[int, Node] = {}
        self.named: dict[str, Node] = {}
        """The anchors of this document so far."""
        self.own_tags = False
        """Whether a directive gives tags another meaning."""

    def dress(self, node: Node, start: int, anchor: str, tag: str) -> Node:
        """A node with its anchor and tag, the first of which stands at `start`."""
        node.start, node.anchor, node.tag = start, anchor or node.anchor, tag or node.tag
        if anchor:
            self.named[anchor] = node
        return node

    def properties(self, at: int, pattern: re.Pattern[str] = _PROPERTY) -> tuple[int, str, str]:
        """Anchor and tag in either order, and where they end."""
        anchor = tag = ""
        while (found := pattern.match(self.text, at)) is not None:
            if found[1][0] == "&":
                anchor = found[1][1:]
            else:
                tag = f"%{found[1]}" if self.own_tags else found[1]
            at = found.end()
            if pattern is _FLOW_PROPERTY:
                at = self.gap(at)
        return at, anchor, tag

    def gap(self, at: int) -> int:
        """Where white space and comments end."""
        if self.text[at : at + 1] not in _GAP_BEGINS:  # most often there is none
            return at
        found = _GAP.match(self.text, at)
        return found.end() if found is not None else at

    def inline(self, at: int, plain: re.Pattern[str] = PLAIN) -> Node:
        """A scalar or alias, the first line of it where it is plain, or what brackets hold."""
        mark = self.text[at]
        if mark in "[{":
            return self._collection(at)
        if mark in "\"'*":
            found = _QUOTED.match(self.text, at)
            end = found.end() if found is not None else len(self.text)
            if mark == "*":
                return self._alias(at, end)
            style: Style = "double" if mark == '"' else "single"
            return Node("scalar", style, at, at, end)
        found = plain.match(self.text, at)
        return Node("scalar", "plain", at, at, found.end() if found is not None else at + 1)

    def _alias(self, at: int, end: int) -> Node:
        node = Node("alias", "plain", at, at, end)
        named = self.named.get(self.text[at + 1 : end])
        if named is not None:
            self.aliases[at] = named
        return node

    def _collection(self, at: int) -> Node:
        text, closing = self.text, "]" if self.text[at] == "[" else "}"
        node = Collection("sequence" if closing == "]" else "mapping", "flow", at, at, at)
        at = self.gap(at + 1)
        while at < len(text) and text[at] != closing:
            if text[at] == ",":
                at = self.gap(at + 1)
                continue
            part, at = self._entry(at, in_mapping=closing == "}")
            node.parts.append(part)
            if part.name is not None:
                node.names[part.name] = part
            at = self.gap(at)
        node.end = at + 1
        return node

    def _entry(self, at: int, *, in_mapping: bool) -> tuple[Part, int]:
        """A member or an element, and where it ends."""
        text, start = self.text, at
        explicit = _QUESTION.match(text, at)
        key = self._node(self.gap(at + 1) if explicit else at)
        after = self.gap(key.end)
        if text.startswith(":", after):
            value = self._node(self.gap(after + 1))
            if value.style == "empty" and value.start == value.end:
                value = Node("scalar", "empty", after + 1, after + 1, after + 1)
            part = Part(start, after + 1, *name_of(text, key), value)
        elif in_mapping or explicit:
            value = Node("scalar", "empty", key.end, key.end, key.end)
            part = Part(start, key.end, *name_of(text, key), value)
        else:
            return Part(start, start, None, False, key), key.end
        if in_mapping:
            return part, part.value.end
        pair = Collection("mapping", "pair", start, start, part.value.end, parts=[part])
        if part.name is not None:
            pair.names[part.name] = part
        return Part(start, start, None, False, pair), pair.end

    def _node(self, at: int) -> Node:
        """A node between brackets; an empty one where there is nothing."""
        start, anchor, tag = at, "", ""
        if self.text[at : at + 1] in {"&", "!"}:
            at, anchor, tag = self.properties(at, _FLOW_PROPERTY)
        if self.text[at : at + 1] in {"", ",", "]", "}", ":"}:
            node = Node("scalar", "empty", at, at, at)
        else:
            node = self.inline(at, _FLOW_PLAIN)
        return self.dress(node, start, anchor, tag) if at != start else node
