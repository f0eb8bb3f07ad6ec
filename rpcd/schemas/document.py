"""The schema of a document: what a change of it would break. Pure.

Rules of this file:

- A fault that was there before refuses nobody, if the change adds none. It is the same one if it breaks the same rule
  at the same place, the same value does, or the same member is missing or one too many. Elements of an array are not
  told apart by their numbers, which others' removal changes.
- What a caller itself writes holds, whatever was there before: else the place of a fault would take any other, and
  whoever may not read it could find out what is there.
- Where the member of a table is missing, or may not be there, that member is the place.
- Whether a document holds takes no time; to tell and to compare faults does, so that much of it is not looked at whole.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import jsonschema_rs

from rpcd.documents.document import index
from rpcd.documents.key import Key, KeyPattern
from rpcd.documents.select import is_within
from rpcd.schemas.alike import Alike
from rpcd.schemas.places import known
from rpcd.schemas.types import MAX_KEPT, Types
from rpcd.schemas.validator import Schema, decisive, rule
from rpcd.schemas.view import view
from rpcd.schemas.write_only import is_write_only, write_only

__all__ = ["Broken", "DocumentSchema"]

MAX_COMPARED: Final = 10_000
"""Values of a document up to which all its faults are looked at: some 50 ms where each is one."""


MAX_VIEWS: Final = 64
"""Parts of a schema that are kept: as many as callers are granted different keys."""


class Broken(NamedTuple):
    """A rule, by its keyword, and the place that breaks it."""

    place: Key
    rule: str


class DocumentSchema:
    """A schema that has been judged (files.py), for whole documents.

    `types` says which types the value at a key may have; `view` is the part of the schema that judges what is reached.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.types = Types(document).of
        self._alike = Alike(document)
        self._is_write_only = lru_cache(maxsize=MAX_KEPT)(partial(is_write_only, document))
        self.view = lru_cache(maxsize=MAX_VIEWS)(partial(view, document))
        self.has_write_only = any(True for _ in self.write_only())
        self._schema = Schema("", document)

    def is_write_only(self, key: Key) -> bool:
        """Whether what is at a key is never shown."""
        return self.has_write_only and self._is_write_only(self._alike.of(key))

    def write_only(self, along: Sequence[str | None] = ()) -> Iterator[KeyPattern]:
        """What is never shown on the way `along` a pattern of keys, and below the end of it; all without one."""
        return map(KeyPattern, dict.fromkeys(write_only(self.document, along)))

    def holds(self, value: object) -> bool:
        """Whether a document holds."""
        return self._schema.is_valid(value)

    def known(self, place: Key) -> Key:
        """A place in the words of the schema: `*` stands for what a caller may have named."""
        return known(self.document, place)

    def broken(self, value: object) -> list[Broken]:
        """What a document breaks; of a large one not everything is told."""
        if self.holds(value):
            return []
        if _size(value) <= MAX_COMPARED:
            return self._every(value)
        told = self._schema.faults(value)
        return [Broken(tuple(_unescaped(step) for step in one["at"].split("/")[1:]), one["rule"]) for one in told]

    def broken_by(self, before: object, after: object, key: Key, *, written: bool) -> list[Broken] | None:
        """What turning `before`, which is None where there was nothing, into `after` breaks; None where it may be.

        The change is about what is at `key`, all of it for the empty one. `written` says that the caller answers for
        all that is there afterwards. Of a large document not everything that is broken is told.
        """
        if self.holds(after):
            return None
        if before is not None and self.holds(before):
            few = key and _size(_below(after, key)) <= MAX_COMPARED  # nothing else can be wrong
            return self._every(after) if few else self.broken(after)
        if before is None or (written and not key) or max(_size(before), _size(after)) > MAX_COMPARED:
            return self.broken(after)
        known = Counter(same for _, same in self._faults(before))
        added = []
        for fault, same in self._faults(after):
            if known[same] <= 0 or (written and is_within(fault.place, key)):
                added.append(fault)
            known[same] -= 1
        return list(dict.fromkeys(added)) or None

    def _every(self, value: object) -> list[Broken]:
        return list(dict.fromkeys(fault for fault, _ in self._faults(value)))

    def _faults(self, value: object) -> Iterator[tuple[Broken, object]]:
        """Every fault, with what tells it from others."""
        for error in self._schema.errors(value):
            at, pattern = _at(value, error.instance_path)
            held = None if isinstance(at, dict | list) else (type(at), at)
            for name in _members(error):
                told = decisive(error)
                place = tuple(map(str, told.instance_path)) + (() if name is None else (name,))
                yield Broken(place, rule(told)), (pattern, tuple(error.schema_path), held, name)


def _members(error: jsonschema_rs.ValidationError) -> list[str] | list[None]:
    """The members that a fault is about, where it is about their being there."""
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return [str(kind.property)]
    if isinstance(
        kind,
        jsonschema_rs.ValidationErrorKind.AdditionalProperties
        | jsonschema_rs.ValidationErrorKind.UnevaluatedProperties,
    ):
        return list(kind.unexpected)
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.PropertyNames):
        return [str(kind.error.instance)]
    return [None]


def _at(value: Any, path: list[str | int]) -> tuple[object, tuple[str | None, ...]]:
    """What a document has at a path, and the path with None for the number of an element."""
    pattern: list[str | None] = []
    for step in path:
        pattern.append(None if isinstance(value, list) else str(step))
        value = value[step]
    return value, tuple(pattern)


def _below(value: Any, key: Key) -> object:
    """What a document has at a key; None where nothing is there."""
    for segment in key:
        if isinstance(value, list):
            number = index(segment)
            value = value[number] if number is not None and number < len(value) else None
        else:
            value = value.get(segment) if isinstance(value, dict) else None
    return value


def _size(value: object) -> int:
    """How many values a value is, up to a few more than are compared."""
    count, waiting = 0, [value]
    while waiting and count <= MAX_COMPARED:
        count += 1
        held = waiting.pop()
        if isinstance(held, dict):
            waiting.extend(held.values())
        elif isinstance(held, list):
            waiting.extend(held)
    return count + len(waiting)


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
