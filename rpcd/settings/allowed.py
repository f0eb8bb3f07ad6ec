"""What the files of a target may hold: its schema, and the patterns that no line of them may have."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from rpcd.schemas import SchemaFault, load_file
from rpcd.schemas.document import DocumentSchema
from rpcd.schemas.pattern import Pattern
from rpcd.settings.faults import Place
from rpcd.settings.once import is_written_plainly

__all__ = ["document_schema", "refused_patterns"]


def document_schema(
    table: Mapping[str, Any], directory: str, at: Place
) -> tuple[DocumentSchema, str] | tuple[None, None]:
    """The schema of a target's document, and its path: it is relative to `directory`, that of the settings file."""
    if "schema" not in table:
        return None, None
    at = at.below("schema")
    if table["format"] == "text":
        at.add("a text has no keys; refuse says what its lines must not have")
        return None, None
    path = os.path.join(directory, table["schema"])
    if not is_written_plainly(path):
        at.add(f"write it as {os.path.normpath(path)}")
        return None, None
    try:
        return DocumentSchema(load_file(path)), path
    except SchemaFault as fault:
        for line in fault.faults:
            at.add(line)
        return None, None


def refused_patterns(table: Mapping[str, Any], at: Place) -> Iterator[Pattern]:
    """The patterns of a target's `refuse`: for each line, whatever ends it."""
    for number, text in enumerate(table.get("refuse", ())):
        try:
            Pattern(text)  # alone: `a)(b` is one only between parentheses
            yield Pattern(f"(?mR:{text})")
        except ValueError:
            at.below("refuse", number).add(f"{text!r} is no regular expression that takes linear time")
