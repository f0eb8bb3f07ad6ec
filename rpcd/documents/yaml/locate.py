"""YAML files: the locator of documents, and of what stands in blocks. Pure.

Rules of this file:

- It is given nothing but what the judge has taken, and shares nothing with it: it finds spans, by indentation and
  indicators. Where it reads otherwise than libyaml the proof fails, and nothing is written.
- Every place is looked at once, and nothing goes back: the cost is linear.
"""

import re
from functools import lru_cache
from typing import Final

from rpcd.documents.yaml.flow import PLAIN, FlowScanner
from rpcd.documents.yaml.layout import BlockScalar, Collection, Layout, Node, Part, Style
from rpcd.documents.yaml.scalars import name_of

__all__ = ["locate"]

_GAP: Final = re.compile(r"(?:[ \t]*+(?:#[^\n]*+)?\r?\n)*+([ \t]*+)")
_BETWEEN: Final = re.compile(r"(?:(?:%[^\n]*+|[ \t]*+(?:#[^\n]*+)?\r?)(?:\n|\Z))++")
_BOUNDARY: Final = re.compile(r"(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")
_INDICATOR: Final = re.compile(r"[-?:](?=[ \t\r\n]|\Z)")
_COLON: Final = re.compile(r"[ \t]*+:(?=[ \t\r\n]|\Z)")
_SIMPLE_KEY: Final = re.compile(r"([\w/.][\w./-]*+):(?=[ \t\r\n]|\Z)")
_SCALAR_LINE: Final = re.compile(
    r"[ \t]++(\"[^\"\\\n]*+\"|'[^'\n]*+'"
    r"|(?:[\w/.$(+~;^\\]|-(?![ \t\r\n]))(?:[^ \t\r\n:]++|:(?![ \t\r\n])|[ \t]++(?![#\r\n:]))*+)"
    r"[ \t]*+(?:(?<=[ \t])#[^\n]*+)?\r?\n(?:[ \t]*+(?:#[^\n]*+)?\r?\n)*+( *+)(?=[^ \t\r\n#])"
)
"""A scalar on the line of its key or dash, in one of the usual ways, and up to where the next line begins."""
_STYLES: Final[dict[str, Style]] = {'"': "double", "'": "single"}
_LINE_ENDS: Final = re.compile(r"(?:[ \t]*+\r?\n)++([ \t]*+)(?!#)")
_HEADER: Final = re.compile(r"[|>]([-+1-9]*+)[ \t]*+(?:#[^\n]*+)?\r?(?:\n|\Z)")
_LEADING: Final = re.compile(r"((?: *+\r?\n)*+)( *+)")


def locate(text: str) -> Layout:
    """Where everything is in a text that libyaml reads."""
    return _BlockScanner(text).stream()


class _BlockScanner(FlowScanner):
    """Goes over one text. Methods take the place to begin at; a node's `end` says where they came to."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._first = 1 if text.startswith("\ufeff") else 0

    def stream(self) -> Layout:
        """All documents; an empty one where there is none."""
        text, documents, at = self.text, list[Node](), self._first
        while True:
            between = _BETWEEN.match(text, at)
            if between is not None:
                at = between.end()
                self.own_tags = self.own_tags or "%TAG" in between[0]
            if at >= len(text):
                return Layout(documents or [Node("scalar", "empty", at, at, at)], self.aliases)
            boundary = _BOUNDARY.match(text, at)
            if boundary is None or boundary[0] == "---":
                self.named.clear()
                node = self._block(boundary.end() if boundary else at, -1, -1)
                documents.append(node)
                at = max(node.end, at + 1)
            end = text.find("\n", at)
            at = end + 1 if end >= 0 else len(text)

    def _block(self, at: int, outer: int, outer_dash: int) -> Node:
        """The node that begins somewhere behind `at`, in a column greater than `outer`; an empty one where none does.

        That of a sequence need only be greater than `outer_dash`.
        """
        text, room = self.text, at
        at = self._content(at, outer, outer_dash)
        if at < 0:
            return Node("scalar", "empty", room, room, room)
        if text[at] not in "&!":
            return self._dressed(at, at, outer, "", "")
        start = at
        at, anchor, tag = self.properties(at)
        if text[at : at + 1] not in {"", "\r", "\n", "#"}:
            return self._dressed(start, at, outer, anchor, tag)
        end = start + len(text[start:at].rstrip(" \t"))
        return self.dress(self._block(end, outer, outer_dash), start, anchor, tag)

    def _content(self, at: int, outer: int, outer_dash: int) -> int:
        """Where the node behind `at` begins; less than 0 where there is none."""
        text = self.text
        gap = _GAP.match(text, at)
        if gap is None or gap.end() == len(text) or text[gap.end()] == "#":
            return -1
        start, end = gap.span(1)
        if start == at and at > self._first:
            return end
        column = end - start
        if column > outer or (column > outer_dash and text[end] == "-" and _INDICATOR.match(text, end)):
            return -1 if column == 0 and _BOUNDARY.match(text, end) else end
        return -1

    def _next(self, at: int, column: int) -> int:
        """Where the next part begins of a collection with this column; less than 0 where there is none."""
        text = self.text
        gap = _GAP.match(text, at)
        if gap is None or gap.end() - gap.start(1) != column or gap.end() == len(text) or gap.start(1) == at:
            return -1
        at = gap.end()
        return -1 if text[at] == "#" or (column == 0 and _BOUNDARY.match(text, at)) else at

    def _column(self, at: int) -> int:
        return at - max(self._first, self.text.rfind("\n", 0, at) + 1)

    def _dressed(self, start: int, at: int, outer: int, anchor: str, tag: str) -> Node:
        """The node at `at`, with its properties on the same line from `start`, unless they are its first key's."""
        text = self.text
        mark = text[at]
        if start == at:
            if _SIMPLE_KEY.match(text, at):
                return self._mapping(at, None)
            if mark in "-?" and _INDICATOR.match(text, at):
                return self._sequence(at) if mark == "-" else self._mapping(at, None)
        if mark == ":" and _INDICATOR.match(text, at):
            return self._mapping(start, self.dress(Node("scalar", "empty", at, at, at), start, anchor, tag))
        node: Node
        if mark in "|>":
            node = self._block_scalar(at, outer)
        else:
            node = self.inline(at)
            if _COLON.match(text, node.end):
                return self._mapping(start, self.dress(node, start, anchor, tag))
            if node.kind == "scalar" and node.style == "plain":
                self._go_on(node, outer)
        return self.dress(node, start, anchor, tag) if start != at else node

    def _go_on(self, node: Node, outer: int) -> None:
        """The further lines of a plain scalar."""
        text = self.text
        while (line := _LINE_ENDS.match(text, node.end)) is not None:
            start, at = line.span(1)
            more = PLAIN.match(text, at)
            if more is None or at - start <= outer or (at == start and _BOUNDARY.match(text, at)):
                return
            node.end = more.end()

    def _mapping(self, at: int, first: Node | None) -> Node:
        """A mapping in block style, whose first key may be known already."""
        text, column = self.text, self._column(at)
        node = Collection("mapping", "block", at, at, at, column=column)
        parts, names = node.parts, node.names
        while at >= 0:
            simple = _SIMPLE_KEY.match(text, at) if first is None else None
            if simple is not None:
                name, mark = simple[1], simple.end()
                line = _SCALAR_LINE.match(text, mark)
                if line is not None and line.end() - line.start(2) <= column:
                    value, following = self._on_line(line, column)
                else:
                    value, following = self._block(mark, column, column - 1), 0
                names[name] = part = Part(at, mark, name, False, value)
            else:
                part, following = self._member(at, column, first), 0
                if part.name is not None:
                    names[part.name] = part
            first = None
            parts.append(part)
            at = following or self._next(part.value.end, column)
        node.end = parts[-1].value.end
        return node

    def _on_line(self, line: re.Match[str], column: int) -> tuple[Node, int]:
        """The scalar of such a line, and where the next part begins, as `_next` tells it."""
        at, end = line.span(1)
        following = line.end()
        if following - line.start(2) != column or (column == 0 and _BOUNDARY.match(self.text, following)):
            following = -1
        return Node("scalar", _STYLES.get(self.text[at], "plain"), at, at, end), following

    def _member(self, at: int, column: int, key: Node | None) -> Part:
        """A member whose key is not the simplest."""
        text, start = self.text, at
        if key is None and text[at] == "?" and _INDICATOR.match(text, at):
            return self._explicit(at, column)
        if key is None:
            anchor = tag = ""
            if text[at] in "&!":
                at, anchor, tag = self.properties(at)
            empty = text[at] == ":" and _INDICATOR.match(text, at)
            key = self.dress(Node("scalar", "empty", at, at, at) if empty else self.inline(at), start, anchor, tag)
        colon = _COLON.match(text, key.end)
        mark = colon.end() if colon is not None else key.end
        return Part(start, mark, *name_of(text, key), self._block(mark, column, column - 1))

    def _explicit(self, at: int, column: int) -> Part:
        """A member whose key stands behind a question mark."""
        text = self.text
        key = self._block(at + 1, column, column - 1)
        colon = self._next(key.end, column)
        if colon >= 0 and text[colon] == ":" and _INDICATOR.match(text, colon):
            return Part(at, colon + 1, *name_of(text, key), self._block(colon + 1, column, column - 1))
        return Part(at, key.end, *name_of(text, key), Node("scalar", "empty", key.end, key.end, key.end))

    def _sequence(self, at: int) -> Node:
        text, column = self.text, self._column(at)
        node = Collection("sequence", "block", at, at, at, column=column)
        while at >= 0 and text[at] == "-" and _INDICATOR.match(text, at):
            line = _SCALAR_LINE.match(text, at + 1)
            if line is not None and line.end() - line.start(2) <= column:
                value, following = self._on_line(line, column)
            else:
                value = self._block(at + 1, column, column)
                following = self._next(value.end, column)
            node.parts.append(Part(at, at + 1, None, False, value))
            node.end = value.end
            at = following
        return node

    def _block_scalar(self, at: int, outer: int) -> Node:
        text = self.text
        node = BlockScalar("scalar", "literal" if text[at] == "|" else "folded", at, at, at)
        header = _HEADER.match(text, at)
        if header is None:
            return node
        marks = header[1]
        digits = marks.strip("+-")
        if digits:
            node.column = max(outer, 0) + int(digits)
        else:
            leading = _LEADING.match(text, header.end())
            longest = max(map(len, leading[1].replace("\r", "").split("\n")), default=0) if leading else 0
            node.column = max(longest, len(leading[2]) if leading else 0, outer + 1, 1)
        lines = _lines_of(node.column, "+" in marks).match(text, header.end())
        end = lines.end() if lines is not None else header.end()
        node.end = end - (text[end - 1] == "\n")
        node.end -= text[node.end - 1] == "\r" and node.end < end
        return node


@lru_cache(maxsize=64)
def _lines_of(column: int, keep: bool) -> re.Pattern[str]:  # noqa: FBT001 - the cache's key
    """The lines of a block scalar that begin in this column, with the blank ones at its end if it keeps them."""
    blank = rf"(?: {{0,{column}}}\r?\n)*+"
    return re.compile(rf"(?:{blank} {{{column}}}[^\r\n][^\n]*+(?:\n|\Z))*+" + (blank if keep else ""))
