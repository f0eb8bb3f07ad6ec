"""The open log: append, sync, and go on whatever becomes of the file.

Rules of this file:

- A record is written whole or not at all: what a full disk cut off is taken back. Who changes something has its intent
  on disk before (`sync`); the event loop never waits for that.
- Each write looks at the file first. The log may be renamed away at any time: the chain goes on in a new file of the
  same name. Where it was deleted or got shorter (`copytruncate`), a record says what it held.
- `seq` is the order of records, whatever the clock does.
- What cannot be written is a `fault` until it can; then a record says from when to when the log has a gap. So is a disk
  that did not sync, until it has synced something that was written since.
"""

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from rpcd.audit.head import HeadFile
from rpcd.audit.opening import Unwritable, first_seq, go_on, last_line, open_file, position
from rpcd.audit.record import digest, render, timestamp

__all__ = ["AuditLog"]

Sink = Callable[[Mapping[str, object], bytes], None]
"""Takes each record, and its line, once the log has it; raises nothing."""


class AuditLog:
    """An open log. Threads may share it.

    `fault` is why records cannot be written, or be synced, just now; None where they can. `faults` is how often
    they could not be.
    """

    def __init__(
        self, path: str, descriptor: int, *, seq: int, prev: str, head: HeadFile | None = None, sink: Sink | None = None
    ) -> None:
        self.path = path
        self._descriptor = descriptor
        self._seq = seq
        self._prev = prev
        self._head = head
        self._sink = sink
        self._lock = threading.Lock()
        self._synced = seq
        self._lost = 0
        self._leader = threading.Lock()
        self._torn: int | None = None
        self._losses: list[Mapping[str, object]] = []  # what has to be told of a file that is not what it was
        self._end = os.fstat(descriptor).st_size
        self._first = first_seq(descriptor)  # of this file, None while it has no record
        self._unwritable: tuple[float, str] | None = None
        self._unsyncable: tuple[float, str] | None = None
        self.faults = 0
        self._unsynced = [os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]

    @classmethod
    def open(cls, path: str, *, head: str | None = None, sink: Sink | None = None) -> "AuditLog":
        """Open the log, or make it, and go on where it ends; `head` is the file that keeps the head of the chain.

        A last line without an end is what a crash left: it is taken away, and a `torn` record says so. Where the head
        knows of records that are not there, a `tail_missing` record says which. Raises `OSError`, and `Unwritable`
        where what is there is not a log of ours.
        """
        descriptor = open_file(path)
        kept = HeadFile(head) if head is not None else None
        try:
            seq, prev, records = go_on(path, descriptor, kept)
            os.fsync(descriptor)
            log = cls(path, descriptor, seq=seq, prev=prev, head=kept, sink=sink)
        except BaseException:
            os.close(descriptor)
            raise
        if records:
            log.write(*records)
        return log

    @property
    def fault(self) -> str | None:
        """Why the log does not take records, or does not keep them: the error's name (errno(3)), or a few words."""
        fault = self._unwritable or self._unsyncable
        return fault[1] if fault else None

    @property
    def writable(self) -> bool:
        """Whether the last record could be written, whatever became of it on disk."""
        return self._unwritable is None

    @property
    def head(self) -> tuple[int, str]:
        """The `seq` and the hash of the last record."""
        with self._lock:
            return self._seq, self._prev

    def write(self, *records: Mapping[str, object]) -> int:
        """Append records, each with an `event`; the `seq` of the last. Without any, a gap that is over is recorded.

        Raises `Unwritable`; then the log has none of them.
        """
        with self._lock:
            try:
                self._follow()
                return self._append([*self._losses, *self._gap(), *records])
            except (OSError, Unwritable) as error:
                since = self._unwritable[0] if self._unwritable else time.time()
                self._unwritable = since, _explained(error)
                self.faults += 1
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
                since = self._unsyncable[0] if self._unsyncable else time.time()
                self._unsyncable = since, _explained(error)
                self.faults += 1
                raise Unwritable(str(error)) from error
            self._unsyncable = None
            with self._lock:
                self._keep_head()

    def try_again(self) -> None:
        """Find out whether a disk that did not sync does so again: it is asked to keep the record of that time.

        To ask for the same once more would say nothing (fsync(2)). Raises `Unwritable`.
        """
        failed = self._unsyncable
        if failed is not None:
            self.sync(self.write(_interrupted(*failed)))

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
        """Close the log; what it has is on disk then, where the disk takes it."""
        with suppress(Unwritable):
            self.sync(self._seq)
        with self._lock:
            for descriptor in (*self._unsynced, self._descriptor):
                os.close(descriptor)
            if self._head is not None:
                self._head.close()

    def _append(self, records: list[Mapping[str, object]]) -> int:
        if not records:
            return self._seq
        seq, prev, lines = self._seq, self._prev, []
        for record in records:
            seq += 1
            line = render(record, seq=seq, prev=prev)
            prev = digest(line)
            lines.append(line)
        data = b"\n".join(lines) + b"\n"
        self._mend()
        end = os.fstat(self._descriptor).st_size
        if end != self._end and end and os.pread(self._descriptor, 1, end - 1) != b"\n":
            data = b"\n" + data  # somebody else wrote behind our last line: theirs ends here
        written = os.write(self._descriptor, data)
        if written != len(data):  # a full disk shows first as a short write
            self._torn = end
            self._mend()
            raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were written")
        self._first = self._first or self._seq + 1
        self._seq, self._prev, self._end, self._unwritable = seq, prev, end + written, None
        self._losses = []
        self._keep_head()
        if self._sink is not None:
            for record, line in zip(records, lines, strict=True):
                self._sink(record, line)
        return seq

    def _keep_head(self) -> None:
        if self._head is not None:
            self._head.keep(self._seq, self._prev, self._synced)

    def _mend(self) -> None:
        """Take back what was not written whole; nothing is written behind it."""
        if self._torn is not None:
            os.ftruncate(self._descriptor, self._torn)
            self._torn = None

    def _gap(self) -> list[Mapping[str, object]]:
        """The record of the time in which nothing could be written, where there was one."""
        if self._unwritable is None:
            return []
        return [_interrupted(*self._unwritable)]

    def _follow(self) -> None:
        """Go on in a new file where the log was renamed away or removed; what is lost of the old one is remembered."""
        mine = os.fstat(self._descriptor)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is not None and (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev):
            if mine.st_size < self._end:
                self._shortened()
            return
        # What the old file got last is not on disk yet, nor is the new one's name: the next sync sees to both.
        directory = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            new = open_file(self.path)
        except (OSError, Unwritable):
            os.close(directory)
            raise
        last_line(new)  # who brings a file of its own may have copied half a line
        if not mine.st_nlink:
            self._lose("removed", self._first, self._seq)
        self._unsynced += [self._descriptor, directory]
        self._descriptor, self._torn = new, None
        self._end, self._first = os.fstat(new).st_size, first_seq(new)

    def _shortened(self) -> None:
        """Remember what is lost of a file that was cut under us, at its beginning or its end."""
        last, _ = last_line(self._descriptor)
        seq, _ = position(last)
        begins = first_seq(self._descriptor)
        lost = (self._first, begins - 1) if begins and begins > (self._first or 0) else (seq + 1, self._seq)
        if not last:
            lost = self._first, self._seq
        self._torn, self._end, self._first = None, os.fstat(self._descriptor).st_size, begins
        self._lose("truncated", *lost)

    def _lose(self, event: str, first: int | None, last: int) -> None:
        """Have the next write tell what a file held, where it held anything."""
        if first is not None and first <= last:
            self._losses.append({"event": event, "from": first, "to": last})


def _interrupted(since: float, why: str) -> Mapping[str, object]:
    """The record of a time, until now, in which nothing could be written, or nothing was sure to be on disk."""
    return {"event": "interrupted", "first": timestamp(since), "last": timestamp(time.time()), "why": why}


def _explained(error: Exception) -> str:
    """An error without paths."""
    code = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(code or 0, "not a log of ours")
