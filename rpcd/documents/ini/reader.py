"""Ini files of one known program: the judge. Pure.

It walks through the characters as the program does, and shares nothing with the locator (scan.py) but the grammar. The
tests hold it against the programs themselves.
"""

from collections.abc import Iterator

from rpcd.documents.document import Untold, not_editable
from rpcd.documents.ini.grammar import Grammar

__all__ = ["Reader"]

Told = str | None
Keys = dict[str, list[Told]]

WHITE = " \t"


class Reader:
    """Reads one text."""

    def __init__(self, grammar: Grammar, text: str) -> None:
        self.grammar = grammar
        self.lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        if "\r" in text.replace("\r\n", "") or "\0" in text:  # an end of a line for some
            raise not_editable("syntax")
        self.number = 0
        self.top: Keys = {}
        self.keys = self.top
        self.sections: dict[str, list[Keys]] = {}

    def tree(self) -> dict[str, object]:
        """Everything that stands there; an `Untold` where the program would not know either.

        Raises `Refused("not_editable")` for what is no file of this grammar.
        """
        while self.number < len(self.lines):
            line = self.next_line()
            content = line.strip(WHITE)
            if self.is_comment(content):
                continue
            if content[0] == "[":
                self.head(content)
            else:
                self.pair(line)
        if self.sections.keys() & self.top.keys():
            raise not_editable("duplicate")
        tree: dict[str, object] = {name: _values(values) for name, values in self.top.items()}
        for name, tables in self.sections.items():
            found = [{key: _values(values) for key, values in table.items()} for table in tables]
            tree[name] = found if len(found) > 1 or name in self.grammar.arrays else found[0]
        return tree

    def next_line(self) -> str:
        """The next line."""
        line = self.lines[self.number]
        self.number += 1
        return line

    def is_comment(self, content: str) -> bool:
        """Whether a line is blank, or has a comment only."""
        grammar = self.grammar
        return not content or content[0] in grammar.comments + grammar.directives + grammar.inline

    def head(self, content: str) -> None:
        """A section."""
        name = ""
        at = 1
        quoted = False
        while at < len(content) and (quoted or content[at] != "]"):
            if self.grammar.subsections and content[at] == '"':
                if not quoted:
                    name = name.rstrip(WHITE) + "."
                elif content[at + 1 : at + 2] != "]":
                    raise not_editable("syntax")
                quoted = not quoted
            elif quoted and content[at] == "\\":
                at += 1
                name += content[at : at + 1]
            elif content[at] == "[" and not quoted:
                raise not_editable("syntax")
            else:
                name += content[at]
            at += 1
        rest = content[at + 1 :].lstrip(WHITE)
        if at >= len(content) or not name or quoted or (rest and rest[0] not in self.grammar.inline):
            raise not_editable("syntax")
        if self.grammar.spans and any(mark in name for mark in self.grammar.quotes + "$"):
            raise not_editable("syntax")
        self.keys = {}
        self.sections.setdefault(name, []).append(self.keys)

    def pair(self, line: str) -> None:
        """A key, and all lines of its value."""
        grammar = self.grammar
        if self.keys is self.top and not grammar.top:
            raise not_editable("syntax")
        at = 0
        while at < len(line) and line[at] not in grammar.separators and not self.comment_at(line, at):
            at += 1
        name = line[:at].strip(WHITE)
        value: Told = None
        if at < len(line) and line[at] in grammar.separators:
            value = self.value(line, line[at + 1 :])
        elif not grammar.alone:
            raise not_editable("syntax")
        letters = name.replace("-", "")
        if not name or (grammar.subsections and not (letters.isascii() and letters.isalnum() and name[0].isalpha())):
            raise not_editable("syntax")
        self.keys.setdefault(name, []).append(value)

    def comment_at(self, line: str, at: int) -> bool:
        """Whether a comment begins here, behind a key or value."""
        if line[at] not in self.grammar.inline:
            return False
        return not self.grammar.spaced or (at > 0 and line[at - 1] in WHITE)

    def uncommented(self, line: str) -> str:
        """A line without the comment behind it."""
        end = next((at for at in range(len(line)) if self.comment_at(line, at)), len(line))
        return line[:end].strip(WHITE)

    def value(self, line: str, rest: str) -> str:
        """The value that begins with `rest`, the end of `line`."""
        match self.grammar.continuation:
            case "join":
                return self.pieces(rest)
            case "backslash":
                return self.joined(rest)
            case "indent":
                return self.indented(line, rest)
        return self.one(rest)

    def one(self, rest: str) -> str:
        """A value on one line."""
        grammar = self.grammar
        content = rest.strip(WHITE)
        if content and content[0] in grammar.quotes:
            mark = content[0]
            at = 1
            while at < len(content) and content[at] != mark:
                at += 2 if content[at] == "\\" and mark in grammar.escapes else 1
            if at < len(content) and self.ends(content[at + 1 :]):
                return self.meaning(content[1:at], mark)
        if content and content[0] in grammar.inline and (not grammar.spaced or rest[0] in WHITE):
            return ""
        bare = self.uncommented(content)
        if any(mark in bare for mark in grammar.quotes):
            if grammar.spans:
                raise not_editable("syntax")
            return Untold(bare)
        return self.meaning(bare, "")

    def ends(self, after: str) -> bool:
        """Whether nothing but a comment stands behind a quote."""
        at = len(after) - len(after.lstrip(WHITE))
        return at == len(after) or self.comment_at(after, at)

    def meaning(self, spelled: str, where: str) -> str:
        """What escapes mean in these quotes, or in none."""
        escapes = self.grammar.escapes.get(where)
        if escapes is None:
            return spelled
        found = ""
        known = True
        characters = iter(spelled)
        for character in characters:
            if character != "\\":
                found += character
                continue
            letter = next(characters, "")
            known = known and letter in escapes
            found += escapes.get(letter, "\\" + letter)
        return found if known or self.grammar.lenient else Untold(spelled)

    def joined(self, rest: str) -> str:
        """A value that goes on where lines end with a backslash."""
        value = ""
        line = rest
        while True:
            content = line.lstrip(WHITE)
            if line is rest or not content or content[0] not in self.grammar.comments:
                if (len(line) - len(line.rstrip("\\"))) % 2 == 0:
                    return (value + line).strip(WHITE)
                value += line[:-1] + " "
            if self.number == len(self.lines):
                return value.strip(WHITE)
            line = self.next_line()

    def indented(self, first: str, rest: str) -> str:
        """A value that goes on in deeper lines."""
        depth = len(first) - len(first.lstrip(WHITE))
        content = rest.strip(WHITE)
        starts_with_comment = content and content[0] in self.grammar.inline and self.grammar.spaced and rest[0] in WHITE
        values = ["" if starts_with_comment else self.uncommented(content)]
        seen = self.number
        while seen < len(self.lines):
            line = self.lines[seen]
            content = line.strip(WHITE)
            seen += 1
            if not content:
                values.append("")
            elif self.is_comment(content):
                continue
            elif len(line) - len(line.lstrip(WHITE)) > depth:
                values.append(self.uncommented(line))
                self.number = seen
            else:
                break
        return "\n".join(values).rstrip()

    def pieces(self, rest: str) -> str:
        """A value of quoted and other pieces, which goes on where a line ends with a backslash."""
        value = ""
        spaces = ""  # that may be the last
        quoted = tabs = False
        characters = self.characters(rest)
        for character in characters:
            if not quoted and character and character in WHITE:
                spaces += character if value else ""
                continue
            if not quoted and character and character in self.grammar.inline:
                break
            tabs = tabs or "\t" in spaces
            value += spaces
            spaces = ""
            if character == '"':
                quoted = not quoted
            else:
                value += self.escaped(next(characters, "")) if character == "\\" else character
        if quoted:
            raise not_editable("syntax")
        return Untold(value) if tabs else value

    def characters(self, line: str) -> Iterator[str]:
        """The characters of a value, and an empty one where it goes on with the next line."""
        while True:
            backslashes = len(line) - len(line.rstrip("\\"))
            if backslashes % 2 == 0:
                yield from line
                return
            yield from line[:-1]
            yield ""
            if self.number == len(self.lines):
                raise not_editable("syntax")
            line = self.next_line()

    def escaped(self, letter: str) -> str:
        """What a backslash and a letter mean."""
        escapes = self.grammar.escapes[""]
        if letter not in escapes:
            raise not_editable("syntax")
        return escapes[letter]


def _values(values: list[Told]) -> Told | list[Told]:
    return values[0] if len(values) == 1 else values
