r"""Env files as python-dotenv reads them, and mostly others that are called so (`.env`). Pure.

- `NAME=value`, white space around the mark, `export` before the name; quotes of both kinds, over several lines, with
  `\'` and `\\` in single ones and more in double ones; a comment behind the value, which needs white space before it
  where there are no quotes. A name alone takes its value away: no text is taken that has both.
- `${NAME}` is put in by every reader, even within single quotes: such a value is not told.
- A backslash before the last quote is read differently by its versions: a text with one is refused.
"""

import re
from collections.abc import Iterator
from typing import Final

from rpcd.documents.document import Untold, not_editable
from rpcd.documents.env.dialect import Dialect
from rpcd.documents.env.layout import Assignment, Layout, layout_of

__all__ = ["DOTENV"]

_WHITE: Final = r"[^\S\r\n]*+"
_STATEMENT: Final = re.compile(
    rf"""\s*+ (?:
        (?P<export> export [^\S\r\n]++ )?+ (?: ' (?P<quoted> [^'\r\n]++ ) ' | (?P<name> [^=\#\s'][^=\#\s]*+ ) ) {_WHITE}
        (?: = {_WHITE} (?P<value>
              ' (?: [^'\\]++ | \\[\s\S] )*+ (?<! \\ ) '
            | " (?: [^"\\]++ | \\[\s\S] )*+ (?<! \\ ) "
            | (?! ['"] ) [^\r\n]*+
        ) )?+ )?+ {_WHITE} (?: \# [^\r\n]*+ )?+ (?: \r\n | \n | \r | \Z )""",
    re.VERBOSE,
)
_BEHIND: Final = re.compile(r"\s+#.*|\s+\Z")
_REFERENCE: Final = re.compile(r"\$\{[^}:]*(?::-[^}]*)?\}")
_ESCAPE: Final = {"'": re.compile(r"\\([\\'])"), '"': re.compile(r"\\([\\'\"abfnrtv])")}
_LETTERS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def _locate(text: str) -> Layout:
    found = []
    alone: set[str] = set()
    at = 0
    while at < len(text):
        statement = _STATEMENT.match(text, at)
        if statement is None or statement.end() == at:
            raise not_editable("syntax", text, at)
        name = statement["name"] or statement["quoted"] or ""
        if (spelled := statement["value"]) is None:
            alone.add(name)
        else:
            start, quote = statement.start("value"), spelled[:1]
            if quote in _ESCAPE:
                value = _ESCAPE[quote].sub(lambda escape: _LETTERS.get(escape[1], escape[1]), spelled[1:-1])
                end = statement.end("value")
            else:
                value = _BEHIND.sub("", spelled, count=1)
                end = start + len(value)
            if _REFERENCE.search(value):
                value = Untold(value)
            line = statement.start("export") if statement["export"] else statement.start("name")
            line = statement.start("quoted") - 1 if statement["quoted"] and not statement["export"] else line
            line = text.rfind("\n", at, line) + 1 or at
            exported = statement["export"] is not None
            found.append(Assignment(name, value, line, start, end, statement.end(), exported))
        at = statement.end()
    return layout_of(found, alone)


def _judge(text: str) -> object:
    walk = _Walk(text)
    variables: dict[str, str] = {}
    alone: list[str] = []
    while walk.to_statement():
        name = walk.name()
        walk.white()
        if walk.takes("="):
            walk.white()
            variables[name] = walk.value()
        else:
            alone.append(name)
        walk.end_of_line()
    if any(name in variables for name in alone):
        raise not_editable("duplicate")
    return variables


class _Walk:
    """A reader that has come to `at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def next(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def takes(self, character: str) -> bool:
        """Pass over a character, if it is the next one."""
        found = self.next() == character
        self.at += found
        return found

    def white(self) -> bool:
        """Pass over white space on this line, and say whether there was any."""
        start = self.at
        while self.next().isspace() and self.next() not in "\r\n":
            self.at += 1
        return self.at > start

    def rest(self) -> str:
        """Pass over the rest of the line."""
        start = self.at
        while self.next() and self.next() not in "\r\n":
            self.at += 1
        return self.text[start : self.at]

    def to_statement(self) -> bool:
        """Go to the next line that is no comment and not blank; whether there is one."""
        while self.next().isspace() or self.next() == "#":
            if self.next() == "#":
                self.rest()
            else:
                self.at += 1
        return self.at < len(self.text)

    def name(self) -> str:
        """The name of a variable, behind `export`."""
        start = self.at
        if self.text.startswith("export", start):
            self.at += len("export")
            if not self.white():
                self.at = start  # a variable of this name
        if self.takes("'"):
            inner, closed, _ = self.text[self.at :].partition("'")
            if not inner or not closed or "\n" in inner or "\r" in inner:
                raise not_editable("syntax")
            self.at += len(inner) + 1
            return inner
        start = self.at
        while self.next() and self.next() not in "=#" and not self.next().isspace():
            self.at += 1
        if start == self.at:
            raise not_editable("syntax")
        return self.text[start : self.at]

    def value(self) -> str:
        """The value of a variable."""
        quote = self.next()
        value = self.quoted(quote) if quote in {"'", '"'} else _uncommented(self.rest())
        for reference in value.split("${")[1:]:
            inside, closed, _ = reference.partition("}")
            if closed and (":" not in inside or inside.partition(":")[2].startswith("-")):
                return Untold(value)
        return value

    def quoted(self, quote: str) -> str:
        """A value in quotes."""
        parts: list[str] = []
        self.at += 1
        while not self.takes(quote):
            character = self.next()
            letter = self.text[self.at + 1 : self.at + 2]
            if not character or (character == "\\" and not letter):
                raise not_editable("syntax")
            if character != "\\":
                parts.append(character)
            elif letter in {"\\", quote} or (quote == '"' and letter in "'abfnrtv"):
                parts.append(_LETTERS.get(letter, letter))
            else:
                parts.append(character + letter)
            self.at += 2 if character == "\\" else 1
        if self.text[self.at - 2] == "\\":
            raise not_editable("syntax")
        return "".join(parts)

    def end_of_line(self) -> None:
        """Nothing but a comment may follow."""
        self.white()
        if self.next() == "#":
            self.rest()
        if self.next() not in {"", "\r", "\n"}:
            raise not_editable("syntax")


def _uncommented(line: str) -> str:
    """What stands before a comment with white space before it."""
    for at in range(1, len(line)):
        if line[at] == "#" and line[at - 1].isspace():
            return line[:at].rstrip()
    return line.rstrip()


def _spellings(value: str, quote: str) -> Iterator[str]:
    single, double = f"'{value}'", '"' + re.sub(r'[\\"]', r"\\\g<0>", value) + '"'
    if quote not in {"'", '"'} and _PLAIN.fullmatch(value):
        yield value
    literal = "'" not in value and "\\" not in value
    yield from ((double, single) if quote == '"' or not literal else (single, double))
    yield "'" + re.sub(r"[\\']", r"\\\g<0>", value) + "'"
    yield value


DOTENV: Final = Dialect(_locate, _judge, _NAME, _spellings)
