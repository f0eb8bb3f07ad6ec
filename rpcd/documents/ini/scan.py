"""Ini files of one known program: the locator. Pure.

It looks for whole lines, sections, keys and values by expressions that are made of the grammar once; the judge
(reader.py) walks through the characters. A line that is none of these is refused with its place.
"""

import re
from functools import partial
from typing import Final

from rpcd.documents.document import Untold, not_editable
from rpcd.documents.ini.grammar import Grammar
from rpcd.documents.ini.layout import Item, Layout, OddItem, PlainItem, Section

__all__ = ["Scanner"]

_WHITE: Final = " \t"
_END: Final = r"(?:\r?\n|\Z)"
_UNSURE: Final = re.compile(r"\0|\r(?!\n)")
"""What ends a line for some."""

_LEADING: Final = re.compile(r"\A(?:[ \t]|\\\r?\n)++")
_ODD: Final = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_PLAIN: Final = 3

Told = tuple[str, int, int, str]
"""A value, from where to where it stands without its quotes, and these."""


class Scanner:
    """Finds everything in texts of one grammar."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        marks, stop = map(_class, (grammar.comments + grammar.directives, "" if grammar.spaced else grammar.inline))
        separators, special = map(_class, (grammar.separators, grammar.quotes + grammar.inline + "\\"))
        special += r"\t" if grammar.pieces else ""
        inline = _class(grammar.inline)
        comment = rf"[{inline}][^\r\n]*+" if grammar.inline else r"(?!)"
        name = rf"""[^\[\s{marks}{separators}{inline}"'\\] [^{separators}{inline}"'\\\r\n]*+"""
        head = r"""\[ (?P<head> [A-Za-z0-9.-]++ (?: [ \t]++ " (?: [^"\\\r\n] | \\. )*+ " )? ) \]"""
        if not grammar.subsections:
            head = r"\[ (?P<head> [^\[\]\r\n]++ ) \]"
        self.line = re.compile(
            rf"""([ \t]*+) (?:
                  ({name}) [{separators}] [ \t]*+ ([^{special}\r\n]*+) {_END}
                | {head} [ \t]*+ (?:{comment})? {_END}
                | (?P<comment> [{marks}] [^\r\n]*+ {_END} )
                | (?P<name> [^\[\s{separators}{stop}] [^{separators}{stop}\r\n]*+ ) (?P<mark> [{separators}] ) [ \t]*+
                | (?P<alone> [^\[\s{separators}{stop}] [^{separators}{stop}\r\n]*+ ) (?:{comment})? {_END}
                | (?P<blank> (?:{comment})? {_END})
                | (?P<other> \[ [^\r\n]*+ {_END})
            )""",
            re.VERBOSE,
        )
        self.rest = re.compile(r"([^\r\n]*+)(?:\r?\n|\Z)")
        behind = r"(?<=[ \t])" if grammar.spaced else ""
        self.inline = re.compile(rf"{behind}[{inline}].*\Z" if grammar.inline else r"(?!)")
        self.pieces = re.compile(
            rf"""( (?: [^"\\\r\n{inline}]++ | \\ (?: \r?\n | [^\r\n] )
                   | " (?: [^"\\\r\n]++ | \\ (?: \r?\n | [^\r\n] ) )*+ " )*+ ) (?:{comment})? {_END}""",
            re.VERBOSE,
        )
        self.piece = re.compile(r'"((?:[^"\\]|\\(?:\r?\n|.))*+)"|((?:[^"\\]|\\(?:\r?\n|.))++)')
        self.escape = re.compile(r"\\(\r?\n|.)")
        after = rf"[ \t]*+(?:{comment})?\Z"
        self.quoted = {
            quote: re.compile(
                rf"{quote}((?:[^{quote}\\]++|\\.)*+){quote}{after}"
                if quote in grammar.escapes
                else rf"{quote}([^{quote}]*+){quote}{after}"
            )
            for quote in grammar.quotes
        }

    def locate(self, text: str) -> Layout:
        """Find every section and key of `text`.

        Raises `Refused("not_editable")` for a line that is none of this grammar.
        """
        if (found := _UNSURE.search(text)) is not None:
            raise not_editable("syntax", text, found.start())
        return _Scan(self, text).run()

    def tell(self, text: str, rest: str, start: int) -> Told | None:
        """What `rest`, the end of a line at `start`, is as a value; None where it is none."""
        grammar = self.grammar
        quote = rest[:1]
        if quote and quote in grammar.quotes and (found := self.quoted[quote].match(rest)):
            return self.unescape(found[1], quote), start + 1, start + 1 + len(found[1]), quote
        bare = self.inline.sub("", rest).rstrip(_WHITE)
        if grammar.spaced and quote and quote in grammar.inline and text[start - 1] in _WHITE:
            bare = ""
        told = self.unescape(bare, "")
        if any(mark in bare for mark in grammar.quotes):
            if grammar.spans:
                return None
            told = Untold(bare)
        return told, start, start + len(bare), ""

    def unescape(self, spelled: str, where: str) -> str:
        """What a spelling in these quotes, or in none, means."""
        escapes = self.grammar.escapes.get(where)
        if escapes is None or "\\" not in spelled:
            return spelled
        unknown = False

        def meaning(found: re.Match[str]) -> str:
            nonlocal unknown
            if found[1][-1] == "\n":
                return ""
            unknown = unknown or found[1] not in escapes
            return escapes.get(found[1], found[0])

        told = self.escape.sub(meaning, spelled)
        hanging = _ODD.search(spelled) is not None
        return Untold(spelled) if (unknown or hanging) and not self.grammar.lenient else told


class _Scan:
    """One text on its way."""

    def __init__(self, scanner: Scanner, text: str) -> None:
        self.scanner = scanner
        self.grammar = scanner.grammar
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0
        self.top = self.section = Section("", self.at, self.at)
        self.sections: list[Section] = []
        self.tables: dict[str, list[Section]] = {}
        self.depth = -1  # of the key above; deeper lines go on with it
        self.blank = 0  # lines behind it
        self.between = False  # a comment stands behind it

    def run(self) -> Layout:
        """Take all lines."""
        text, match = self.text, self.scanner.line.match
        indents = self.grammar.continuation == "indent"
        while self.at < len(text):
            line = match(text, self.at)
            depth = len(line[1]) if line else -1
            if line is None or (line.lastgroup == "other" and not (indents and depth > self.depth >= 0)):
                raise not_editable("syntax", text, self.at)
            if line.lastgroup in {"comment", "blank"}:
                self.pass_over(line)
            elif indents and depth > self.depth >= 0:
                self.go_on()
            elif line.lastgroup == "head":
                self.head(line)
            else:
                self.pair(line)
                self.depth, self.between, self.blank = depth, self.commented(line), 0
        for name in self.tables.keys() & self.top.keys.keys():
            raise not_editable("duplicate", text, self.top.keys[name][0].start)
        return Layout(text, self.top, self.sections, self.tables, self.grammar.arrays)

    def pass_over(self, line: re.Match[str]) -> None:
        """Take notice of a comment or a blank line."""
        comment = line.end(1) < len(self.text) and self.text[line.end(1)] not in "\r\n"
        self.between = self.between or comment
        self.blank += not comment
        self.at = line.end()

    def commented(self, line: re.Match[str]) -> bool:
        """Whether a comment stands behind the value of this line."""
        return self.grammar.spaced and self.scanner.inline.search(line[0].rstrip()) is not None

    def head(self, line: re.Match[str]) -> None:
        """A section begins."""
        name = line["head"]
        if self.grammar.subsections and name.endswith('"'):
            first, _, below = name.partition('"')
            name = first.rstrip(_WHITE) + "." + re.sub(r"\\(.)", r"\1", below[:-1])
        if self.grammar.spans and not {*name}.isdisjoint(self.grammar.quotes + "$"):
            raise not_editable("syntax", self.text, line.start())
        self.section = Section(name, line.start(), line.end())
        self.sections.append(self.section)
        self.tables.setdefault(name, []).append(self.section)
        self.at, self.depth = line.end(), -1

    def pair(self, line: re.Match[str]) -> None:
        """A key, with its value or alone."""
        text, grammar = self.text, self.grammar
        if self.section is self.top and not grammar.top:
            raise not_editable("syntax", text, self.at)
        item: Item
        if line.lastindex == _PLAIN:
            item = PlainItem(line, line[2].rstrip(_WHITE))
            self.at = line.end()
        elif line["alone"] is not None:
            name = self.bare_name(line["alone"])
            end = line.end(1) + len(name)
            if not grammar.alone:
                raise not_editable("syntax", text, self.at)
            item = OddItem(name, None, self.at, line.end(1), end, end, end, line.end())
            self.at = line.end()
        else:
            item = self.odd(line)
        if grammar.subsections and not re.fullmatch(grammar.key, item.name):
            raise not_editable("syntax", text, item.start)
        self.section.add(item)

    def bare_name(self, alone: str) -> str:
        """A key that stands alone, without the comment behind it."""
        name = self.scanner.inline.sub("", alone) if self.grammar.spaced else alone
        return name.rstrip(_WHITE)

    def odd(self, line: re.Match[str]) -> OddItem:
        """A key with a value that is no plain one."""
        text, start, at, name = self.text, self.at, line.end(), line["name"].rstrip(_WHITE)
        make = partial(OddItem, name)
        if self.grammar.spaced and self.scanner.inline.search(name):
            raise not_editable("syntax", text, start)
        if self.grammar.pieces:
            found = self.scanner.pieces.match(text, at)
            if found is None:
                raise not_editable("syntax", text, at)
            self.at = found.end()
            told = self.told_pieces(found[1], at)
        else:
            found = self.scanner.rest.match(text, at)
            if found is None:
                raise not_editable("syntax", text, at)
            self.at = found.end()
            if self.grammar.continuation == "backslash" and _ODD.search(found[1]):
                told = self.told_lines(found[1], at)
            else:
                told = self.scanner.tell(text, found[1], at) or self.lost(at)
        value, first, last, quote = told
        return make(value, start, line.end(1), line.end(1) + len(name), first, last, self.at, quote)

    def lost(self, at: int) -> Told:
        """Refuse what is no value."""
        raise not_editable("syntax", self.text, at)

    def told_pieces(self, spelled: str, at: int) -> Told:
        """A value of quoted and other pieces."""
        whole = spelled.rstrip(_WHITE)
        value, tabs = "", False
        for found in self.scanner.piece.finditer(whole):
            quoted, bare = found.groups()
            if bare and not value:
                bare = _LEADING.sub("", bare)
            part = self.scanner.unescape(bare or quoted or "", "" if bare else '"')
            if type(part) is Untold:
                raise not_editable("syntax", self.text, at)
            if bare:
                tabs = tabs or "\t" in bare
            value += part
        told = Untold(value) if tabs else value
        if whole.startswith('"') and found.span() == (0, len(whole)):
            return told, at + 1, at + len(whole) - 1, '"'
        return told, at, at + len(whole), ""

    def told_lines(self, first: str, at: int) -> Told:
        """A value that goes on behind backslashes, with spaces in their places."""
        parts: list[str] = []
        line, end = first, at
        text, comments = self.text, self.grammar.comments
        while True:
            if not parts or line.lstrip(_WHITE)[:1] not in {*comments}:
                continues = _ODD.search(line) is not None
                parts.append(line[:-1] + " " if continues else line)
                end = self.at
                if not continues:
                    break
            found = self.scanner.rest.match(text, self.at)
            if found is None or self.at == len(text):
                break
            line, self.at = found[1], found.end()
        self.at = end
        last = at + len(text[at:end].rstrip("\r\n \t"))
        return "".join(parts).strip(_WHITE), at, last, ""

    def go_on(self) -> None:
        """A deeper line, which goes on with the value above."""
        found = self.scanner.rest.match(self.text, self.at)
        item = self.section.items[-1]
        if found is None or item.value is None:
            raise not_editable("syntax", self.text, self.at)
        content = self.scanner.inline.sub("", found[1]).rstrip(_WHITE)
        odd = OddItem(
            item.name,
            item.value + "\n" * (self.blank + 1) + content.lstrip(_WHITE),
            item.start,
            item.name_start,
            item.name_end,
            item.value_start,
            self.at + len(content),
            found.end(),
            locked=self.between or len(content) < len(found[1].rstrip(_WHITE)) or item.locked,
        )
        self.section.items[-1] = self.section.keys[item.name][-1] = odd
        self.at, self.blank = found.end(), 0


def _class(characters: str) -> str:
    """Characters as they stand in a character class."""
    return re.escape(characters)
