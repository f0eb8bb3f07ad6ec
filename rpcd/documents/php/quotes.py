r"""PHP: the judge's reading of names, and of what stands in quotes. Pure.

It walks as PHP's scanner does (zend_language_scanner), and knows no positions but its own. A string with a variable in
it is an `Untold`.
"""

import re
from collections.abc import Iterator
from typing import Final

from rpcd.documents.document import Untold, not_editable

__all__ = ["DIGITS", "Quotes"]

DIGITS: Final = frozenset("0123456789")
OCTAL: Final = frozenset("01234567")
SHORT: Final = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "e": "\x1b", "f": "\f", "\\": "\\", "$": "$", '"': '"'}
LARGEST: Final = 0x10FFFF
"""The last character of Unicode."""

_CODE: Final = re.compile(r"\{0*([0-9A-Fa-f]{1,6})\}")
_HEX: Final = re.compile(r"x([0-9A-Fa-f]{1,2})")
_OPENING: Final = re.compile(r"<<<[ \t]*(['\"]?)")
_RUN: Final = re.compile(r"[A-Za-z0-9 _./:,;=@<>()!?*+%&#|^~\[\]-]+")
"""Characters that mean nothing within quotes."""


class Quotes:
    """PHP, having read up to `at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def refuse(self, reason: str = "syntax") -> None:
        """Stop here."""
        raise not_editable(reason, self.text, self.at)

    def letter(self, at: int) -> bool:
        """Whether a name may begin here."""
        character = self.text[at : at + 1]
        return bool(character) and (
            character == "_" or character >= "\x80" or (character.isascii() and character.isalpha())
        )

    def name(self, at: int) -> str:
        """The name that begins here; it is passed over."""
        self.at = at
        while self.letter(self.at) or self.text[self.at : self.at + 1] in DIGITS:
            self.at += 1
        return self.text[at : self.at]

    def single(self) -> str:
        """A string in single quotes."""
        parts: list[str] = []
        self.at += 1
        while (character := self.text[self.at : self.at + 1]) != "'":
            following = self.text[self.at + 1 : self.at + 2]
            if not character:
                self.refuse()
            elif character == "\\" and following in {"\\", "'"}:
                parts.append(following)
                self.at += 2
            elif run := _RUN.match(self.text, self.at):
                parts.append(run[0])
                self.at = run.end()
            else:
                parts.append(character)
                self.at += 1
        self.at += 1
        return "".join(parts)

    def double(self, quote: str) -> str:
        """What stands in double quotes or backticks."""
        start = self.at
        parts: list[bytes] = []
        literal = True
        self.at += 1
        while (character := self.text[self.at : self.at + 1]) != quote:
            following = self.text[self.at + 1 : self.at + 2]
            if not character:
                self.refuse()
            elif character == "\\":
                literal = self.escape(parts) and literal
            elif (character == "$" and following == "{") or (character == "{" and following == "$"):
                self.braced()
                literal = False
            elif run := _RUN.match(self.text, self.at):
                parts.append(run[0].encode())
                self.at = run.end()
            else:
                literal = literal and not (character == "$" and self.letter(self.at + 1))
                parts.append(character.encode("utf-8", "surrogateescape"))
                self.at += 1
        self.at += 1
        return b"".join(parts).decode("utf-8", "surrogateescape") if literal else Untold(self.text[start : self.at])

    def escape(self, parts: list[bytes]) -> bool:
        """What follows a backslash in double quotes; False for what PHP would not compile."""
        text = self.text
        following = text[self.at + 1 : self.at + 2]
        if not following:
            self.refuse()
        self.at += 2
        if following in SHORT:
            parts.append(SHORT[following].encode())
        elif following in OCTAL:
            digits = following
            while len(digits) < 3 and text[self.at : self.at + 1] in OCTAL:  # noqa: PLR2004 - as many
                digits += text[self.at]
                self.at += 1
            parts.append(bytes([int(digits, 8) & 0xFF]))
        elif found := _HEX.match(text, self.at - 1):
            self.at = found.end()
            parts.append(bytes([int(found[1], 16)]))
        elif text.startswith("u{", self.at - 1):
            code = _CODE.match(text, self.at)
            if code is None or int(code[1], 16) > LARGEST:
                return False
            self.at = code.end()
            parts.append(chr(int(code[1], 16)).encode("utf-8", "surrogatepass"))
        else:
            parts.append(("\\" + following).encode("utf-8", "surrogateescape"))
        return True

    def braced(self) -> None:
        """Pass over an expression in braces, as far as it is simple."""
        text = self.text
        self.at += 2
        while (character := text[self.at : self.at + 1]) != "}":
            if not character or character in "{`\r\n#/?<\\":
                self.refuse()
            self.at += 1
            if character in "'\"":
                end = text.find(character, self.at)
                never = "\\\r\n" if character == "'" else "\\$\r\n{"
                if end < 0 or any(mark in text[self.at : end] for mark in never):
                    self.refuse()
                self.at = end + 1
        self.at += 1

    def here(self) -> None:
        """Pass over a heredoc or nowdoc."""
        text = self.text
        opening = _OPENING.match(text, self.at)
        self.at = opening.end() if opening else self.at
        quote = opening[1] if opening else ""
        if not self.letter(self.at):
            self.refuse()
        label = self.name(self.at)
        if not text.startswith(quote, self.at):
            self.refuse()
        self.at += len(quote)
        lines = self.lines(self.at)
        if next(lines)[0]:
            self.refuse()
        for start, line in ((start, line) for line, start in lines):
            if line.lstrip(" \t").startswith(label):
                end = start + len(line) - len(line.lstrip(" \t")) + len(label)
                if not self.letter(end) and text[end : end + 1] not in DIGITS:
                    if quote != "'":
                        self.body(start)
                    self.at = end
                    return
        self.refuse()

    def lines(self, at: int) -> Iterator[tuple[str, int]]:
        """The lines from here on, and where each starts; only a newline ends one."""
        while at <= len(self.text):
            end = self.text.find("\n", at)
            end = end if end >= 0 else len(self.text)
            yield self.text[at:end].removesuffix("\r"), at
            at = end + 1

    def body(self, end: int) -> None:
        """Pass over the text of a heredoc, up to `end`."""
        while self.at < end:
            pair = self.text[self.at : self.at + 2]
            if pair in {"${", "{$"}:
                self.braced()
            else:
                self.at += 2 if pair[:1] == "\\" else 1
