"""Keys of documents, and patterns of keys. Pure.

Rules of this file:

- A key is a tuple of segments, and nothing is ever decided about the text it was written as: `a.b` and `"a.b"` are
  different keys. A pattern matches segments, never joined text.
- As text, a key is a dotted key as in TOML 1.0: bare segments, or quoted ones where a segment has a dot or a quote.
  Elements of arrays are addressed by their number: `hosts.0.port`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rpcd.errors import Refused

__all__ = ["Key", "KeyPattern", "format_key", "parse_key"]

Key = tuple[str, ...]

MAX_SEGMENTS: Final = 32
MAX_SEGMENT: Final = 255

_CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTROL_CHARACTER: Final = re.compile(f"[{_CONTROL}\ud800-\udfff]")
_BARE: Final = re.compile(rf"""[^\s."'{_CONTROL}](?:[^."'{_CONTROL}]*[^\s."'{_CONTROL}])?""")
_BASIC: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^']*'")


def parse_key(untrusted: str | list[str | int]) -> Key:
    """The segments of a dotted key, or of an array of segments.

    Raises `Refused("invalid_params")` for what is neither, is empty, or has control characters.
    """
    segments = _dotted(untrusted) if isinstance(untrusted, str) else [str(segment) for segment in untrusted]
    if not 0 < len(segments) <= MAX_SEGMENTS:
        raise _fault()
    for segment in segments:
        if len(segment) > MAX_SEGMENT or _CONTROL_CHARACTER.search(segment):
            raise _fault()
    return tuple(segments)


def format_key(key: Iterable[str]) -> str:
    """A key as a dotted key, which `parse_key` reads back."""
    return ".".join(
        segment if _BARE.fullmatch(segment) else json.dumps(segment, ensure_ascii=False) for segment in key
    )


def _dotted(text: str) -> list[str]:
    segments: list[str] = []
    position = 0
    while True:
        segment, position = _segment(text, position)
        segments.append(segment)
        if position == len(text):
            return segments
        if text[position] != "." or len(segments) > MAX_SEGMENTS:
            raise _fault()
        position += 1


def _segment(text: str, start: int) -> tuple[str, int]:
    if match := _BARE.match(text, start):
        return match[0], match.end()
    if match := _LITERAL.match(text, start):
        return match[0][1:-1], match.end()
    if match := _BASIC.match(text, start):
        try:
            segment = json.loads(match[0])
        except ValueError as error:
            raise _fault() from error
        return str(segment), match.end()
    raise _fault()


def _fault() -> Refused:
    return Refused("invalid_params", faults=[{"at": "/key", "rule": "key"}])


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """A key in which `*` stands for any one segment, and as the last segment for all that is below too."""

    segments: Key

    @classmethod
    def parse(cls, text: str) -> "KeyPattern":
        """The pattern that a dotted key stands for; raises `Refused("invalid_params")` like `parse_key`."""
        return cls(parse_key(text))

    def matches(self, key: Key) -> bool:
        """Whether the pattern covers `key` itself."""
        pattern = self.segments
        if len(key) < len(pattern) or (len(key) > len(pattern) and pattern[-1] != "*"):
            return False
        return all(segment in ("*", name) for segment, name in zip(pattern, key, strict=False))

    def covers_below(self, key: Key) -> bool:
        """Whether the pattern covers every key below `key`, whatever their names."""
        pattern = self.segments
        if pattern[-1] != "*" or len(pattern) > len(key) + 1:
            return False
        return all(segment in ("*", name) for segment, name in zip(pattern[:-1], key, strict=False))
