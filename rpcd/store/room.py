"""How much room the files that are being written take, on disk and in memory.

Rules of this file:

- Who writes a new or longer file of a directory target holds its room there until the file is on disk or given up.
- Few large files are worked on at once; those who wait for that are in workers, of which each uid has its share.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rpcd.errors import Refused
from rpcd.store.targets import Place, Targets

__all__ = ["LARGE_AT_ONCE", "Room"]

LIGHT: Final = 256 * 1024
"""Bytes of a file up to which any number of them is worked on at once."""

LARGE_AT_ONCE: Final = 4
"""Files larger than that which are worked on at once: each is in memory several times over, once parsed 30 times."""


class Room:
    """The room of all files; `large` is held by whoever works on a large one, also to read it."""

    def __init__(self, targets: Targets) -> None:
        self.large = threading.Semaphore(LARGE_AT_ONCE)
        self._targets = targets
        self._lock = threading.Lock()
        self._coming: dict[str, dict[str, int]] = {}  # sizes of files of directory targets that are being written

    @contextmanager
    def work(self, place: Place) -> Iterator[None]:
        """Work on a file: on few large ones at once, and with the room that `take` takes until the end of it."""
        try:
            if place.size() <= LIGHT:
                yield
            else:
                with self.large:
                    yield
        finally:
            with self._lock:
                self._coming.get(place.target.name, {}).pop(place.file, None)

    def take(self, place: Place, old: bytes | None, new: bytes) -> None:
        """Have a file hold `new` in future.

        Raises `Refused("too_large")` where it, or all files of its directory target, would exceed a limit.
        """
        if len(new) > place.limit:
            raise Refused("too_large", limit=place.limit)
        target = place.target
        if target.names is None or (old is not None and len(new) <= len(old)):
            return
        with self._lock:
            coming = self._coming.setdefault(target.name, {})
            others = {**dict(self._targets.sizes(place)), **coming}
            others.pop(place.file, None)
            if old is None and len(others) >= target.max_files:
                raise Refused("too_large", limit=target.max_files)
            if sum(others.values()) + len(new) > target.max_bytes:
                raise Refused("too_large", limit=target.max_bytes)
            coming[place.file] = len(new)
