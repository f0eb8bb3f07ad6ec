"""Which types the schema of a document lets the value at a key have. Pure.

A format whose values are all strings (ini, env, properties, xml, nginx) asks this, so that 3306 is written as `3306`
and read as a number. `documents` does not know schemas: it is given `Types(document).of`, or any other

    Callable[[Key], frozenset[str]]

whose answer are names of JSON Schema: null, boolean, integer, number, string, array, object. A value is a string where
"string" is among them, and it is a string where the answer says nothing, which is `EVERY`. An element of an array is
asked for by its number, as everywhere: `("port", "0")`.

Rules of this file:

- Where schemas add up (`allOf`, `$ref`, beside each other) a type has to be in each of them; where there is a choice
  (`anyOf`, `oneOf`) in one. What depends on other values (`if`, `dependentSchemas`) decides no type.
- A number is also written without a fraction: where number is, integer is.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any, Final

from rpcd.documents.document import index
from rpcd.documents.key import Key
from rpcd.schemas.alike import Alike
from rpcd.schemas.places import CHOICES, Schema, children, resolve

__all__ = ["EVERY", "MAX_KEPT", "Types"]

EVERY: Final = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
"""The schema says nothing about the type."""

NONE: Final[frozenset[str]] = frozenset()

MAX_KEPT: Final = 4096
"""Keys, of those that a schema can tell apart, about which is kept what it says."""


class Types:
    """The types that a schema, which has been judged (lint.py, cost.py), gives to keys."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._alike = Alike(document)
        self._kept = lru_cache(maxsize=MAX_KEPT)(self._find)

    def of(self, key: Key) -> frozenset[str]:
        """The types that a value at `key` may have; `EVERY` where nothing is said."""
        return self._kept(self._alike.of(key))

    def _find(self, key: Key) -> frozenset[str]:
        return self._at(self._document, key) or EVERY  # whatever is there is refused anyway

    def _at(self, schema: Schema, key: Key) -> frozenset[str]:
        if isinstance(schema, bool):
            return EVERY if schema else NONE
        found = (
            [self._at(part, key[1:]) for part in children(self._document, schema, key[0])] if key else [_own(schema)]
        )
        found.extend(self._at(part, key) for part in self._together(schema))
        found.extend(
            reduce(frozenset.union, (self._at(part, key) for part in self._meant(schema[choice], key)), NONE)
            for choice in CHOICES
            if choice in schema
        )
        return reduce(frozenset.intersection, found, EVERY)

    def _meant(self, parts: Sequence[Schema], key: Key) -> Sequence[Schema]:
        """Those of a choice in which `key` goes on: a number leads into an array, if there may be one; a name never."""
        if not key:
            return parts
        holder = "array" if index(key[0]) is not None or "=" in key[0] else "object"
        return [part for part in parts if holder in self._at(part, ())] or parts

    def _together(self, schema: Mapping[str, Any]) -> Iterator[Schema]:
        """Schemas that hold beside this one."""
        if "$ref" in schema:
            yield resolve(self._document, schema["$ref"])
        yield from schema.get("allOf", ())


def _own(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that `type`, `const` and `enum` leave."""
    types = EVERY
    if "type" in schema:
        named = schema["type"]
        types = frozenset([named] if isinstance(named, str) else named)
        types |= {"integer"} if "number" in types else NONE
    for values in ([schema["const"]] if "const" in schema else None, schema.get("enum")):
        if values is not None:
            types &= frozenset(name for value in values for name in _types_of(value))
    return types


def _types_of(value: object) -> tuple[str, ...]:
    match value:
        case None:
            return ("null",)
        case bool():
            return ("boolean",)
        case int():
            return ("integer", "number")
        case float():
            return ("integer", "number") if value.is_integer() else ("number",)
        case str():
            return ("string",)
        case list():
            return ("array",)
    return ("object",)
