"""Ini files: the judge. Pure, and it shares nothing with the locator but what both mean by an ini file.

It reads line by line, as the programs do that the files belong to, and knows no positions. The tests hold it against
Python's configparser.
"""

import re
from typing import Final

from rpcd.documents.document import Untold, not_editable

__all__ = ["judge"]

WHITE: Final = " \t"

_PLAIN: Final = re.compile(r"""([^ \t\[;#=:"'\\][^;#=:"'\\]*+)=([^;#"'\\]*+)""")
"""A line with a key that nobody could read otherwise."""

Told = str | None
Keys = dict[str, list[Told]]


def judge(text: str) -> object:
    """The tree of `text`; an `Untold` where readers disagree.

    Raises `Refused("not_editable")` for what is no ini file.
    """
    reader = _Reader()
    for line in text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if (plain := _PLAIN.fullmatch(line)) is not None and not reader.joins:
            reader.take(plain[1].rstrip(WHITE), plain[2].strip(WHITE))
        else:
            reader.read(line)
    return reader.tree()


class _Reader:
    """What has been read so far; `above` and `place` say which key, and which of its values, is the last one."""

    def __init__(self) -> None:
        self.top: Keys = {}
        self.sections: dict[str, list[Keys]] = {}
        self.keys = self.top
        self.above: str | None = None
        self.place = 0
        self.depth = 0
        self.joins = False  # the line above ends with a backslash
        self.next = False  # the line above is one with a key
        self.quoted = False  # the last value is within quotes
        self.lines: list[str] = []  # of the last value, where it has several

    def take(self, name: str, value: str) -> None:
        """Take a line that nobody could read otherwise."""
        if self.lines:
            self._settle()
        if name in self.keys:
            self.keys[name].append(value)
        else:
            self.keys[name] = [value]
        self.above = name
        self.place = len(self.keys[name]) - 1
        self.depth = 0
        self.next = True
        self.quoted = False

    def read(self, line: str) -> None:
        """Take one line."""
        content = line.strip(WHITE)
        if not content or content[0] in ";#":
            if content and self.joins:
                self._dispute()
            self.joins = self.next = False
            return
        depth = len(line) - len(line.lstrip(WHITE))
        continued = self.above is not None and (self.joins or depth > self.depth)
        if content[0] == "[":
            self._head(content, continued=continued)
            return
        pairs, quoted = _pairs(line.lstrip(WHITE))
        if not continued:
            self._settle()
            name, value = pairs[0]
            values = self.keys.setdefault(name, [])
            values.append(value)
            self.above, self.place = name, len(values) - 1
            self.depth, self.quoted = depth, quoted
            self._note(pairs[1:])
        elif self._may_join(content):
            self._join(content)
        else:
            self._dispute()
            self._note([(name, Untold(value or "")) for name, value in pairs])
        self.joins, self.next = line.endswith("\\"), True

    def _head(self, content: str, *, continued: bool) -> None:
        name, closed, rest = content[1:].partition("]")
        rest = rest.lstrip(WHITE)
        if continued or not closed or not name or "[" in name or (rest and rest[0] not in ";#"):
            raise not_editable("syntax")
        self._settle()
        self.keys = {}
        self.sections.setdefault(name, []).append(self.keys)
        self.above, self.joins, self.next = None, False, False

    def _note(self, pairs: list[tuple[str, Told]]) -> None:
        for name, value in pairs:
            self.keys.setdefault(name, []).append(value)

    def _held(self) -> Told:
        return self.keys[self.above or ""][self.place]

    def _may_join(self, content: str) -> bool:
        if not self.next or self.quoted or type(self._held()) is not str:
            return False
        return not any(mark in content for mark in "=:\"';#")

    def _join(self, content: str) -> None:
        if not self.lines:
            self.lines.append(self._held() or "")
        self.lines[-1] = self.lines[-1].removesuffix("\\").rstrip(WHITE)
        self.lines.append((" " if self.joins else "\n") + content)

    def _settle(self) -> None:
        """Put the lines of a value together, once: a long one is not copied for each."""
        if self.lines:
            self._put("".join(self.lines))
            self.lines.clear()

    def _dispute(self) -> None:
        self._settle()
        self._put(Untold(self._held() or ""))

    def _put(self, value: Told) -> None:
        self.keys[self.above or ""][self.place] = value

    def tree(self) -> dict[str, object]:
        """Everything that was read."""
        self._settle()
        if self.sections.keys() & self.top.keys():
            raise not_editable("duplicate")
        found = _table(self.top)
        for name, tables in self.sections.items():
            found[name] = _table(tables[0]) if len(tables) == 1 else [_table(keys) for keys in tables]
        return found


def _table(keys: Keys) -> dict[str, object]:
    return {name: values[0] if len(values) == 1 else values for name, values in keys.items()}


def _pairs(line: str) -> tuple[list[tuple[str, Told]], bool]:
    """The keys that readers see in a line, with their values, and whether the value is within quotes."""
    equals, colon = line.find("="), line.find(":")
    if equals < 0 and colon < 0:
        return [(_before_comment(line), None)], False
    if colon < 0 or 0 <= equals < colon:
        cut, disputed = equals, False
    else:
        cut, disputed = colon, equals > colon
    name, value = line[:cut].rstrip(WHITE), line[cut + 1 :]
    if not name:
        raise not_editable("syntax")
    told, quoted = _told(value)
    if disputed:
        return [(name, Untold(told)), (line[:equals].rstrip(WHITE), Untold())], quoted
    return [(name, told)], quoted


def _told(value: str) -> tuple[str, bool]:
    """What a value is, and whether it is within quotes. `value` begins after the mark."""
    content = value.strip(WHITE)
    if not content:
        return "", False
    first = content[0]
    if first in "\"'":
        inner, closed, rest = content[1:].partition(first)
        if closed and "\\" not in inner and (not rest or (rest[0] in WHITE and rest.lstrip(WHITE)[0] in ";#")):
            return inner, True
        if first == '"' and not closed:
            raise not_editable("syntax")
    if first == ";" and value[0] in WHITE:
        return "", False
    if first == ";" or (first == "#" and value[0] in WHITE):
        return Untold(content), False
    kept = _before_comment(content)
    if kept != content and (first == "#" or "'" in kept or '"' in kept):
        return Untold(content), False
    return kept, False


def _before_comment(content: str) -> str:
    for at, character in enumerate(content):
        if character in ";#" and at and content[at - 1] in WHITE:
            return content[:at].rstrip(WHITE)
    return content.rstrip(WHITE)
