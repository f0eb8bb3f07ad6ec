"""XML files: how names, values and whole elements are written. Pure.

Rules of this file:

- What marks anything is written as a reference, and so is what a reader would make a space or a line end of, what
  nobody can see, and what the encoding of the file lacks.
- New elements have lines of their own, with the file's indentation, where others have.
- A prefix is used where the file declares it, and not made up.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from rpcd.documents.document import UNFIT, Value, not_editable
from rpcd.documents.kept import kept
from rpcd.documents.splice import MAX_REPEATED, newline_of
from rpcd.documents.xml.layout import Element
from rpcd.documents.xml.locate import ascii_only

__all__ = ["Style", "is_child", "margin_of"]

_NAME: Final = re.compile(
    r"(?:[A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff]"
    r"[-A-Za-z0-9._\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u037d\u037f-\u1fff]*(?::(?!\Z)|\Z)){1,2}"
)
"""Names with one prefix at most, and of fewer letters than XML allows."""

_NO_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_TEXT: Final = re.compile(r"[&<>\r\x7f-\x9f\u2028\u2029]")
_IN_VALUE: Final = re.compile(r"[&<\t\n\r\x7f-\x9f\u2028\u2029]")
_MARKS: Final = re.compile(r"[&<>]")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


def is_child(name: str) -> bool:
    """Whether a part of a table is an element."""
    return not name.startswith("@") and name != "#text"


def margin_of(text: str, at: int) -> str | None:
    """The white space before `at`, where it starts its line; None where it does not, or far into it."""
    start = at
    while start > max(0, at - MAX_REPEATED) and text[start - 1] in " \t":
        start -= 1
    return text[start:at] if start == 0 or text[start - 1] in "\n\ufeff" else None


MAX_LOOKED_AT: Final = 64
"""Elements that a style is gathered from."""


class Style:
    """How a file is written."""

    def __init__(self, text: str, top: Element) -> None:
        self._text = text
        self._top = top
        self._ascii = ascii_only(text)
        self.newline = newline_of(text)
        self.closing = " />" if 2 * text.count(" />") > text.count("/>") else "/>"

    @kept
    def indent(self) -> str | None:
        """What an element is further in than the one around it; None where elements have no lines of their own."""
        found: str | None = None
        crowded = False
        for element in islice(_parents(self._top), MAX_LOOKED_AT):
            outer = margin_of(self._text, element.start) or ""
            inner = margin_of(self._text, element.children[0].start)
            if inner is None:
                crowded = True
            elif inner.startswith(outer) and inner != outer:
                return inner.removeprefix(outer)
            else:
                found = ""
        return "  " if found is None and not crowded and "\n" in self._text.strip() else found

    def name(self, name: str) -> str:
        """A new name of an element or attribute; raises `Refused("not_editable")`."""
        prefix, colon, _ = name.partition(":")
        if not _NAME.fullmatch(name) or UNFIT.search(name) or (self._ascii and not name.isascii()):
            raise not_editable("characters")
        if colon and prefix not in {"xml", "xmlns"} and f"xmlns:{prefix}" not in self._text:
            raise not_editable("characters")
        return name

    def attribute(self, value: Value, quote: str = '"') -> str:
        """The value of an attribute, with its quotes."""
        return quote + self._escape(_IN_VALUE, _string(value)).replace(quote, _NAMED[quote]) + quote

    def text(self, value: Value) -> str:
        """Text between tags."""
        return self._escape(_IN_TEXT, _string(value))

    def section(self, value: Value) -> str:
        """Text in a CDATA section, as far as one can hold it."""
        if isinstance(value, str) and "]]>" not in value and self.text(value) == _MARKS.sub(_reference, value):
            return f"<![CDATA[{value}]]>"
        return self.text(value)

    def element(self, name: str, value: Value, margin: str) -> str:
        """A whole element that begins on a line with `margin`."""
        name = self.name(name)
        if not isinstance(value, dict):
            return f"<{name}>{self.text(value)}</{name}>"
        attributes = "".join(
            f" {self.name(key[1:])}={self.attribute(held)}" for key, held in value.items() if key.startswith("@")
        )
        children = [*self.children(value)]
        if not children:
            if "#text" in value:
                return f"<{name}{attributes}>{self.text(value['#text'])}</{name}>"
            return f"<{name}{attributes}{self.closing}"
        if "#text" in value:
            raise not_editable("mixed")
        return f"<{name}{attributes}>{self.lines(children, margin)}</{name}>"

    def lines(self, children: list[tuple[str, Value]], margin: str) -> str:
        """What stands between two tags that had nothing between them; the first is on a line with `margin`."""
        if self.indent is None:
            return "".join(self.element(name, value, "") for name, value in children)
        inner = margin + self.indent
        lines = (self.newline + inner + self.element(name, value, inner) for name, value in children)
        return "".join(lines) + self.newline + margin

    @staticmethod
    def children(value: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """The elements in a table, by name; an array is several of one name."""
        for name, held in value.items():
            if not is_child(name):
                continue
            if isinstance(held, list):
                if len(held) < 2:  # noqa: PLR2004 - one would be no list
                    raise not_editable("type")
                yield from ((name, item) for item in held)
            else:
                yield name, held

    def _escape(self, marks: re.Pattern[str], value: str) -> str:
        if _NO_XML.search(value):
            raise not_editable("characters")
        value = marks.sub(_reference, value)
        return _NOT_ASCII.sub(_reference, value) if self._ascii else value


def _parents(top: Element) -> Iterator[Element]:
    """The elements that hold others, in the order of the text; without what holds the root."""
    waiting = [*top.children]
    while waiting:
        element = waiting.pop()
        if element.children:
            yield element
            waiting += reversed(element.children)


def _reference(found: re.Match[str]) -> str:
    return _NAMED.get(found[0]) or f"&#x{ord(found[0]):X};"


def _string(value: Value) -> str:
    if not isinstance(value, str):
        raise not_editable("structure" if isinstance(value, dict | list) else "type")
    return value
