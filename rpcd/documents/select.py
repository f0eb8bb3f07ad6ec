"""Elements of lists that are named by what they hold: `Peer."PublicKey=abc=".AllowedIPs`. Pure.

Rules of this file:

- In the place of an element's number may stand NAME=VALUE: the one table of the list whose NAME is VALUE. A number, or
  a boolean, is compared as JSON writes it.
- To find it is to read NAME of every element: who may not get those is refused, whatever they are.
"""

from collections.abc import Callable
from typing import Any

from rpcd.documents.document import index, not_editable
from rpcd.documents.key import Key
from rpcd.errors import Refused

__all__ = ["is_within", "select"]


def select(tree: Any, key: Key, may_get: Callable[[Key], bool]) -> Key:
    """`key` with the numbers of elements in place of what names them by what they hold, in what a judge has read.

    Raises `Refused`: `denied` unless `may_get` those, `no_such_key` where there is none, `not_editable` for several.
    """
    found: list[str] = []
    for segment in key:
        if isinstance(tree, list) and index(segment) is None:
            segment = _number(tree, tuple(found), segment, may_get)  # noqa: PLW2901 - the same segment by its number
        found.append(segment)
        tree = _below(tree, segment)
    return tuple(found)


def is_within(place: Key, key: Key) -> bool:
    """Whether a place, in which elements have their numbers, is what `key` names, or below it."""
    return len(place) >= len(key) and all(
        step == segment or ("=" in segment and index(step) is not None)
        for step, segment in zip(place, key, strict=False)
    )


def _number(items: list[Any], path: Key, segment: str, may_get: Callable[[Key], bool]) -> str:
    name, equals, value = segment.partition("=")
    if not equals:
        raise Refused("no_such_key")
    if not all(may_get((*path, str(at), name)) for at in range(len(items))):
        raise Refused("denied")
    matching = [at for at, item in enumerate(items) if _text(_below(item, name)) == value]
    if len(matching) > 1:
        raise not_editable("ambiguous")
    if not matching:
        raise Refused("no_such_key")
    return str(matching[0])


def _below(tree: Any, segment: str) -> Any:
    """What stands at a segment; nothing where there is none."""
    if isinstance(tree, dict):
        return tree.get(segment)
    if isinstance(tree, list):
        at = index(segment)
        return tree[at] if at is not None and at < len(tree) else None
    return None


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None
