"""The head of the chain, kept outside the log: a tail that is cut off breaks no chain, but the head knows of it.

Rules of this file:

- The head follows each record with one write to a file in `state`, and no sync of its own: it is there whatever becomes
  of the server, and may be older after a power cut. It is never ahead of the log but where something was taken away.
- It says what is known to be on disk, and in which boot it was written: what a power cut may have taken was written in
  another boot, and after the last sync.
- A head that cannot be read or written keeps nothing from working.
"""

import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

__all__ = ["Head", "HeadFile", "boot_id", "read_head"]

log = structlog.get_logger("rpcd")

SIZE: Final = 256
"""Bytes of the file: one line, always as long, so that one write replaces it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last record: its `seq` and `hash`; records up to `synced` are on disk; `boot` is when that was written."""

    seq: int
    hash: str
    synced: int
    boot: str

    def explains(self, first: int) -> bool:
        """Whether a power cut may have taken the records from `first` on."""
        return self.boot != boot_id() and first > self.synced

    def line(self) -> bytes:
        """The line that the file holds."""
        said = f'{{"seq":{self.seq},"hash":"{self.hash}","synced":{self.synced},"boot":"{self.boot}"'
        return f'{said},"sum":{zlib.crc32(said.encode())}}}'.ljust(SIZE - 1).encode() + b"\n"


def read_head(path: str) -> Head | None:
    """The head that a file holds; None where it holds none.

    Raises `OSError` where it cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(SIZE)
    try:
        said = json.loads(data)
        head = Head(int(said["seq"]), str(said["hash"]), int(said["synced"]), str(said["boot"]))
    except (ValueError, KeyError, TypeError):
        return None
    return head if head.line() == data else None


class HeadFile:
    """The file that holds the head; `found` is what an earlier run left, `why` why there is none."""

    def __init__(self, path: str) -> None:
        self.found: Head | None = None
        self.why: str | None = None
        self._boot = boot_id()
        self._descriptor: int | None = None
        try:
            self.found = read_head(path)
            self.why = None if self.found else "damaged"
        except FileNotFoundError:
            self.why = "missing"
        except OSError:
            self.why = "unreadable"
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            self._give_up(error)

    def keep(self, seq: int, hash_: str, synced: int) -> None:
        """Have the file hold this head."""
        if self._descriptor is None:
            return
        try:
            os.pwrite(self._descriptor, Head(seq, hash_, synced, self._boot).line(), 0)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _give_up(self, error: OSError) -> None:
        log.error("the audit log's head cannot be kept", error=os.strerror(error.errno or 0))
        with suppress(OSError):
            self.close()


def boot_id() -> str:
    """Names this boot of the machine (random(4)); empty where the kernel does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
