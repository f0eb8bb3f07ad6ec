"""What a format has to provide: a document that finds the place of a key, and a judge that reads the whole. Pure.

Rules of this package:

- A format only *locates*. Where a value stands, and how another is written there, is a splice; every other character of
  the text is the same as before.
- A format's judge reads the whole text into plain values and shares no code with what locates: what the one overlooks,
  the other sees (proof.py).
- Positions are in characters of the decoded text (`decode` in the package).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rpcd.documents.key import Key
from rpcd.documents.splice import Splice

__all__ = ["Document", "Entry", "Format", "Key", "Splice", "Value"]

Value = bool | int | float | str | list["Value"] | dict[str, "Value"] | None
"""What JSON can hold."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a document: its type, by JSON Schema's names, and the span of everything that belongs to it."""

    key: Key
    type: str
    start: int
    end: int


class Document(Protocol):
    """One text, parsed so far that its keys can be found.

    All of these raise `Refused("not_editable")`, with `reason` and where it is known `line` and `column`, for what the
    format cannot tell, hold, or do in one splice.
    """

    def get(self, key: Key) -> Value:
        """The value of a key; `Refused("no_such_key")`."""

    def entries(self) -> Sequence[Entry]:
        """Every key, tables too, in the order of the text."""

    def put(self, key: Key, value: Value) -> Splice:
        """The splice that gives a key a value: in its place where it is there, else where a person would put it."""

    def remove(self, key: Key) -> Splice:
        """The splice that takes a key away; `Refused("no_such_key")`."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format: `open` parses a text to locate in it, `judge` reads it whole, independently."""

    name: str
    open: Callable[[str], Document]
    judge: Callable[[str], object]
