"""Reading the members of a result, each of the type that it has to be of; a `ProtocolError` where it is not."""

from collections.abc import Mapping
from typing import Any, TypeVar

from rpcd.client.errors import ProtocolError

__all__ = ["member", "optional", "typed"]

T = TypeVar("T")


def typed(value: Any, kind: type[T]) -> T:
    """A value that is of exactly this type."""
    if type(value) is not kind:  # not isinstance: True is an int
        raise ProtocolError(f"the result has a {type(value).__name__} in the place of a {kind.__name__}")
    return value


def member(value: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """A member of an object."""
    return typed(typed(value, dict).get(name), kind)


def optional(value: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """The same, where it is there."""
    found = typed(value, dict).get(name)
    return None if found is None else typed(found, kind)
