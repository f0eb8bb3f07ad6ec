"""Ini files: the locator. Pure.

What is read here is what the readers in use have in common (PHP's parse_ini_file, Python's configparser, systemd,
GLib; git's own dialect is not meant):

- `[section]` lines; `key = value` and `key: value`, whichever mark comes first; a key alone is null; whole lines that
  begin with `;` or `#` are comments, and so is what follows one of these after white space.
- Dots in a section's name mean nothing: it is one segment. Keys before any section stand at the top.
- A key that stands twice in a section is an array, and so is a section that stands twice. A single one is none.
- A value within one pair of quotes is what is between them, as PHP reads it; quotes anywhere else are part of it.
- A line that is indented deeper than the key above it continues its value (configparser), as does one after a line
  that ends with a backslash (systemd).

Where readers disagree about which keys there are, the lines in question are listed and left alone: an indented line
that has a mark itself, `a:b = c`. Where they disagree about a value alone it is not told, but may be replaced.
"""

import re
import sys
from typing import Final

from rpcd.documents.document import Untold, not_editable
from rpcd.documents.ini.layout import Item, Layout, OddItem, PlainItem, Section

__all__ = ["locate"]

_LINE: Final = re.compile(
    r"""([ \t]*+)
    (?: ( [^\[;#=:\r\n"'\\] [^=:\r\n"'\\]*+ ) = [ \t]*+ ( [^\r\n"';#\\]*+ ) (?= [\r\n] | \Z )
      | \[ (?P<section> [^\[\]\r\n]++ ) \] [ \t]*+ (?: [;#] [^\r\n]*+ )? (?= [\r\n] | \Z )
      | (?P<comment> [;#] [^\r\n]*+ )
      | (?P<name> [^=:\r\n]++ ) (?P<mark> [=:] ) (?P<space> [ \t]*+ ) (?P<rest> [^\r\n]*+ )
      | (?P<alone> [^\r\n]++ )
    )?+
    (?: \r\n | \r | \n | \Z )""",
    re.VERBOSE,
)
"""One line. The first alternative, `_PLAIN`, is the line of a key that nobody could read otherwise."""

_PLAIN: Final = 3
_SECTION: Final = 4
_COMMENT: Final = 5
_REST: Final = 9
_ALONE: Final = 10
_KEYS: Final = frozenset({_PLAIN, _REST, _ALONE})

_MARKS: Final = re.compile(r"""["';#]""")
_QUOTED: Final = re.compile(r"""(["'])((?:(?!\1)[^\\])*+)\1[ \t]*+(?:(?<=[ \t])[;#].*)?\Z""")
_INLINE: Final = re.compile(r"[ \t][;#]")

_WHITE: Final = " \t"

_DEEP: Final = sys.maxsize
"""The indentation below which nothing continues."""

_NOTHING: Final = OddItem("", None, 0, 0, 0, 0, 0, 0)
"""What is above the first key of a section."""


def locate(text: str) -> Layout:
    """Find every section and key of `text`.

    Raises `Refused("not_editable")`: `syntax` for a line that is none of the above, `ambiguous` where readers disagree
    about which section they are in, `duplicate` where a key at the top has a section's name.
    """
    locator = _Locator(text)
    locator.run()
    for name in locator.tables.keys() & locator.top.keys.keys():
        raise not_editable("duplicate", text, locator.top.keys[name][0].start)
    return Layout(text, locator.top, locator.sections, locator.tables)


class _Locator:
    """What has been found so far, and what of it the next line may continue.

    `above` is the last key, `depth` its indentation; `joins` says that the line above ends with a backslash, `gap`
    that it is none with a key.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.first = 1 if text.startswith("\ufeff") else 0
        self.top = self.section = Section("", self.first, self.first)
        self.sections: list[Section] = []
        self.tables: dict[str, list[Section]] = {}
        self.above: Item = _NOTHING
        self.depth = _DEEP
        self.joins = False
        self.gap = False
        self.lines: list[str] = []  # of the value above, where it has several

    def run(self) -> None:
        """Take all lines."""
        items, keys = self.section.items, self.section.keys
        for line in _LINE.finditer(self.text, self.first):
            kind = line.lastindex
            if kind == _PLAIN and not self.joins and len(indent := line[1]) <= self.depth:
                if self.lines:
                    self._settle()
                name = line[2].rstrip(_WHITE)
                item = PlainItem(line, name)
                items.append(item)
                if name in keys:
                    keys[name].append(item)
                else:
                    keys[name] = [item]
                self.above = item
                self.depth = len(indent)
                self.gap = False
            elif kind == _SECTION:
                self._head(line)
                items, keys = self.section.items, self.section.keys
            elif kind in _KEYS:
                self._take(line)
            else:
                self._pass_over(line)
        self._settle()

    def _settle(self) -> None:
        """Put the lines of the value above together, once: a long one is not copied for each."""
        if self.lines:
            self._odd_above().value = "".join(self.lines)
            self.lines.clear()

    def _head(self, line: re.Match[str]) -> None:
        if self._continues(line):
            raise not_editable("ambiguous", self.text, line.start())
        self._settle()
        self.section = Section(line["section"], line.start(), line.end())
        self.sections.append(self.section)
        self.tables.setdefault(self.section.name, []).append(self.section)
        self.above, self.depth, self.joins = _NOTHING, _DEEP, False

    def _continues(self, line: re.Match[str]) -> bool:
        """Whether `line` continues the value above, for some reader."""
        return self.joins or len(line[1]) > self.depth

    def _pass_over(self, line: re.Match[str]) -> None:
        """Take notice of a comment or a blank line."""
        if self.joins and line["comment"]:
            self._lock_above(line.end())
        self.joins, self.gap = False, True

    def _take(self, line: re.Match[str]) -> None:
        """Add a line with a key, or what continues the one above."""
        items = _items(line)
        rest = line["alone"]
        if not self._continues(line):
            self._settle()
            for item in items:
                self.section.add(item)
            self.above, self.depth = items[0], len(line[1])
        elif rest is not None and self._may_join(rest):
            item = self._odd_above()
            if not self.lines:
                self.lines.append(item.value or "")
            self.lines[-1] = self.lines[-1].removesuffix("\\").rstrip(_WHITE)
            self.lines.append((" " if self.joins else "\n") + rest.strip(_WHITE))
            item.value_end, item.end = line.start("alone") + len(rest.rstrip(_WHITE)), line.end()
        else:
            self._lock_above(line.end())
            for item in items:
                _lock(item, item.end)
                self.section.add(item)
        self.joins, self.gap = line[0].rstrip("\r\n").endswith("\\"), False

    def _may_join(self, rest: str) -> bool:
        above = self.above
        return not self.gap and not above.quote and type(above.value) is str and not _MARKS.search(rest)

    def _odd_above(self) -> OddItem:
        """The last key, as one that can be changed."""
        item = self.above
        if isinstance(item, OddItem):
            return item
        odd = OddItem(
            item.name,
            item.value,
            item.start,
            item.name_start,
            item.name_end,
            item.value_start,
            item.value_end,
            item.end,
        )
        self.section.items[-1] = self.section.keys[item.name][-1] = self.above = odd
        return odd

    def _lock_above(self, end: int) -> None:
        self._settle()
        _lock(self._odd_above(), end)


def _lock(item: OddItem, end: int) -> None:
    """Leave an item alone, up to `end`."""
    item.locked, item.value, item.end = True, Untold(item.value or ""), end


def _items(line: re.Match[str]) -> list[OddItem]:
    """The item of a line, or the items where readers disagree about the key."""
    text, (first, last), start = line.string, line.span(), line.end(1)
    if text[start] in "[=:":
        raise not_editable("syntax", text, start)
    name = line["name"] or line[2]
    if name is None:
        alone = line["alone"]
        comment = _INLINE.search(alone)
        name = (alone[: comment.start()] if comment else alone).rstrip(_WHITE)
        end = start + len(name)
        return [OddItem(name, None, first, start, end, end, end, last)]
    group = _REST if line["mark"] else _PLAIN
    rest, at = line[group], line.start(group)
    name = name.rstrip(_WHITE)
    end = start + len(name)
    if _MARKS.search(rest):
        value, offset, length, quote = _tell(rest, spaced=bool(line["space"]))
        if value is None:
            raise not_editable("syntax", text, at)
    else:
        value, offset, quote = rest.rstrip(_WHITE), 0, ""
        length = len(value)
    item = OddItem(name, value, first, start, end, at + offset, at + offset + length, last, quote)
    if line["mark"] == ":" and "=" in rest:
        _lock(item, last)
        other = text[start : text.index("=", at)].rstrip(_WHITE)
        return [item, OddItem(other, Untold(), first, start, end, at, at, last, locked=True)]
    return [item]


def _tell(rest: str, *, spaced: bool) -> tuple[str | None, int, int, str]:
    """Value, offset, length and quote of what follows the mark; `spaced` where white space stands between."""
    if quoted := _QUOTED.match(rest):
        return quoted[2], 1, len(quoted[2]), quoted[1]
    if rest.startswith('"') and rest.count('"') == 1:  # PHP would read on in the next lines
        return None, 0, 0, ""
    whole = rest.rstrip(_WHITE)
    if rest[0] == ";" and spaced:
        return "", 0, 0, ""
    comment = _INLINE.search(rest)
    if comment is None and rest[0] != ";" and (rest[0] != "#" or not spaced):
        return whole, 0, len(whole), ""
    value = rest[: comment.start()].rstrip(_WHITE) if comment else ""
    if comment is None or rest[0] in ";#" or '"' in value or "'" in value:
        return Untold(whole), 0, len(whole), ""
    return value, 0, len(value), ""
