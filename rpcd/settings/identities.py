"""Users and groups of the settings: from names to numbers, once.

An id that stands for an unknown one (`-1`, the overflow id) is a fault, whoever names it: a grant for it would be a
grant for everybody whom the kernel cannot name.
"""

import grp
import pwd
from functools import cache
from typing import Final

from rpcd.meant import meant
from rpcd.peer import FALLBACK_OVERFLOW_ID, INVALID_ID, OVERFLOW_ID
from rpcd.settings.faults import Place

__all__ = ["Identities"]

NOBODY: Final = frozenset({FALLBACK_OVERFLOW_ID, OVERFLOW_ID, INVALID_ID})


class Identities:
    """Looks names up; `users` are the names that were found, by uid."""

    def __init__(self) -> None:
        self.users: dict[int, str] = {}
        self._user = cache(pwd.getpwnam)
        self._group = cache(grp.getgrnam)

    def user(self, value: str | int, at: Place) -> int | None:
        """The uid of a user; None, and a fault at `at`, where there is none."""
        if isinstance(value, int):
            return _known(value, at)
        try:
            uid = self._user(value).pw_uid
        except (KeyError, ValueError):  # ValueError: no name at all
            at.add(f"no user is named {value!r}{meant(value, (entry.pw_name for entry in pwd.getpwall()))}")
            return None
        self.users.setdefault(uid, value)
        return _known(uid, at)

    def group(self, value: str | int, at: Place) -> int | None:
        """The gid of a group; None, and a fault at `at`, where there is none."""
        if isinstance(value, int):
            return _known(value, at)
        try:
            return _known(self._group(value).gr_gid, at)
        except (KeyError, ValueError):  # ValueError: no name at all
            at.add(f"no group is named {value!r}{meant(value, (entry.gr_name for entry in grp.getgrall()))}")
            return None


def _known(number: int, at: Place) -> int | None:
    if number in NOBODY or not 0 <= number < INVALID_ID:
        at.add(f"{number} stands for an unknown user or group")
        return None
    return number
