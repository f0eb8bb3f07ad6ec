"""Which keys a schema marks `"writeOnly": true`: passwords, which are written and never shown. Pure.

Rules of this file:

- A member is marked if any schema that may judge it, or a table or array above it, says so: also one that applies at
  times, and one of several alternatives.
- Where names are not known beforehand (patterns, additional members, elements) a step of a key is None, as in a pattern
  of keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from rpcd.documents.key import Key
from rpcd.schemas.places import Schema, above_and_at, children, there

__all__ = ["is_write_only", "write_only"]

Steps = tuple[str | None, ...]

OTHERS: Final = ("additionalProperties", "unevaluatedProperties", "items", "unevaluatedItems", "contains")


def is_write_only(document: Mapping[str, Any], key: Key) -> bool:
    """Whether what is at a key is never shown."""
    return any(schema.get("writeOnly") is True for schema in above_and_at(document, key))


def write_only(document: Mapping[str, Any], along: Sequence[str | None] = ()) -> Iterator[Steps]:
    """What is marked on the way `along` a pattern of keys, and below the end of it."""
    return _marked(document, list(there(document, document)), (), tuple(along), frozenset())


def _marked(
    document: Mapping[str, Any], here: list[Mapping[str, Any]], at: Steps, along: Steps, seen: frozenset[int]
) -> Iterator[Steps]:
    if any(schema.get("writeOnly") is True for schema in here):
        yield at
        return
    fresh = [schema for schema in here if id(schema) not in seen]
    if not fresh:  # a schema that leads to itself
        return
    seen = seen if along else seen | {id(schema) for schema in fresh}
    steps: dict[str | None, list[Schema]] = {}
    for schema in fresh:
        for name, child in _named(document, schema, along[0] if along else None):
            steps.setdefault(name, []).append(child)
    for name, schemas in steps.items():
        below = list(chain.from_iterable(there(document, schema) for schema in schemas))
        yield from _marked(document, below, (*at, name), along[1:], seen)


def _named(
    document: Mapping[str, Any], schema: Mapping[str, Any], name: str | None
) -> Iterator[tuple[str | None, Schema]]:
    """The schemas that one schema has for the member `name`, or for every one."""
    if name is not None:
        yield from ((name, child) for child in children(document, schema, name))
        return
    yield from schema.get("properties", {}).items()
    yield from ((str(number), child) for number, child in enumerate(schema.get("prefixItems", ())))
    yield from ((None, child) for child in schema.get("patternProperties", {}).values())
    yield from ((None, schema[keyword]) for keyword in OTHERS if keyword in schema)
