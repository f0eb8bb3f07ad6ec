"""XML files: the judge, which is expat. Pure, and it shares nothing with the locator but how a file is seen.

Rules of this file:

- Nothing is fetched and nothing expands: expat reads no external DTD unless it is told to, a document type with
  declarations ends the reading before the first of them, and a reference that only a DTD could explain is refused.
  expat passes over such a reference in an attribute without a word where a DTD is named: these are sought for.
- Depth is bounded while it is read; expat itself does not recurse.
- As the encoding counts what the file says, where it is one of three that agree about ASCII: so the locator, which
  knows no encodings, finds the same marks.
"""

import re
from typing import Any, Final, NoReturn
from xml.parsers import expat

from rpcd.documents.document import MAX_DEPTH, Untold, not_editable
from rpcd.errors import Refused

__all__ = ["judge"]

_DECLARATION: Final = re.compile(
    r"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["']1\.0["']"""
    r"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["']([A-Za-z0-9._-]+)["'])?""",
    re.ASCII,
)
_NO_MARKS: Final = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_UNKNOWN: Final = re.compile(r"&(?!#|(?:lt|gt|amp|quot|apos);)")
_ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1"})


def judge(text: str) -> object:
    """The tables of `text`.

    Raises `Refused("not_editable")` for what is no XML, too deep, has declarations, or is in another encoding.
    """
    bare = text.removeprefix("\ufeff")
    if bare.startswith("<?xml") and bare[5:6] in " \t\r\n":
        declaration = _DECLARATION.match(bare)
        encoding = (declaration[1] or "utf-8").lower() if declaration else ""
        if encoding not in _ENCODINGS or (bare != text and encoding != "utf-8"):
            raise not_editable("encoding", text, len(text) - len(bare))
    if "\0" in text or bare[:1] >= "\udc80":  # UTF-16, which expat would take
        raise not_editable("encoding", text, 0)
    reader = _Reader(text.encode("utf-8", "surrogateescape"))
    tables = reader.read()
    if reader.names_a_type and _UNKNOWN.search(_NO_MARKS.sub("", text)):
        raise not_editable("declarations")
    return tables


class _Open:
    """An element whose end has not come yet."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.elements: dict[str, list[object]] = {}
        self.text: list[str] = []


class _Reader:
    """Takes what expat finds, and makes tables of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.root = _Open("", {})
        self.open = [self.root]
        self.names_a_type = False
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self.document_type
        parser.SkippedEntityHandler = self.unknown
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters

    def read(self) -> object:
        """The tables."""
        try:
            self.parser.Parse(self.content, True)
        except expat.ExpatError as error:
            raise Refused("not_editable", reason="syntax", line=error.lineno, column=error.offset + 1) from None
        return {name: found[0] for name, found in self.root.elements.items()}

    def refuse(self, reason: str) -> NoReturn:
        """Stop here."""
        parser = self.parser
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        raise Refused("not_editable", reason=reason, line=line, column=column)

    def document_type(self, _name: str, _system: str | None, _public: str | None, declares: int) -> None:
        """A document type may name a DTD."""
        if declares:
            self.refuse("declarations")
        self.names_a_type = True

    def unknown(self, _name: str, _parameter: bool) -> None:  # noqa: FBT001 - expat's own signature
        """A reference that only the DTD could explain."""
        self.refuse("declarations")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if len(self.open) > MAX_DEPTH:
            self.refuse("depth")
        self.open.append(_Open(name, attributes))

    def characters(self, text: str) -> None:
        """Text, whether it is plain, a reference or a CDATA section."""
        self.open[-1].text.append(text)

    def end(self, name: str) -> None:
        """An element ends, and is told."""
        element = self.open.pop()
        self.open[-1].elements.setdefault(name, []).append(self.told(element))

    def told(self, element: _Open) -> object:
        """What an element is: a string, or a table."""
        text = "".join(element.text)
        table: dict[str, Any] = {f"@{name}": value for name, value in element.attributes.items()}
        for name, found in element.elements.items():
            table[name] = found if len(found) > 1 else found[0]
        blank = not text.strip(" \t\n\r")
        if element.elements:
            return table if blank else {**table, "#text": Untold(text)}
        if blank and "\n" in text:
            return table
        if not table:
            return text if text or not self.is_empty_tag() else {}
        return {**table, "#text": text} if text else table

    def is_empty_tag(self) -> bool:
        """Whether an element without anything in it, which has just ended, is one tag and not two."""
        at = self.parser.CurrentByteIndex
        return self.content[at - 2 : at] == b"/>"
