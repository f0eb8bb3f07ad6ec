"""JSON Schemas (Draft 2020-12): rpcd's own, and an administrator's.

Rules of this file:

- What a caller sent is judged by the compiled validator alone. Its regular expressions take linear time; those of
  Python's validator, and its `uniqueItems`, can be made to take for ever.
- A fault says where and which rule, never the value.
- Nothing is fetched: a reference leads into the same document, or the schema is refused.
- A fault costs a hundred times what its value costs to judge, so only a sample of what is refused is looked at.
- A schema that would not do what its author thinks is refused (lint.py).
"""

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, cached_property
from itertools import islice
from typing import Any, Final, cast

import jsonschema_rs
from jsonschema import Draft202012Validator, ValidationError

from rpcd.schemas.lint import lint_faults
from rpcd.trust import Untrusted, open_trusted

__all__ = ["Schema", "SchemaFault", "errors_of_settings", "load_directory", "schema_directory", "shipped"]

MAX_FAULTS: Final = 16
"""Faults that one answer tells."""

MAX_SAMPLE: Final = 256
"""Values of a refused instance that are looked at to say what is wrong with it."""

MAX_MEMBERS: Final = 64
"""Of these, members of one container: more than any shipped schema lets an array have."""

WANTING: Final = frozenset(
    {"required", "minItems", "minProperties", "contains", "minContains", "dependentRequired", "oneOf", "anyOf"}
)
"""Rules that a container may break only because a sample has not all its members."""

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
        """Where `instance` breaks which rule: `{"at": JSON Pointer (RFC 6901), "rule": keyword}`.

        What lies beyond the sample that is looked at is not told, so that there may be nothing to tell.
        """
        sample, cut = _sample(instance)
        found: list[Fault] = []
        for error in map(_decisive, self._compiled.iter_errors(sample)):
            fault = {"at": "".join(map(_pointer, error.instance_path)), "rule": _rule(error)}
            if fault not in found and not (fault["at"] in cut and fault["rule"] in WANTING):
                found.append(fault)
            if len(found) == MAX_FAULTS:
                break
        return found


def _sample(instance: object) -> tuple[object, set[str]]:
    """The first members of every container, level by level; and the places of those that have more."""
    holder: list[Any] = []
    cut: set[str] = set()
    room = MAX_SAMPLE
    waiting: deque[tuple[Any, Any, str]] = deque([([instance], holder, "")])
    while waiting:
        whole, part, at = waiting.popleft()
        members = whole.items() if isinstance(whole, dict) else enumerate(whole)
        kept = list(islice(members, min(room, MAX_MEMBERS)))
        room -= len(kept)
        if len(kept) < len(whole):
            cut.add(at)
        for step, member in kept:
            copy = member
            if isinstance(member, dict | list):
                copy = type(member)()
                waiting.append((member, copy, "" if part is holder else at + _pointer(step)))
            if isinstance(part, dict):
                part[step] = copy
            else:
                part.append(copy)
    return holder[0], cut


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
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
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
                document = json.loads(file.read(MAX_SIZE).decode("utf-8"), object_pairs_hook=_members)
            judged = _judge(document)
        except Untrusted as why:
            faults.append(str(why))
        except (OSError, ValueError, RecursionError) as error:
            faults.append(f"{name}.json: {error}")
        else:
            found[name] = Schema(name, document)
            faults.extend(f"{name}.json: {fault}" for fault in judged)
    if faults:
        raise SchemaFault(tuple(faults))
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; the last of two members of one name would silently win."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' is there twice")
    return members


def _names(directory: str) -> list[str]:
    """The JSON files of a directory, without their ending."""
    return sorted(file.removesuffix(".json") for file in os.listdir(directory) if file.endswith(".json"))


def _judge(document: object) -> list[str]:
    """What is wrong with a schema: in itself, by our own rules, or for the compiler."""
    if not isinstance(document, dict):
        return ["a schema is an object"]
    metaschema = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    faults = [f"{error.json_path}: {error.message}" for error in metaschema.iter_errors(document)]
    faults.extend(lint_faults(document))
    if not faults:
        try:
            Schema("", document).is_valid(None)
        except ValueError as error:  # what is wrong with it is in the first line
            faults.append(str(error).partition("\n")[0])
    return faults


def errors_of_settings(settings: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Where settings, which are trusted and which a person wrote, break the schema of rpcd.toml.

    The compiled validator looks first: to explain takes half a millisecond for each grant, also where nothing is wrong.
    """
    schema = shipped()["rpcd"]
    with suppress(ValueError):  # of what JSON does not have: a date
        if schema.is_valid(settings):
            return
    yield from Draft202012Validator(schema.document).iter_errors(settings)
