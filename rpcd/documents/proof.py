"""The proof of an edit: the judge reads the old and the new text, and finds what was asked and nothing else.

Rules of this file:

- Nothing here knows a format, or how an edit was made.
- Types count: 1 is not 1.0 and not true, and a date is not its text. A date travels as a string, so a string may stand
  for a date where one stood before.
- Where nothing stands (null, a key without a value), a table may come that has the asked key.
- What stands once may be repeated from now on: element 1 of what was a single value, or table (ini, XML).
- What an edit leaves empty may go with it: the table that only the last dotted key made (TOML), and the array that is
  a single value again (a repeated key of an ini file, a directive of nginx's and its argument).
- Where members are numbered by their order (`Numbered`), those after one that goes move up.
- An array that has nothing in it is a list and a table (PHP).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from typing import Any, Final

from rpcd.documents.document import index
from rpcd.documents.key import Key
from rpcd.documents.numbered import Numbered
from rpcd.errors import Refused

__all__ = ["GONE", "Gone", "held_at", "prove", "same"]


class Gone:
    """The type of `GONE`."""


GONE: Final = Gone()
"""The value of a key that is to be taken away."""


def prove(before: object, after: object, key: Key, value: object, also: Iterable[Key] = ()) -> None:
    """Raise `Refused("not_editable", reason="proof")` unless `after` is `before` with `key` being `value`.

    `before` and `after` are what the judge read; `value` may be `GONE`. `also` are further keys that get the value.
    """
    for other in also:
        before = _edited(before, other, value)
    if not any(same(after, wanted) for wanted in _outcomes(before, key, value)):
        raise Refused("not_editable", reason="proof")


def same(one: object, other: object) -> bool:
    """Whether two values are the same, types included. Not a number is the same as itself, and -0.0 is not 0.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and _same_members(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and _same_items(one, other)
    if isinstance(one, str | int):
        return one == other
    return one is other or repr(one) == repr(other)


def _same_items(one: list[object], other: list[object]) -> bool:
    for held, found in zip(one, other, strict=True):
        kind = type(held)
        if kind is str or kind is int:  # as in members
            if type(found) is not kind or held != found:
                return False
        elif not same(held, found):
            return False
    return True


def _same_members(one: dict[str, object], other: dict[str, object]) -> bool:
    for name, held in one.items():
        found = other.get(name, GONE)
        if type(held) is str:  # most are: without a call it takes a quarter of the time
            if type(found) is not str or held != found:
                return False
        elif not same(held, found):
            return False
    return True


def _outcomes(before: object, key: Key, value: object) -> Iterator[object]:
    """Every tree that is `before` with `key` being `value`."""
    try:
        yield (wanted := _edited(before, key, value))
    except LookupError:
        return
    if value is not GONE:
        if key[-1:] == ("1",) and isinstance(held := held_at(before, key[:-1]), dict):
            yield _edited(before, key[:-1], [held, value])
        return
    for depth in range(len(key) - 1, 0, -1):
        left = held_at(wanted, key[:depth])
        single = left
        while isinstance(single, list) and len(single) == 1:
            single = single[0]
            yield _edited(wanted, key[:depth], single)
        if left == {}:
            yield _edited(wanted, key[:depth], [])
        if left not in ({}, []):
            return
        yield (wanted := _edited(wanted, key[:depth], GONE))


def _edited(tree: Any, key: Key, value: object) -> object:
    """`tree` with `key` being `value`; what is not on the way there is shared. LookupError where no way leads."""
    if not key:
        return _like(tree, value)
    segment, rest = key[0], key[1:]
    if tree == [] and index(segment) is None:
        tree = {}
    if isinstance(tree, list):
        return _edited_list(tree, segment, rest, value)
    if not isinstance(tree, dict):
        if key == ("1",) and value is not GONE:
            return [tree, value]
        if tree is not None or value is GONE:
            raise LookupError
        tree = {}
    if value is GONE:
        held = tree[segment]
        if not rest:
            return _without(tree, segment)
    else:
        held = tree.get(segment, {} if rest else None)
    return {**tree, segment: _edited(held, rest, value)}


def _without(tree: dict[str, object], segment: str) -> dict[str, object]:
    if isinstance(tree, Numbered):
        return tree.without(segment)
    return {name: other for name, other in tree.items() if name != segment}


def _edited_list(tree: list[Any], segment: str, rest: Key, value: object) -> object:
    at = _index(segment)
    if at > len(tree) or (value is GONE and at == len(tree)):
        raise LookupError
    if value is GONE and not rest:
        return tree[:at] + tree[at + 1 :]
    held = tree[at] if at < len(tree) else {} if rest else None
    return [*tree[:at], _edited(held, rest, value), *tree[at + 1 :]]


def held_at(tree: Any, key: Key) -> object:
    """What stands at a key of a tree; LookupError where there is nothing."""
    for segment in key:
        tree = tree[_index(segment)] if isinstance(tree, list) else _members(tree)[segment]
    return tree


def _members(tree: object) -> Mapping[str, object]:
    return tree if isinstance(tree, dict) else {}


def _index(segment: str) -> int:
    at = index(segment)
    if at is None:
        raise LookupError
    return at


def _like(held: object, value: object) -> object:
    """`value`, in which strings are dates where `held` has dates: at the same places."""
    if isinstance(value, str) and isinstance(held, date | time):
        try:
            return type(held).fromisoformat(value.upper())
        except ValueError:
            return value
    if isinstance(value, list) and isinstance(held, list):
        return [_like(old, new) for old, new in zip(held, value, strict=False)] + value[len(held) :]
    if isinstance(value, dict) and isinstance(held, dict):
        return {name: _like(held.get(name), new) for name, new in value.items()}
    return value
