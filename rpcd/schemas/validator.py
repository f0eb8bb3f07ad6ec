"""One JSON Schema (Draft 2020-12), compiled: what it takes, and where what it refuses breaks which rule.

Rules of this file:

- What a caller sent is judged by the compiled validator alone. Its regular expressions take linear time; those of
  Python's validator, and its `uniqueItems`, can be made to take for ever.
- A fault says where and which rule, never the value.
- Nothing is fetched: a reference leads into the same document, or the schema is refused.
- A fault costs a hundred times what its value costs to judge, so only a sample of what is refused is looked at, unless
  the caller knows that there is little of it.
"""

from collections import deque
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import Any, Final, cast

import jsonschema_rs

from rpcd.schemas.lint import BY_NAME

__all__ = ["MAX_FAULTS", "Schema", "decisive", "pointer", "rule"]

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

Fault = dict[str, str]


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

    def errors(self, instance: object) -> Iterable[jsonschema_rs.ValidationError]:
        """Everything that is wrong with `instance`: a few microseconds for each of it."""
        return self._compiled.iter_errors(instance)

    def faults(self, instance: object) -> list[Fault]:
        """Where `instance` breaks which rule: `{"at": JSON Pointer (RFC 6901), "rule": keyword}`.

        What lies beyond the sample that is looked at is not told, so that there may be nothing to tell.
        """
        sample, cut = _sample(instance)
        found: list[Fault] = []
        for error in map(decisive, self.errors(sample)):
            fault = {"at": pointer(error.instance_path), "rule": rule(error)}
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
                waiting.append((member, copy, "" if part is holder else at + _step(step)))
            if isinstance(part, dict):
                part[step] = copy
            else:
                part.append(copy)
    return holder[0], cut


def decisive(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """The fault of the one alternative that was meant: the only one whose type fits. Else it is the choice itself."""
    kind = error.kind
    if not isinstance(kind, jsonschema_rs.ValidationErrorKind.OneOfNotValid | jsonschema_rs.ValidationErrorKind.AnyOf):
        return error
    here = error.instance_path
    meant = [faults for faults in kind.context if not any(_is_type(fault, here) for fault in faults)]
    return decisive(meant[0][0]) if len(meant) == 1 else error


def _is_type(error: jsonschema_rs.ValidationError, at: list[str | int]) -> bool:
    return error.instance_path == at and isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Type)


def rule(error: jsonschema_rs.ValidationError) -> str:
    """The keyword that was broken; "false" where a schema is nothing but that."""
    keywords = [part for part in error.schema_path if isinstance(part, str)]
    if error.kind.name == "falseSchema" and keywords[-2:-1] and keywords[-2] in BY_NAME:
        return keywords[-2]  # the last is a name that the schema has
    return keywords[-1] if keywords else "false"


def pointer(path: Iterable[str | int]) -> str:
    """A place as a JSON Pointer (RFC 6901)."""
    return "".join(map(_step, path))


def _step(part: str | int) -> str:
    """A step of a JSON Pointer; what a caller named cannot be longer than a name."""
    return "/" + str(part).replace("~", "~0").replace("/", "~1")[:255]


def _refuse(reference: str) -> object:
    raise ValueError(f"{reference}: references lead into the same document")
