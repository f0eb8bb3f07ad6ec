"""XML files: what callers are told of a located one. Pure."""

from collections.abc import Mapping, Sequence

from rpcd.documents.document import Entry, Untold, Value, not_editable
from rpcd.documents.key import Key
from rpcd.documents.xml.layout import Attribute, Element, Elements, Node, Text

__all__ = ["entries_of", "parts_of", "tell", "value_of"]


def tell(node: Node) -> Value:
    """The value of a place; raises `Refused("not_editable")` where text and elements stand beside each other."""
    value = value_of(node)
    _require_told(value)
    return value


def value_of(node: Node) -> Value:
    """The value of a place; an `Untold` for text beside elements."""
    if isinstance(node, Attribute):
        return node.value
    if isinstance(node, Text):
        text = node.of.text or ""
        return Untold(text) if node.of.is_mixed else text
    if isinstance(node, Elements):
        return [value_of(item) for item in node.items]
    if not node.is_table:
        return node.text
    return {name: value_of(part) for name, part in parts_of(node).items()}


def parts_of(element: Element) -> Mapping[str, Node]:
    """What a table holds, by segments of keys."""
    parts: dict[str, Node] = {f"@{name}": attribute for name, attribute in element.attributes.items()}
    if element.text:
        parts["#text"] = Text(element)
    for name, found in element.named.items():
        parts[name] = Elements(found) if len(found) > 1 else found[0]
    return parts


def entries_of(top: Element) -> Sequence[Entry]:
    """Everything in an element, in the order of the text; tables and arrays before what they hold."""
    found: list[Entry] = []
    _list((), top, found)
    found.sort(key=lambda entry: entry.start)  # stable
    return found


def _list(key: Key, node: Node, found: list[Entry]) -> None:
    parts: Mapping[str, Node] = {}
    if isinstance(node, Elements):
        parts = {str(at): item for at, item in enumerate(node.items)}
    elif isinstance(node, Element) and node.is_table:
        parts = parts_of(node)
    for segment, part in parts.items():
        found.append(Entry((*key, segment), _type(part), *_place(part)))
        _list((*key, segment), part, found)


def _type(node: Node) -> str:
    if isinstance(node, Elements):
        return "array"
    return "object" if isinstance(node, Element) and node.is_table else "string"


def _place(node: Node) -> tuple[int, int]:
    if isinstance(node, Elements):
        return node.items[0].start, node.items[-1].end
    if isinstance(node, Text):
        return node.of.runs[0][0], node.of.runs[-1][1]
    return node.start, node.end


def _require_told(value: Value) -> None:
    if isinstance(value, Untold):
        raise not_editable("mixed")
    if isinstance(value, dict | list):
        for held in value.values() if isinstance(value, dict) else value:
            _require_told(held)
