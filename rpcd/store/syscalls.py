"""System calls that Python 3.11 does not have, through the C library.

Rules of this file:

- They raise `OSError` like those of `os`, and close over EINTR like them (PEP 475).
- A kernel without one of them says ENOSYS; what to do then stands here, or is the caller's to decide.
"""

import ctypes
import errno
import os
from typing import Final

__all__ = ["EXCHANGE", "NOREPLACE", "open_without_links", "rename"]

NOREPLACE: Final = 1  # RENAME_NOREPLACE, renameat2(2)
EXCHANGE: Final = 2  # RENAME_EXCHANGE

_OPENAT2: Final = 437  # the same number on every architecture, openat2(2), Linux 5.6
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_NO_SYMLINKS: Final = 0x04

_libc: Final = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    """struct open_how, openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_without_links(path: str, flags: int, *, directory: int | None = None) -> int:
    """Open `path`, below `directory` where it is relative, following no symbolic link at any step.

    `OSError` with ELOOP where there is one.
    """
    flags |= os.O_CLOEXEC
    how = _OpenHow(flags, 0, _RESOLVE_NO_MAGICLINKS | _RESOLVE_NO_SYMLINKS)
    at = -100 if directory is None else directory  # AT_FDCWD
    encoded = os.fsencode(path)
    while True:
        descriptor: int = _libc.syscall(_OPENAT2, at, encoded, ctypes.byref(how), ctypes.sizeof(how))
        if descriptor >= 0:
            return descriptor
        code = ctypes.get_errno()
        if code == errno.ENOSYS:
            return open_step_by_step(path, flags, directory=directory)
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))


def open_step_by_step(path: str, flags: int, *, directory: int | None = None) -> int:
    """The same where the kernel has no openat2: every directory on the way is opened on its own."""
    *parents, name = path.split("/")
    at = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if directory is None else os.dup(directory)
    try:
        for parent in filter(None, parents):
            below = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name or ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    except NotADirectoryError as error:  # O_DIRECTORY and O_NOFOLLOW on a link
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    finally:
        os.close(at)


def rename(directory: int, old: str, new: str, flags: int = 0) -> None:
    """renameat2(2) within one directory; EINVAL where the file system has no such `flags`."""
    while _libc.renameat2(directory, os.fsencode(old), directory, os.fsencode(new), flags):
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
