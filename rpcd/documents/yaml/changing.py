"""YAML files: what gives a place another value, and what adds one. Pure.

Rules of this file:

- What stands beside a value on its line stays there: its anchor, and the comment.
- What has a tag of its own is not changed. `!!str` and its like are YAML's, and go unless the new value is a string
  too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from rpcd.documents.document import Value, index, not_editable
from rpcd.documents.proof import same
from rpcd.documents.splice import MAX_REPEATED, Splice, bounded, insert, join
from rpcd.documents.yaml.cutting import comment_on_line, cut, cut_lines, line_end, line_start
from rpcd.documents.yaml.layout import BlockScalar, Collection, Node, Part
from rpcd.documents.yaml.spelling import spell_key
from rpcd.documents.yaml.writing import Writer, Written
from rpcd.errors import Refused

__all__ = ["Changes", "require_no_tag"]

_STANDARD_TAG: Final = re.compile(r"(?:!!|!<tag:yaml\.org,2002:)(?:bool|float|int|map|null|seq|str|timestamp)>?")
_REST_OF_LINE: Final = re.compile(r"([ \t]*+)(,?)([ \t]*+(?:#[^\r\n]*+)?)(?=\r?\n)")


def require_no_tag(node: Node, text: str) -> None:
    """Raise `Refused("not_editable")` for a node with a tag that is not YAML's."""
    if node.tag and not _STANDARD_TAG.fullmatch(node.tag):
        raise not_editable("tag", text, node.start)


class Changes:
    """Finds the splices that change one text."""

    def __init__(self, text: str, writer: Writer) -> None:
        self._text = text
        self._writer = writer

    def replace(self, holder: Collection, part: Part, value: Value, old: object) -> Splice:
        """What gives a part another value; `old` is what the judge has read there."""
        node = part.value
        require_no_tag(node, self._text)
        if isinstance(node, Collection) and node.style == "block" and value and holder.style != "stream":
            splice = self._within(node, value, old)
            if splice is not None:
                return splice
        if holder.style == "stream":
            return self._document(node, value)
        return self._in_block(holder, part, value) if holder.style == "block" else self._in_flow(part, value)

    def add(self, above: tuple[Collection, Part] | None, node: Node, segment: str, value: Value) -> Splice:
        """What gives a collection one more member, or an element at its end; `above` is where that is held."""
        require_no_tag(node, self._text)
        if node.style == "empty" and node.start == node.end:
            return self._first(node, segment, value) if above is None else self.replace(*above, {segment: value}, None)
        if not isinstance(node, Collection) or node.style == "pair":
            raise not_editable("structure")
        if node.kind == "sequence" and index(segment) != len(node.parts):
            raise Refused("no_such_key")
        if node.style == "stream":
            return insert(self._text, len(self._text), ["---", self._whole(value, 0)])
        if node.style == "block":
            return self._append(node, [value] if node.kind == "sequence" else {segment: value}, node.parts[-1])
        if node.parts or (above is not None and above[0].style not in {"block", "stream"}):
            return self._append_in_flow(node, segment, value)
        whole: Value = [value] if node.kind == "sequence" else {segment: value}
        return self._document(node, whole) if above is None else self.replace(*above, whole, None)

    def empty(self, above: tuple[Collection, Part] | None, holder: Collection) -> Splice:
        """What takes the only part of a collection away, and leaves that in brackets."""
        text, part = self._text, holder.parts[0]
        if holder.style == "flow":
            return Splice(holder.at + 1, holder.end - 1, "")
        brackets = "{}" if holder.kind == "mapping" else "[]"
        start = line_start(text, holder.at)
        if above is None or above[0].style != "block" or start <= above[1].mark:
            return Splice(holder.at, holder.end, brackets)
        mark = above[1].mark
        line = text[mark : line_end(text, mark)].removesuffix(comment_on_line(text, mark))
        at = mark + len(line.rstrip(" \t"))
        return join(text, [Splice(at, at, " " + brackets), cut_lines(text, start, line_end(text, part.value.end))])

    # A value in place of another.

    def _in_flow(self, part: Part, value: Value) -> Splice:
        text, node = self._text, part.value
        spelled = self._writer.flow(value, node.style, self._plain(node))
        if node.start == node.end:
            colon = part.mark > part.start and text[part.mark - 1] == ":"
            return Splice(part.mark, part.mark, f" {spelled}" if colon else f": {spelled}")
        return Splice(node.start, node.end, _properties(node, value) + spelled)

    def _in_block(self, holder: Collection, part: Part, value: Value) -> Splice:
        text, node = self._text, part.value
        lines = node.style == "block" or isinstance(node, BlockScalar)
        end = line_end(text, node.end)
        if isinstance(node, BlockScalar):
            comment = comment_on_line(text, node.at)
        elif not lines:
            comment = text[node.end : end].rstrip(" \t")
        else:
            comment = comment_on_line(text, part.mark) if line_start(text, node.at) > part.mark else ""
        properties = _properties(node, value)
        written = self._written(holder, node, value, alone=bool(comment or properties))
        if not written.below and not lines:
            white = text[part.mark : node.start]
            return Splice(part.mark, node.end, (bounded(white) or " ") + properties + written.here)
        below = written.below + self._end_of_text(end, value)
        return Splice(part.mark, end, f" {properties}{written.here}".rstrip(" ") + comment + below)

    def _written(self, holder: Collection, node: Node, value: Value, *, alone: bool) -> Written:
        several = isinstance(value, str) and "\n" in value and node.style not in {"single", "double"}
        if several and isinstance(value, str) and isinstance(node, BlockScalar):
            written = self._writer.block_scalar(value, node.style, holder.column, node.column)
            if written is not None:
                return written
        in_brackets = isinstance(node, Collection) and node.style == "flow" and node.parts
        if several or (isinstance(value, dict | list) and not in_brackets):
            return self._writer.behind(value, holder.column, dash=holder.kind == "sequence", alone=alone)
        return Written(self._writer.flow(value, node.style, self._plain(node)))

    def _document(self, node: Node, value: Value) -> Splice:
        """A whole document."""
        text = self._text
        if node.start == node.end:
            at = line_end(text, node.start)
            return Splice(at, at, self._writer.lines([self._whole(value, 0)], 0))
        properties, start = _properties(node, value), line_start(text, node.start)
        opens = text[start : node.start].strip(" \t")
        if isinstance(value, dict | list) and value and (opens or properties):
            start = node.start if properties else start + len(text[start : node.start].rstrip(" \t"))
            return Splice(start, node.end, properties.rstrip(" ") + self._writer.lines([self._whole(value, 0)], 0))
        column = 0 if opens else min(node.start - start, MAX_REPEATED)
        return Splice(node.start, node.end, properties + self._whole(value, column))

    def _whole(self, value: Value, column: int) -> str:
        if isinstance(value, dict | list) and value:
            return self._writer.block(value, column)
        return self._writer.flow(value)

    def _plain(self, node: Node) -> str:
        """What stands there without quotes."""
        return self._text[node.at : node.end] if node.style == "plain" else ""

    # A collection in place of another: what stays is not touched.

    def _within(self, node: Collection, value: Value, old: object) -> Splice | None:
        """What gives a collection in block style exactly these parts; None where all of it goes."""
        splices: list[Splice] | None = None
        if node.kind == "mapping" and isinstance(value, dict) and isinstance(old, dict):
            splices = self._members(node, value, old)
        elif node.kind == "sequence" and isinstance(value, list) and isinstance(old, list):
            splices = self._elements(node, value, old)
        try:
            return None if splices is None else join(self._text, splices or [Splice(node.end, node.end, "")])
        except Refused:  # parts on one line: two splices want the same characters
            return None

    def _members(self, node: Collection, value: Mapping[str, Value], old: Mapping[str, object]) -> list[Splice] | None:
        kept = [part for part in node.parts if part.name in value]
        first = node.parts[0]
        own = not self._text[line_start(self._text, first.start) : first.start].strip(" ")
        if len(node.names) != len(node.parts) or not kept or (first is not kept[0] and not own):
            return None
        splices = [cut(self._text, node, part) for part in node.parts if part.name not in value]
        for name, part in node.names.items():
            if name in value and not same(value[name], old[name]):
                splices.append(self.replace(node, part, value[name], old[name]))
        new = {name: held for name, held in value.items() if name not in node.names}
        return [*splices, self._append(node, new, kept[-1])] if new else splices

    def _elements(self, node: Collection, value: Sequence[Value], old: Sequence[object]) -> list[Splice] | None:
        """The first and the last elements that are the same stay; of what lies between, as many as there are."""
        first = _alike(value, old)
        last = min(_alike(value[::-1], old[::-1]), len(value) - first, len(old) - first)
        before, after = list(old[first : len(old) - last]), list(value[first : len(value) - last])
        parts = node.parts[first : len(old) - last]
        if first == 0 and not parts:  # new ones before all others
            return None
        splices = [
            self.replace(node, *pair) for pair in zip(parts, after, before, strict=False) if not same(pair[1], pair[2])
        ]
        splices += [cut(self._text, node, part) for part in parts[len(after) :]]
        if len(after) > len(parts):
            splices.append(self._append(node, after[len(parts) :], node.parts[first + len(parts) - 1]))
        return splices

    # What was not there.

    def _append(self, node: Collection, new: Mapping[str, Value] | Sequence[Value], last: Part) -> Splice:
        """Members or elements on lines of their own, behind a part of a collection in block style."""
        like = last.value.style
        if isinstance(new, Mapping):
            parts = [self._writer.member(name, value, node.column, like) for name, value in new.items()]
        else:
            parts = [self._writer.element(value, node.column, like) for value in new]
        at = line_end(self._text, last.value.end)
        values = [*(new.values() if isinstance(new, Mapping) else new)]
        return Splice(at, at, self._writer.lines(parts, node.column) + self._end_of_text(at, values))

    def _end_of_text(self, at: int, value: Value) -> str:
        """The line end that a block scalar wants where nothing follows."""
        while isinstance(value, dict | list) and value:
            value = [*value.values()][-1] if isinstance(value, dict) else value[-1]
        open_end = at == len(self._text) and isinstance(value, str) and value.endswith("\n")
        return self._writer.newline if open_end else ""

    def _append_in_flow(self, node: Collection, segment: str, value: Value) -> Splice:
        text = self._text
        spelled = f"{spell_key(segment)}: " if node.kind == "mapping" else ""
        if not node.parts:
            return Splice(node.at + 1, node.end - 1, spelled + self._writer.flow(value))
        last = node.parts[-1]
        spelled += self._writer.flow(value, last.value.style)
        end, start = last.value.end, line_start(text, last.start)
        margin, rest = text[start : last.start], _REST_OF_LINE.match(text, end)
        if margin.strip(" \t") or rest is None or len(margin) > MAX_REPEATED:
            return Splice(end, end, ", " + spelled)
        white, comma, comment = rest.groups()
        comment = comment if comma else white + comment
        return Splice(end, rest.end(), f",{comment}{self._writer.newline}{margin}{spelled}{comma}")

    def _first(self, node: Node, segment: str, value: Value) -> Splice:
        """The first member of a document that has nothing in it."""
        text = self._text
        member = self._writer.member(segment, value, 0)
        if node.start == len(text):
            return insert(text, node.start, [member])
        at = line_end(text, node.start)
        return Splice(at, at, self._writer.lines([member], 0))


def _properties(node: Node, value: Value) -> str:
    """The anchor and tag that stay, with a space."""
    tag = node.tag if node.tag == "!!str" and isinstance(value, str) else ""
    return "".join(f"{part} " for part in (f"&{node.anchor}" if node.anchor else "", tag) if part)


def _alike(one: Sequence[object], other: Sequence[object]) -> int:
    """How many elements are the same from the beginning."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if not same(*pair)), min(len(one), len(other))
    )
