"""Env files: the judge. Pure, and it shares nothing with the locator but what both mean by an env file.

It walks through the text one character at a time, as a shell does. The tests hold it against `sh` itself.
"""

import re
from string import ascii_letters
from typing import Final

from rpcd.documents.document import Untold, not_editable

__all__ = ["judge"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_ORDINARY: Final = re.compile(r"[A-Za-z0-9_./@%+,=-]+")
"""A run of characters that mean nothing to a shell."""

_NOTHING: Final = re.compile(r"(?:[ \t]*+(?:#[^\n\0]*+)?\n)++")
"""Lines without a statement."""

_NAMING: Final = "[_" + ascii_letters
"""What stands in a sum that takes a variable's value for a sum too."""

_OPERATORS: Final = frozenset("&|;<>()\0")


def judge(text: str) -> object:
    """The variables that `text` sets; an `Untold` for one whose value is no literal.

    Raises `Refused("not_editable")` for a text that does anything else.
    """
    variables: dict[str, str] = {}
    shell = _Shell(text)
    while shell.at < len(text):
        if nothing := _NOTHING.match(text, shell.at):
            shell.at = nothing.end()
        else:
            shell.statement(variables)
    return variables


class _Shell:
    """A shell that has read up to `at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def refuse(self) -> None:
        """Stop here."""
        raise not_editable("syntax", self.text, self.at)

    def blanks(self) -> bool:
        """Pass over blanks, and say whether there were any."""
        start = self.at
        while self.peek() in {" ", "\t"}:
            self.at += 1
        return self.at > start

    def name(self) -> str:
        """A variable's name; empty where there is none."""
        found = _NAME.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def statement(self, variables: dict[str, str]) -> None:
        """One line: an assignment, `export`, a comment or nothing."""
        self.blanks()
        exported = self.text.startswith(("export ", "export\t"), self.at)
        if exported:
            self.at += len("export")
            self.blanks()
        name = self.name()
        if name and self.peek() == "=":
            self.at += 1
            variables[name] = self.word(exported=exported)
        elif exported and name:
            while self.blanks() and self.name():
                pass
        elif name or exported:
            self.refuse()
        self.end_of_line(blank=not name)

    def end_of_line(self, *, blank: bool) -> None:
        """What may follow: blanks, a comment after blanks or on an empty line, the line end."""
        blank = self.blanks() or blank or self.text[self.at - 1] in " \t"
        if self.peek() == "#" and blank:
            end = self.text.find("\n", self.at)
            end = end if end >= 0 else len(self.text)
            if "\0" in self.text[self.at : end]:
                self.refuse()
            self.at = end
        if self.peek() not in {"\n", ""}:
            self.refuse()
        self.at += 1

    def word(self, *, exported: bool) -> str:
        """The value of an assignment."""
        text, start = self.text, self.at
        value: list[str] = []
        literal = True
        tilde = True  # a tilde would be replaced here
        while (character := self.peek()) and character not in " \t\n":
            after = False
            if ordinary := _ORDINARY.match(text, self.at):
                value.append(ordinary[0])
                self.at = ordinary.end()
            elif character == "'":
                end = text.find("'", self.at + 1)
                if end < 0 or "\0" in text[self.at : end]:
                    self.refuse()
                value.append(text[self.at + 1 : end])
                self.at = end + 1
            elif character == '"':
                literal = self.double(value) and literal
            elif character == "\\":
                following = self.escaped()
                value.append(following.strip("\n"))
                after = tilde and following == "\n"
            elif character in "$`":
                self.substitution()
                literal = False
            elif character in _OPERATORS:
                self.refuse()
            else:
                if (character == "~" and tilde) or character == "\r" or (exported and character in "*?[{"):
                    literal = False
                value.append(character)
                after = character == ":"
                self.at += 1
            tilde = after
        return "".join(value) if literal else Untold(text[start : self.at])

    def escaped(self) -> str:
        """The character after a backslash."""
        following = self.text[self.at + 1 : self.at + 2]
        if following in {"", "\0"}:
            self.refuse()
        self.at += 2
        return following

    def double(self, value: list[str]) -> bool:
        """What double quotes hold, and whether it is literal."""
        literal = True
        self.at += 1
        while (character := self.peek()) != '"':
            if character in {"", "\0"}:
                self.refuse()
            elif character == "\\":
                following = self.escaped()
                value.append(following.strip("\n") if following in '$`"\\\n' else "\\" + following)
            elif character in "$`":
                self.substitution()
                literal = False
            elif ordinary := _ORDINARY.match(self.text, self.at):
                value.append(ordinary[0])
                self.at = ordinary.end()
            else:
                value.append(character)
                self.at += 1
        self.at += 1
        return literal

    def substitution(self) -> None:
        """Pass over what a shell works out, as far as it is simple."""
        text = self.text
        if self.peek() == "`":
            self.enclosed("`", "'\"\\$\n")
            return
        self.at += 1
        following = self.peek()
        if following == "{":
            self.parameter()
        elif text.startswith("((", self.at):
            self.at += 1
            self.enclosed(")", "('\"\\`$\n" + _NAMING)
            if self.peek() != ")":
                self.refuse()
            self.at += 1
        elif following == "(":
            self.command()
        elif following and following in "@*#?$!-0123456789":
            self.at += 1
        elif self.name():
            pass
        elif text.startswith(("'", '"', "[", "\\\n"), self.at) or following.isalnum():
            self.refuse()

    def parameter(self) -> None:
        """Pass over `{NAME}`, `{#NAME}`, or `{NAME` with what is taken instead of its value, or off it, `}`."""
        self.at += 1
        counted = self.peek() == "#"
        self.at += counted
        if not self.name():
            self.refuse()
        if self.peek() == "}":
            self.at += 1
            return
        instead = self.peek() == ":"
        self.at += instead
        operator = self.peek()
        if counted or not operator or operator not in ("-+?" if instead else "-+?%#"):
            self.refuse()
        self.enclosed("}", "{'\"\\$`\n")

    def enclosed(self, closing: str, never: str) -> None:
        """Pass over an opening character and everything up to `closing`; none of `never` may stand there."""
        end = self.text.find(closing, self.at + 1)
        if end < 0 or any(character in never for character in self.text[self.at + 1 : end]):
            self.refuse()
        self.at = end + 1

    def command(self) -> None:
        """Pass over `(command)`: words and quotes."""
        self.at += 1
        while (character := self.peek()) != ")":
            if character == "'":
                self.enclosed("'", "\n")
            elif character == '"':
                self.enclosed('"', "\\`$\n")
            elif not character or character in "(\\`$#\n":
                self.refuse()
            else:
                self.at += 1
        self.at += 1
