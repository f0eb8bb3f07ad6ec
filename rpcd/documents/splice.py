"""Replacing one span of a text, and nothing else. Pure."""

from dataclasses import dataclass

__all__ = ["Splice"]


@dataclass(frozen=True, slots=True)
class Splice:
    """`text` in place of the characters from `start` up to `end`."""

    start: int
    end: int
    text: str

    def apply(self, text: str) -> str:
        """`text` with the span replaced."""
        return text[: self.start] + self.text + text[self.end :]
