"""Keys that a schema cannot tell apart: what is found out about one of them holds for all. Pure.

Callers choose names, and may choose very many. A schema knows the few that its `properties` have, which of its patterns
a name fits, and how far into an array a number leads; all else is the same to it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rpcd.documents.document import index
from rpcd.documents.key import Key
from rpcd.schemas.pattern import Pattern

__all__ = ["Alike"]

MAX_KINDS: Final = 1024
"""Kinds of names that are told apart: names fit few combinations of patterns."""


class Alike:
    """For each key another one, the same for all that the schema cannot tell from it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        schemas = list(_tables(document))
        self._names = {name for schema in schemas for name in _table(schema.get("properties"))}
        patterns = {text for schema in schemas for text in _table(schema.get("patternProperties"))}
        self._patterns = [Pattern(text) for text in sorted(patterns)]
        self._counted = max((len(schema.get("prefixItems", ())) for schema in schemas), default=0)
        self._first: dict[object, str] = {}

    def of(self, key: Key) -> Key:
        """The key that stands for this one, and all that are like it."""
        return tuple([segment if segment in self._names else self._like(segment) for segment in key])

    def _like(self, segment: str) -> str:
        number = index(segment)
        kind = (
            None if number is None else min(number, self._counted),
            "=" in segment,
            tuple(pattern.found_in(segment) for pattern in self._patterns),
        )
        known = self._first.get(kind)
        if known is None and len(self._first) < MAX_KINDS:
            known = self._first.setdefault(kind, segment)
        return segment if known is None else known


def _tables(part: object) -> Iterator[Mapping[str, Any]]:
    """Every object that a schema is made of, whatever it stands for: names too many do no harm."""
    if isinstance(part, dict):
        yield part
    for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _tables(below)


def _table(part: Any) -> Mapping[str, Any]:
    return part if isinstance(part, dict) else {}
