"""A value that an object works out when it is first asked for, and keeps.

functools.cached_property is that too, but Python 3.11's holds one lock for all objects of a class while it works: who
opens a small document would wait for whoever opens a large one, the event loop included.
"""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

__all__ = ["kept"]

Value = TypeVar("Value")


class kept(Generic[Value]):  # noqa: N801 - used as a decorator, as property is
    """Makes a method without arguments such a value. Threads that ask at the same time may each work it out."""

    def __init__(self, work_out: Callable[[Any], Value]) -> None:
        self.work_out = work_out
        self.__doc__ = work_out.__doc__
        self.name = work_out.__name__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type) -> Value: ...

    def __get__(self, owner: object | None, kind: type) -> Self | Value:
        """The value; it is found without this method from the second time on (descriptor protocol: no `__set__`)."""
        if owner is None:
            return self
        value = owner.__dict__[self.name] = self.work_out(owner)
        return value
