"""Files of schemas: rpcd's own, and an administrator's.

Rules of this file:

- An administrator's file is trusted (design, section 2), and what is read is what was judged.
- A schema that would not do what its author thinks, or would take too long, is refused (lint.py, cost.py).
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator

from rpcd.schemas.cost import cost_faults
from rpcd.schemas.lint import lint_faults
from rpcd.schemas.validator import Schema
from rpcd.trust import Untrusted, open_trusted

__all__ = ["SchemaFault", "load_directory", "load_file", "schema_directory", "shipped"]

MAX_SIZE: Final = 1024 * 1024
"""Bytes of a schema's file."""


class SchemaFault(Exception):
    """Schemas that cannot be used; `faults` says which and why."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


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
    """An administrator's schemas by name; each is trusted and judged.

    Raises `SchemaFault` with everything that is wrong with any of them.
    """
    found: dict[str, Schema] = {}
    faults: list[str] = []
    for name in _names(directory):
        try:
            found[name] = Schema(name, _load(os.path.join(directory, f"{name}.json"), f"{name}.json"))
        except SchemaFault as fault:
            faults.extend(fault.faults)
    if faults:
        raise SchemaFault(tuple(faults))
    return found


def load_file(path: str) -> dict[str, Any]:
    """An administrator's schema at `path`, trusted and judged; raises `SchemaFault`."""
    return _load(path, path)


def _load(path: str, told: str) -> dict[str, Any]:
    """The schema at `path`, which faults call `told`."""
    try:
        with os.fdopen(open_trusted(path), "rb") as file:
            content = file.read(MAX_SIZE + 1)
        if len(content) > MAX_SIZE:
            raise ValueError(f"larger than {MAX_SIZE} bytes")
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_number)
        judged = _judge(document)
    except Untrusted as why:
        raise SchemaFault((str(why),)) from why
    except (OSError, ValueError, RecursionError) as error:
        raise SchemaFault((f"{told}: {error}",)) from error
    if judged:
        raise SchemaFault(tuple(f"{told}: {fault}" for fault in judged))
    schema: dict[str, Any] = document
    return schema


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


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
        else:
            faults.extend(cost_faults(document))
    return faults
