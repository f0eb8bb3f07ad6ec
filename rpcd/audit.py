"""The audit log: one record a line, each with the hash of the one before.

Rules of this file:

- A record is one line of JSON in plain ASCII: whatever a caller wrote, it can neither end a line nor reach a terminal.
- `prev` is the SHA-256 of the line before, so that a record which was changed, removed, moved or put in is found.
- A record is written whole or not at all: what a full disk cut off is taken back. Who changes something has its intent
  on disk before (`sync`); the event loop never waits for that.
- The log may be renamed away at any time: the chain goes on in a new file of the same name.
- Values never come here. What is logged names keys, hashes and kinds.
"""

import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

__all__ = ["FIRST", "AuditLog", "Unwritable", "Verdict", "records_backwards", "verify"]

FIRST: Final = "0" * 64
"""`prev` of the first record of all."""

LOOK_EVERY: Final = 1.0
"""Seconds after which a write looks whether the log was renamed away; one that is to be synced always does."""

MODE: Final = 0o600

BLOCK: Final = 64 * 1024


class Unwritable(Exception):
    """The log cannot be written; nothing of the record is in it."""


def _escaped(_logger: object, _method: str, fields: Mapping[str, object]) -> bytes:
    """The line of a record: JSON in which every character but printable ASCII is escaped (RFC 8259, section 7)."""
    try:
        line = orjson.dumps(fields)
    except TypeError:  # half a surrogate pair
        line = json.dumps(fields).encode("ascii")
    if not line.isascii():
        line = json.dumps(fields).encode("ascii")
    return line.replace(b"\x7f", b"\\u007f")


def _stamped(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The record with the time it was written at (RFC 3339, UTC), and what every record has before the rest."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"ts": now, "seq": fields["seq"], "event": fields["event"], **fields}


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
        self._render = _Rendering(None, [_stamped, _escaped], {})

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
            line = self._render.record(seq=seq, prev=prev, **record)
            prev = hashlib.sha256(line).hexdigest()
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


class _Rendering(structlog.BoundLoggerBase):
    """A structlog logger that gives the finished line back instead of passing it to an output."""

    def record(self, **fields: object) -> bytes:
        """The line of a record, without its end."""
        event = str(fields.pop("event"))
        (line,), _ = self._process_event("info", event, fields)
        return bytes(line)


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
        return int(json.loads(line)["seq"]), hashlib.sha256(line).hexdigest()
    except (ValueError, KeyError, TypeError) as error:
        raise Unwritable("the last line of the log is no record") from error


def records_backwards(path: str) -> Iterator[dict[str, Any]]:
    """The records of a log from the last to the first, in constant memory; a line that is none is passed over."""
    with open(path, "rb") as log:
        end = log.seek(0, os.SEEK_END)
        rest = b""
        while end > 0:
            size = min(BLOCK, end)
            end -= size
            log.seek(end)
            first, *lines = (log.read(size) + rest).split(b"\n")
            yield from _parsed(reversed(lines))
            rest = first
        yield from _parsed(iter([rest]))


def _parsed(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a log: how many records hold, and where and why the first does not (None: all hold)."""

    records: int
    line: int | None = None
    why: str | None = None


def verify(path: str) -> Verdict:
    """Follow the chain of a log from its first line on, in constant memory."""
    expected: str | None = None
    seq: int | None = None
    count = 0
    with open(path, "rb") as log:
        for count, ended in enumerate(log, 1):
            line = ended.removesuffix(b"\n")
            if line == ended:
                return Verdict(count - 1, count, "it is cut off, as a crash leaves the last line")
            try:
                record = json.loads(line)
                found_seq, found_prev = int(record["seq"]), str(record["prev"])
            except (ValueError, KeyError, TypeError):
                return Verdict(count - 1, count, "this is no record")
            if seq is not None and found_seq != seq + 1:
                return Verdict(count - 1, count, f"seq is {found_seq}, and {seq + 1} was to come")
            if expected is not None and found_prev != expected:
                return Verdict(count - 1, count, "prev is not the hash of the line before")
            seq, expected = found_seq, hashlib.sha256(line).hexdigest()
    return Verdict(count)
