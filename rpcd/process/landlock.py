"""Landlock (landlock(7), Linux 5.13): a thread gives up writing anywhere but below some paths, for good.

Rules of this file:

- What is handled is everything by which a file system's tree or contents change; reading stays as it is. Landlock does
  not know chmod, chown and extended attributes: the unit's bounding set and ProtectSystem bound those.
- What a kernel's version of it does not know is left out: version 1 has neither `REFER`, and denies it, nor `TRUNCATE`,
  and allows it to whoever may write anywhere by its rules.
- What was opened before stays as it was opened.
"""

import ctypes
import os
from collections.abc import Mapping
from enum import IntFlag
from typing import Final

__all__ = ["Right", "restrict", "version"]

_CREATE_RULESET: Final = 444  # the same numbers on every architecture
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH: Final = 1  # LANDLOCK_RULE_PATH_BENEATH
_NO_NEW_PRIVILEGES: Final = 38  # PR_SET_NO_NEW_PRIVS, prctl(2)

_libc: Final = ctypes.CDLL(None, use_errno=True)


class Right(IntFlag):
    """The rights that change something: LANDLOCK_ACCESS_FS_…, linux/landlock.h."""

    WRITE_FILE = 1 << 1
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13  # rename and link from one directory to another
    TRUNCATE = 1 << 14


_SINCE: Final[Mapping[Right, int]] = {Right.REFER: 2, Right.TRUNCATE: 3}
"""The version that a right came with, where that is not the first."""


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr, as far as version 1 has it."""

    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """The kernel's version of Landlock.

    `OSError` with ENOSYS where it has none, and EOPNOTSUPP where it was switched off at boot.
    """
    return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)


def restrict(rules: Mapping[str, Right]) -> int:
    """Confine this thread, and what it starts from now on; the kernel's version of Landlock.

    It can write below each path in the way that its rights say, and nowhere else. A path that is not there is left
    out. Raises `OSError`; as `version` does where there is no Landlock, and then nothing has changed.
    """
    known = version()
    handled = Right(0)
    for right in Right:
        if _SINCE.get(right, 1) <= known:
            handled |= right
    ruleset = _call(_CREATE_RULESET, ctypes.byref(_Ruleset(handled)), ctypes.c_size_t(ctypes.sizeof(_Ruleset)), 0)
    try:
        for path, rights in rules.items():
            _allow(ruleset, path, rights & handled)
        if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
            raise _error()
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: str, rights: Right) -> None:
    """Add a rule for what is at `path` and below."""
    try:
        at = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_PathBeneath(rights, at)), 0)
    finally:
        os.close(at)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(number, *arguments)
    if result < 0:
        raise _error()
    return result


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
