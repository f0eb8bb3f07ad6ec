"""TOML 1.0 files; the judge is the standard library's reader. Pure.

The locator is our own. It takes about as long as tree-sitter's grammar for TOML and a walk over its tree (0.2, 2.1 and
22 ms to 0.2, 2.2 and 28 ms for 65, 650 and 6,500 lines, where tomllib takes 0.3, 3.3 and 40 ms), and spares two
compiled packages, 4.5 MiB and 27 ms to import them.
"""

import re
import tomllib
from typing import Final

from rpcd.documents.document import MAX_DEPTH, not_editable
from rpcd.documents.format import Comments, Format
from rpcd.documents.toml.edit import TomlDocument
from rpcd.errors import Refused

__all__ = ["configure"]

_TOKEN: Final = re.compile(
    r"""#[^\n]*+|'''(?:[^']++|'{1,2}+(?!'))*+'{3,5}"""
    r'''|"""(?:[^"\\]++|\\[\s\S]|"{1,2}+(?!"))*+"{3,5}|"(?:[^"\\\n]++|\\.)*+"?'''
    r"""|'[^'\n]*+'?|[][{}]|[.,=\n]""",
)
_PLACE: Final = re.compile(r"\(at line (\d+), column (\d+)\)")


def judge(text: str) -> object:
    """The tree of `text`; dates are `datetime`'s.

    Raises `Refused("not_editable")` for what is no TOML, or too deep.
    """
    text = text.removeprefix("\ufeff")
    if text.count("[") + text.count("{") + text.count(".") >= MAX_DEPTH:
        _require_shallow(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(error) from None
    except (ValueError, RecursionError):  # an integer of more digits than Python converts
        raise not_editable("syntax") from None


def _require_shallow(text: str) -> None:
    """Refuse brackets, and dotted keys, of more than `MAX_DEPTH` levels, before anything recurses."""
    depth = dots = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        dots = dots + 1 if mark == "." else dots if mark[0] in "\"'" else 0
        if depth > MAX_DEPTH or dots == MAX_DEPTH:
            raise not_editable("depth", text, token.start())


def _refusal(error: tomllib.TOMLDecodeError) -> Refused:
    """With the place that tomllib names in its message, which is not passed on itself."""
    place = _PLACE.search(str(error))
    if place is None:
        return not_editable("syntax")
    return Refused("not_editable", reason="syntax", line=int(place[1]), column=int(place[2]))


def configure() -> Format:
    """The format."""
    return Format("toml", TomlDocument, judge, Comments(line=("#",)))
