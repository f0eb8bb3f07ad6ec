"""What is wrong with the files that targets have now: for `rpcd check`, before anybody changes one.

A file that cannot be read, or is not in its format, is a fault. One that breaks the schema of its target is worth a
warning: changes are judged by what they add, so that this can stay; and a large file could not be changed at all.
"""

from collections.abc import Iterator
from typing import Final

from rpcd import documents
from rpcd.errors import Refused
from rpcd.schemas.document import DocumentSchema
from rpcd.schemas.instance import instance
from rpcd.schemas.validator import pointer
from rpcd.settings import Target
from rpcd.settings.advice import Advice
from rpcd.store.targets import Targets

__all__ = ["look_at_files"]

MOST: Final = 5
"""Places that one warning names."""


def look_at_files(targets: Targets) -> tuple[list[str], list[Advice]]:
    """The faults, and the warnings, of the files that there are."""
    faults, warnings = list[str](), list[Advice]()
    for target in targets.all().values():
        for name, path in _files(targets, target):
            try:
                snapshot = targets.read(name)
                if snapshot is not None:
                    documents.check(target.format, snapshot.content)
                    if target.schema is not None:
                        warnings += _broken(target, target.schema, path, snapshot.content)
            except Refused as refused:
                details = ", ".join(f"{key} {value}" for key, value in refused.data.items())
                faults.append(f"targets.{target.name}: {path}: {refused.kind} ({details})")
    return faults, warnings


def _files(targets: Targets, target: Target) -> Iterator[tuple[str, str]]:
    """Name and path of a target's file; of those of a directory that a schema is to judge."""
    if target.file is not None:
        yield target.name, f"{target.directory}/{target.file}"
    elif target.schema is not None:
        for facts in targets.files(target.name):
            yield f"{target.name}/{facts.name}", f"{target.directory}/{facts.name}"


def _broken(target: Target, schema: DocumentSchema, path: str, content: bytes) -> Iterator[Advice]:
    value = instance(documents.read(target.format, content))
    if schema.holds(value):
        return
    broken = [f"{pointer(fault.place) or '/'} ({fault.rule})" for fault in schema.broken(value)]
    more = f" and {len(broken) - MOST} more" if len(broken) > MOST else ""
    yield Advice(
        f"targets.{target.name}",
        f"{path} breaks its schema: {', '.join(broken[:MOST]) or 'somewhere'}{more}; what is wrong already can stay",
        "Put it right by hand, or make the schema wider",
    )
