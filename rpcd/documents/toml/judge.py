"""TOML files: the judge. Pure, and it shares nothing with the locator.

It is the standard library's reader, but for texts of plain lines only: headers, and keys with a string, an integer, a
fraction, a boolean or an array on the same line. Those are read here, in a fifth of the time; a text with anything else
is left to tomllib. The tests hold both against each other.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from rpcd.documents.document import MAX_DEPTH, not_editable
from rpcd.errors import Refused

__all__ = ["judge", "plain"]

_TOKEN: Final = re.compile(
    r"""#[^\n]*+|'''(?:[^']++|'{1,2}+(?!'))*+'{3,5}"""
    r'''|"""(?:[^"\\]++|\\[\s\S]|"{1,2}+(?!"))*+"{3,5}|"(?:[^"\\\n]++|\\.)*+"?'''
    r"""|'[^'\n]*+'?|[][{}]|[.,=\n]""",
)
_PLACE: Final = re.compile(r"\(at line (\d+), column (\d+)\)")
_LINE: Final = re.compile(
    r"""[ \t]*+ (?:
        (?P<key> [A-Za-z0-9_-]++ ) [ \t]*+ = [ \t]*+ (?:
            "( [^"\\\x00-\x1f\x7f]*+ )"
          | '( [^'\x00-\x1f\x7f]*+ )'
          | ( -?+ (?: 0 | [1-9][0-9]{0,17}+ ) ) (?! [^ \t\n\#] )
          | ( -?+ (?: 0 | [1-9][0-9]*+ ) \.[0-9]++ ) (?! [^ \t\n\#] )
          | ( true | false ) (?! [^ \t\n\#] )
          | ( \[ [^{}\x00-\x1f\x7f\#]*+ )
        )
      | \[ (?P<table> [A-Za-z0-9_-]++ (?: \. [A-Za-z0-9_-]++ )*+ ) \]
    )?+ [ \t]*+ (?: \# [^\x00-\x08\x0a-\x1f\x7f]*+ )?+ (?: \n | \Z )""",
    re.VERBOSE,
)
_AS_IN_JSON: Final = re.compile(r'(?:[\[\], ]|"[^"\\\x00-\x1f\x7f]*+"|-?[0-9]{1,18}+|true|false)++')
"""Arrays that JSON has as well, so that its reader in C can read them."""

_KEY, _BASIC, _LITERAL, _INTEGER, _FRACTION, _BOOLEAN, _ARRAY, _TABLE = range(1, 9)


def judge(text: str) -> object:
    """The tree of `text`; dates are `datetime`'s.

    Raises `Refused("not_editable")` for what is no TOML, or too deep.
    """
    text = text.removeprefix("\ufeff")
    if text.count("[") + text.count("{") + text.count(".") >= MAX_DEPTH:
        _require_shallow(text)
    tree = plain(text)
    if tree is not None:
        return tree
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(error) from None
    except (ValueError, RecursionError):  # an integer of more digits than Python converts
        raise not_editable("syntax") from None


def plain(text: str) -> dict[str, Any] | None:
    """The tree of a text of plain lines; None for any other, and for one that is no TOML."""
    if '"""' in text or "'''" in text:
        return None
    text = text.replace("\r\n", "\n")
    tree: dict[str, Any] = {}
    table: dict[str, Any] | None = tree
    headers: set[str] = set()
    at = 0
    for line in _LINE.finditer(text):
        kind = line.lastindex
        if line.start() != at:
            return None
        at = line.end()
        if kind == _TABLE:
            path = line[_TABLE]
            table = None if path in headers else _table(tree, path)
            headers.add(path)
        elif kind is not None and table is not None:
            name = line[_KEY]
            value = _VALUES[kind](line[kind])
            if name in table or value is None:
                return None
            table[name] = value
        if table is None:
            return None
    return tree if at == len(text) else None


def _array(spelled: str) -> list[Any] | None:
    """An array that stands on one line; None where it is none."""
    with suppress(ValueError):
        found: list[Any]
        if _AS_IN_JSON.fullmatch(spelled):
            with suppress(ValueError):
                found = json.loads(spelled)
                return found
        found = tomllib.loads("array = " + spelled)["array"]
        return found
    return None


_VALUES: Final[Mapping[int, Callable[[str], Any]]] = {
    _BASIC: str,
    _LITERAL: str,
    _INTEGER: int,
    _FRACTION: float,
    _BOOLEAN: "true".__eq__,
    _ARRAY: _array,
}
"""What a spelling means, by the group that it is of."""


def _table(tree: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The table that a header begins, with those above it; None where something else stands there."""
    for name in path.split("."):
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            return None
    return tree


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
