"""What of an administrator's schema would not do what its author thinks.

Rules of this file:

- A keyword that nobody knows, a format that nobody checks, an object that takes whatever comes, and a pattern that is
  found anywhere in a text are faults: such a schema looks strict and is not.
- Nothing is fetched, and no pattern takes more than linear time.
- What narrows another schema (`not`, `if`, `allOf`, …) need not be strict by itself.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from rpcd.meant import meant
from rpcd.schemas.pattern import Pattern

__all__ = ["BY_NAME", "FORMATS", "lint_faults"]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

IN_ONE: Final = frozenset({"items", "contains", "additionalProperties", "unevaluatedProperties", "propertyNames", "not",
                           "if", "then", "else", "unevaluatedItems"})  # fmt: skip
IN_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
OTHERS: Final = frozenset({
    "$schema", "$id", "$ref", "$anchor", "$comment", "title", "description", "default", "examples", "deprecated",
    "readOnly", "writeOnly", "type", "enum", "const", "format", "pattern", "minLength", "maxLength", "minimum",
    "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
    "minContains", "maxContains", "required", "minProperties", "maxProperties", "dependentRequired",
    "contentEncoding", "contentMediaType",
})  # fmt: skip
"""The keywords of Draft 2020-12 that a schema here may have; `$dynamicRef` and its kin are nothing for parameters."""

FORMATS: Final = frozenset({
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri",
    "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex",
})  # fmt: skip
"""The formats that the compiled validator checks."""

NARROWS: Final = frozenset(
    {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "propertyNames"}
)
"""Below these a schema narrows another one, which has the type and is closed."""

_PART: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""An escaped character, a class, or any other character of a regular expression."""

_ANCHORED: Final = re.compile(r"\^(?:\\.|[^\\])*\$", re.DOTALL)

EVERY_TYPE: Final = frozenset({"null", "boolean", "number", "string", "array", "object"})
"""Whoever names all of these means that everything may come."""

ANYTHING: Final[tuple[object, ...]] = (True, {})
"""Schemas that everything satisfies."""


def lint_faults(document: object) -> list[str]:
    """What is wrong with a schema, each with its place."""
    return list(_lint(document, "$"))


def _lint(schema: object, at: str, *, beside: bool = False) -> Iterator[str]:
    """What is wrong with a schema and with all below it. `beside`: it narrows another one."""
    if not isinstance(schema, dict):
        return
    for keyword in sorted(schema.keys() - IN_ONE - IN_LIST - BY_NAME - OTHERS):
        yield f"{at}: there is no keyword '{keyword}'{meant(keyword, IN_ONE | IN_LIST | BY_NAME | OTHERS)}"
    yield from _unchecked(schema, at)
    for pattern in _patterns(schema):
        yield from (f"{at}: {fault}" for fault in _pattern_faults(pattern, beside=beside))
    if not beside:
        yield from _open(schema, at)
    for keyword, name, below in _below(schema):
        chosen = keyword in {"anyOf", "oneOf", "allOf"} and not beside and not schema.keys() & {"type", "$ref"}
        yield from _lint(below, f"{at}.{keyword}{name}", beside=not chosen and (beside or keyword in NARROWS))


def _unchecked(schema: dict[str, Any], at: str) -> Iterator[str]:
    """What the compiled validator would pass over, fetch, or not take."""
    if isinstance(named := schema.get("format"), str) and named not in FORMATS:
        yield f"{at}: there is no format '{named}'"
    if isinstance(reference := schema.get("$ref"), str) and not reference.startswith("#"):
        yield f"{at}: {reference}: references lead into the same document"
    if "$id" in schema and at != "$":
        yield f"{at}: '$id' is for the whole schema: references lead into the same document"
    if schema.get("$schema", DRAFT) != DRAFT:
        yield f"{at}: this is not {DRAFT}"


def _patterns(schema: dict[str, Any]) -> Iterator[str]:
    """The regular expressions of a schema: for texts, and for the names of properties."""
    properties, names = schema.get("patternProperties"), schema.get("propertyNames")
    yield from properties if isinstance(properties, dict) else ()
    for holder in (schema, names if isinstance(names, dict) else {}):
        if isinstance(pattern := holder.get("pattern"), str):
            yield pattern


def _pattern_faults(pattern: str, *, beside: bool) -> Iterator[str]:
    try:
        Pattern(pattern)
    except ValueError:
        yield f"{pattern!r} is no regular expression that takes linear time"
    else:
        if not beside and not all(map(_ANCHORED.fullmatch, _alternatives(pattern))):
            yield f"{pattern!r} is found anywhere in a text: write it as '^(?:{pattern})$'"


def _alternatives(pattern: str) -> Iterator[str]:
    """What stands between the bars of a regular expression that are within no parentheses."""
    depth, alternative = 0, ""
    for part in _PART.findall(pattern):
        depth += (part == "(") - (part == ")")
        if part == "|" and not depth:
            yield alternative
            alternative = ""
        else:
            alternative += part
    yield alternative


def _open(schema: dict[str, Any], at: str) -> Iterator[str]:
    """Where a schema takes more than it says."""
    kind = schema.get("type")
    if not schema.keys() & {"type", "$ref", "enum", "const", "oneOf", "anyOf", "allOf"}:
        yield f"{at}: it has no type"
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind and not set(kind) >= EVERY_TYPE)
    if "properties" in schema and not is_object:
        yield f'{at}: it takes what is no object: say "type": "object"'
    closed = [schema[name] for name in ("additionalProperties", "unevaluatedProperties") if name in schema]
    if ("properties" in schema or is_object) and not any(rest not in ANYTHING for rest in closed):
        yield f'{at}: it takes any property: say "additionalProperties": false'


def _below(schema: dict[str, Any]) -> Iterator[tuple[str, str, object]]:
    """The schemas directly below one: the keyword, where in it, and what stands there."""
    for keyword in sorted(schema):
        value = schema[keyword]
        if keyword in IN_ONE:
            yield keyword, "", value
        elif keyword in IN_LIST and isinstance(value, list):
            yield from ((keyword, f"[{number}]", below) for number, below in enumerate(value))
        elif keyword in BY_NAME and isinstance(value, dict):
            yield from ((keyword, f".{name}", below) for name, below in value.items())
