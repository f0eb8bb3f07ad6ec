"""JSON Schemas (Draft 2020-12): rpcd's own, and an administrator's.

Rules of this file:

- What a caller sent is judged by the compiled validator alone. Its regular expressions take linear time; those of
  Python's validator, and its `uniqueItems`, can be made to take for ever.
- A fault says where and which rule, never the value.
- Nothing is fetched: a reference leads into the same document, or the schema is refused.
- A schema that would not do what its author thinks is refused: a keyword that nobody knows, a format that nobody checks,
  an object that takes whatever comes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, Final, cast

import jsonschema_rs
from jsonschema import Draft202012Validator, ValidationError

__all__ = ["Schema", "SchemaFault", "errors_of_settings", "judge", "load_directory", "shipped"]

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
        for error in self._compiled.iter_errors(instance):
            path = "".join(f"/{_pointer(part)}" for part in error.instance_path)
            rules = [part for part in error.schema_path if isinstance(part, str)]
            fault = {"at": path, "rule": rules[-1] if rules else "false"}
            if fault not in found:
                found.append(fault)
            if len(found) == MAX_FAULTS:
                break
        return found


def _pointer(part: str | int) -> str:
    """A segment of a JSON Pointer; what a caller named cannot be longer than a name."""
    return str(part).replace("~", "~0").replace("/", "~1")[:255]


def _refuse(reference: str) -> object:
    raise ValueError(f"{reference}: references lead into the same document")


def _directory() -> str:
    """Where the shipped schemas are: in the package of a wheel, beside it in a checkout."""
    package = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(package, "_schemas")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "schemas")


@cache
def shipped() -> Mapping[str, Schema]:
    """The schemas of rpcd itself by name: `get_key.params`, `get_key.result`, `rpcd`, `audit`, `error`."""
    return {name: Schema(name, document) for name, document in _read(_directory())}


def _read(directory: str) -> Iterator[tuple[str, Any]]:
    """The JSON files of a directory, without their ending, by name."""
    for file in sorted(os.listdir(directory)):
        if file.endswith(".json"):
            with open(os.path.join(directory, file), "rb") as opened:
                yield file.removesuffix(".json"), json.loads(opened.read(MAX_SIZE).decode("utf-8"))


def load_directory(directory: str) -> Mapping[str, Schema]:
    """An administrator's schemas by name.

    Raises `SchemaFault` with everything that is wrong with any of them.
    """
    try:
        documents = dict(_read(directory))
    except (OSError, ValueError) as error:
        raise SchemaFault((f"{directory}: {error}",)) from error
    faults: list[str] = []
    for name, document in documents.items():
        faults.extend(f"{name}.json: {fault}" for fault in judge(document))
    if faults:
        raise SchemaFault(tuple(faults))
    return {name: Schema(name, document) for name, document in documents.items()}


def judge(document: object) -> Iterator[str]:
    """What is wrong with a schema: in itself, by our own rules, or for the compiler."""
    if not isinstance(document, dict):
        yield "a schema is an object"
        return
    metaschema = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    faults = [f"{error.json_path}: {error.message}" for error in metaschema.iter_errors(document)]
    faults.extend(_lint(document, "$"))
    if not faults:
        try:
            _ = Schema("", document)._compiled  # noqa: SLF001 - compiling is the judgement
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            faults.append(str(error).splitlines()[0])
    yield from faults


IN_ONE: Final = frozenset({"items", "contains", "additionalProperties", "unevaluatedProperties", "propertyNames", "not",
                           "if", "then", "else", "unevaluatedItems"})  # fmt: skip
IN_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
OTHERS: Final = frozenset({
    "$schema", "$id", "$ref", "$anchor", "$comment", "title", "description", "default", "examples", "deprecated",
    "readOnly", "writeOnly", "type", "enum", "const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minContains",
    "maxContains", "required", "minProperties", "maxProperties", "dependentRequired", "contentEncoding",
    "contentMediaType",
})  # fmt: skip
"""The keywords of Draft 2020-12 that a schema of ours may have. `$dynamicRef` and its kin are nothing for parameters."""

FORMATS: Final = frozenset({
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri",
    "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex",
})  # fmt: skip
"""The formats that the compiled validator checks."""

APPLIED_BESIDE: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})
"""Below these a schema narrows another one, which has the type and is closed."""


def _lint(schema: object, at: str, *, beside: bool = False) -> Iterator[str]:
    """What of a schema, and of all below it, would not do what its author thinks."""
    if isinstance(schema, bool) or not isinstance(schema, dict):
        return
    for keyword in schema.keys() - IN_ONE - IN_LIST - BY_NAME - OTHERS:
        yield f"{at}: there is no keyword '{keyword}'"
    if isinstance(named := schema.get("format"), str) and named not in FORMATS:
        yield f"{at}: there is no format '{named}'"
    if isinstance(reference := schema.get("$ref"), str) and not reference.startswith("#"):
        yield f"{at}: {reference}: references lead into the same document"
    if not beside and not schema.keys() & {"type", "$ref", "enum", "const", "oneOf", "anyOf", "allOf"}:
        yield f"{at}: it has no type"
    kind = schema.get("type")
    is_object = kind == "object" or ("properties" in schema and kind is None)
    if is_object and not beside and not schema.keys() & {"additionalProperties", "unevaluatedProperties"}:
        yield f'{at}: it takes any property: say "additionalProperties": false'
    if "properties" in schema and kind != "object" and not beside:
        yield f'{at}: it takes what is no object: say "type": "object"'
    for keyword in sorted(schema.keys() & IN_ONE):
        narrowing = beside or keyword in APPLIED_BESIDE or keyword == "propertyNames"
        yield from _lint(schema[keyword], f"{at}.{keyword}", beside=narrowing)
    for keyword in sorted(schema.keys() & IN_LIST):
        whole = not schema.keys() & {"type", "$ref"} and not beside
        for number, below in enumerate(schema[keyword] if isinstance(schema[keyword], list) else ()):
            yield from _lint(below, f"{at}.{keyword}[{number}]", beside=keyword in APPLIED_BESIDE and not whole)
    for keyword in sorted(schema.keys() & BY_NAME):
        for name, below in (schema[keyword] if isinstance(schema[keyword], dict) else {}).items():
            yield from _lint(below, f"{at}.{keyword}.{name}", beside=beside or keyword in APPLIED_BESIDE)


def errors_of_settings(settings: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Where settings, which are trusted and which a person wrote, break the schema of rpcd.toml."""
    validator = Draft202012Validator(shipped()["rpcd"].document)
    yield from sorted(validator.iter_errors(settings), key=lambda error: list(map(str, error.absolute_path)))
