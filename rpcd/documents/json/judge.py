"""JSON files: the judge, which is the standard library's reader with what RFC 8259 leaves open decided. Pure.

Rules of this file:

- A member that stands twice in an object is refused: readers disagree about which one counts.
- `NaN` and `Infinity`, which the standard library takes, are no JSON; depth is bounded before anything recurses.
"""

import json
import re
from typing import Any, Final, NoReturn

from rpcd.documents.document import MAX_DEPTH, not_editable

__all__ = ["judge"]

_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)


def judge(text: str) -> object:
    """The value of `text`.

    Raises `Refused("not_editable")` for what is no JSON, too deep, or has a member twice.
    """
    depth = 0
    text = text.removeprefix("\ufeff")
    for found in _BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise not_editable("depth", text, found.start())
        elif found[0] in "]}":
            depth -= 1
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise not_editable("syntax", text, error.pos) from None
    except ValueError:  # an integer of more digits than Python converts
        raise not_editable("syntax") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise not_editable("duplicate")
    return members


def _constant(_name: str) -> NoReturn:
    raise ValueError("no JSON")
