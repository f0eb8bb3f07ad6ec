"""XML files: what an edit changes. Pure.

Rules of this file:

- A value is replaced where it stands, a table part by part. A new element comes after the last of its name, else after
  the last in its parent and the comment on that one's line; a new attribute after the last of its element.
- An element goes with its line, where it has that to itself.
- Nothing is lost that a value cannot say: a text with comments in it, or with elements, is not replaced.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from rpcd.documents.document import Entry, Value, index, not_editable
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.proof import same
from rpcd.documents.splice import Splice, join
from rpcd.documents.xml.layout import Attribute, Element, Elements, Node, Text, below
from rpcd.documents.xml.locate import locate
from rpcd.documents.xml.spelling import Style, is_child, margin_of
from rpcd.documents.xml.tell import entries_of, parts_of, tell, value_of
from rpcd.errors import Refused

__all__ = ["XmlDocument"]

_COMMENT_BEHIND: Final = re.compile(r"(?:[ \t]*+<!--(?:(?!-->)[^\r\n])*+-->)?")
_LINE_END: Final = re.compile(r"[ \t]*+\r?\n")
_SECTION: Final = re.compile(r"<!\[CDATA\[(?:(?!\]\]>).)*+\]\]>", re.DOTALL)
_NOTE: Final = re.compile(r"<!--|<\?")
_SPACE: Final = re.compile(r"[ \t\r\n]++")


class XmlDocument:
    """A located XML file."""

    def __init__(self, text: str) -> None:
        self._text = text

    @kept
    def _top(self) -> Element:
        return locate(self._text)

    @kept
    def _style(self) -> Style:
        return Style(self._text, self._top)

    def get(self, key: Key) -> Value:
        """See `Document`."""
        return tell(self._found(key))

    def entries(self) -> Sequence[Entry]:
        """See `Document`. Elements of one name that do not follow each other count what lies between them in."""
        return entries_of(self._top)

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        parent: Node = self._top
        node: Node = self._top
        for depth, segment in enumerate(key):
            part = below(node, segment)
            if part is None:
                return self._join(self._add(parent, node, key[depth:], value))
            parent, node = node, part
        return self._join(self._replace(node, value))

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        node, parent = self._found(key), self._found(key[:-1])
        if parent is self._top:
            raise not_editable("structure")
        if isinstance(parent, Elements):
            parent = self._found(key[:-2])
        if not isinstance(parent, Element):
            raise Refused("no_such_key")
        return self._join(self._cut(parent, node))

    def _join(self, splices: list[Splice]) -> Splice:
        return join(self._text, splices or [Splice(0, 0, "")])

    def _found(self, key: Key) -> Node:
        node: Node | None = self._top
        for segment in key:
            node = below(node, segment) if node is not None else None
        if node is None:
            raise Refused("no_such_key")
        return node

    # What is there is replaced.

    def _replace(self, node: Node, value: Value) -> list[Splice]:
        if isinstance(node, Attribute):
            return [Splice(node.at, node.end, self._style.attribute(value, self._text[node.at]))]
        if isinstance(node, Text):
            return [self._replace_text(node.of, value)]
        if isinstance(node, Elements):
            return self._replace_all(node.items, value)
        if node.is_mixed:
            raise not_editable("mixed")
        if not isinstance(value, dict | str):
            raise not_editable("type")
        if isinstance(value, str):
            if node.attributes or node.children:
                raise not_editable("structure")
            return [self._replace_text(node, value)]
        if any(map(is_child, value)) != bool(node.children) or not value or not (node.attributes or node.children):
            return [self._replace_whole(node, value)]
        return self._replace_parts(node, value)

    def _replace_whole(self, element: Element, value: Value) -> Splice:
        if _NOTE.search(self._text, element.start, element.end):
            raise not_editable("structure")
        margin = margin_of(self._text, element.start) or ""
        return Splice(element.start, element.end, self._style.element(element.name, value, margin))

    def _replace_text(self, element: Element, value: Value) -> Splice:
        """What gives an element without others this text."""
        if element.is_mixed:
            raise not_editable("mixed")
        if element.is_tag:
            return self._open(element, self._style.text(value))
        start, end = element.tag_end, element.inner_end
        if element.notes:
            if len(element.runs) != 1:
                raise not_editable("structure")
            ((start, end),) = element.runs
        section = _SECTION.fullmatch(self._text, start, end)
        return Splice(start, end, self._style.section(value) if section else self._style.text(value))

    def _replace_all(self, items: Sequence[Element], value: Value) -> list[Splice]:
        """What gives elements of one name exactly these values."""
        if not isinstance(value, list):
            raise not_editable("structure")
        if len(value) < 2:  # noqa: PLR2004 - one would be no list
            raise not_editable("type")
        splices: list[Splice] = []
        for element, held in zip(items, value, strict=False):
            if not same(value_of(element), held):
                splices += self._replace(element, held)
        splices += [self._cut_element(element) for element in items[len(value) :]]
        new = [(items[0].name, held) for held in value[len(items) :]]
        return [*splices, self._after(items[-1], new)] if new else splices

    def _replace_parts(self, element: Element, value: Mapping[str, Value]) -> list[Splice]:
        """What gives a table exactly these parts."""
        splices: list[Splice] = []
        old = parts_of(element)
        for name, node in old.items():
            if name not in value:
                splices += self._cut_part(node)
            elif not same(value_of(node), value[name]):
                splices += self._replace(node, value[name])
        new = {name: held for name, held in value.items() if name not in old}
        return [*splices, *self._add_parts(element, new)] if new else splices

    # What is new.

    def _add(self, parent: Node, node: Node, rest: Key, value: Value) -> list[Splice]:
        """What adds a part or an element, with the elements that are missing on the way to it."""
        if node is self._top or not isinstance(node, Element | Elements):
            raise not_editable("structure")
        for name in reversed(rest[1:]):
            value = {name: value}
        if isinstance(node, Elements):
            if index(rest[0]) != len(node.items):
                raise Refused("no_such_key")
            return [self._after(node.items[-1], [(node.items[0].name, value)])]
        if rest == ("1",) and isinstance(parent, Element) and parent is not self._top:  # it is repeated from now on
            return [self._after(node, [(node.name, value)])]
        if not node.is_table:
            raise not_editable("structure")
        return self._add_parts(node, {rest[0]: value})

    def _add_parts(self, element: Element, new: Mapping[str, Value]) -> list[Splice]:
        style, text = self._style, self._text
        children = [*style.children(new)]
        if (children and element.text is not None) or ("#text" in new and (children or element.children)):
            raise not_editable("mixed")
        if "#text" in new and not (element.attributes or any(name.startswith("@") for name in new)):
            raise not_editable("structure")
        splices = []
        attributes = {name[1:]: value for name, value in new.items() if name.startswith("@")}
        if attributes:
            last = max(element.attributes.values(), key=lambda attribute: attribute.end, default=None)
            white = _SPACE.match(text, last.start) if last else None
            before, quote = white[0] if white else " ", text[last.at] if last else '"'
            spelled = (
                f"{before}{style.name(name)}={style.attribute(value, quote)}" for name, value in attributes.items()
            )
            at = last.end if last else element.name_end
            splices.append(Splice(at, at, "".join(spelled)))
        if "#text" in new:
            splices.append(self._replace_text(element, new["#text"]))
        if children and element.children:
            splices.append(self._after(element.children[-1], children))
        elif children:
            lines = style.lines(children, margin_of(text, element.start) or "")
            if element.is_tag:
                splices.append(self._open(element, lines))
            elif element.notes:
                splices.append(Splice(element.tag_end, element.tag_end, lines.rstrip(" \t\r\n")))
            else:
                splices.append(Splice(element.tag_end, element.inner_end, lines))
        return splices

    def _open(self, element: Element, content: str) -> Splice:
        """What makes two tags of one, with this between them."""
        at = element.tag_end - len("/>")
        while self._text[at - 1] in " \t\r\n":
            at -= 1
        return Splice(at, element.tag_end, f">{content}</{self._text[element.start + 1 : element.name_end]}>")

    def _after(self, element: Element, new: Sequence[tuple[str, Value]]) -> Splice:
        """New elements, by name and value, after another."""
        style, margin = self._style, margin_of(self._text, element.start)
        if margin is None:
            return Splice(element.end, element.end, "".join(style.element(name, value, "") for name, value in new))
        comment = _COMMENT_BEHIND.match(self._text, element.end)
        at = comment.end() if comment else element.end
        return Splice(
            at, at, "".join(style.newline + margin + style.element(name, value, margin) for name, value in new)
        )

    # What is there goes.

    def _cut(self, parent: Element, node: Node) -> list[Splice]:
        """What takes a part away from an element; what is left of that stays a table."""
        if isinstance(node, Element | Elements):
            items = node.items if isinstance(node, Elements) else [node]
            if parent.is_mixed:
                if len(items) == len(parent.children):
                    raise not_editable("mixed")
                return [Splice(item.start, item.end, "") for item in items]
            if len(items) == len(parent.children) and not parent.notes:
                return [self._empty(parent)]
        elif isinstance(node, Attribute) and len(parent.attributes) == 1 and not parent.children:
            if parent.text is not None:
                raise not_editable("structure")
            return [self._replace_whole(parent, {})]
        elif isinstance(node, Text) and parent.is_mixed:
            raise not_editable("mixed")
        return self._cut_part(node)

    def _empty(self, parent: Element) -> Splice:
        """What leaves nothing in an element."""
        if parent.attributes:
            return Splice(parent.tag_end, parent.inner_end, "")
        return Splice(parent.tag_end - 1, parent.end, self._style.closing)

    def _cut_part(self, node: Node) -> list[Splice]:
        if isinstance(node, Attribute):
            return [Splice(node.start, node.end, "")]
        if isinstance(node, Text):
            return [self._replace_text(node.of, "")]
        return [self._cut_element(item) for item in (node.items if isinstance(node, Elements) else [node])]

    def _cut_element(self, element: Element) -> Splice:
        margin = margin_of(self._text, element.start)
        comment = _COMMENT_BEHIND.match(self._text, element.end)
        line_end = _LINE_END.match(self._text, comment.end() if comment else element.end)
        if margin is None or line_end is None:
            return Splice(element.start, element.end, "")
        return Splice(element.start - len(margin), line_end.end(), "")
