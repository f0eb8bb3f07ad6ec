"""Which schemas judge the value at a key: through the keywords of Draft 2020-12 that lead from one to another. Pure.

Rules of this file:

- A schema is walked without a document to judge, so what is found is what may apply: every alternative of a choice, and
  for a segment such as "0" both the member of an object and the element of an array.
- References lead into the same document: a JSON Pointer, or an anchor (lint.py sees to that).
- No schema leads to itself without a step into the value (cost.py sees to that), so every walk along a key ends.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import unquote

from rpcd.documents.document import index
from rpcd.documents.key import Key
from rpcd.schemas.pattern import Pattern

__all__ = ["CHOICES", "Schema", "above_and_at", "beside", "children", "known", "resolve", "there"]

Schema = Mapping[str, Any] | bool

CHOICES: Final = ("anyOf", "oneOf")
"""Of these schemas one holds; of `allOf` all do."""

_compiled: Final = lru_cache(maxsize=256)(Pattern)

SOMETIMES: Final = ("if", "then", "else")
"""What applies or not, by what the value is."""


def resolve(document: Mapping[str, Any], reference: str) -> Schema:
    """The schema that a `$ref` leads to; raises `LookupError` where it leads nowhere (RFC 6901, section 6)."""
    if not reference.startswith("#"):
        raise LookupError(reference)
    fragment = unquote(reference[1:])
    if fragment and not fragment.startswith("/"):
        return _anchored(document, fragment)
    at: Any = document
    for step in fragment.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            at = at[int(name)] if isinstance(at, list) else at[name]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise LookupError(reference) from error
    if isinstance(at, dict | bool):
        return cast("Schema", at)
    raise LookupError(reference)


def _anchored(part: object, anchor: str) -> Schema:
    waiting = [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get("$anchor") == anchor:
                return cast("Schema", part)
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    raise LookupError(anchor)


def beside(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Schema]:
    """The schemas that `schema` has for the value itself, whether they all hold, one of them, or only at times."""
    if "$ref" in schema:
        yield resolve(document, schema["$ref"])
    for keyword in ("allOf", *CHOICES):
        yield from schema.get(keyword, ())
    for keyword in SOMETIMES:
        if keyword in schema:
            yield schema[keyword]
    yield from schema.get("dependentSchemas", {}).values()


def there(document: Mapping[str, Any], schema: Schema) -> Iterator[Mapping[str, Any]]:
    """`schema`, and every other that may judge the same value because it does."""
    if not isinstance(schema, bool):
        yield schema
        for part in beside(document, schema):
            yield from there(document, part)


def children(document: Mapping[str, Any], schema: Mapping[str, Any], segment: str) -> Iterator[Schema]:
    """The schemas that `schema` itself has for a member of an object, or an element of an array."""
    yield from (*_of_member(schema, segment), *_of_element(schema, segment))
    rest = (("unevaluatedProperties", _of_member, True), ("unevaluatedItems", _of_element, index(segment) is not None))
    for keyword, own, fits in rest:
        if fits and keyword in schema and not any(True for part in there(document, schema) for _ in own(part, segment)):
            yield schema[keyword]


def _of_member(schema: Mapping[str, Any], name: str) -> Iterator[Schema]:
    found = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    found += [
        part for pattern, part in schema.get("patternProperties", {}).items() if _compiled(pattern).found_in(name)
    ]
    if not found and "additionalProperties" in schema:
        found.append(schema["additionalProperties"])
    yield from found


def _of_element(schema: Mapping[str, Any], segment: str) -> Iterator[Schema]:
    number = index(segment)
    first = schema.get("prefixItems", ())
    if number is None and "=" in segment:  # named by what it holds: whichever that is
        yield from (*first, schema.get("items", True))
    elif number is not None and number < len(first):
        yield first[number]
    elif number is not None and "items" in schema:
        yield schema["items"]


def above_and_at(document: Mapping[str, Any], key: Key) -> Iterator[Mapping[str, Any]]:
    """Every schema that may judge the value at a key, or a table or array above it."""
    level: list[Mapping[str, Any]] = list(there(document, document))
    yield from level
    for segment in key:
        level = [
            found for above in level for child in children(document, above, segment) for found in there(document, child)
        ]
        yield from level


def known(document: Mapping[str, Any], key: Key) -> Key:
    """A key with `*` for every segment that no `properties` has."""
    level = list(there(document, document))
    named: list[str] = []
    for segment in key:
        named.append(segment if any(segment in schema.get("properties", {}) for schema in level) else "*")
        level = _below(document, level, segment)
    return tuple(named)


def _below(document: Mapping[str, Any], level: Iterable[Mapping[str, Any]], segment: str) -> list[Mapping[str, Any]]:
    """Every schema that may judge the member, or element, of what the schemas of `level` judge."""
    return [
        found for above in level for child in children(document, above, segment) for found in there(document, child)
    ]
