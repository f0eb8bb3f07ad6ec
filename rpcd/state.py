"""The directory of state: whose it is, which server holds it, and by which version it was written.

Rules of this file:

- One server holds it, by a lock that ends with the process.
- It is written by this version or an earlier one. What a later one wrote this one cannot know: it refuses, and leaves
  everything as it is.
"""

import fcntl
import os
import re
from contextlib import suppress
from typing import Final

from rpcd.settings import SettingsFault
from rpcd.trust import trusted

__all__ = ["VERSION", "make_directory", "take"]

VERSION: Final = 1
"""Of what is in the directory. It rises with each change that the version before could not read."""

_WRITTEN: Final = re.compile(rb"([1-9][0-9]{0,8})\n")


def take(state: str) -> int:
    """Hold the lock that decides which server lives; a descriptor to keep.

    Raises `SettingsFault` where the directory is not trusted, `OSError` where another server holds it or a later
    version has written it.
    """
    make_directory(state, 0o700)
    if (why := trusted(state)) is not None:
        raise SettingsFault((f"server.state: {why}",))
    descriptor = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _be_of_this_version(os.path.join(state, "version"))
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(f"another server holds {state}/lock") from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def make_directory(path: str, mode: int) -> None:
    """Make the last directory of `path` with `mode` where it is missing; systemd or the package usually has."""
    umask = os.umask(0)  # mkdir(2) would take its bits away from the mode: nobody else could reach the socket
    try:
        with suppress(FileExistsError):
            os.mkdir(path, mode)
    finally:
        os.umask(umask)


def _be_of_this_version(path: str) -> None:
    """Have the version in the directory, which had none before the first."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        written = 0
    else:
        try:
            found = _WRITTEN.fullmatch(os.read(descriptor, 16))
        finally:
            os.close(descriptor)
        if found is None:
            raise OSError(f"{path}: this is no version; which rpcd wrote the state cannot be said")
        written = int(found[1])
    if written > VERSION:
        raise OSError(f"{path}: a later rpcd wrote this state (version {written}); this one knows {VERSION}")
    if written < VERSION:
        _write(path)


def _write(path: str) -> None:
    """Write this version, durably: half a number would be another one."""
    descriptor = os.open(f"{path}~", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b"%d\n" % VERSION)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(f"{path}~", path)
