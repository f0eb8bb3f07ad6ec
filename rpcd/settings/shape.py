"""Whether a file of settings has the shape that `schemas/rpcd.json` says, and what to do where it has not.

A setting that nobody carries out is a fault as well: one that is misspelt, and one that belongs to another version.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from jsonschema import ValidationError

from rpcd.meant import meant
from rpcd.schemas import errors_of_settings

__all__ = ["shape_faults"]

NOT_CARRIED_OUT: Final[Mapping[str, frozenset[str]]] = {
    "server": frozenset({"probe"}),
    "targets": frozenset({
        "activate", "check", "check_network", "check_output", "check_reads", "check_sandbox", "check_scratch",
        "confirm", "probe",
    }),
}  # fmt: skip
"""Settings that the design knows and this version does not carry out, by the table that they belong to."""

LONGEST: Final = 60
"""Characters of a value that a fault repeats."""

TYPES: Final[Mapping[str, str]] = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "object": "a table",
    "string": "a string",
}


def shape_faults(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where `document` is not as it has to be, and what would be right."""
    for error in errors_of_settings(document):
        at = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = cast("dict[str, Any]", error.schema)["properties"]
            unknown = [name for name in cast("dict[str, Any]", error.instance) if name not in known]
            yield from (((*at, name), _unknown(name, str(at[0]) if at else "", known)) for name in unknown)
        elif error.validator != "oneOf" or isinstance(error.instance, dict) or "secret" in at:  # else: its type is told
            yield at, _explained(error)


def _unknown(name: str, table: str, known: Mapping[str, object]) -> str:
    if name in NOT_CARRIED_OUT.get(table, ()):
        return f"this version does not carry out '{name}'"
    return f"there is no such setting{meant(name, known)}"


def _explained(error: ValidationError) -> str:
    instance, wanted = cast("Any", error.instance), cast("Any", error.validator_value)
    if "propertyNames" in error.absolute_schema_path:
        return f"{_shown(instance)} cannot name a target: letters, digits, '_', '-' and '.', not first, at most 128"
    match error.validator:
        case "type":
            types = [wanted] if isinstance(wanted, str) else wanted
            return f"{_shown(instance)} is not {' or '.join(TYPES[name] for name in types)}"
        case "required":
            return error.message.replace(" is a required property", " is missing")
        case "minItems" | "minLength":
            return "it is empty"
        case "minimum":
            return f"{_shown(instance)} is less than {wanted}"
        case "maximum":
            return f"{_shown(instance)} is more than {wanted}"
        case "anyOf":
            return "it names neither users nor groups"
        case "oneOf" if isinstance(instance, dict):
            return _file_or_directory(instance)
    return f"{_shown(instance)} will not do. {cast('Any', error.schema)['description']}"


def _file_or_directory(target: Mapping[str, Any]) -> str:
    """What keeps a target from being either one file or a directory of files."""
    if "path" not in target:
        return "'names' is missing" if "directory" in target else "it has neither a path nor a directory"
    if "directory" in target:
        return "it has both a path and a directory"
    alien = next(name for name in ("names", "max_files", "max_bytes") if name in target)
    return f"'{alien}' is for a directory, and this is a single file"


def _shown(value: object) -> str:
    written = str(value).lower() if isinstance(value, bool) else repr(value)
    return written if len(written) <= LONGEST else written[: LONGEST - 1] + "…"
