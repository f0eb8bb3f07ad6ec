"""What every document has in common: values, entries, and the shape of a located text. Pure."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from rpcd.documents.key import CONTROL, Key
from rpcd.documents.splice import Splice
from rpcd.errors import Refused

__all__ = [
    "MAX_DEPTH",
    "UNFIT",
    "Document",
    "Entry",
    "Reading",
    "Sharing",
    "Untold",
    "Value",
    "index",
    "not_editable",
    "require_fit",
    "require_told",
]

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
"""What JSON can say. Dates of TOML travel as strings."""

MAX_DEPTH: Final = 64
"""Tables and arrays within each other."""

UNFIT: Final = re.compile(rf"[{CONTROL}\ud800-\udfff]")
"""What no key, section or one-line value is given: control characters, and bytes that are no UTF-8."""

_UNPAIRED: Final = re.compile(r"[\ud800-\udfff]")

INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


class Untold(str):
    """What stands in a text where a value cannot be told: a shell would work it out, or readers disagree about it."""

    __slots__ = ()


def require_told(value: Value) -> Value:
    """`value`, where JSON can tell it.

    Raises `Refused("not_editable")` for bytes that are no UTF-8, and for numbers that are none or have no end.
    """
    if isinstance(value, str):
        if not value.isascii() and _UNPAIRED.search(value):
            raise not_editable("bytes")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise not_editable("type")
    elif isinstance(value, dict):
        for name, held in value.items():
            require_told(name)
            require_told(held)
    elif isinstance(value, list):
        for held in value:
            require_told(held)
    return value


def require_fit(value: Value, depth: int) -> None:
    """Raise `Refused("not_editable")` unless `value`, `depth` tables deep, is made of what `Value` says, and no deeper.

    Names of members are keys: no control characters, no lone surrogates.
    """
    if isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise not_editable("depth")
        if isinstance(value, dict):
            for name in value:
                if not isinstance(name, str) or UNFIT.search(name):
                    raise not_editable("characters")
        for held in value.values() if isinstance(value, dict) else value:
            require_fit(held, depth + 1)
    elif isinstance(value, str):
        if _UNPAIRED.search(value):
            raise not_editable("characters")
    elif value is not None and (not isinstance(value, int | float) or not math.isfinite(value)):
        raise not_editable("type")


def index(segment: str) -> int | None:
    """The number that a segment is, where it addresses an element of an array."""
    return int(segment) if INDEX.fullmatch(segment) else None


def not_editable(reason: str, text: str = "", at: int | None = None) -> Refused:
    """The refusal, with line and column (in characters, from 1) of the place `at` in `text`, where there is one.

    Reasons: `syntax` (no text of this format), `depth`, `duplicate` (a name stands twice where it must not),
    `ambiguous` (readers disagree about what stands there), `expression` (only a shell can tell the value), `bytes` (no
    UTF-8), `type` (the format cannot hold such a value there), `structure` (a value where tables are, or the other
    way), `characters` (a key or value that the format cannot spell), `quoting` (it would need quotes, which this file
    does not use), `proof` (the judge does not find exactly the asked change), `format` (it has no keys), `shared`
    (others share the value, and would change with it), `aliases` (they stand for too much, or for what holds them),
    `tag` (only a program of its own knows what the value is), `mixed` (text beside elements, of which no value says the
    order), `encoding` (another than the format is read in), `declarations` (a document type with some, or something
    that only they explain), `manner` (the format does not know such a way to edit), `limit` (it takes more time or
    memory than a text may).
    """
    if at is None:
        return Refused("not_editable", reason=reason)
    before = text[:at].removeprefix("\ufeff")
    line = before.count("\n") + 1
    return Refused("not_editable", reason=reason, line=line, column=len(before) - before.rfind("\n"))


class Entry(NamedTuple):
    """One thing that a document holds: a value, an array, a table, an element of an array.

    `type` is JSON Schema's name of it: string, integer, number, boolean, null, array or object. From `start` up to
    `end`, in characters, is everything that belongs to it: its lines, or its part of a line that it shares. Where it
    is spread over several places, what lies between them is counted in.
    """

    key: Key
    type: str
    start: int
    end: int


class Document(Protocol):
    """A located text. Immutable, and safe to use from several threads."""

    def get(self, key: Key) -> Value:
        """The value of a key, a table's or array's as a whole; of `()` the whole document.

        Raises `Refused("no_such_key")`, and `Refused("not_editable")` for a value that cannot be told: one that only a
        shell could work out, bytes that are no UTF-8.
        """

    def entries(self) -> Sequence[Entry]:
        """Everything that the document holds, in the order of the text; tables and arrays before what they hold."""

    def put(self, key: Key, value: Value) -> Splice:
        """How to give `key` this value: in place of the old one, or where a person would add it.

        Raises `Refused("not_editable")` with `reason`, and `line` and `column` where known.
        """

    def remove(self, key: Key) -> Splice:
        """How to take a key away, with its line where it has one to itself.

        Raises `Refused("no_such_key")`, and `Refused("not_editable")` as `put` does.
        """


class Reading(ABC):
    """A document that tells values as the judge has read them, and need not read them itself."""

    @abstractmethod
    def read_as(self, tree: object) -> Document:
        """The same document, which the judge has read as `tree`."""


class Sharing(ABC):
    """A document in which one value may stand at several keys, as behind an alias of YAML."""

    @abstractmethod
    def sharers(self, key: Key) -> Sequence[Key]:
        """Every key whose value changes where that of `key` is changed, `key` among them.

        `put` and `remove` are given a key with others only where the caller wants them all changed.
        """
