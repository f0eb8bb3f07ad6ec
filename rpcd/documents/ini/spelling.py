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
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from rpcd.documents.document import UNFIT, Untold, not_editable
from rpcd.documents.ini.layout import Item, Layout, Section
from rpcd.documents.splice import separator_like

__all__ = ["Style", "require_name"]

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


def require_name(name: str, others: Iterable[str], *, section: bool = False) -> None:
    """Raise `Refused("not_editable")` unless every reader takes `name` as a new key, or section, beside `others`."""
    folded = name.casefold()
    fits, taken = (_SECTION, _DEFAULT) if section else (_NAME, _RESERVED)
    if not fits.fullmatch(name) or folded in taken:
        raise not_editable("characters")
    if any(other.casefold() == folded for other in others):
        raise not_editable("duplicate")


class Style:
    """How a file is written, found out where it is needed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._items = [item for section in (layout.top, *layout.sections) for item in section.items if not item.locked]

    @property
    def has_nulls(self) -> bool:
        """Whether it has a key alone."""
        return any(item.value is None for item in self._items)

    @property
    def repeats(self) -> bool:
        """Whether a key or a section stands twice."""
        layout = self._layout
        keys = (layout.top.keys, *(section.keys for section in layout.sections))
        return any(len(same) > 1 for same in layout.tables.values()) or any(
            len(same) > 1 for held in keys for same in held.values()
        )

    def value(self, value: object, old: Item | None) -> str:
        """How a value is spelled, in place of that of `old`, or as a new one after `old`'s kind.

        Raises `Refused("not_editable")`.
        """
        if not isinstance(value, str):
            raise not_editable("type")
        if UNFIT.search(value):
            raise not_editable("characters")
        before = old.value if old is not None and old.value is not None and type(old.value) is not Untold else ""
        if old is not None and old.quote:
            return _quoted(value, old.quote, before)
        plain = _is_plain(value, before)
        if plain and (old is not None or not self._mostly_quoted()):
            return value
        if self._quotes():
            return _quoted(value, '"', "")
        raise not_editable("quoting")

    def separator(self, name: str, section: Section) -> tuple[str, str]:
        """The indentation of a new key, and what stands between it and its value."""
        text = self._layout.text
        last = next((item for item in reversed(section.items) if not item.locked), None)
        indent = text[last.start : last.name_start] if last is not None else ""
        for item in (*reversed(section.items), *reversed(self._items)):
            if item.value and not item.locked:
                between = text[item.name_end : item.value_start - len(item.quote)]
                return indent, separator_like(between, item.name, name)
        return indent, " = "

    def blank_between_sections(self) -> bool:
        """Whether a blank line stands before a section; so it is where there is nothing to go by."""
        return len(self._layout.sections) <= 1 or re.search(r"\n\r?\n", self._layout.text) is not None

    def _quotes(self) -> bool:
        return any(item.quote == '"' for item in self._items) and not any(
            item.value and not item.quote and _MARKS.search(item.value) for item in self._items
        )

    def _mostly_quoted(self) -> bool:
        valued: Sequence[Item] = [item for item in self._items if item.value]
        return 2 * sum(item.quote == '"' for item in valued) > len(valued)


def _is_plain(value: str, before: str) -> bool:
    """Whether `value` is read alike everywhere without quotes, or has only what `before` had without quotes."""
    if value != value.strip() or value.startswith(("#", ";", '"', "'")) or value.endswith("\\"):
        return False
    if re.search(r"\s[;#]", value):
        return False
    marks = set(_MARKS.findall(value))
    return not marks or marks <= set(_MARKS.findall(before))


def _quoted(value: str, quote: str, before: str) -> str:
    if quote in value or "\\" in value:
        raise not_editable("quoting")
    if not set(_REFERENCES.findall(value)) <= set(_REFERENCES.findall(before)):
        raise not_editable("quoting")
    return quote + value + quote
