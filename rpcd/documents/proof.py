"""The proof that an edit did what was asked, and nothing else. Pure.

Rules of this file:

- Both sides were read by the format's judge, which did not do the edit.
- Exactly the asked key has exactly the asked value, or is gone; everything else is equal, type by type: 1 is neither
  1.0 nor true. Tables keep the order of their keys.
- What cannot be proven is refused, whoever is right: the file stays as it is.
"""

from typing import Final

from rpcd.documents.key import Key
from rpcd.errors import Refused

__all__ = ["GONE", "prove", "same"]

GONE: Final = object()
"""The value of a key that was taken away."""


def prove(before: object, after: object, key: Key, value: object) -> None:
    """Raise `Refused("not_editable")` unless `after` is `before` with `value` at `key`, which may be `GONE`."""
    if not _differs_only_at(before, after, key, value):
        raise Refused("not_editable", reason="proof")


def same(one: object, other: object) -> bool:
    """Whether two values are equal, type by type, tables in any order of their keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN is like NaN where nobody touched it


def _differs_only_at(before: object, after: object, key: Key, value: object) -> bool:
    """Whether `after` is `before` but for `key`, walking down to it."""
    segment, below = key[0], key[1:]
    if isinstance(before, dict) and isinstance(after, dict):
        others = [name for name in before if name != segment]
        if others != [name for name in after if name != segment]:
            return False
        if not all(same(before[name], after[name]) for name in others):
            return False
        return _fits(before.get(segment, GONE), after.get(segment, GONE), below, value)
    if isinstance(before, list) and isinstance(after, list) and segment.isascii() and segment.isdigit():
        return _differs_only_in_list(before, after, int(segment), below, value)
    return False


def _differs_only_in_list(before: list[object], after: list[object], index: int, below: Key, value: object) -> bool:
    """The same for an array, where taking an element away moves those behind it."""
    if not below and value is GONE:
        return index < len(before) and same(before[:index] + before[index + 1 :], after)
    if index >= len(after) or len(after) != max(len(before), index + 1) or index > len(before):
        return False
    if not same(before[:index], after[:index]) or not same(before[index + 1 :], after[index + 1 :]):
        return False
    return _fits(before[index] if index < len(before) else GONE, after[index], below, value)


def _fits(before: object, after: object, below: Key, value: object) -> bool:
    """Whether what stands at a segment on the way, or at its end, is as asked."""
    if not below:
        return after is GONE if value is GONE else after is not GONE and same(after, value)
    if before is GONE:  # a table that the edit had to make, with nothing else in it
        before = [] if isinstance(after, list) else {}
    return _differs_only_at(before, after, below, value)
