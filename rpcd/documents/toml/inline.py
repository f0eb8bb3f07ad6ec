"""TOML files: parts between brackets and braces. Pure."""

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from rpcd.documents.document import Value
from rpcd.documents.proof import same
from rpcd.documents.splice import MAX_REPEATED, Splice, newline_of
from rpcd.documents.toml.layout import Array, Body, Node, Pair, Scalar, Table, bounds
from rpcd.documents.toml.spelling import is_date, spell, spell_key, tell

__all__ = ["append", "cut_item", "cut_pairs", "replace_pairs", "respell"]

_REST_OF_LINE: Final = re.compile(r"[ \t]*+,?[ \t]*+(?:#[^\n]*+)?\r?\n")
_COMMA: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+,")


def respell(text: str, node: Node, value: Value) -> str:
    """How a value is written in place of `node`. What it has in common with the old one stays as it is written."""
    spelled = _changed(text, node, value)
    return _as_is(text, node) if spelled is None else spelled


def _changed(text: str, node: Node | None, value: Value) -> str | None:
    """How a value is written in place of `node`; None where it is the same value."""
    if isinstance(node, Scalar):
        old = text[node.start : node.end]
        return None if same(tell(old), value) else spell(value, old)
    if isinstance(node, Array) and isinstance(value, list):
        return _changed_array(text, node, value)
    if not isinstance(node, Table) or not isinstance(value, dict):
        return spell(value)
    parts = {name: _changed_part(text, node.members.get(name), held) for name, held in value.items()}
    if len(parts) == len(node.members) and not any(parts.values()):
        return None
    pairs = (f"{spell_key((name,))} = {part or _as_is(text, node.members[name])}" for name, part in parts.items())
    return f"{{ {', '.join(pairs)} }}" if parts else "{}"


def _changed_array(text: str, node: Array, value: list[Value]) -> str | None:
    parts = [_changed_part(text, item, one) for item, one in zip_longest(node.items[: len(value)], value)]
    if len(parts) == len(node.items) and not any(parts):
        return None
    spelled = [part or _as_is(text, item) for part, item in zip_longest(parts, node.items[: len(value)])]
    margin = _margin(text, bounds(node.items[0])[0]) if node.items and parts else None
    if margin is None:
        return f"[{', '.join(spelled)}]"
    newline = newline_of(text)
    closing = _margin(text, node.end - 1) or ""
    return "[" + "".join(f"{newline}{margin}{part}," for part in spelled) + f"{newline}{closing}]"


def _changed_part(text: str, node: Node | None, value: Value) -> str | None:
    """As `_changed`; but nobody asked for this part alone, so that any string may come in place of a date."""
    if isinstance(node, Scalar):
        old = text[node.start : node.end]
        dated = is_date(old) and isinstance(value, str) and is_date(value)
        return None if same(tell(old), value) else spell(value, old if dated else "")
    return _changed(text, node, value)


def _as_is(text: str, node: Node | None) -> str:
    """How a value is written; one of dotted keys as the inline table that it is."""
    if isinstance(node, Table) and node.kind == "dotted":
        return (
            f"{{ {', '.join(f'{spell_key((name,))} = {_as_is(text, held)}' for name, held in node.members.items())} }}"
        )
    start, end = bounds(node) if node is not None else (0, 0)
    return text[start:end]


def append(text: str, array: Array, value: Value) -> Splice:
    """One more element: on a line of its own where the last one has one."""
    if not array.items:
        return Splice(array.start + 1, array.start + 1, spell(value))
    start, end = bounds(array.items[-1])
    margin, rest = _margin(text, start), _REST_OF_LINE.match(text, end)
    if margin is None or rest is None:
        return Splice(end, end, ", " + spell(value))
    comment = rest[0].rstrip("\r\n").lstrip(" \t").removeprefix(",")
    newline = newline_of(text)
    line_end = rest.end() - len(rest[0]) + len(rest[0].rstrip("\r\n"))
    mark = "," if rest[0].lstrip(" \t").startswith(",") else ""
    return Splice(end, line_end, f",{comment if mark else text[end:line_end]}{newline}{margin}{spell(value)}{mark}")


def cut_item(text: str, array: Array, at: int) -> Splice:
    """One element less, with its line where it has one to itself."""
    places = [bounds(item) for item in array.items]
    start, end = places[at]
    rest, comma = _REST_OF_LINE.match(text, end), _COMMA.match(text, end)
    apart = rest is not None and comma is not None and comma.end() > rest.end()
    if rest is not None and not apart and _margin(text, start) is not None:
        return Splice(text.rfind("\n", 0, start) + 1, rest.end(), "")
    if len(places) == 1:
        return Splice(array.start + 1, array.end - 1, "")
    if at == len(places) - 1:
        return Splice(places[at - 1][1], end, "")
    return Splice(start, places[at + 1][0], "")


def cut_pairs(text: str, body: Body, gone: Sequence[Pair]) -> Splice:
    """An inline table without some of its pairs."""
    pairs = body.pairs
    if len(gone) == len(pairs):
        return Splice(body.start + 1, body.head_end - 1, "")
    if len(gone) > 1:
        return replace_pairs(text, body, gone, [])
    at = pairs.index(gone[0])
    if at == len(pairs) - 1:
        return Splice(pairs[at - 1].value_end, pairs[at].value_end, "")
    return Splice(pairs[at].start, pairs[at + 1].start, "")


def replace_pairs(text: str, body: Body, gone: Sequence[Pair], new: Sequence[str]) -> Splice:
    """An inline table with others in place of some of its pairs."""
    pairs, starts = body.pairs, {pair.start for pair in gone}
    left = [text[pair.start : pair.value_end] for pair in pairs if pair.start not in starts]
    return Splice(pairs[0].start, pairs[-1].value_end, ", ".join([*left, *new]))


def _margin(text: str, at: int) -> str | None:
    """The white space before `at`, where nothing else stands before it on its line, and it is not too much of it."""
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return before if len(before) <= MAX_REPEATED and not before.strip(" \t") else None
