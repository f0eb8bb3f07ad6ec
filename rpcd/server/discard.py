"""Closing descriptors that nobody wants.

Rules of this file:

- close(2) of a file on a file system of the caller's own (FUSE) waits for that file system, as long as it likes: it
  never happens on the loop, and never keeps the process from ending.
- Memory files are closed at once: nobody else has a say in that.
- A group (a uid, or all uids that no grant names) has one thread for this at most: who makes close(2) wait keeps only
  its own descriptors waiting. Where no thread can be had, they stay open until one can. A thread stays for a moment:
  to begin one takes longer than to close what came with a message.
- A connection takes along what its peer has sent and nobody has read: where there is any, closing it takes as long. It
  is taken first: else the peer would learn that, in place of the last reply (ECONNRESET).
- A group of which too many descriptors wait to be closed has no message with further ones read (connection.py).
"""

import fcntl
import os
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from rpcd.server.passed import drop, look

__all__ = ["Discarder"]

MAX_WAITING: Final = 64
"""Descriptors of one group that may wait to be closed."""

STAYS: Final = 1.0
"""Seconds that a thread waits for more."""


class _Closer:
    """The descriptors of one group: how many wait or are being closed, and whether there is a thread for that."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: SimpleQueue[list[int] | socket.socket] = SimpleQueue()
        self.runs = False


class Discarder:
    """Closes descriptors, at once or in a thread that does nothing else, of which each group has one at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closers: dict[int, _Closer] = {}

    def has_room(self, group: int) -> bool:
        """Whether descriptors of this group may still come in."""
        closer = self._closers.get(group)
        return closer is None or closer.number < MAX_WAITING

    def discard(self, group: int, descriptors: Iterable[int]) -> None:
        """Close each of `descriptors`, which `group` has passed, and what had no thread so far. Raises nothing."""
        slow = [descriptor for descriptor in descriptors if not _closed_at_once(descriptor)]
        closer = self._closers.get(group)
        if slow or (closer is not None and not closer.runs):
            self._put(group, slow)

    def end(self, group: int, connection: socket.socket) -> None:
        """Close a connection of `group`."""
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # from now on nothing comes, and its peer knows
        if look(connection) is None:
            connection.close()
        else:
            self._put(group, connection)

    def _put(self, group: int, what: list[int] | socket.socket) -> None:
        with self._lock:
            closer = self._closers.setdefault(group, _Closer())
            closer.number += 1 if isinstance(what, socket.socket) else len(what)
            closer.waiting.put(what)
            if closer.runs:
                return
            closer.runs = True
        try:
            # A daemon: the end of the process does not wait for it.
            threading.Thread(target=self._close, args=(group, closer), name="discard", daemon=True).start()
        except RuntimeError:  # no thread can be had just now
            with self._lock:
                closer.runs = False

    def _close(self, group: int, closer: _Closer) -> None:
        while True:
            try:
                what = closer.waiting.get(timeout=STAYS)
            except Empty:
                with self._lock:
                    if closer.waiting.empty():
                        del self._closers[group]
                        return
                continue
            if isinstance(what, socket.socket):
                drop(what)
                what.close()
                number = 1
            else:
                for run in _runs(what):
                    os.closerange(run[0], run[-1] + 1)  # errors of close(2) are about data that we never wrote
                number = len(what)
            with self._lock:
                closer.number -= number


def _runs(descriptors: list[int]) -> list[list[int]]:
    """Those that follow each other, together: one call closes them, without Python."""
    runs: list[list[int]] = []
    for descriptor in descriptors:
        if runs and descriptor == runs[-1][-1] + 1:
            runs[-1].append(descriptor)
        else:
            runs.append([descriptor])
    return runs


def _closed_at_once(descriptor: int) -> bool:
    """Close a memory file; only those can be asked for their seals (fcntl(2))."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        return False
    os.close(descriptor)
    return True
