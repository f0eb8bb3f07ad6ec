"""YAML files: lines, and what taking a member or element away changes. Pure."""

import re
from typing import Final

from rpcd.documents.splice import Splice
from rpcd.documents.yaml.layout import Collection, Part

__all__ = ["comment_on_line", "cut", "cut_lines", "line_end", "line_start"]

_REST_OF_LINE: Final = re.compile(r"[ \t]*+,?[ \t]*+(?:#[^\n]*+)?\n")
_COMMENT_BELOW: Final = re.compile(r"(?:\r?\n[ \t]*+)++#")
_COMMENT: Final = re.compile(r"[ \t]++#[^\r\n]*+")


def line_start(text: str, at: int) -> int:
    """Where the line of `at` starts, behind a byte order mark."""
    return text.rfind("\n", 0, at) + 1 or int(text.startswith("\ufeff"))


def line_end(text: str, at: int) -> int:
    """Where the line of `at` ends, before its line end."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if end > at and text[end - 1] == "\r" else end


def comment_on_line(text: str, at: int) -> str:
    """The comment on what is left of a line, with the white space before it."""
    found = _COMMENT.search(text, at, line_end(text, at))
    return found[0] if found is not None else ""


def cut(text: str, holder: Collection, gone: Part) -> Splice:
    """A collection without one of its several parts: without its lines, where they are its own."""
    at = next(number for number, part in enumerate(holder.parts) if part is gone)
    following = holder.parts[at + 1] if at + 1 < len(holder.parts) else None
    start = line_start(text, gone.start)
    own = not text[start : gone.start].strip(" \t")
    if holder.style == "block":
        end = line_end(text, gone.value.end)
        if own or following is None:
            return cut_lines(text, start, end)
        if _COMMENT_BELOW.match(text, end):
            return Splice(len(text[: gone.start].rstrip(" \t")), end, "")
        return Splice(gone.start, following.start, "")
    rest = _REST_OF_LINE.match(text, gone.value.end)
    if own and rest is not None:
        return Splice(start, rest.end(), "")
    if following is not None:
        return Splice(gone.start, following.start, "")
    return Splice(holder.parts[at - 1].value.end, gone.value.end, "")


def cut_lines(text: str, start: int, end: int) -> Splice:
    """Whole lines; with the line end before them where they are the last and have none."""
    if end < len(text):
        return Splice(start, end + (2 if text[end] == "\r" else 1), "")
    start -= text.startswith("\n", start - 1) if start else 0
    start -= text.startswith("\r", start - 1) if start else 0
    return Splice(start, end, "")
