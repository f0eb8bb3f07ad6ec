"""PHP: where items and statements stand, and where new ones go. Pure."""

import re
from typing import Final

from rpcd.documents.document import not_editable
from rpcd.documents.php.layout import Array, Item, Statement
from rpcd.documents.splice import Splice, insert, newline_of

__all__ = ["after_item", "behind", "leading", "only_item", "without_item", "without_statement"]

_REST: Final = re.compile(
    r"[ \t]*+(?:(?://|\#)(?:[^\r\n?]|\?(?!>))*+|/\*(?:[^*\r\n]|\*(?!/))*+\*/[ \t]*+)?+(?:\r?\n|\Z)"
)
_BLANKS: Final = re.compile(r"[ \t]*+")


def behind(text: str, statement: Statement, line: str) -> Splice:
    """A statement behind another, on a line of its own if that ends its line."""
    rest = _REST.match(text, statement.end)
    if rest is None:
        return Splice(statement.end, statement.end, " " + line)
    return insert(text, rest.end(), [line])


def leading(text: str, lead: int, line: str) -> Splice:
    """The first statement of a file, behind what must be there before it; `lead` is a word's end, or 0."""
    if not text.strip():
        return insert(text, len(text), ["<?php", line])
    at = lead or (found.end() if (found := re.match(r"(?:\ufeff|#![^\n]*\n)?<\?php", text, re.IGNORECASE)) else 0)
    rest = _REST.match(text, at)
    if not at or rest is None:
        raise not_editable("structure", text, at)
    return insert(text, rest.end(), [line])


def only_item(text: str, array: Array, item: str, margin: str) -> Splice:
    """The first item of an array."""
    within = text[array.inner : array.inner_end]
    line = text.rfind("\n", array.inner, array.inner_end) + 1
    if not line:
        return (
            Splice(array.inner, array.inner_end, item)
            if not within.strip()
            else Splice(array.inner_end, array.inner_end, item)
        )
    if text[line : array.inner_end].strip(" \t"):
        raise not_editable("structure", text, line)
    return insert(text, line, [f"{margin}    {item},"])


def after_item(text: str, array: Array, item: str, margin: str, *, lines: bool) -> list[Splice]:
    """One more item behind the last one, on a line of its own where that has one."""
    last = array.items[-1]
    end = last.comma or last.end
    rest = _REST.match(text, end) if lines else None
    if rest is None or rest.end() > array.inner_end:
        return [Splice(last.end, last.end, f", {item}")]
    comma = [] if last.comma else [Splice(last.end, last.end, ",")]
    return [*comma, Splice(rest.end(), rest.end(), f"{margin}{item}{',' if last.comma else ''}{newline_of(text)}")]


def without_item(text: str, array: Array, item: Item) -> Splice:
    """What takes an item away, with its line where it has one to itself."""
    at = array.items.index(item)
    before = array.items[at - 1] if at else None
    end = item.comma or item.end
    floor = (before.comma or before.end) if before else array.inner
    line = text.rfind("\n", floor, item.start) + 1
    rest = _REST.match(text, end)
    if line and not text[line : item.start].strip(" \t") and rest and rest.end() <= array.inner_end:
        if item.comma or before is None or not before.comma:
            return Splice(line, rest.end(), "")
        return Splice(before.end, rest.end(), text[before.comma : line])  # the comma before it goes too
    if before is not None and not item.comma:
        return Splice(before.end, item.end, "")
    blanks = _BLANKS.match(text, end)
    return Splice(item.start, blanks.end() if blanks else end, "")


def without_statement(text: str, statement: Statement) -> Splice:
    """What takes a statement away, with its line where it has one to itself."""
    line = text.rfind("\n", statement.before, statement.start) + 1
    rest = _REST.match(text, statement.end)
    if line and not text[line : statement.start].strip(" \t") and rest:
        return Splice(line, rest.end(), "")
    return Splice(statement.start, statement.end, "")
