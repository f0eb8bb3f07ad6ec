"""XML files: what the locator finds. Pure.

A place in a file is an element, all elements of one name beside each other where there are several, an attribute, or
the text of an element that has more than text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rpcd.documents.document import index

__all__ = ["Attribute", "Element", "Elements", "Node", "Text", "below"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute, from the white space before it up to `end`; the first quote of its value is at `at`."""

    start: int
    at: int
    end: int
    value: str


@dataclass(slots=True)
class Element:
    """An element: `name` up to `name_end`, its first tag up to `tag_end`, what is in it up to `inner_end`.

    `text` is None where it has none: in one tag (`is_tag`), or with no more than a line end between two. `runs` are the
    places of what text it has, `notes` says that a comment or an instruction stands between.
    """

    name: str
    start: int
    name_end: int
    tag_end: int
    is_tag: bool
    attributes: dict[str, Attribute]
    inner_end: int = 0
    end: int = 0
    text: str | None = None
    notes: bool = False
    children: "list[Element]" = field(default_factory=list)
    named: "dict[str, list[Element]]" = field(default_factory=dict)
    runs: list[tuple[int, int]] = field(default_factory=list)

    @property
    def is_table(self) -> bool:
        """Whether it has parts, or could have: it is no string."""
        return bool(self.attributes or self.children) or self.text is None

    @property
    def is_mixed(self) -> bool:
        """Whether text and elements stand beside each other."""
        return bool(self.children) and self.text is not None


@dataclass(frozen=True, slots=True)
class Elements:
    """Several elements of one name in one other."""

    items: Sequence[Element]


@dataclass(frozen=True, slots=True)
class Text:
    """The text of an element that is a table."""

    of: Element


Node = Element | Elements | Attribute | Text


def below(node: Node, segment: str) -> Node | None:
    """What stands in a place at a segment of a key; None where nothing does."""
    if isinstance(node, Elements):
        at = index(segment)
        return node.items[at] if at is not None and at < len(node.items) else None
    if not isinstance(node, Element) or not node.is_table:
        return None
    if segment.startswith("@"):
        return node.attributes.get(segment[1:])
    if segment == "#text":
        return Text(node) if node.text else None
    found = node.named.get(segment, ())
    return Elements(found) if len(found) > 1 else found[0] if found else None
