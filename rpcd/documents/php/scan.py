"""PHP: the judge's scanner, which finds words and groups them by brackets. Pure."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from rpcd.documents.php.quotes import DIGITS, Quotes

__all__ = ["Group", "Piece", "Scanner"]

BLANK: Final = " \t\r\n"
CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
MARKS: Final = ("=>", "===", "==", "...")
PLAIN: Final = frozenset("-+*/.%&|^<>=!?:;,@~$")

_EASY: Final = re.compile(
    r"""[ \t\r\n]*+ (?: '(?P<string> [^'\\]*+ )' | (?P<mark> => | [,;] )
        | (?P<name> [A-Za-z_][A-Za-z0-9_]*+ ) (?! [\\\x80-\U0010ffff] )
        | (?P<number> [1-9][0-9]{0,17} ) (?! [A-Za-z0-9_.\x80-\U0010ffff] ) )""",
    re.VERBOSE,
)
"""A word that nobody could read otherwise."""

_NUMBER: Final = re.compile(
    r"0[xX][\dA-Fa-f_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*(?:\.(?!\.)(?:\d[\d_]*)?)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?",
    re.ASCII,
)


@dataclass(slots=True)
class Group:
    """What stands between brackets."""

    opening: str
    pieces: "list[Piece]"
    end: int = 0


class Piece(NamedTuple):
    """A word of PHP, or a group of them: its value for strings and numbers, its text for others."""

    kind: str
    value: object
    start: int
    end: int

    @property
    def mark(self) -> str:
        """The mark that this is; empty for anything else, a string of the same letters too."""
        return str(self.value) if self.kind == "mark" else ""


class Scanner(Quotes):
    """PHP, having read up to `at`."""

    def __init__(self, text: str, deepest: int) -> None:
        super().__init__(text)
        self.deepest = deepest

    def pieces(self) -> list[Piece]:
        """Everything in the file, one level of it."""
        top: list[Piece] = []
        open_groups: list[tuple[Group, int]] = []
        here = top
        self.html(here)
        easy = _EASY.match
        while True:
            while (found := easy(self.text, self.at)) is not None:
                kind = found.lastgroup or ""
                self.at = found.end()
                value = found[kind]
                start = found.start(kind) - (kind == "string")
                here.append(Piece(kind, int(value) if kind == "number" else value, start, self.at))
            if not self.skip():
                break
            start, character = self.at, self.text[self.at]
            if character in CLOSING or self.text.startswith("#[", start):
                self.at += 2 if character == "#" else 1
                group = Group("[" if character == "#" else character, [])
                open_groups.append((group, start))
                if len(open_groups) > self.deepest:
                    self.refuse("depth")
                here = group.pieces
            elif character in ")]}":
                if not open_groups or CLOSING[open_groups[-1][0].opening] != character:
                    self.refuse()
                self.at += 1
                group, start = open_groups.pop()
                group.end = self.at
                here = open_groups[-1][0].pieces if open_groups else top
                here.append(Piece("group", group, start, self.at))
            elif self.text.startswith("?>", start):
                self.at += 2
                self.html(here)
            else:
                kind, value = self.word(character)
                here.append(Piece(kind, value, start, self.at))
        if open_groups:
            self.refuse()
        return top

    def html(self, here: list[Piece]) -> None:
        """Pass over what is outside of PHP, and its opening tag."""
        start = self.at
        at = self.text.find("<?", start)
        self.at = at if at >= 0 else len(self.text)
        here.append(Piece("html", "", start, self.at))
        if at < 0:
            return
        if self.text.startswith("<?=", at):
            self.at += 3
            here.append(Piece("name", "echo", at, self.at))
        elif self.text[at + 2 : at + 5].lower() == "php" and self.text[at + 5 : at + 6] in {"", *BLANK}:
            self.at += 5
        else:
            self.refuse()

    def skip(self) -> bool:
        """Pass over white space and comments, and say whether anything follows."""
        text = self.text
        while self.at < len(text):
            if text[self.at] in BLANK:
                self.at += 1
            elif text.startswith("/*", self.at):
                end = text.find("*/", self.at + 2)
                if end < 0:
                    self.refuse()
                self.at = end + 2
            elif text.startswith("//", self.at) or (text[self.at] == "#" and not text.startswith("#[", self.at)):
                self.line()
            else:
                return True
        return False

    def line(self) -> None:
        """Pass over a comment up to the end of its line, or of PHP."""
        text = self.text
        ends = [end for mark in ("\n", "\r", "?>") if (end := text.find(mark, self.at, self.at + 4096)) >= 0]
        while not ends and self.at + 4096 < len(text):
            self.at += 4095  # a mark may lie across
            ends = [end for mark in ("\n", "\r", "?>") if (end := text.find(mark, self.at, self.at + 4096)) >= 0]
        self.at = min(ends, default=len(text))

    def word(self, character: str) -> tuple[str, object]:
        """The word that begins here."""
        text, start = self.text, self.at
        if character == "'":
            return "string", self.single()
        if character == '"':
            return "string", self.double('"')
        if character == "`":
            self.double("`")
            return "code", ""
        if text.startswith("<<<", start):
            self.here()
            return "code", ""
        if character == "$" and self.letter(start + 1):
            return "variable", "$" + self.name(start + 1)
        if self.letter(start + (character == "\\")):
            return "name", self.long_name()
        return self.number_or_mark(character)

    def long_name(self) -> str:
        """A name with its namespace."""
        name = self.name(self.at + self.text.startswith("\\", self.at))
        while self.text.startswith("\\", self.at) and self.letter(self.at + 1):
            name += "\\" + self.name(self.at + 1)
        return name

    def number_or_mark(self, character: str) -> tuple[str, object]:
        """A number, or a mark that is no bracket."""
        if (number := _NUMBER.match(self.text, self.at)) is not None:
            self.at = number.end()
            if self.letter(self.at) or self.text[self.at : self.at + 1] in DIGITS:
                self.refuse()
            return "number", _number(number[0])
        mark = next((mark for mark in MARKS if self.text.startswith(mark, self.at)), character)
        if mark[0] not in PLAIN:
            self.refuse()
        self.at += len(mark)
        return "mark", mark


def _number(spelled: str) -> int | float | None:
    """The number, None for what is none of ours."""
    digits = spelled.replace("_", "").lower()
    if spelled[-1] == "_" or "__" in spelled or len(digits) > 64:  # noqa: PLR2004 - no number that is written so
        return None
    try:
        if digits[:2] in {"0x", "0b", "0o"}:
            return int(digits, 0)
        if any(mark in digits for mark in ".e"):
            number = float(digits)
            return None if number == float("inf") else number
        return int(digits, 8) if digits[0] == "0" and digits != "0" else int(digits)
    except ValueError:
        return None
