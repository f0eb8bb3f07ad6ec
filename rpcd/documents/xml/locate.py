"""XML files: the locator, which is given nothing but XML without declarations (the judge comes first). Pure."""

import re
from collections.abc import Callable
from typing import Final

from rpcd.documents.xml.layout import Attribute, Element

__all__ = ["ascii_only", "locate"]

_TOKEN: Final = re.compile(
    r"""(?P<text> [^<]++ | <!\[CDATA\[ .*? \]\]> )
    | < (?P<name> [^\s/>!?]++ ) (?P<attributes> (?: [^>"'/]++ | "[^"]*+" | '[^']*+' | /(?!>) )*+ ) (?P<empty> /?+ ) >
    | (?P<closing> </ [^>]*+ > )
    | (?P<note> <!-- .*? --> | <\? .*? \?> )
    | <!DOCTYPE (?: [^>"']++ | "[^"]*+" | '[^']*+' )*+ >""",
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(r"""\s++([^\s=]++)\s*+=\s*+("[^"]*+"|'[^']*+')""")
_LATIN: Final = re.compile(r"""\ufeff?<\?xml[^>]*?encoding\s*=\s*["']iso-8859-1["']""", re.IGNORECASE)
_ASCII: Final = re.compile(r"""\ufeff?<\?xml[^>]*?encoding\s*=\s*["'](?:us-ascii|iso-8859-1)["']""", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|([a-z]+));")
_PREDEFINED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_LINE_END: Final = re.compile(r"\r\n?")
_WHITE: Final = re.compile(r"\r\n|[\r\n\t]")
_PART: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>|([^<]++)", re.DOTALL)


def locate(text: str) -> Element:
    """An element without a name, in which the root is."""
    read = _of_latin if not text.isascii() and _LATIN.match(text) else str
    top = Element("", 0, 0, 0, is_tag=False, attributes={}, inner_end=len(text), end=len(text))
    outer = [top]
    for token in _TOKEN.finditer(text, 1 if text.startswith("\ufeff") else 0):
        kind, inside = token.lastgroup, outer[-1]
        if kind == "text":
            start, end = token.span()
            if inside.runs and inside.runs[-1][1] == start:
                start = inside.runs.pop()[0]
            inside.runs.append((start, end))
        elif kind == "empty":
            name = read(token["name"])
            is_tag = bool(token["empty"])
            attributes = _attributes(text, *token.span("attributes"), read)
            element = Element(name, token.start(), token.end("name"), token.end(), is_tag, attributes)
            inside.children.append(element)
            inside.named.setdefault(name, []).append(element)
            if is_tag:
                element.inner_end = element.end = token.end()
            else:
                outer.append(element)
        elif kind == "closing":
            element = outer.pop()
            element.inner_end, element.end = token.span()
            element.text = _told(text, element, read)
        elif kind == "note":
            inside.notes = True
    return top


def ascii_only(text: str) -> bool:
    """Whether a file is in an encoding that has not all characters."""
    return _ASCII.match(text) is not None


def _of_latin(piece: str) -> str:
    return piece.encode("utf-8", "surrogateescape").decode("iso-8859-1")


def _attributes(text: str, start: int, end: int, read: Callable[[str], str]) -> dict[str, Attribute]:
    return {
        read(found[1]): Attribute(*found.span()[:1], found.start(2), found.end(), _value(read(found[2][1:-1])))
        for found in _ATTRIBUTE.finditer(text, start, end)
    }


def _told(text: str, element: Element, read: Callable[[str], str]) -> str | None:
    """The text of an element; None where it has none that counts."""
    told = "".join(_meant(text[start:end], read) for start, end in element.runs)
    if not told.strip(" \t\n\r") and ("\n" in told or element.children or (element.attributes and not told)):
        return None
    return told


def _meant(run: str, read: Callable[[str], str]) -> str:
    """What plain text and CDATA sections say."""
    if "<" not in run and "&" not in run and "\r" not in run:
        return read(run)
    parts = _PART.findall(_LINE_END.sub("\n", read(run)))
    return "".join(section or _REFERENCE.sub(_character, plain) for section, plain in parts)


def _value(spelled: str) -> str:
    """What an attribute says: white space is a space each, where no reference stands for it."""
    return _REFERENCE.sub(_character, _WHITE.sub(" ", spelled))


def _character(reference: re.Match[str]) -> str:
    hexadecimal, decimal, name = reference.groups()
    if name:
        return _PREDEFINED[name]
    return chr(int(hexadecimal, 16) if hexadecimal else int(decimal))
