"""YAML files: how values are written in blocks, in the way of the file. Pure."""

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from rpcd.documents.document import Value
from rpcd.documents.kept import kept
from rpcd.documents.splice import MAX_REPEATED, newline_of
from rpcd.documents.yaml.layout import BlockScalar, Collection, Layout, Node, Style
from rpcd.documents.yaml.spelling import block_lines, mark_of, spell_flow, spell_key, spell_scalar

__all__ = ["Writer", "Written"]

_LOOKED_AT: Final = 1000
"""Nodes that tell how a file is written: the rest of a long one is like its beginning."""


class Written(NamedTuple):
    """What stands behind a mark on its line, and on the lines below."""

    here: str
    below: str = ""


class Writer:
    """Writes values as a file does."""

    def __init__(self, text: str, layout: Layout) -> None:
        self._text = text
        self._layout = layout
        self.newline = newline_of(text)

    def behind(self, value: Value, column: int, *, dash: bool, like: Style = "plain", alone: bool = False) -> Written:
        """What stands behind a colon, or a dash, of a collection in this column; a string in quotes `like` another's.

        With nothing of it on the line of a dash where that is to have something else, `alone`.
        """
        if isinstance(value, dict | list) and value and column < MAX_REPEATED:
            inner = column + (2 if dash else self._step if isinstance(value, dict) else self._dash)
            block = self.block(value, inner)
            if not dash or alone:
                return Written("", self._line(inner) + block)
            first, newline, others = block.partition(self.newline)
            return Written(first, newline + others)
        if isinstance(value, str) and "\n" in value and self._block_style:
            written = self.block_scalar(value, self._block_style, column, column + self._step)
            if written is not None:
                return written
        return Written(self.flow(value, like))

    def member(self, name: str, value: Value, column: int, like: Style = "plain") -> str:
        """A member of a mapping in this column, without the indentation of its first line."""
        here, below = self.behind(value, column, dash=False, like=like)
        return f"{spell_key(name)}:{' ' if here else ''}{here}{below}"

    def element(self, value: Value, column: int, like: Style = "plain") -> str:
        """An element of a sequence in this column, without the indentation of its first line."""
        here, below = self.behind(value, column, dash=True, like=like)
        return f"- {here}{below}"

    def block(self, value: dict[str, Value] | list[Value], column: int) -> str:
        """A collection in block style, without the indentation of its first line."""
        if isinstance(value, dict):
            parts = [self.member(name, held, column) for name, held in value.items()]
        else:
            parts = [self.element(held, column) for held in value]
        return self._line(column).join(parts)

    def flow(self, value: Value, like: Style = "plain", old: str = "") -> str:
        """A value on one line: as a scalar in this style, and where it needs quotes in those of the file.

        `old` is what stood there without quotes.
        """
        if isinstance(value, dict | list):
            return spell_flow(value)
        quote = mark_of(like)
        spelled = spell_scalar(value, quote, old)
        return spell_scalar(value, self._quote) if not quote and spelled.startswith('"') else spelled

    def block_scalar(self, value: str, style: Style, outer: int, column: int) -> Written | None:
        """A string as a block scalar, whose lines begin in `column`; None where it cannot be one."""
        written = block_lines(value, style) if max(outer, 0) < column <= MAX_REPEATED else None
        if written is None:
            return None
        header, lines = written
        return Written(header, "".join(self._line(column) + line if line else self.newline for line in lines))

    def lines(self, parts: list[str], column: int) -> str:
        """Parts that begin on lines of their own, behind another line."""
        return "".join(self._line(column) + part for part in parts)

    def _line(self, column: int) -> str:
        return self.newline + " " * column

    # How the file is written.

    @kept
    def _collections(self) -> list[tuple[Collection, Collection]]:
        """Collections in block style with those that hold them."""
        return [(outer, inner) for outer, inner in self._nodes if isinstance(inner, Collection) and _is_block(inner)]

    @kept
    def _nodes(self) -> list[tuple[Collection, Node]]:
        return list(islice(_below(self._layout.documents), _LOOKED_AT))

    @kept
    def _step(self) -> int:
        """Columns of a mapping in a mapping."""
        return self._indent("mapping", 2)

    @kept
    def _dash(self) -> int:
        """Columns of a sequence in a mapping."""
        return self._indent("sequence", self._step)

    def _indent(self, kind: str, usual: int) -> int:
        for outer, inner in self._collections:
            if outer.kind == "mapping" and inner.kind == kind and inner.column - outer.column <= MAX_REPEATED:
                return inner.column - outer.column
        return usual

    @kept
    def _quote(self) -> str:
        """The quotes of the file."""
        marks = (mark_of(node.style) for _, node in self._nodes)
        return next((mark for mark in marks if mark), '"')

    @kept
    def _block_style(self) -> Style | None:
        """Literal or folded, where the file has strings of several lines."""
        return next((node.style for _, node in self._nodes if isinstance(node, BlockScalar)), None)


def _is_block(node: Node) -> bool:
    return node.style == "block"


def _below(nodes: list[Node]) -> Iterator[tuple[Collection, Node]]:
    """Everything in these nodes, each with what holds it."""
    for node in nodes:
        if isinstance(node, Collection):
            for part in node.parts:
                yield node, part.value
                yield from _below([part.value])
