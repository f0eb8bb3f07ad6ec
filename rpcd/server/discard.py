"""Closing descriptors that nobody wants.

Rules of this file:

- close(2) of a file on a file system of the caller's own (FUSE) waits for that file system, as long as it likes: it
  never happens on the loop, and never keeps the process from ending.
- Memory files are closed at once: nobody else has a say in that.
- A uid has one thread for this at most: who makes close(2) wait keeps only its own descriptors waiting. Where no thread
  can be had, they stay open until one can.
- A connection takes along what its peer has sent and nobody has read: where there is any, closing it takes as long.
- A uid of which too many descriptors wait to be closed has no message with further ones read (connection.py).
"""

import fcntl
import os
import socket
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from rpcd.server.passed import look

__all__ = ["Discarder"]

MAX_WAITING: Final = 64
"""Descriptors of one uid that may wait to be closed."""


class Discarder:
    """Closes descriptors, at once or in a thread that does nothing else, of which each uid has one at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, deque[int]] = {}  # what is being closed comes first
        self._closing: set[int] = set()  # uids that have a thread

    def has_room(self, uid: int) -> bool:
        """Whether descriptors of this uid may still come in."""
        return len(self._waiting.get(uid, ())) < MAX_WAITING

    def discard(self, uid: int, descriptors: Iterable[int]) -> None:
        """Close each of `descriptors`, which `uid` has passed, and what had no thread so far. Raises nothing."""
        slow = [descriptor for descriptor in descriptors if not _closed_at_once(descriptor)]
        if not slow and uid not in self._waiting:
            return
        with self._lock:
            waiting = self._waiting.setdefault(uid, deque()) if slow else self._waiting.get(uid)
            if waiting is not None:
                waiting.extend(slow)
            if waiting is None or uid in self._closing:
                return
            self._closing.add(uid)
        try:
            # A daemon: the end of the process does not wait for it.
            threading.Thread(target=self._close, args=(uid,), name="discard", daemon=True).start()
        except RuntimeError:  # no thread can be had just now
            with self._lock:
                self._closing.discard(uid)

    def end(self, uid: int, connection: socket.socket) -> None:
        """Close a connection of `uid`."""
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # from now on nothing comes, and its peer knows
        if look(connection) is None:
            connection.close()
        else:
            self.discard(uid, [connection.detach()])

    def _close(self, uid: int) -> None:
        waiting = self._waiting[uid]
        while True:
            with suppress(OSError):  # an error of close(2) is about data that we never wrote
                os.close(waiting[0])
            with self._lock:
                waiting.popleft()
                if not waiting:
                    del self._waiting[uid]
                    self._closing.discard(uid)
                    return


def _closed_at_once(descriptor: int) -> bool:
    """Close a memory file; only those can be asked for their seals (fcntl(2))."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        return False
    os.close(descriptor)
    return True
