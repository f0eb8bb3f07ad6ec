r"""Env files as systemd reads them: EnvironmentFile= (systemd.exec(5)), os-release, locale.conf (env-file.c). Pure.

- `NAME=value`; nothing is put in for `$`. Quotes of both kinds at the beginning of a value, and behind each other; in
  double ones a backslash quotes `"`, `\`, `` ` ``, `$` and takes a line end away, outside it quotes any character.
  What is not quoted goes to the end of the line: quotes are part of it there, and there are no comments behind it.
- Lines that begin with `#` or `;` are comments, and other lines without a variable mean nothing. A comment that ends
  with a backslash is read differently by its versions: a text with one is refused.
"""

import re
from collections.abc import Iterator
from typing import Final

from rpcd.documents.document import UNFIT, Untold, not_editable
from rpcd.documents.env.dialect import Dialect
from rpcd.documents.env.layout import NAME, Assignment, Layout, layout_of

__all__ = ["SYSTEMD"]

_STATEMENT: Final = re.compile(
    r"""[ \t]*+ (?:
        [#;] (?: [^\\\r\n]++ | \\[^\r\n] )*+
      | (?P<name> [^#;=\s] [^=\r\n]*+ ) =
        (?P<value>
            (?: [ \t]*+ (?: ' [^']*+ ' | " (?: [^"\\]++ | \\[\s\S] )*+ " ) )*+
            (?: [ \t]*+ (?: [^\s'"\\] | \\[\s\S] ) (?: [^\\\r\n]++ | \\[\s\S] )*+ )?+
        ) [ \t]*+
      | [^#;=\s] [^=\r\n]*+
    )?+ (?: \r\n | \r | \n | \Z )""",
    re.VERBOSE,
)
_PIECE: Final = re.compile(r"""'([^']*+)'|"((?:[^"\\]++|\\[\s\S])*+)"|[ \t]++(?=['"])|([\s\S]++)""")
_IN_DOUBLE: Final = re.compile(r'\\([$`"\\]|\n)')
_BARE: Final = re.compile(r"\\([\s\S])|([ \t]+\Z)")
_NAME: Final = re.compile(NAME)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_TO_ESCAPE: Final = re.compile(r'[$`"\\]')


def _locate(text: str) -> Layout:
    found = []
    at = 0
    if "\0" in text or text.startswith("\ufeff"):
        raise not_editable("syntax")
    while at < len(text):
        statement = _STATEMENT.match(text, at)
        if statement is None:
            raise not_editable("syntax", text, at)
        name = (statement["name"] or "").rstrip(" \t")
        if _NAME.fullmatch(name):
            start, end = statement.span("value")
            spelled = text[start:end]
            start += len(spelled) - len(spelled.lstrip(" \t"))
            found.append(
                Assignment(name, _told(spelled.lstrip(" \t")), at, start, end, statement.end(), exported=False)
            )
        at = statement.end()
    return layout_of(found)


def _told(spelled: str) -> str:
    parts = []
    for piece in _PIECE.finditer(spelled):
        single, double, bare = piece.groups()
        if bare is not None:
            parts.append(_BARE.sub(lambda found: (found[1] or "").strip("\r\n"), bare.lstrip(" \t")))
        elif double is not None:
            parts.append(_IN_DOUBLE.sub(lambda found: found[1].strip("\n"), double))
        else:
            parts.append(single or "")
    value = "".join(parts)
    return Untold(value) if UNFIT.search(value.replace("\n", "").replace("\t", "")) else value


def _judge(text: str) -> object:
    machine = _Machine()
    if "\0" in text or text.startswith("\ufeff"):
        raise not_editable("syntax")
    for character in text:
        machine.take(character)
    return machine.end()


class _Machine:
    """The states that systemd's own reader has, by their names there."""

    def __init__(self) -> None:
        self.state = "PRE_KEY"
        self.key = ""
        self.value = ""
        self.spaces = ""  # that may be the last
        self.variables: dict[str, str] = {}

    def take(self, character: str) -> None:
        """Take the next character."""
        getattr(self, f"_{self.state.lower()}")(character)

    def end(self) -> dict[str, str]:
        """Everything that was read."""
        if self.state in {"SINGLE_QUOTE", "DOUBLE_QUOTE", "DOUBLE_QUOTE_ESCAPE", "VALUE_ESCAPE", "COMMENT_ESCAPE"}:
            raise not_editable("syntax")
        if self.state in {"PRE_VALUE", "VALUE"}:
            self._push()
        return self.variables

    def _push(self) -> None:
        key = self.key.rstrip(" \t")
        if key.isascii() and key.replace("_", "a").isalnum() and not key[0].isdigit():
            bad = UNFIT.search("".join(one for one in self.value if one not in "\n\t"))
            self.variables[key] = Untold(self.value) if bad else self.value
        self.state, self.key, self.value, self.spaces = "PRE_KEY", "", "", ""

    def _pre_key(self, character: str) -> None:
        if character in "#;":
            self.state = "COMMENT"
        elif character not in " \t\r\n":
            if character == "=" or character.isspace():
                raise not_editable("syntax")
            self.state, self.key = "KEY", character

    def _key(self, character: str) -> None:
        if character in "\r\n":
            self.state, self.key = "PRE_KEY", ""
        elif character == "=":
            self.state = "PRE_VALUE"
        else:
            self.key += character

    def _pre_value(self, character: str) -> None:
        if character in "\r\n":
            self._push()
        elif character == "'":
            self.state = "SINGLE_QUOTE"
        elif character == '"':
            self.state = "DOUBLE_QUOTE"
        elif character == "\\":
            self.state = "VALUE_ESCAPE"
        elif character not in " \t":
            if character.isspace():
                raise not_editable("syntax")
            self.state = "VALUE"
            self.value += character

    def _value(self, character: str) -> None:
        if character in "\r\n":
            self._push()
        elif character == "\\":
            self.state = "VALUE_ESCAPE"
            self.value, self.spaces = self.value + self.spaces, ""
        elif character in " \t":
            self.spaces += character
        else:
            self.value, self.spaces = self.value + self.spaces + character, ""

    def _value_escape(self, character: str) -> None:
        self.state = "VALUE"
        if character not in "\r\n":
            self.value += character

    def _single_quote(self, character: str) -> None:
        if character == "'":
            self.state = "PRE_VALUE"
        else:
            self.value += character

    def _double_quote(self, character: str) -> None:
        if character == '"':
            self.state = "PRE_VALUE"
        elif character == "\\":
            self.state = "DOUBLE_QUOTE_ESCAPE"
        else:
            self.value += character

    def _double_quote_escape(self, character: str) -> None:
        self.state = "DOUBLE_QUOTE"
        if character in '"\\`$':
            self.value += character
        elif character != "\n":
            self.value += "\\" + character

    def _comment(self, character: str) -> None:
        if character == "\\":
            self.state = "COMMENT_ESCAPE"
        elif character in "\r\n":
            self.state = "PRE_KEY"

    def _comment_escape(self, character: str) -> None:
        if character in "\r\n":
            raise not_editable("syntax")
        self.state = "COMMENT"


def _spellings(value: str, quote: str) -> Iterator[str]:
    single, double = f"'{value}'", '"' + _TO_ESCAPE.sub(r"\\\g<0>", value) + '"'
    if quote not in {"'", '"'} and _PLAIN.fullmatch(value):
        yield value
    yield from ((double, single) if quote == '"' or "'" in value else (single, double))


SYSTEMD: Final = Dialect(_locate, _judge, _NAME, _spellings, exports=False)
