"""Read-only mode: the administrator's reason, kept in `state`, so that a restart does not end it.

Rules of this file:

- The mode is the file: one JSON object with the reason. It is written whole, and on disk before it is believed.
- To begin takes effect at once, also where the disk cannot keep it: a full disk is a reason for read-only mode. To end
  waits until the disk has forgotten it.
- A file that cannot be read is read-only mode: nobody knows what it said.
"""

import errno
import json
import os
from contextlib import suppress
from threading import Lock
from typing import Final

import structlog

from rpcd.schemas import shipped
from rpcd.store.storage import storage_refusal

__all__ = ["DAMAGED", "ReadOnly"]

log = structlog.get_logger("rpcd")

NAME: Final = "read_only.json"

MAX_SIZE: Final = 4096
"""Bytes of the file: a reason has at most 256 characters."""

DAMAGED: Final = "The server no longer knows whether changes are to be taken: an administrator has to look"
"""What callers are told where the file is damaged."""


class ReadOnly:
    """The mode of one server; `reason` is None where changes are taken."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._lock = Lock()
        self.reason = self._read()

    @property
    def damaged(self) -> bool:
        """Whether nobody knows which mode was meant."""
        return self.reason == DAMAGED

    def begin(self, reason: str) -> None:
        """Have the mode begin now; it is not kept yet."""
        self.reason = reason

    def keep(self, reason: str | None) -> bool:
        """Have the disk know of the mode, or end it with None; whether it does. It waits for the disk.

        Raises `Refused("storage")` where the mode cannot end, since a restart would begin it again.
        """
        with self._lock:
            if reason is not None:
                self.begin(reason)
            try:
                self._write(reason)
            except OSError as error:
                log.error("read-only mode is not kept", error=os.strerror(error.errno or 0))
                if reason is None:
                    raise storage_refusal(error) from error
                return False
            self.reason = reason
            return True

    def _read(self) -> str | None:
        path = os.path.join(self._state, NAME)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                held = json.loads(file.read(MAX_SIZE))
            if shipped()["server.read_only.params"].is_valid(held) and held["reason"] is not None:
                return str(held["reason"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, RecursionError):
            pass
        log.error("read-only: the file that says so is damaged; `rpcd read-only off` ends it", path=path)
        return DAMAGED

    def _write(self, reason: str | None) -> None:
        """Have the file say it, durably."""
        directory = os.open(self._state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if reason is None:
                with suppress(FileNotFoundError):
                    os.unlink(NAME, dir_fd=directory)
            else:
                _replace(directory, json.dumps({"reason": reason}).encode("ascii"))
            os.fsync(directory)
        finally:
            os.close(directory)


def _replace(directory: int, content: bytes) -> None:
    """Put the file in its place, whole; `OSError` where there is no room for it, and then nothing is left of it."""
    new = f"{NAME}~"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600, dir_fd=directory)
    try:
        if os.write(descriptor, content) != len(content):  # a full disk shows first as a short write
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
        os.rename(new, NAME, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        os.unlink(new, dir_fd=directory)
        raise
    finally:
        os.close(descriptor)
