"""JSON Schemas (Draft 2020-12): rpcd's own, and an administrator's.

Rules of this file:

- What a caller sent is judged by the compiled validator alone. Its regular expressions take linear time; those of
  Python's validator, and its `uniqueItems`, can be made to take for ever.
- A fault says where and which rule, never the value.
- Nothing is fetched: a reference leads into the same document, or the schema is refused.
- A schema that would not do what its author thinks is refused: a keyword that nobody knows, a format that nobody
  checks, an object that takes whatever comes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any, Final, cast

import jsonschema_rs
from jsonschema import Draft202012Validator, ValidationError

from rpcd.trust import Untrusted, open_trusted

__all__ = ["Schema", "SchemaFault", "errors_of_settings", "load_directory", "schema_directory", "shipped"]

MAX_FAULTS: Final = 16
"""Faults that one answer tells."""

MAX_SIZE: Final = 1024 * 1024
"""Bytes of a schema's file."""

Fault = dict[str, str]


class SchemaFault(Exception):
    """Schemas that cannot be used; `faults` says which and why."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Schema:
    """One schema, compiled at its first use."""

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self.name = name
        self.document = document

    @cached_property
    def _compiled(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(
            self.document,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(),
            retriever=cast("Any", _refuse),
        )

    def is_valid(self, instance: object) -> bool:
        """Whether `instance` holds."""
        return bool(self._compiled.is_valid(instance))

    def faults(self, instance: object) -> list[Fault]:
        """Where `instance` breaks which rule: `{"at": JSON Pointer (RFC 6901), "rule": keyword}`."""
        found: list[Fault] = []
        for error in map(_decisive, self._compiled.iter_errors(instance)):
            fault = {"at": "".join(map(_pointer, error.instance_path)), "rule": _rule(error)}
            if fault not in found:
                found.append(fault)
            if len(found) == MAX_FAULTS:
                break
        return found


def _decisive(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """The fault of the one alternative that was meant: the only one whose type fits. Else it is the choice itself."""
    kind = error.kind
    if not isinstance(kind, jsonschema_rs.ValidationErrorKind.OneOfNotValid | jsonschema_rs.ValidationErrorKind.AnyOf):
        return error
    here = error.instance_path
    meant = [faults for faults in kind.context if not any(_is_type(fault, here) for fault in faults)]
    return _decisive(meant[0][0]) if len(meant) == 1 else error


def _is_type(error: jsonschema_rs.ValidationError, at: list[str | int]) -> bool:
    return error.instance_path == at and isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Type)


def _rule(error: jsonschema_rs.ValidationError) -> str:
    """The keyword that was broken; "false" where a schema is nothing but that."""
    keywords = [part for part in error.schema_path if isinstance(part, str)]
    return keywords[-1] if keywords else "false"


def _pointer(part: str | int) -> str:
    """A step of a JSON Pointer; what a caller named cannot be longer than a name."""
    return "/" + str(part).replace("~", "~0").replace("/", "~1")[:255]


def _refuse(reference: str) -> object:
    raise ValueError(f"{reference}: references lead into the same document")


def schema_directory() -> str:
    """Where the shipped schemas are: in the package of a wheel, beside it in a checkout."""
    package = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(package, "_schemas")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "schemas")


@cache
def shipped() -> Mapping[str, Schema]:
    """The schemas of rpcd itself by name: `get_key.params`, `get_key.result`, `rpcd`, `audit`, `error`."""
    found = {}
    for name in _names(schema_directory()):
        with open(os.path.join(schema_directory(), f"{name}.json"), "rb") as file:
            found[name] = Schema(name, json.load(file))
    return found


def load_directory(directory: str) -> Mapping[str, Schema]:
    """An administrator's schemas by name; each is trusted (design, section 2) and judged.

    Raises `SchemaFault` with everything that is wrong with any of them.
    """
    found: dict[str, Schema] = {}
    faults: list[str] = []
    for name in _names(directory):
        try:
            with os.fdopen(open_trusted(os.path.join(directory, f"{name}.json")), "rb") as file:
                document = json.loads(file.read(MAX_SIZE).decode("utf-8"))
        except Untrusted as why:
            faults.append(str(why))
        except (OSError, ValueError, RecursionError) as error:
            faults.append(f"{name}.json: {error}")
        else:
            found[name] = Schema(name, document)
            faults.extend(f"{name}.json: {fault}" for fault in _judge(document))
    if faults:
        raise SchemaFault(tuple(faults))
    return found


def _names(directory: str) -> list[str]:
    """The JSON files of a directory, without their ending."""
    return sorted(file.removesuffix(".json") for file in os.listdir(directory) if file.endswith(".json"))


def _judge(document: object) -> list[str]:
    """What is wrong with a schema: in itself, by our own rules, or for the compiler."""
    if not isinstance(document, dict):
        return ["a schema is an object"]
    metaschema = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    faults = [f"{error.json_path}: {error.message}" for error in metaschema.iter_errors(document)]
    faults.extend(_lint(document, "$"))
    if not faults:
        try:
            Schema("", document).is_valid(None)
        except ValueError as error:  # what is wrong with it is in the first line
            faults.append(str(error).partition("\n")[0])
    return faults


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

ANYTHING: Final[tuple[object, ...]] = (True, {})
"""Schemas that everything satisfies."""


def _lint(schema: object, at: str, *, beside: bool = False) -> Iterator[str]:
    """What of a schema, and of all below it, would not do what its author thinks. `beside`: it narrows another one."""
    if not isinstance(schema, dict):
        return
    for keyword in schema.keys() - IN_ONE - IN_LIST - BY_NAME - OTHERS:
        yield f"{at}: there is no keyword '{keyword}'{_meant(keyword)}"
    yield from _unchecked(schema, at)
    if not beside:
        yield from _open(schema, at)
    for keyword, name, below in _below(schema):
        chosen = keyword in {"anyOf", "oneOf", "allOf"} and not beside and not schema.keys() & {"type", "$ref"}
        yield from _lint(below, f"{at}.{keyword}{name}", beside=not chosen and (beside or keyword in NARROWS))


def _meant(keyword: str) -> str:
    near = get_close_matches(keyword, IN_ONE | IN_LIST | BY_NAME | OTHERS, 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _unchecked(schema: dict[str, Any], at: str) -> Iterator[str]:
    """What the compiled validator would pass over, fetch, or not take."""
    if isinstance(named := schema.get("format"), str) and named not in FORMATS:
        yield f"{at}: there is no format '{named}'"
    if isinstance(reference := schema.get("$ref"), str) and not reference.startswith("#"):
        yield f"{at}: {reference}: references lead into the same document"
    properties = schema.get("patternProperties")
    for pattern in (schema.get("pattern"), *(properties if isinstance(properties, dict) else ())):
        if isinstance(pattern, str):
            try:
                Schema("", {"pattern": pattern}).is_valid("")
            except ValueError:
                yield f"{at}: {pattern!r} is no regular expression that takes linear time"


def _open(schema: dict[str, Any], at: str) -> Iterator[str]:
    """Where a schema takes more than it says."""
    kind = schema.get("type")
    if not schema.keys() & {"type", "$ref", "enum", "const", "oneOf", "anyOf", "allOf"}:
        yield f"{at}: it has no type"
    if "properties" in schema and kind != "object":
        yield f'{at}: it takes what is no object: say "type": "object"'
    closed = [schema[name] for name in ("additionalProperties", "unevaluatedProperties") if name in schema]
    if ("properties" in schema or kind == "object") and not any(rest not in ANYTHING for rest in closed):
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


def errors_of_settings(settings: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Where settings, which are trusted and which a person wrote, break the schema of rpcd.toml."""
    return Draft202012Validator(shipped()["rpcd"].document).iter_errors(settings)
