"""What is kept of a finished change, and the file that keeps it.

Rules of this file:

- A record has a fixed size and its own check: what was torn or damaged is never taken for an answer.
- Nothing of what a caller sent can be read here: its id and its parameters are hashes with a key.
- The header names the version. A file of another version is not touched: it is set aside.
- What could not be written is not given up: whoever holds the answers writes the file anew (`rewrite`).
"""

import hashlib
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from rpcd.store.directories import sync_path

__all__ = ["DIGEST", "Answer", "ReplyFile", "Retry"]

log = structlog.get_logger("rpcd")

DIGEST: Final = 16
"""Bytes of a keyed hash that names something; without the key nobody can look for two that are the same."""

VERSION: Final = b"rpcd replies 1\n"

_CHECK: Final = 8
_RECORD: Final = struct.Struct(f">I q q B 3x {DIGEST}s {DIGEST}s 8s 32s 32s")
_HEADER: Final = struct.Struct(f">{len(VERSION)}s 36s {_RECORD.size - len(VERSION) - 36}x")
_SIZE: Final = _RECORD.size + _CHECK

_CHANGED: Final = 1
_BEFORE: Final = 2
_AFTER: Final = 4


@dataclass(frozen=True, slots=True)
class Retry:
    """A change that its caller may ask for again: keyed hashes of its uid with its id, and of everything it asks."""

    uid: int
    id: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A change that was made: the id that its audit records have, and the digests before and after (None: no file).

    `made` is when, in seconds since the machine started (CLOCK_BOOTTIME), and `wall` in seconds since 1970.
    """

    retry: Retry
    change: str
    changed: bool
    before: str | None
    after: str | None
    made: int = 0
    wall: int = 0

    def pack(self) -> bytes:
        """The bytes of it, all of the same length."""
        flags = _CHANGED * self.changed | _BEFORE * (self.before is not None) | _AFTER * (self.after is not None)
        return _RECORD.pack(
            self.retry.uid, self.made, self.wall, flags, self.retry.id, self.retry.body,
            bytes.fromhex(self.change), bytes.fromhex(self.before or ""), bytes.fromhex(self.after or ""),
        )  # fmt: skip

    @classmethod
    def unpack(cls, packed: bytes) -> "Answer":
        """The answer that these bytes are."""
        uid, made, wall, flags, identifier, body, change, before, after = _RECORD.unpack(packed)
        return cls(
            Retry(uid, identifier, body),
            change.hex(),
            bool(flags & _CHANGED),
            before.hex() if flags & _BEFORE else None,
            after.hex() if flags & _AFTER else None,
            made,
            wall,
        )


class ReplyFile:
    """`replies` in the state directory: packed answers, the last of an id counts.

    `records` is how many there are in it; `whole` is false where it may lack something that was to be in it.
    """

    def __init__(self, state: str, key: bytes) -> None:
        self.path = os.path.join(state, "replies")
        self.records = 0
        self.whole = False
        self._key = key
        self._descriptor = -1

    def read(self) -> tuple[str, list[bytes]]:
        """The boot in which it was written, and what is in it.

        A file that is torn, damaged or of another version is set aside, and what can be trusted of it is told; there
        is nothing that keeps a server from starting.
        """
        try:
            data = _read(self.path)
        except FileNotFoundError:
            return "", []
        except OSError as error:
            self._set_aside(os.strerror(error.errno or 0))
            return "", []
        header, *found = (data[at : at + _SIZE] for at in range(0, len(data), _SIZE)) if data else (b"",)
        checked = [self._checked(record) for record in (header, *found)]
        if checked[0] is None or not checked[0].startswith(VERSION):
            self._set_aside("another version, or damaged")
            return "", []
        packed = [record for record in checked[1:] if record is not None]
        torn = bool(found) and len(found[-1]) < _SIZE  # what a crash left of the last one, and no more than that
        if len(packed) + torn < len(found):
            self._set_aside(f"{len(found) - len(packed)} of {len(found)} records are damaged")
        elif torn:
            log.info("the last kept reply was cut off", path=self.path)
        return _HEADER.unpack(checked[0])[1].rstrip(b"\0").decode("ascii"), packed

    def rewrite(self, boot: str, packed: Iterable[bytes]) -> None:
        """Replace the file with these, durably; raises `OSError`."""
        self.whole = False
        records = [self._check(_HEADER.pack(VERSION, boot.encode("ascii"))), *map(self._check, packed)]
        descriptor = os.open(
            f"{self.path}~", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            _write(descriptor, b"".join(records))
            os.fsync(descriptor)
            os.rename(f"{self.path}~", self.path)
            sync_path(os.path.dirname(self.path))
        except BaseException:
            os.close(descriptor)
            raise
        self.close()
        self._descriptor, self.records, self.whole = descriptor, len(records) - 1, True

    def append(self, packed: Iterable[bytes]) -> None:
        """Add these; raises `OSError`, and then the file is no longer whole."""
        records = [self._check(one) for one in packed]
        try:
            _write(self._descriptor, b"".join(records))
        except OSError:
            self.whole = False
            raise
        self.records += len(records)

    def duplicate(self) -> int:
        """A descriptor to sync what has been added so far, whatever happens to the file meanwhile; raises `OSError`."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        """Let the file go; harmless when it is not open."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with suppress(OSError):  # it has been synced
                os.close(descriptor)

    def _check(self, record: bytes) -> bytes:
        return record + hashlib.blake2b(record, digest_size=_CHECK, key=self._key).digest()

    def _checked(self, record: bytes) -> bytes | None:
        """What a record holds, or None where that is not what was written."""
        return record[:-_CHECK] if len(record) == _SIZE and self._check(record[:-_CHECK]) == record else None

    def _set_aside(self, why: str) -> None:
        """Keep what is there under another name, of which there is one."""
        log.error("the kept replies are set aside", path=self.path, why=why)
        with suppress(OSError):  # then it is overwritten: the server starts
            os.rename(self.path, f"{self.path}.damaged")


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
