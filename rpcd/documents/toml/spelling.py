"""TOML files: how keys, values, lines and headers are written. Pure."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Final

from rpcd.documents.document import Value, not_editable
from rpcd.documents.key import Key
from rpcd.documents.splice import MAX_REPEATED, bounded, separator_like
from rpcd.documents.toml.layout import Body, Node, Pair, Table, Tables

__all__ = ["Style", "gets_headers", "is_date", "spell", "spell_key", "tell", "type_of"]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_TO_ESCAPE: Final = re.compile(r"[\x7f-\x9f\u2028\u2029]")
_NO_LITERAL: Final = re.compile(r"['\x00-\x1f\x7f-\x9f\u2028\u2029]")

_DATE: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?)?|\d\d:\d\d:\d\d(?:\.\d+)?"
)

LEAST_INTEGER: Final = -(2**63)
GREATEST_INTEGER: Final = 2**63 - 1


class Style:
    """How a file is written."""

    def __init__(self, text: str, root: Table) -> None:
        self._text = text
        self._example = next(_pairs(root), None)

    def pair(self, name: Key, value: Value, body: Body | None = None) -> str:
        """The line of a new key below `body`'s header, as the last one there is written."""
        text, indent, like = self._text, "", self._example
        if body is not None and body.pairs:
            like = body.pairs[-1]
            indent = text[like.start : like.key_start]
        elif body is not None:
            header = text[body.start : min(body.head_end, body.start + MAX_REPEATED + 1)]
            indent = header[: len(header) - len(header.lstrip(" \t"))]
        spelled = spell_key(name)
        between = " = "
        if like is not None:
            between = text[like.key_end : like.value_start]
            between = separator_like(between, text[like.key_start : like.key_end], spelled)
        return bounded(indent) + spelled + between + spell(value)

    def section(self, path: Key, value: Value) -> list[str]:
        """The lines of a new table, or of several, after a blank line each; tables within get headers too."""
        if isinstance(value, list):
            return [line for item in value for line in self.element(path, item)]
        below = {name: held for name, held in _members(value) if gets_headers((*path, name), held)}
        here = [self.pair((name,), held) for name, held in _members(value) if name not in below]
        lines = ["", f"[{spell_key(path)}]", *here] if here or not below else []
        return lines + [line for name, held in below.items() for line in self.section((*path, name), held)]

    def element(self, path: Key, value: Value) -> list[str]:
        """The lines of one more element of an array of tables."""
        lines = ["", f"[[{spell_key(path)}]]"]
        tables = {name: held for name, held in _members(value) if gets_headers((*path, name), held)}
        lines += [self.pair((name,), held) for name, held in _members(value) if name not in tables]
        return lines + [line for name, held in tables.items() for line in self.section((*path, name), held)]


def _members(value: Value) -> list[tuple[str, Value]]:
    return list(value.items()) if isinstance(value, dict) else []


def _pairs(node: Node) -> Iterator[Pair]:
    """The pairs of a table with a header, and of those below."""
    if isinstance(node, Table) and node.kind != "inline":
        yield from node.pairs.values()
        for member in node.members.values():
            yield from _pairs(member)
    elif isinstance(node, Tables):
        for table in node.items:
            yield from _pairs(table)


def is_date(spelled: str) -> bool:
    """Whether this is a date, a time or both, as TOML writes them (RFC 3339)."""
    return _DATE.fullmatch(spelled) is not None


def spell_key(key: Key) -> str:
    """A dotted key."""
    return ".".join(segment if _BARE.fullmatch(segment) else _basic(segment) for segment in key)


def spell(value: Value, old: str = "") -> str:
    """A value, in place of the one that is spelled `old`: in the same kind of quotes, and a date for a date.

    Raises `Refused("not_editable")` for null, for integers over 64 bits, and for what is no date where one stands.
    """
    if isinstance(value, str):
        if is_date(old):
            return _date(value, old)
        literal = old.startswith("'") and not old.startswith("'''")
        return f"'{value}'" if literal and not _NO_LITERAL.search(value) else _basic(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not LEAST_INTEGER <= value <= GREATEST_INTEGER:
            raise not_editable("type")
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(spell, value)) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{spell_key((name,))} = {spell(held)}" for name, held in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    raise not_editable("type")


def tell(spelled: str) -> Value:
    """The value that a scalar spells; a date as it is written."""
    if is_date(spelled):
        return spelled
    if spelled[0] in "\"'" and "\\" not in spelled and not spelled.startswith(('"""', "'''")):
        return spelled[1:-1]
    if spelled.isdecimal():
        return int(spelled)
    value: Value = tomllib.loads("value = " + spelled)["value"]
    return value


def gets_headers(path: Key, value: Value) -> bool:
    """Whether a value is written with headers, where there may be one: a table, or an array of nothing else.

    Every header repeats the key, so that it must not be a long one.
    """
    if sum(map(len, path)) > MAX_REPEATED:
        return False
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def type_of(spelled: str) -> str:
    """JSON Schema's name for the type of a scalar."""
    if spelled[0] in "\"'" or is_date(spelled):
        return "string"
    if spelled in {"true", "false"}:
        return "boolean"
    if spelled[:2] in {"0x", "0o", "0b"} or not any(mark in spelled for mark in ".eEn"):
        return "integer"
    return "number"


def _basic(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but TOML has one for DEL too."""
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _date(value: str, old: str) -> str:
    """A date of the same kind as `old`."""
    if not is_date(value) or _kind(value) != _kind(old):
        raise not_editable("type")
    return value


def _kind(spelled: str) -> tuple[type, bool]:
    """Which of TOML's four kinds a date is."""
    try:
        if ":" not in spelled:
            return type(date.fromisoformat(spelled)), False
        if "-" not in spelled[:8]:
            return type(time.fromisoformat(spelled)), False
        return datetime, datetime.fromisoformat(spelled.upper()).tzinfo is not None
    except ValueError:
        raise not_editable("type") from None
