"""JSON files: the locator, which is given nothing but JSON (the judge comes first), and finds spans only. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Final, NamedTuple

__all__ = ["STRING", "Part", "Places"]

STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_VALUE: Final = rf"({STRING}|[-+.\w]++|(?=[\[{{]))"
"""A scalar, or the place of an object or array."""

_ELEMENT: Final = re.compile(rf"[ \t\r\n,]*+{_VALUE}", re.ASCII)
_MEMBER: Final = re.compile(rf"[ \t\r\n,]*+({STRING})[ \t\r\n]*+:[ \t\r\n]*+{_VALUE}", re.ASCII)
_TO_BRACKET: Final = re.compile(rf'[^][{{}}"]*+(?:{STRING}[^][{{}}"]*+)*+[][{{}}]')


class Part(NamedTuple):
    """A member or an element: from `start`, where its name stands if it has one; its value from `at` to `end`."""

    start: int
    at: int
    end: int


class Places:
    """Where everything is in a text. What lies deeper is only passed over: most of it nobody asks for."""

    def __init__(self, text: str) -> None:
        self.ends = _ends(text)
        self.parts: Callable[[int], dict[str, Part]] = cache(partial(_parts, text, self.ends))


def _ends(text: str) -> Mapping[int, int]:
    """Where each object and array ends, by where it starts."""
    ends: dict[int, int] = {}
    starts: list[int] = []
    at = 0
    while (found := _TO_BRACKET.match(text, at)) is not None:
        at = found.end()
        if text[at - 1] in "[{":
            starts.append(at - 1)
        else:
            ends[starts.pop()] = at
    return ends


def _parts(text: str, ends: Mapping[int, int], at: int) -> dict[str, Part]:
    """What the object or array at a place holds, by name or number; nothing, where another value stands."""
    if text[at] == "{":
        return _members(text, ends, at + 1)
    return _elements(text, ends, at + 1) if text[at] == "[" else {}


def _members(text: str, ends: Mapping[int, int], at: int) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    while (member := _MEMBER.match(text, at)) is not None:
        name = member[1]
        value, at = member.span(2)
        if value == at:
            at = ends[value]
        parts[json.loads(name) if "\\" in name else name[1:-1]] = Part(member.start(1), value, at)
    return parts


def _elements(text: str, ends: Mapping[int, int], at: int) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    while (element := _ELEMENT.match(text, at)) is not None:
        value, at = element.span(1)
        if value == at:
            at = ends[value]
        parts[str(len(parts))] = Part(value, value, at)
    return parts
