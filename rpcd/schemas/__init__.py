"""JSON Schemas (Draft 2020-12): rpcd's own, and an administrator's, of methods and of documents.

The lower modules of this package are pure: where schemas lead (places.py), which types they allow (types.py), what is
wrong with them (lint.py, cost.py). files.py reads them, validator.py judges by them.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from rpcd.schemas.files import SchemaFault, load_directory, load_file, schema_directory, shipped
from rpcd.schemas.validator import MAX_FAULTS, Schema

__all__ = [
    "MAX_FAULTS",
    "Schema",
    "SchemaFault",
    "errors_of_settings",
    "load_directory",
    "load_file",
    "schema_directory",
    "shipped",
]


def errors_of_settings(settings: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Where settings, which are trusted and which a person wrote, break the schema of rpcd.toml.

    The compiled validator looks first: to explain takes half a millisecond for each grant, also where nothing is wrong.
    """
    schema = shipped()["rpcd"]
    with suppress(ValueError):  # of what JSON does not have: a date
        if schema.is_valid(settings):
            return
    yield from Draft202012Validator(schema.document).iter_errors(settings)
