"""Closing descriptors that nobody wants.

Rules of this file:

- close(2) of a file on a file system of the caller's own (FUSE) waits for that file system, as long as it likes: it
  never happens on the loop, and never keeps the process from ending.
- Memory files are closed at once: nobody else has a say in that.
- A uid of which too many descriptors wait to be closed gets no further ones in: the kernel drops what finds no room in
  a message, without calling the file system.
"""

import fcntl
import os
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

__all__ = ["Discarder"]

MAX_WAITING: Final = 64
"""Descriptors of one uid whose close may be under way."""


class Discarder:
    """Closes descriptors, at once or in a thread that does nothing else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[int] = Counter()

    def has_room(self, uid: int) -> bool:
        """Whether descriptors of this uid may still come in."""
        return self._waiting.get(uid, 0) < MAX_WAITING

    def discard(self, uid: int, descriptors: Iterable[int]) -> None:
        """Close each of `descriptors`, which `uid` has passed."""
        slow = [descriptor for descriptor in descriptors if not _closed_at_once(descriptor)]
        if slow:
            with self._lock:
                self._waiting[uid] += len(slow)
            # A daemon: the end of the process does not wait for it.
            threading.Thread(target=self._close, args=(uid, slow), name="discard", daemon=True).start()

    def _close(self, uid: int, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            with suppress(OSError):  # an error of close(2) is about data that we never wrote
                os.close(descriptor)
            with self._lock:
                self._waiting[uid] -= 1
        with self._lock:
            if not self._waiting[uid]:
                del self._waiting[uid]


def _closed_at_once(descriptor: int) -> bool:
    """Close a memory file; only those can be asked for their seals (fcntl(2))."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        return False
    os.close(descriptor)
    return True
