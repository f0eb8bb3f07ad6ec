"""A splice: the one place of a text that an edit changes. Pure.

Every character outside `start` and `end` is the same character as before: that is all that an edit can do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Splice", "apply", "join"]


@dataclass(frozen=True, slots=True)
class Splice:
    """Put `text` in place of the characters from `start` up to `end`."""

    start: int
    end: int
    text: str


def apply(text: str, *splices: Splice) -> str:
    """`text` with all splices done. They do not overlap, and count in characters of `text` as it was."""
    parts: list[str] = []
    at = 0
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        parts += (text[at : splice.start], splice.text)
        at = splice.end
    return "".join((*parts, text[at:]))


def join(text: str, splices: Sequence[Splice]) -> Splice:
    """One splice that does what several do, with what lies between them as it was."""
    start = min(splice.start for splice in splices)
    end = max(splice.end for splice in splices)
    moved = (Splice(splice.start - start, splice.end - start, splice.text) for splice in splices)
    return Splice(start, end, apply(text[start:end], *moved))
