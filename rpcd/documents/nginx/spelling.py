r"""nginx's files: how words are written, and what is written means. Pure.

Rules of this file:

- nginx reads a word bare or in either kind of quotes, and the same in all of them: `\"`, `\'`, `\\`, `\t`, `\r` and
  `\n` are one character each, every other backslash is itself (ngx_conf_read_token). `$` has no escape.
- A bare word that is written has no white space, semicolon, brace or quote, whatever nginx would take.
"""

import re
from collections.abc import Iterable
from typing import Final

from rpcd.documents.document import UNFIT, not_editable

__all__ = ["WORD", "meaning", "segment_of", "spell", "words_of"]

WORD: Final = r"""
      " (?: [^"\\]++ | \\ [\s\S] )*+ " (?= [ \t\r\n;{)] | \Z )
    | ' (?: [^'\\]++ | \\ [\s\S] )*+ ' (?= [ \t\r\n;{)] | \Z )
    | (?: [^ \t\r\n;{}"'\#\\$] | \\ [\s\S] | \$ \{?+ ) (?: [^ \t\r\n;{\\$]++ | \\ [\s\S] | \$ \{?+ )*+
"""
"""A word as nginx reads one."""

LONGEST: Final = 4000
"""Bytes of a word: nginx has room for 4,096 (NGX_CONF_BUFFER)."""

_ESCAPE: Final = re.compile(r"""\\(["'\\trn])""")
_MEANING: Final = {"t": "\t", "r": "\r", "n": "\n"}
_BARE: Final = re.compile(r"""(?!\#)(?:[^\s;{}"'\\\x00-\x1f\x7f]|\\(?=[^"'\\trn\s;{}]))+""")
_TO_DOUBLE: Final = re.compile(r"""\\(?=["'\\trn\t\r\n]|\Z)""")
_CONTROL: Final = {"\t": "\\t", "\r": "\\r", "\n": "\\n"}
_WORDS: Final = re.compile(rf"""(?:{WORD})(?:[ ]|(?<=")(?=\))|\Z)""", re.VERBOSE)


def meaning(spelled: str) -> str:
    """What nginx reads."""
    inner = spelled[1:-1] if spelled[0] in "\"'" else spelled
    return _ESCAPE.sub(lambda found: _MEANING.get(found[1], found[1]), inner) if "\\" in inner else inner


def spell(value: str, quote: str = "") -> str:
    """A word, in this kind of quotes, or in none if that can be.

    Raises `Refused("not_editable")` for control characters that have no escape, and for more than nginx has room for.
    """
    if UNFIT.search(value.translate({ord(character): None for character in _CONTROL})):
        raise not_editable("characters")
    return _spell(value, quote)


def segment_of(words: Iterable[str]) -> str:
    """How a block is called, or a directive: its name, and the block's arguments."""
    segment = ""
    for word in words:
        joined = not segment or (segment[-1] == '"' and word.startswith(")"))
        segment += ("" if joined else " ") + (word if _BARE.fullmatch(word) else _quoted(word, '"'))
    return segment


def words_of(segment: str) -> list[str]:
    """The words of which `segment_of` makes this segment.

    Raises `Refused("not_editable")` where there are none.
    """
    words: list[str] = []
    at = 0
    while (found := _WORDS.match(segment, at)) is not None and at < len(segment):
        at = found.end()
        words.append(meaning(found[0].removesuffix(" ")))
    if at < len(segment) or segment_of(words) != segment or not segment:
        raise not_editable("characters")
    return words


def _spell(value: str, quote: str) -> str:
    spelled = value if not quote and _BARE.fullmatch(value) else _quoted(value, quote or '"')
    if len(spelled.encode("utf-8", "surrogateescape")) > LONGEST:
        raise not_editable("characters")
    return spelled


def _quoted(value: str, quote: str) -> str:
    doubled = _TO_DOUBLE.sub(r"\\\\", value).replace(quote, "\\" + quote)
    return quote + re.sub(r"[\t\r\n]", lambda found: _CONTROL[found[0]], doubled) + quote
