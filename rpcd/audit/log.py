"""The open log: append, sync, and go on in a new file when the old one is taken away.

Rules of this file:

- A record is written whole or not at all: what a full disk cut off is taken back. Who changes something has its intent
  on disk before (`sync`); the event loop never waits for that.
- The log may be renamed away at any time: the chain goes on in a new file of the same name.
"""

import json
import os
import stat
import threading
import time
from collections.abc import Mapping
from typing import Final

from rpcd.audit.record import FIRST, digest, render

__all__ = ["AuditLog", "Unwritable"]

LOOK_EVERY: Final = 1.0
"""Seconds after which a write looks whether the log was renamed away; one that is to be synced always does."""

MODE: Final = 0o600

BLOCK: Final = 64 * 1024


class Unwritable(Exception):
    """The log cannot be written; nothing of the record is in it."""


class AuditLog:
    """An open log. Threads may share it."""

    def __init__(self, path: str, descriptor: int, *, seq: int, prev: str) -> None:
        self.path = path
        self._descriptor = descriptor
        self._seq = seq
        self._prev = prev
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._synced = seq
        self._lost = 0
        self._leader = threading.Lock()
        self._torn: int | None = None
        self._unsynced = [os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]

    @classmethod
    def open(cls, path: str) -> "AuditLog":
        """Open the log, or make it, and go on where it ends.

        A last line without an end is what a crash left: it is taken away, and a `torn` record says so. Raises
        `OSError`, and `Unwritable` where what is there is not a log of ours.
        """
        descriptor = _open(path)
        last, torn = _last_line(descriptor)
        seq, prev = _position(last)
        if torn:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(torn))
        log = cls(path, descriptor, seq=seq, prev=prev)
        if torn:
            log.write({"event": "torn", "bytes": len(torn)})
        return log

    def write(self, *records: Mapping[str, object], synced: bool = False) -> int:
        """Append records, each with an `event`; the `seq` of the last.

        `synced` says that `sync` will follow, so the log must be the file at its path. Raises `Unwritable`.
        """
        with self._lock:
            try:
                self._follow(at_once=synced)
                return self._append(records)
            except OSError as error:
                raise Unwritable(str(error)) from error

    def sync(self, seq: int) -> None:
        """Wait until everything up to `seq` is on disk. One who waits syncs for all. Raises `Unwritable`.

        What was written when a sync failed is not known to be on disk whatever a later one says (fsync(2)).
        """
        with self._leader:
            if seq <= self._lost:
                raise Unwritable("a sync of it has failed")
            if self._synced >= seq:
                return
            try:
                self._synced = self._sync()
            except OSError as error:
                self._lost = self._seq
                raise Unwritable(str(error)) from error

    def _sync(self) -> int:
        """Sync everything that has been written, in this file and before; the `seq` of the last of it."""
        with self._lock:
            written, descriptors = self._seq, [os.dup(self._descriptor), *self._unsynced]
            self._unsynced = []
        try:
            for descriptor in descriptors:
                os.fdatasync(descriptor)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return written

    def close(self) -> None:
        """Close the log."""
        with self._lock:
            for descriptor in (*self._unsynced, self._descriptor):
                os.close(descriptor)

    def _append(self, records: tuple[Mapping[str, object], ...]) -> int:
        seq, prev, lines = self._seq, self._prev, []
        for record in records:
            seq += 1
            line = render(record, seq=seq, prev=prev)
            prev = digest(line)
            lines.append(line + b"\n")
        data = b"".join(lines)
        self._mend()
        end = os.fstat(self._descriptor).st_size
        written = os.write(self._descriptor, data)
        if written != len(data):  # a full disk shows first as a short write
            self._torn = end
            self._mend()
            raise OSError(f"only {written} of {len(data)} bytes were written")
        self._seq, self._prev = seq, prev
        return seq

    def _mend(self) -> None:
        """Take back what was not written whole; nothing is written behind it."""
        if self._torn is not None:
            os.ftruncate(self._descriptor, self._torn)
            self._torn = None

    def _follow(self, *, at_once: bool) -> None:
        """Go on in a new file where the log was renamed away or removed."""
        now = time.monotonic()
        if not at_once and now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        mine = os.fstat(self._descriptor)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev):
            # What the old file got last is not on disk yet, nor is the new one's name: the next sync sees to both.
            directory = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                new = _open(self.path)
            except (OSError, Unwritable):
                os.close(directory)
                raise
            self._unsynced += [self._descriptor, directory]
            self._descriptor, self._torn = new, None


def _open(path: str) -> int:
    descriptor = os.open(
        path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, MODE
    )
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
        os.close(descriptor)
        raise Unwritable(f"{path}: this is not a log of ours")
    if stat.S_IMODE(found.st_mode) != MODE:
        os.fchmod(descriptor, MODE)
    return descriptor


def _last_line(descriptor: int) -> tuple[bytes, bytes]:
    """The last whole line of a log, and what stands after it."""
    end = os.fstat(descriptor).st_size
    tail = b""
    while end > 0 and tail.count(b"\n") < 2:  # noqa: PLR2004 - the end of the last line, and of the one before
        size = min(BLOCK, end)
        end -= size
        tail = os.pread(descriptor, size, end) + tail
    whole, _, torn = tail.rpartition(b"\n")
    return whole.rpartition(b"\n")[2], torn


def _position(line: bytes) -> tuple[int, str]:
    """The `seq` of a line, and the `prev` that follows it."""
    if not line:
        return 0, FIRST
    try:
        return int(json.loads(line)["seq"]), digest(line)
    except (ValueError, KeyError, TypeError) as error:
        raise Unwritable("the last line of the log is no record") from error
