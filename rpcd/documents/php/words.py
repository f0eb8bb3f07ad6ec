r"""PHP: the locator's words. Pure.

Rules of this file:

- A word is a string, a number, a name, a variable or a mark. White space and comments lie between them; what stands
  outside `<?php … ?>` is one mark that ends a statement.
- In quotes a variable's name, or braces around an expression of one line without braces, comments and nested quotes
  that have anything special: more is possible, but hard to tell the end of, and refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rpcd.documents.document import MAX_DEPTH, not_editable

__all__ = ["NAME", "Word", "Words", "split"]

_LETTER: Final = r"A-Za-z_\x80-\U0010ffff"
NAME: Final = rf"[{_LETTER}][{_LETTER}0-9]*+"
_BRACED: Final = r"""(?: \{\$ | \$\{ ) (?: [^{}'"`\r\n\#/?<\\] | '[^'\\\r\n]*+' | "[^"\\$\r\n{]*+" )*+ \}"""
_WITHIN: Final = rf"\\[\s\S] | {_BRACED} | \$(?!\{{) | \{{(?!\$)"
_HTML: Final = r"(?: [^<]++ | <(?!\?) )*+ (?: <\?(?: [pP][hH][pP](?=[ \t\r\n]|\Z) | = ) | \Z )"

_HTML_AT_START: Final = re.compile(_HTML, re.VERBOSE)
_WORD: Final = re.compile(
    rf"""(?: [ \t\r\n]++ | /\*[\s\S]*?\*/ | (?: // | \#(?!\[) ) (?: [^\r\n?]++ | \?(?!>) )*+ )*+
    (?: (?P<string> '(?: [^'\\]++ | \\[\s\S] )*+' | "(?: [^"\\${{]++ | {_WITHIN} )*+" )
      | (?P<variable> \${NAME} )
      | (?P<number> 0[xX][0-9A-Fa-f_]++ | 0[bB][01_]++ | 0[oO][0-7_]++
          | (?: [0-9][0-9_]*+ (?: \.(?!\.) (?: [0-9][0-9_]*+ )?+ )?+ | \.[0-9][0-9_]*+ ) (?: [eE][+-]?[0-9][0-9_]*+ )?+
        ) (?! [{_LETTER}0-9] )
      | (?P<name> \\?{NAME} (?: \\{NAME} )*+ )
      | (?P<code> `(?: [^`\\${{]++ | {_WITHIN} )*+` )
      | (?P<here> <<<[ \t]*+ (?P<quote> ['"]?+ ) (?P<label> {NAME} ) (?P=quote) (?: \r?\n | \r )
          (?P<body> [\s\S]*? ) ^[ \t]*+ (?P=label) (?! [{_LETTER}0-9] ) )
      | (?P<html> \?>{_HTML} )
      | (?P<mark> (?!<<<)
        (?: => | [=!]==?+ | <=> | [<>]= | <> | <<=?+ (?!<) | >>=?+ | \*\*=?+ | \.\.\. | \?\?=?+ | \?-> | -> | ::
          | [-+*/.%&|^]=(?!=) | \+\+ | -- | && | \|\| | \#\[ | /(?!\*) | [-+*.%&|^<>=!?:;,@~(){{}}\[\]$] ) )
      | \Z )""",
    re.VERBOSE | re.MULTILINE,
)
_HERE_BODY: Final = re.compile(rf"(?: [^\\${{]++ | {_WITHIN} )*+", re.VERBOSE)
_CLOSING: Final = {"(": ")", "[": "]", "#[": "]", "{": "}"}
_BRACKETS: Final = {*_CLOSING, *_CLOSING.values()}


class Word(NamedTuple):
    """One word: its kind, its text, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Words:
    """All words of a file, and the number of the closing one for that of each opening bracket."""

    words: Sequence[Word]
    closing: Mapping[int, int]


def split(text: str) -> Words:
    """Find all words of a PHP file.

    Raises `Refused("not_editable")` where they cannot be told.
    """
    words: list[Word] = []
    closing: dict[int, int] = {}
    above: list[int] = []
    at = _open(text, 0, 0, words)
    match = _WORD.match
    while at < len(text):
        found = match(text, at)
        if found is None:
            raise not_editable("syntax", text, at)
        kind, at = found.lastgroup, found.end()
        if kind is None:
            break
        start = found.start(kind)
        if kind == "here" and found["quote"] != "'" and not _HERE_BODY.fullmatch(found["body"]):
            raise not_editable("syntax", text, start)
        if kind == "html":
            _open(text, start, at, words)
            continue
        word = text[start:at]
        if kind == "mark" and word in _BRACKETS:
            _bracket(text, words, closing, above, Word(kind, word, start, at))
        words.append(Word(kind, word, start, at))
    if above:
        raise not_editable("syntax", text, len(text))
    return Words(words, closing)


def _bracket(text: str, words: Sequence[Word], closing: dict[int, int], above: list[int], bracket: Word) -> None:
    """Take a bracket, which will be the next word; `above` are the numbers of those that are open."""
    if bracket.text in _CLOSING:
        above.append(len(words))
        if len(above) > MAX_DEPTH:
            raise not_editable("depth", text, bracket.start)
    elif not above or _CLOSING[words[above[-1]].text] != bracket.text:
        raise not_editable("syntax", text, bracket.start)
    else:
        closing[above.pop()] = len(words)


def _open(text: str, start: int, at: int, words: list[Word]) -> int:
    """Take what stands outside of PHP, up to `at` where that is known already."""
    if not at:
        found = _HTML_AT_START.match(text)
        if found is None:
            raise not_editable("syntax", text, 0)
        at = found.end()
    words.append(Word("html", ";", start, at))
    if text.endswith("<?=", start, at):
        words.append(Word("name", "echo", at, at))
    return at
