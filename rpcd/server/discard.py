"""Closing descriptors that nobody wants.

Rules of this file:

- close(2) of a file on a file system of the caller's own (FUSE) waits for that file system, as long as it likes: it
  never happens on the loop, and never keeps the process from ending.
- Memory files are closed at once: nobody else has a say in that.
- A group (a uid, or all uids that no grant names) has one thread for this at most: who makes close(2) wait keeps only
  its own descriptors waiting. Where no thread can be had, they stay open until one can. A thread stays for a moment:
  to begin one takes longer than to close what came with a message.
- A connection takes along what its peer has sent and nobody has read: where there is any, closing it takes as long.
- A group of which too many descriptors wait to be closed has no message with further ones read (connection.py).
"""

import fcntl
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from rpcd.server.passed import look

__all__ = ["Discarder"]

MAX_WAITING: Final = 64
"""Descriptors of one group that may wait to be closed."""

STAYS: Final = 1.0
"""Seconds that a thread waits for more."""


class _Closer:
    """The descriptors of one group: how many wait or are being closed, and whether there is a thread for that."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: SimpleQueue[list[int]] = SimpleQueue()
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
        if not slow and group not in self._closers:
            return
        with self._lock:
            closer = self._closers.get(group)
            if closer is None:
                if not slow:
                    return
                closer = self._closers[group] = _Closer()
            if slow:
                closer.number += len(slow)
                closer.waiting.put(slow)
            if closer.runs:
                return
            closer.runs = True
        try:
            # A daemon: the end of the process does not wait for it.
            threading.Thread(target=self._close, args=(group, closer), name="discard", daemon=True).start()
        except RuntimeError:  # no thread can be had just now
            with self._lock:
                closer.runs = False

    def end(self, group: int, connection: socket.socket) -> None:
        """Close a connection of `group`."""
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # from now on nothing comes, and its peer knows
        if look(connection) is None:
            connection.close()
        else:
            self.discard(group, [connection.detach()])

    def _close(self, group: int, closer: _Closer) -> None:
        while True:
            try:
                descriptors = closer.waiting.get(timeout=STAYS)
            except Empty:
                with self._lock:
                    if closer.waiting.empty():
                        del self._closers[group]
                        return
                continue
            for first, last in _runs(descriptors):
                os.closerange(first, last + 1)  # errors of close(2) are about data that we never wrote
            with self._lock:
                closer.number -= len(descriptors)


def _runs(descriptors: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of those that follow each other: they are closed by one call, which is done without Python."""
    first = last = descriptors[0]
    for descriptor in descriptors[1:]:
        if descriptor != last + 1:
            yield first, last
            first = descriptor
        last = descriptor
    yield first, last


def _closed_at_once(descriptor: int) -> bool:
    """Close a memory file; only those can be asked for their seals (fcntl(2))."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        return False
    os.close(descriptor)
    return True
