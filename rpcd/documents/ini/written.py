"""Ini files of one known program: how keys and values are written there. Pure.

A spelling is tried as the scanner reads it: what does not come back as the very value is not written. Quotes stay what
they were where they can; a new value is plain where the program takes it so.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from rpcd.documents.document import UNFIT, Untold, not_editable
from rpcd.documents.ini.layout import Item, Layout, PlainItem
from rpcd.documents.ini.scan import Scanner
from rpcd.documents.ini.spelling import Style
from rpcd.errors import Refused

__all__ = ["KnownStyle"]

_WORDS: Final = re.compile(r"[A-Z][A-Z0-9_]*(?: ?[&|^~!()] ?~?[A-Z][A-Z0-9_]*)*")
"""Constants that php.ini calculates with: `E_ALL & ~E_NOTICE`."""

_INDENT: Final = "    "


class KnownStyle(Style):
    """How a file is written that one known program reads."""

    def __init__(self, scanner: Scanner, layout: Layout) -> None:
        super().__init__(layout)
        self._scanner = scanner
        self._grammar = scanner.grammar

    @property
    def takes_nulls(self) -> bool:
        """See `Style`."""
        return self._grammar.alone

    @property
    def takes_top(self) -> bool:
        """See `Style`."""
        return self._grammar.top and super().takes_top

    def may_repeat(self, name: str) -> bool:
        """See `Style`."""
        return self._grammar.repeats or name.endswith("[]")

    def require_names(self, names: Iterable[str], others: Iterable[str], *, section: bool = False) -> None:
        """See `Style`."""
        fits = re.compile(self._grammar.section if section else self._grammar.key)
        taken = {other.casefold() for other in others}
        for name in names:
            if not fits.fullmatch(name) or UNFIT.search(name):
                raise not_editable("characters")
            if name.casefold() in taken:
                raise not_editable("duplicate")

    def header(self, name: str) -> str:
        """See `Style`."""
        first, dot, below = name.partition(".")
        if not dot or not self._grammar.subsections:
            return f"[{name}]"
        quoted = re.sub(r'["\\]', r"\\\g<0>", below)
        return f'[{first} "{quoted}"]'

    def value(self, value: object, old: Item | None) -> str:
        """See `Style`."""
        if not isinstance(value, str):
            raise not_editable("type")
        refusal = "quoting"
        for spelled in self._spellings(value, old):
            if UNFIT.search(spelled.replace("\n" + _INDENT, "").replace("\t", "")):
                refusal = "characters"
            elif self._reads(spelled, value):
                return spelled
        raise not_editable(refusal)

    def _spellings(self, value: str, old: Item | None) -> Iterator[str]:
        """How the value may be spelled, what fits the file first."""
        grammar = self._grammar
        before = "" if old is None or old.value is None or type(old.value) is Untold else old.value
        plain = re.fullmatch(grammar.plain, value, re.DOTALL) is not None
        if not plain and grammar.spans:  # what is calculated stays so
            plain = bool(_WORDS.fullmatch(value) and _WORDS.fullmatch(before)) and old is not None and not old.quote
        quotes = sorted(grammar.quotes, key=lambda quote: quote != (old.quote if old is not None else ""))
        if old is not None and old.quote:
            yield from (self._quoted(value, quote) for quote in quotes)
        if plain:
            yield self._escaped(value, "")
            if grammar.continuation == "indent":
                yield value.replace("\n", "\n" + _INDENT)
        yield from (self._quoted(value, quote) for quote in quotes)

    def _quoted(self, value: str, quote: str) -> str:
        return quote + self._escaped(value, quote) + quote

    def _escaped(self, value: str, where: str) -> str:
        escapes = self._grammar.escapes.get(where)
        if escapes is None:
            return value
        letters = {meaning: letter for letter, meaning in escapes.items() if meaning not in " '"}
        if where in {"", "'"}:
            letters.pop('"', None)
        if where == "'":
            letters["'"] = "'"
        spelled = "".join("\\" + letters[one] if one in letters else one for one in value)
        space = next((letter for letter, meaning in escapes.items() if meaning == " "), None)
        if where == "" and space is not None and spelled.startswith(" "):
            return "\\" + space + spelled[1:]
        return spelled

    def _reads(self, spelled: str, value: str) -> bool:
        """Whether the program reads the value back, and nothing else."""
        if "${" in spelled and self._grammar.spans and not spelled.startswith("'"):
            return False
        mark = self._grammar.separators[0]
        lines = [line.strip() for line in spelled.split("\n")[1:]]
        if any(not line or line[0] in "[" + self._grammar.comments for line in lines):
            return False
        try:
            layout = self._scanner.locate(f"[s]\nk {mark} {spelled}\nz {mark} 1\n")
        except Refused:
            return False
        found = layout.tables["s"][0].items if list(layout.tables) == ["s"] and not layout.top.items else []
        values = [(item.name, item.value) for item in found if isinstance(item, PlainItem) or not item.locked]
        return values == [("k", value), ("z", "1")] and type(found[0].value) is str
