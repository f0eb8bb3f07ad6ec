"""Where a server may write, once it serves.

Rules of this file:

- Below the directories of targets, the state and the log, and what each of them needs; the socket can be removed.
- The process confines itself once: before it has threads, which would not be confined, and after everything is open
  that it could not open any more. A process that must not be confined is started before.
- It holds for directories as they are at that moment: one that is replaced, or mounted over, takes a restart.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from rpcd.process.landlock import Right, restrict
from rpcd.settings import Settings
from rpcd.settings.places import resolved

__all__ = ["Confinement", "Unconfined", "confine"]

log = structlog.get_logger("rpcd")

TARGET: Final = Right.WRITE_FILE | Right.TRUNCATE | Right.MAKE_REG | Right.REMOVE_FILE
"""A file is made, renamed over another, overwritten where it is a mount point, removed."""

STATE: Final = TARGET | Right.MAKE_DIR | Right.REMOVE_DIR

LOG: Final = Right.WRITE_FILE | Right.TRUNCATE | Right.MAKE_REG
"""A new log is made where it was renamed away; none is ever removed."""


class Unconfined(Exception):
    """The settings require Landlock, and it cannot be had; the text says why."""


class Confinement:
    """What the process has confined itself to: directories, as the kernel knew them then."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._known = {path: _identity(path) for path in directories}

    def directories(self) -> frozenset[str]:
        """The directories below which targets can still be written: those that are what they were."""
        return frozenset(path for path, known in self._known.items() if _identity(path) == known)


def confine(settings: Settings, *, socket: str | None) -> Confinement | None:
    """Confine this process; None where it can write everywhere.

    `socket` is the path that is to be removed at the end. Raises `Unconfined`.
    """
    if settings.landlock == "off":
        return None
    directories = frozenset(resolved(target)[0] for target in settings.targets.values())
    confinement = Confinement(directories)
    try:
        if len(os.listdir("/proc/self/task")) > 1:
            raise Unconfined("a module of yours has started a thread, which would not be confined")
        version = restrict(_rules(settings, directories, socket))
    except (OSError, Unconfined) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        if settings.landlock == "required":
            raise Unconfined(f'server.landlock is "required", and cannot be had: {why}') from error
        log.warning("not confined: writing is bounded by the unit alone", why=why)
        return None
    log.info("confined", landlock=version, directories=sorted(directories))
    return confinement


def _identity(path: str) -> tuple[int, int] | None:
    """What the kernel knows a directory by; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _rules(settings: Settings, directories: frozenset[str], socket: str | None) -> Mapping[str, Right]:
    """What may be done below which path; rights to the same path add up."""
    rules = dict.fromkeys(directories, TARGET)
    own = [(settings.state, STATE), (os.path.dirname(settings.audit_log), LOG), (os.devnull, Right.WRITE_FILE)]
    if socket is not None:
        own.append((os.path.dirname(socket), Right.REMOVE_FILE))
    for path, rights in own:
        rules[path] = rules.get(path, Right(0)) | rights
    return rules
