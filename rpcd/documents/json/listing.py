"""JSON files: everything that one holds, in one walk: a list of all keys is asked for where nothing else is. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from rpcd.documents.document import Entry
from rpcd.documents.json.locate import STRING
from rpcd.documents.key import Key

__all__ = ["entries_of"]

_TOKEN: Final = re.compile(
    rf"(?:({STRING})[ \t\r\n]*+:[ \t\r\n]*+)?+(?:({STRING})|([-+\d][-+.\w]*+)|([\[{{])|([]}}])|(\w++))", re.ASCII
)
_STRING, _NUMBER, _OPENING, _CLOSING = 2, 3, 4, 5


def entries_of(text: str, ends: Mapping[int, int], at: int) -> Sequence[Entry]:
    """Everything in the object or array that is opened before `at`."""
    entries: list[Entry] = []
    above: Key = ()
    number = 0
    outer: list[tuple[Key, int]] = [((), 0)]
    for token in _TOKEN.finditer(text, at):
        kind = token.lastindex
        if kind == _CLOSING:
            above, number = outer.pop()
            continue
        name = token[1]
        if name is None:
            key = (*above, str(number))
            number += 1
        else:
            key = (*above, json.loads(name) if "\\" in name else name[1:-1])
        start, end = token.span()
        if kind == _OPENING:
            entries.append(Entry(key, "array" if text[end - 1] == "[" else "object", start, ends[end - 1]))
            outer.append((above, number))
            above, number = key, 0
        else:
            entries.append(Entry(key, _type(token) if kind != _STRING else "string", start, end))
    return entries


def _type(token: re.Match[str]) -> str:
    number = token[_NUMBER]
    if number is None:
        return "null" if token[6] == "null" else "boolean"
    return "integer" if number.isdigit() or not any(mark in number for mark in ".eE") else "number"
