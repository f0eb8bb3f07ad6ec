"""What patterns of keys reach, step by step down a document. Pure.

Policies ask whether a pattern means one key; who walks a document, or a schema, asks what is left of the patterns at
each step, and need not look below what none of them reaches.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rpcd.documents.document import index
from rpcd.documents.key import KeyPattern

__all__ = ["Reach"]

Rest = tuple[str | None, ...]
"""What is left of a pattern's segments; none where it ends here."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What is meant at a place: `here`, that it is itself; `all`, that everything below it is. `rests` lead further."""

    here: bool
    all: bool
    rests: frozenset[Rest]

    @classmethod
    def of(cls, patterns: Iterable[KeyPattern]) -> "Reach":
        """From the top of a document."""
        return cls._made(pattern.segments for pattern in patterns)

    @classmethod
    def _made(cls, rests: Iterable[Rest]) -> "Reach":
        rests = frozenset(rests)
        return cls(here=() in rests, all=(None,) in rests, rests=rests - {()})

    def __bool__(self) -> bool:
        """Whether anything here or below is meant."""
        return self.here or self.all or bool(self.rests)

    def at(self, segment: str) -> "Reach":
        """One step down, to a member or element."""
        if self.all:
            return EVERYTHING
        return self._made(rest[1:] for rest in self.rests if rest[0] in {None, segment})

    @property
    def unnamed(self) -> "Reach":
        """One step down, to a member that no pattern names."""
        return EVERYTHING if self.all else self._made(rest[1:] for rest in self.rests if rest[0] is None)

    @property
    def elements(self) -> "Reach":
        """One step down, to any element of an array."""
        steps = (rest for rest in self.rests if rest[0] is None or index(rest[0]) is not None)
        return EVERYTHING if self.all else self._made(rest[1:] for rest in steps)

    @property
    def names(self) -> frozenset[str]:
        """The members that patterns name."""
        return frozenset(rest[0] for rest in self.rests if rest[0] is not None)


EVERYTHING: Final = Reach(here=True, all=True, rests=frozenset({(None,)}))
"""Where a pattern ends in a star."""
