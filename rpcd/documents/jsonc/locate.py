"""JSON with comments: the locator puts white space where the text is no JSON, and leaves the rest to JSON's. Pure."""

import re
from typing import Final

__all__ = ["plain"]

_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_COMMENT: Final = r"//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/"
_PIECE: Final = re.compile(rf"((?:[^/,\"]++|{_STRING}|,(?!(?:[ \t\r\n]++|{_COMMENT})*+[\]}}]))++)|{_COMMENT}|,")
_VISIBLE: Final = re.compile(r"[^\r\n]")


def plain(text: str) -> str:
    """A text of the same length that is JSON: spaces stand for comments, line ends aside, and for trailing commas."""
    return _PIECE.sub(lambda found: found[1] or _VISIBLE.sub(" ", found[0]), text)
