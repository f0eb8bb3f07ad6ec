"""Keys: how a caller names a place in a document, and how a grant names many. Pure.

Rules of this file:

- A key is a tuple of segments. Nothing compares or cuts joined text: `"a.b".c` and `a."b.c"` are different keys.
- Dotted text is as in TOML 1.0: bare segments of letters, digits, `_` and `-`, all others in `"basic"` or `'literal'`
  quotes; without white space around the dots. `parse_key(format_key(key)) == key`.
- A segment has no control characters and no lone surrogates; it may be empty, where it is quoted. Elements of arrays
  are addressed by decimal segments.
- In a pattern a bare `*` matches one segment, and as the last segment one or more; a quoted one is a star.
"""

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rpcd.errors import Refused

__all__ = ["CONTROL", "MAX_SEGMENTS", "Key", "KeyPattern", "format_key", "parse_key"]

Key = tuple[str, ...]
"""The canonical key. An element of an array is addressed by its number in decimal: `("hosts", "0")`."""

MAX_SEGMENTS: Final = 64
"""As deep as a document may be."""

MAX_KEY: Final = 4096
"""Characters of all segments together; more than any configuration file nests."""

CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""C0, DEL, C1 and Unicode's own line ends, for a character class."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SEGMENT: Final = re.compile(
    rf"""([A-Za-z0-9_-]+)|(\*)|"((?:[^"\\{CONTROL}]|\\(?:[btnfr"\\]|u[0-9A-Fa-f]{{4}}|U[0-9A-Fa-f]{{8}}))*)"|'([^'{CONTROL}]*)'"""
)
_ESCAPE: Final = re.compile(r'\\(?:([btnfr"\\])|u(.{4})|U(.{8}))')
_MEANING: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_UNFIT: Final = re.compile(rf"[{CONTROL}\ud800-\udfff]")
_TO_ESCAPE: Final = re.compile(rf'["\\{CONTROL}\ud800-\udfff]')


def parse_key(untrusted: str | list[str | int]) -> Key:
    """The key that dotted text, or an array of segments, names.

    Raises `Refused("invalid_params")` for what names none.
    """
    if isinstance(untrusted, str):
        return _parse_dotted(untrusted)
    return _judged(tuple(map(_segment, untrusted)) if len(untrusted) <= MAX_SEGMENTS else ())


@lru_cache(maxsize=256)
def _parse_dotted(untrusted: str) -> Key:
    """The key of dotted text; callers ask for the same few again and again."""
    segments = _split(untrusted)
    if segments is None or None in segments:
        return _judged(())
    return _judged(tuple(segment for segment in segments if segment is not None))


def _judged(key: Key) -> Key:
    if not 0 < len(key) <= MAX_SEGMENTS or sum(map(len, key)) > MAX_KEY or any(map(_UNFIT.search, key)):
        raise Refused("invalid_params", faults=[{"at": "/key", "rule": "key"}])
    return key


def format_key(key: Key) -> str:
    """The key as dotted text, one way for each key."""
    return ".".join(segment if _BARE.fullmatch(segment) else _quote(segment) for segment in key)


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """Which keys a grant, or a target's `secret`, means. None stands for `*`."""

    segments: tuple[str | None, ...]

    @classmethod
    def parse(cls, text: str) -> "KeyPattern":
        """The pattern that `text` spells, as in `ui.*`.

        Raises `ValueError` for what is none.
        """
        segments = _split(text)
        if segments is None or len(segments) > MAX_SEGMENTS:
            raise ValueError("not a pattern of keys")
        return cls(segments)

    def __str__(self) -> str:
        return ".".join("*" if segment is None else format_key((segment,)) for segment in self.segments)

    def matches(self, key: Key) -> bool:
        """Whether `key` itself is meant."""
        segments = self.segments
        if len(key) < len(segments) or (len(key) > len(segments) and segments[-1] is not None):
            return False
        return all(part is None or part == segment for part, segment in zip(segments, key, strict=False))

    def includes(self, key: Key) -> bool:
        """Whether `key`, or a table or array that it is in, is meant."""
        segments = self.segments
        return len(key) >= len(segments) and all(
            part is None or part == segment for part, segment in zip(segments, key, strict=False)
        )

    def covers_below(self, key: Key) -> bool:
        """Whether every key below `key` is meant, whatever it may be called."""
        segments = self.segments
        if segments[-1] is not None or len(key) < len(segments) - 1:
            return False
        return all(part is None or part == segment for part, segment in zip(segments[:-1], key, strict=False))

    def meets(self, key: Key) -> bool:
        """Whether `key` is meant, or lies above or below what is."""
        return all(part is None or part == segment for part, segment in zip(self.segments, key, strict=False))


def _split(text: str) -> tuple[str | None, ...] | None:
    """The segments of dotted text, None for a bare `*`; None instead of them where it is not dotted text."""
    if len(text) > 2 * MAX_KEY:
        return None
    segments: list[str | None] = []
    at = 0
    while (found := _SEGMENT.match(text, at)) is not None:
        bare, star, basic, literal = found.groups()
        if star:
            segments.append(None)
        else:
            segments.append(bare or literal or _unescape(basic or ""))
        at = found.end()
        if at == len(text):
            return tuple(segments)
        if text[at] != ".":
            return None
        at += 1
    return None


def _segment(part: str | int) -> str:
    """One segment of an array; what is no segment becomes one that is refused."""
    if isinstance(part, str):
        return part
    return str(part) if type(part) is int and 0 <= part < 10**9 else "\0"


def _quote(segment: str) -> str:
    return '"' + _TO_ESCAPE.sub(_escape, segment) + '"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return "\\" + character if character in '"\\' else f"\\u{ord(character):04x}"


def _unescape(basic: str) -> str:
    return _ESCAPE.sub(_character, basic) if "\\" in basic else basic


def _character(escape: re.Match[str]) -> str:
    short, four, eight = escape.groups()
    code = int(four or eight or "0", 16)
    return _MEANING[short] if short else chr(code) if code <= sys.maxunicode else "\0"
