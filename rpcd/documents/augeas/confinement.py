"""What a process gives up for good that works on what hostile callers wrote, in a C library.

Rules of this file:

- It keeps the memory that it has, the socket that it was started with, and some time for each text. No capability, no
  file (Landlock, where the kernel has it), no other process, no network.
- Everything that it needs is loaded before.
"""

import ctypes
import os
import resource
import time
from typing import Final

__all__ = ["MEMORY", "SECONDS", "allow_time", "bound", "confine"]

MEMORY: Final = 384 * 1024 * 1024
"""Bytes of address space: the interpreter, the library, and the largest lenses with their texts."""

SECONDS: Final = 2
"""Of processor time for one text: a thousand times what a configuration file takes."""

_DUMPABLE, _NO_NEW_PRIVILEGES = 4, 38  # prctl(2)
_CAPABILITIES_3: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, capset(2)
_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # landlock(7); the same numbers on every architecture
_RIGHTS: Final = ((1, 13), (2, 14), (3, 15), (5, 16))  # bits of a path's rights that a version knows

_libc: Final = ctypes.CDLL(None, use_errno=True)


def bound() -> None:
    """Limit what this process may use (setrlimit(2)); no core, and nobody looks into it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _libc.prctl(_DUMPABLE, 0, 0, 0, 0)


def allow_time(seconds: int = SECONDS) -> None:
    """From now on the kernel lets this process have so much processor time, and then ends it (SIGXCPU)."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds, hard))


def confine() -> None:
    """Give up capabilities and files. Raises `OSError` where the kernel has a way to, and refuses it."""
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or _libc.capset(header, none):
        raise _error()
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    bits = max(count for since, count in _RIGHTS if since <= version)
    network, scope = 3 if version >= 4 else 0, 3 if version >= 6 else 0  # noqa: PLR2004 - versions of the kernel's
    attributes = (ctypes.c_uint64 * 3)((1 << bits) - 1, network, scope)
    size = 8 * (1 + bool(network) + bool(scope))
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise _error()
    if _libc.syscall(_RESTRICT_SELF, ruleset, 0):
        raise _error()
    os.close(ruleset)


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
