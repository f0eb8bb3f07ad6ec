r"""Ini files: how a key and a value are written so that every reader reads the same. Pure.

Rules of this file:

- What all readers agree on is written as it is. What they take differently (tried with PHP 8.2 and configparser; read
  in systemd.syntax(7)) needs quotes: PHP calculates with `!&()|~^`, fails on `a=b` and on the words yes, no, on, off,
  null beside others, expands `${NAME}`; configparser expands `%(name)s`, and fails on other `%`; `;` and `#` begin
  comments; systemd continues a line after `\`.
- Quotes are used where the file uses them: around the value that is replaced, or around others while none with such
  characters stands without. Where it has none, the value is refused: half of the readers would take the quotes as part
  of it.
- The value that is replaced is evidence too: what stands in it unquoted, its readers take as it is.
- What cannot be known is not refused: a bare word may be a constant of a PHP program, which reads its value instead.
- A key or section that some reader would refuse, fold with another or take for a default is not added.
- What a whole file shows is found out once, however many keys an edit has: each costs no more than its own length.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rpcd.documents.document import UNFIT, Untold, not_editable
from rpcd.documents.ini.layout import Item, Layout, Section
from rpcd.documents.kept import kept
from rpcd.documents.splice import bounded, separator_like

__all__ = ["Style"]

_MARKS: Final = re.compile(
    r"""\$\{[^}]*}? | \$\w* | %\([^)]*\)? | %.? | [!"&'();=^|~\\]
    | (?: (?<=[ \t]) (?:null|yes|no|true|false|on|off|none) (?![^ \t])
        | (?<![^ \t]) (?:null|yes|no|true|false|on|off|none) (?=[ \t]) )""",
    re.VERBOSE | re.IGNORECASE,
)
"""What readers take differently where it stands without quotes."""

_REFERENCES: Final = re.compile(r"\$\{[^}]*}?|%\([^)]*\)?")
"""What some of them expand within quotes too."""

_NAME: Final = re.compile(r"[\w./@+-]+(?: [\w./@+-]+)*")
_SECTION: Final = re.compile(r"[\w./@+:-]+(?: [\w./@+:-]+)*")
_RESERVED: Final = frozenset({"null", "yes", "no", "true", "false", "on", "off", "none"})
"""PHP cannot read a file with such a key."""

_DEFAULT: Final = frozenset({"default"})
"""configparser gives the keys of this section to all others."""


@dataclass(frozen=True, slots=True)
class _Neighbour:
    """How keys of a section are written: their indentation, and what stands after the name of one of them."""

    indent: str
    name: str
    between: str


class _Evidence:
    """What a value that is replaced shows about its readers."""

    def __init__(self, old: Item) -> None:
        value = old.value
        self._value = "" if value is None or type(value) is Untold else value

    @kept
    def marks(self) -> frozenset[str]:
        """The marks that stand in it."""
        return frozenset(_MARKS.findall(self._value))

    @kept
    def references(self) -> frozenset[str]:
        """The references that stand in it."""
        return frozenset(_REFERENCES.findall(self._value))


class Style:
    """How a file is written, found out where it is needed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._items = [item for section in (layout.top, *layout.sections) for item in section.items if not item.locked]
        self._neighbours: dict[tuple[str, int], _Neighbour] = {}
        self._evidence: dict[int, _Evidence] = {}

    @kept
    def has_nulls(self) -> bool:
        """Whether it has a key alone."""
        return any(item.value is None for item in self._items)

    @kept
    def repeats(self) -> bool:
        """Whether a key or a section stands twice."""
        layout = self._layout
        keys = (layout.top.keys, *(section.keys for section in layout.sections))
        return any(len(same) > 1 for same in layout.tables.values()) or any(
            len(same) > 1 for held in keys for same in held.values()
        )

    @property
    def takes_nulls(self) -> bool:
        """Whether a key may stand alone."""
        return self.has_nulls

    @property
    def takes_top(self) -> bool:
        """Whether a key may stand before any section: most readers want one around every key."""
        return not self._layout.sections

    def may_repeat(self, _name: str) -> bool:
        """Whether such a key or section may stand twice."""
        return self.repeats

    def require_names(self, names: Iterable[str], others: Iterable[str], *, section: bool = False) -> None:
        """Raise `Refused("not_editable")` unless readers take `names` as new keys, or sections, beside `others`."""
        fits, reserved = (_SECTION, _DEFAULT) if section else (_NAME, _RESERVED)
        taken = {other.casefold() for other in others}
        for name in names:
            folded = name.casefold()
            if not fits.fullmatch(name) or folded in reserved:
                raise not_editable("characters")
            if folded in taken:
                raise not_editable("duplicate")
            taken.add(folded)

    def header(self, name: str) -> str:
        """The line of a new section."""
        return f"[{name}]"

    def value(self, value: object, old: Item | None) -> str:
        """How a value is spelled, in place of that of `old`, or as a new one after `old`'s kind.

        Raises `Refused("not_editable")`.
        """
        if not isinstance(value, str):
            raise not_editable("type")
        if UNFIT.search(value):
            raise not_editable("characters")
        if old is not None and old.quote:
            return _quoted(value, old.quote, self._shown(old).references)
        marks = _marks(value)
        plain = marks is not None and (not marks or (old is not None and marks <= self._shown(old).marks))
        if plain and (old is not None or not self._mostly_quoted):
            return value
        if self._quotes:
            return _quoted(value, '"', frozenset())
        raise not_editable("quoting")

    def separator(self, name: str, section: Section) -> tuple[str, str]:
        """The indentation of a new key, and what stands between it and its value."""
        place = (section.name, section.start)
        like = self._neighbours.get(place)
        if like is None:
            like = self._neighbours[place] = self._neighbour(section)
        return like.indent, separator_like(like.between, like.name, name)

    def _neighbour(self, section: Section) -> _Neighbour:
        text = self._layout.text
        own = [item for item in section.items if not item.locked]
        indent = bounded(text[own[-1].start : own[-1].name_start]) if own else ""
        item = next((one for one in reversed(own) if one.value), self._last_valued)
        if item is None:
            return _Neighbour(indent, "", " = ")
        if not own and section.name and item not in self._layout.top.items:
            indent = bounded(text[item.start : item.name_start])
        return _Neighbour(indent, item.name, text[item.name_end : item.value_start - len(item.quote)])

    def _shown(self, old: Item) -> _Evidence:
        if old.start not in self._evidence:
            self._evidence[old.start] = _Evidence(old)
        return self._evidence[old.start]

    def blank_between_sections(self) -> bool:
        """Whether a blank line stands before a section; so it is where there is nothing to go by."""
        return len(self._layout.sections) <= 1 or re.search(r"\n\r?\n", self._layout.text) is not None

    @kept
    def _last_valued(self) -> Item | None:
        return next((item for item in reversed(self._items) if item.value), None)

    @kept
    def _quotes(self) -> bool:
        return any(item.quote == '"' for item in self._items) and not any(
            item.value and not item.quote and _MARKS.search(item.value) for item in self._items
        )

    @kept
    def _mostly_quoted(self) -> bool:
        valued: Sequence[Item] = [item for item in self._items if item.value]
        return 2 * sum(item.quote == '"' for item in valued) > len(valued)


def _marks(value: str) -> set[str] | None:
    """The marks in `value`; None for what no reader takes as it is without quotes, whatever stood there."""
    if value != value.strip() or value.startswith(("#", ";", '"', "'")) or value.endswith("\\"):
        return None
    return None if re.search(r"\s[;#]", value) else set(_MARKS.findall(value))


def _quoted(value: str, quote: str, known: frozenset[str]) -> str:
    if quote in value or "\\" in value or not known.issuperset(_REFERENCES.findall(value)):
        raise not_editable("quoting")
    return quote + value + quote
