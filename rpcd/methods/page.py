"""Lists that may be longer than a reply: as much as fits, and where to go on."""

from collections.abc import Iterable
from typing import Final

from rpcd.wire import encode

__all__ = ["DEFAULT_LIMIT", "page"]

DEFAULT_LIMIT: Final = 1000
"""Items of one answer, where the caller names no limit."""

SPARE: Final = 2048
"""Bytes that the members beside the list take: a revision, and the name to go on after."""


def page(
    items: Iterable[dict[str, object]], name: str, limit: int, room: int
) -> tuple[list[dict[str, object]], dict[str, object]]:
    """The first of `items`, at most `limit` and as many as fit into `room` bytes.

    `name` is the member by which an item is named. The second value is `{"next": name of the last item}` where there
    are more, to be given as `after` with the next call, else `{}`.
    """
    found: list[dict[str, object]] = []
    left = room - SPARE
    for item in items:
        left -= len(encode(item)) + 1
        if len(found) == limit or (left < 0 and found):
            return found, {"next": found[-1][name]}
        found.append(item)
    return found, {}
