"""The file that holds the revisions of one target: a line of JSON for each, and its content behind it, compressed.

Rules of this file:

- It is only ever appended to; what nobody keeps any more goes when the file is written anew and renamed into place.
- Whoever reads or writes holds a lock on it (flock(2)): a command of the administrator's may work beside a server.
- A last record that was not written whole is what a crash leaves: it is cut off. Anything else that cannot be read is
  damage: the file is kept under another name, and what stands before the damage goes on in a new one.
"""

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

import structlog

from rpcd.store.directories import sync_path

__all__ = ["Pack", "Record", "Stored", "made", "opened"]

log = structlog.get_logger("rpcd")

LEVEL: Final = 1
"""Of zlib: the fastest; configuration shrinks to a third all the same."""

LONGEST_LINE: Final = 1024 * 1024
"""Bytes of a record's line; longer ones are damage."""

_OPEN: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Stored(NamedTuple):
    """Where a record's compressed content stands, and the bytes of the whole record; `size` is 0 where it has none."""

    at: int
    size: int
    whole: int


class Record(NamedTuple):
    """A record: what its line says, and where the rest is."""

    head: Mapping[str, Any]
    stored: Stored


class Pack:
    """An opened and locked file of records."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path

    @property
    def identity(self) -> tuple[int, int, int]:
        """What is another one whenever somebody else has written: inode, bytes, and when that was."""
        found = os.fstat(self.descriptor)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def records(self) -> Iterator[Record]:
        """Every record that can be read; what follows them is cut off or kept elsewhere, as the rules say."""
        size, at = os.fstat(self.descriptor).st_size, 0
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            while at < size:
                file.seek(at)
                line = file.readline(LONGEST_LINE)
                head = _head(line)
                packed = head["packed"] if head else 0
                whole = len(line) + packed + (packed > 0)
                if head is None or at + whole > size:
                    file.seek(at)
                    self._end(at, torn=head is not None or len(line) == size - at or not file.read().strip(b"\0"))
                    return
                yield Record(head, Stored(at + len(line), packed, whole))
                at += whole

    def append(self, *records: tuple[Mapping[str, Any], bytes]) -> list[Stored]:
        """Write records with their contents, all or none; where they stand. On disk once `fdatasync` has followed."""
        at = before = os.fstat(self.descriptor).st_size
        parts: list[bytes] = []
        found: list[Stored] = []
        for head, content in records:
            packed = zlib.compress(content, LEVEL) if content else b""
            line = json.dumps({**head, "packed": len(packed)}, separators=(",", ":")).encode("ascii") + b"\n"
            end = b"\n" if packed else b""
            found.append(Stored(at + len(line), len(packed), len(line) + len(packed) + len(end)))
            parts += (line, packed, end)
            at += found[-1].whole
        try:
            _write(self.descriptor, parts)
        except BaseException:
            with suppress(OSError):  # whoever reads it next cuts off what stays
                os.ftruncate(self.descriptor, before)
            raise
        return found

    def content(self, stored: Stored, digest: str) -> bytes:
        """The content of a record, whose SHA-256 is `digest`; OSError where it is not what was written."""
        try:
            content = zlib.decompress(os.pread(self.descriptor, stored.size, stored.at)) if stored.size else b""
        except zlib.error:
            content = b""
        if hashlib.sha256(content).hexdigest() != digest:
            raise OSError(f"{self.path}: a revision is damaged")
        return content

    def rewrite(self, records: Iterable[tuple[Mapping[str, Any], bytes]]) -> list[Stored]:
        """Have only these records in the file, durably; where they stand now."""
        path = f"{self.path}~"
        descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            fresh = Pack(descriptor, path)
            found = [stored for record in records for stored in fresh.append(record)]
            os.fsync(descriptor)
            os.rename(path, self.path)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self.descriptor)
        self.descriptor = descriptor
        sync_path(os.path.dirname(self.path))
        return found

    def _end(self, at: int, *, torn: bool) -> None:
        """Have the file end here: what follows was torn by a crash, or is damaged and kept."""
        if not torn:
            log.error("history is damaged, and kept", path=f"{self.path}.damaged", offset=at)
            copy = os.open(f"{self.path}.damaged", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                size, done = os.fstat(self.descriptor).st_size, 0
                while done < size:
                    done += os.sendfile(copy, self.descriptor, done, size - done)
                os.fsync(copy)
            finally:
                os.close(copy)
        os.ftruncate(self.descriptor, at)


@contextmanager
def opened(path: str) -> Iterator[Pack | None]:
    """The file at `path`, locked; None where there is none."""
    pack = _locked(path, 0)
    if pack is None:
        yield None
        return
    try:
        yield pack
    finally:
        os.close(pack.descriptor)


@contextmanager
def made(path: str, head: Mapping[str, Any]) -> Iterator[Pack]:
    """The file at `path`, locked; where there is none it is made, beginning with a record of `head`."""
    pack = _locked(path, os.O_CREAT)
    if pack is None:
        raise FileNotFoundError(path)
    try:
        if os.fstat(pack.descriptor).st_size == 0:
            pack.append((head, b""))
            sync_path(os.path.dirname(path))
        yield pack
    finally:
        os.close(pack.descriptor)


def _locked(path: str, flags: int) -> Pack | None:
    """The file that is at `path` once the lock is ours: it may have been written anew before."""
    while True:
        try:
            descriptor = os.open(path, _OPEN | flags, 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return Pack(descriptor, path)
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _write(descriptor: int, parts: Iterable[bytes]) -> None:
    """Write all of it, without copying it together first."""
    views = [memoryview(part) for part in parts if part]
    while views:
        written = os.writev(descriptor, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]


def _head(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is none of ours."""
    try:
        head = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return head if isinstance(head, dict) and isinstance(head.get("packed"), int) and head["packed"] >= 0 else None
