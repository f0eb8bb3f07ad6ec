"""Users and groups as the system knows them: from numbers to names, for a person to read. Each is looked up once."""

import grp
import os
import pwd
from functools import cache

__all__ = ["Accounts"]


class Accounts:
    """Looks numbers up; one that the system does not know is told as the number."""

    def __init__(self) -> None:
        self.user = cache(_user)
        self.group = cache(_group)
        self.groups_of = cache(_groups_of)


def _user(uid: int) -> str:
    """The name of a user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def _group(gid: int) -> str:
    """The name of a group."""
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return str(gid)


def _groups_of(uid: int) -> frozenset[int]:
    """The groups of a user, its primary one among them; none for one that the system does not know."""
    try:
        user = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return frozenset()
    return frozenset(os.getgrouplist(user.pw_name, user.pw_gid))
