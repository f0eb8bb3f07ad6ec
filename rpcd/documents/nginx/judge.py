"""nginx's files: the judge. Pure, and it shares nothing with the locator but what both mean by a key.

It walks through the text one character at a time, as nginx does (ngx_conf_read_token). The tests hold it against
crossplane and against nginx itself.
"""

import re
from typing import Final

from rpcd.documents.document import MAX_DEPTH, Untold, not_editable

__all__ = ["judge"]

_ORDINARY: Final = re.compile(r"[A-Za-z0-9_./:=,@%+*~^()|?<>&!\[\]-]+")
"""A run of characters that mean nothing to nginx, wherever they stand in a word."""

_LONG_BRACKET: Final = re.compile(r"\[(=*+)\[")
"""What opens a string of Lua, or a comment, over several lines."""

_PLAIN: Final = re.compile(r"[ \t\r\n]*+((?:[A-Za-z0-9_./:=,@%+*~^()|?<>&!\[\]-]++[ \t]*+)++);")
"""A directive that nobody could read otherwise."""

SPACE: Final = frozenset(" \t\r\n")
SPECIAL: Final = frozenset(" \t\r\n;{}\"'")
ESCAPES: Final = {'"': '"', "'": "'", "\\": "\\", "t": "\t", "r": "\r", "n": "\n"}

Statements = dict[str, list[object]]


class _Block(dict[str, object]):
    """A table that has its own braces, to tell it from arguments."""


def judge(text: str) -> object:
    """The tree of `text`.

    Raises `Refused("not_editable")` for what nginx cannot read, is too deep, or has a directive and a block of one
    name.
    """
    if "\0" in text or text.startswith("\ufeff"):
        raise not_editable("syntax", text, max(0, text.find("\0")))
    reader = _Reader(text)
    bodies: list[Statements] = [{}]
    headers: list[str] = []
    while True:
        words, mark = reader.words()
        if mark in {"", "}"}:
            if words or bool(mark) != bool(headers):
                reader.refuse()
            if not mark:
                return _told(bodies[0])
            block = _Block(_told(bodies.pop()))
            bodies[-1].setdefault(headers.pop(), []).append(block)
            continue
        if not words:
            reader.refuse()
        if mark == ";":
            bodies[-1].setdefault(_segment(words[:1]), []).append(words[1:])
        elif words[0].endswith("_by_lua_block"):
            bodies[-1].setdefault(_segment(words), []).append(Untold(reader.lua()))
        else:
            headers.append(_segment(words))
            bodies.append({})
            if len(headers) > MAX_DEPTH:
                raise not_editable("depth", text, reader.at)


def _told(body: Statements) -> dict[str, object]:
    return {name: _value(name, held) for name, held in body.items()}


def _value(name: str, held: list[object]) -> object:
    """The value of a name: a table, arguments, or a list of either."""
    kinds = set(map(type, held))
    if len(kinds) > 1:
        raise not_editable("ambiguous")
    if kinds == {list}:
        if len(held) > 1:
            return [arguments or None for arguments in held]
        (arguments,) = held
        if not isinstance(arguments, list) or len(arguments) > 1:
            return arguments
        return arguments[0] if arguments else None
    tables = [dict(one) if isinstance(one, _Block) else one for one in held]
    return tables if len(tables) > 1 or (name == "server" and kinds == {_Block}) else tables[0]


def _segment(words: list[str]) -> str:
    """How a directive or a block is called."""
    names = list(map(_name, words))
    for at in range(len(names) - 1):  # as in `if ($uri ~ "a{2}")`
        names[at] += "" if names[at][-1] == '"' and names[at + 1][0] == ")" else " "
    return "".join(names)


def _name(word: str) -> str:
    if word and word.isascii() and word.replace("_", "").isalnum():
        return word
    parts: list[str] = []
    quoted = not word or word[0] == "#"
    for at, character in enumerate(word):
        following = word[at + 1 : at + 2]
        if character == "\\" and (not following or following in ESCAPES or following in "\t\r\n"):
            parts.append("\\\\")
            quoted = True
        elif character in "\t\r\n":
            parts.append({"\t": "\\t", "\r": "\\r", "\n": "\\n"}[character])
            quoted = True
        else:
            parts.append("\\" + character if character == '"' else character)
            quoted = quoted or character in SPECIAL or character.isspace() or character < " " or character == "\x7f"
    return f'"{"".join(parts)}"' if quoted else word


class _Reader:
    """nginx, having read up to `at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def refuse(self) -> None:
        """Stop here."""
        raise not_editable("syntax", self.text, self.at)

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def words(self) -> tuple[list[str], str]:
        """The words up to a semicolon, a brace or the end, and which of these it is; it is passed over."""
        if (plain := _PLAIN.match(self.text, self.at)) is not None:
            self.at = plain.end()
            return plain[1].split(), ";"
        words: list[str] = []
        while True:
            character = self.peek()
            if character and character in SPACE:
                self.at += 1
            elif character == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            elif not character or character in ";{}":
                self.at += 1
                return words, character
            elif character in "\"'":
                words.append(self.quoted(character))
            else:
                words.append(self.bare())

    def escaped(self) -> str:
        """What a backslash and the character after it are."""
        following = self.text[self.at + 1 : self.at + 2]
        if not following:
            self.refuse()
        self.at += 2
        return ESCAPES.get(following, "\\" + following)

    def bare(self) -> str:
        """A word without quotes: a brace after a dollar belongs to it, and so does whatever follows a backslash."""
        parts: list[str] = []
        variable = False
        while (character := self.peek()) and character not in " \t\r\n;":
            if character == "{" and not variable:
                break
            variable = character == "$"
            if character == "\\":
                parts.append(self.escaped())
            elif ordinary := _ORDINARY.match(self.text, self.at):
                parts.append(ordinary[0])
                self.at = ordinary.end()
            else:
                parts.append(character)
                self.at += 1
        return "".join(parts)

    def quoted(self, quote: str) -> str:
        """A word in quotes; only white space, a mark or a parenthesis may follow it."""
        parts: list[str] = []
        self.at += 1
        while (character := self.peek()) != quote:
            if not character:
                self.refuse()
            elif character == "\\":
                parts.append(self.escaped())
            elif ordinary := _ORDINARY.match(self.text, self.at):
                parts.append(ordinary[0])
                self.at = ordinary.end()
            else:
                parts.append(character)
                self.at += 1
        self.at += 1
        if self.peek() not in {*SPACE, ";", "{", ")"}:
            self.refuse()
        return "".join(parts)

    def lua(self) -> str:
        """Pass over a block of Lua and its closing brace: braces count but in strings and comments."""
        text, start = self.text, self.at
        depth = 1
        while depth:
            character = self.peek()
            if not character:
                self.refuse()
            comment = text.startswith("--", self.at)
            opening = self.at + 2 * comment
            if long := _LONG_BRACKET.match(text, opening):
                self.beyond("]" + "=" * len(long[1]) + "]", long.end())
            elif comment:
                self.beyond("\n", opening)
            elif character in "\"'":
                self.lua_string(character)
            else:
                depth += {"{": 1, "}": -1}.get(character, 0)
                self.at += 1
        return text[start : self.at]

    def beyond(self, closing: str, start: int) -> None:
        """Pass over everything up to `closing`."""
        end = self.text.find(closing, start)
        if end < 0:
            self.at = len(self.text)
            self.refuse()
        self.at = end + len(closing)

    def lua_string(self, quote: str) -> None:
        """Pass over a string of Lua."""
        self.at += 1
        while (character := self.peek()) != quote:
            if character in {"", "\n"}:
                self.refuse()
            self.at += 2 if character == "\\" else 1
        self.at += 1
