"""TOML files: parts between brackets and braces. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from rpcd.documents.document import Value
from rpcd.documents.splice import Splice, newline_of
from rpcd.documents.toml.layout import Array, Body, Node, Pair, Scalar, bounds
from rpcd.documents.toml.spelling import is_date, spell

__all__ = ["append", "cut_item", "cut_pairs", "respell"]

_REST_OF_LINE: Final = re.compile(r"[ \t]*+,?[ \t]*+(?:#[^\n]*+)?\r?\n")


def respell(text: str, node: Node, value: Value) -> str:
    """How a value is written in place of `node`."""
    if isinstance(node, Scalar):
        return spell(value, text[node.start : node.end])
    if not isinstance(node, Array) or not isinstance(value, list) or not value or not node.items:
        return spell(value)
    olds = [text[item.start : item.end] if isinstance(item, Scalar) else "" for item in node.items]
    parts = [
        spell(one, old if is_date(old) and isinstance(one, str) and is_date(one) else "")
        for one, old in zip(value, (*olds, *[""] * len(value)), strict=False)
    ]
    margin = _margin(text, bounds(node.items[0])[0])
    if margin is None:
        return f"[{', '.join(parts)}]"
    newline = newline_of(text)
    closing = _margin(text, node.end - 1) or ""
    return "[" + "".join(f"{newline}{margin}{part}," for part in parts) + f"{newline}{closing}]"


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
    rest = _REST_OF_LINE.match(text, end)
    if rest is not None and _margin(text, start) is not None:
        return Splice(text.rfind("\n", 0, start) + 1, rest.end(), "")
    if len(places) == 1:
        return Splice(array.start + 1, array.end - 1, "")
    if at == len(places) - 1:
        return Splice(places[at - 1][1], end, "")
    return Splice(start, places[at + 1][0], "")


def cut_pairs(text: str, body: Body, gone: Sequence[Pair]) -> Splice:
    """An inline table without some of its pairs."""
    pairs = body.pairs
    left = [pair for pair in pairs if pair not in gone]
    if not left:
        return Splice(body.start + 1, body.head_end - 1, "")
    if len(gone) > 1:
        return Splice(
            pairs[0].start, pairs[-1].value_end, ", ".join(text[pair.start : pair.value_end] for pair in left)
        )
    at = pairs.index(gone[0])
    if at == len(pairs) - 1:
        return Splice(pairs[at - 1].value_end, pairs[at].value_end, "")
    return Splice(pairs[at].start, pairs[at + 1].start, "")


def _margin(text: str, at: int) -> str | None:
    """The white space before `at`, where nothing else stands before it on its line."""
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return before if not before.strip(" \t") else None
