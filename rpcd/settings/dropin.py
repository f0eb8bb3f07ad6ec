"""What systemd has to allow the server beyond the shipped unit: a drop-in for rpcd.service (systemd.exec(5)).

Rules of this file:

- Directories, never single files: those would become mount points, which cannot be renamed over.
- Exactly what targets, state and log need, sorted, so that two runs can be compared.
"""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Final

from rpcd.settings import Settings
from rpcd.settings.places import resolved

__all__ = ["drop_in", "quoted"]

SHIPPED: Final = ("/var/lib/rpcd", "/var/log/rpcd")
"""What contrib/systemd/rpcd.service lets it write: StateDirectory= and LogsDirectory=."""

HIDDEN: Final = (
    ("ProtectHome=read-only", ("/home", "/root", "/run/user")),
    ("PrivateTmp=no", ("/tmp", "/var/tmp")),  # noqa: S108 - what the unit hides, not what is used
)
"""Settings of the shipped unit that hide directories altogether, and what to set instead."""

HEADER: Final = """\
# What rpcd.service has to write for these settings, beyond what the shipped unit lets it. To install it:
#   mkdir -p /etc/systemd/system/rpcd.service.d
#   rpcd check --unit > /etc/systemd/system/rpcd.service.d/targets.conf    (or paste it: systemctl edit rpcd.service)
#   systemctl daemon-reload && systemctl restart rpcd.service
"""


def drop_in(settings: Settings) -> str:
    """The drop-in; only its comment and `[Service]` where nothing is missing."""
    needed = _outermost({*_directories(settings)})
    missing = [directory for directory in needed if not _is_below(directory, SHIPPED)]
    lines = [setting for setting, places in HIDDEN if any(_is_below(directory, places) for directory in missing)]
    lines += [f"ReadWritePaths={quoted(directory)}" for directory in missing]
    return HEADER + "\n".join(("[Service]", *lines)) + "\n"


def quoted(path: str) -> str:
    """A path as one word of a unit file (systemd.syntax(7), Quoting; systemd.unit(5), Specifiers)."""
    path = path.replace("%", "%%")
    if re.fullmatch(r"[^\s\"'\\]+", path):
        return path
    return '"' + re.sub(r'(["\\])', r"\\\1", path) + '"'


def _directories(settings: Settings) -> Iterator[str]:
    """Every directory in which the server replaces, makes or removes files."""
    yield from (resolved(target)[0] for target in settings.targets.values())
    yield os.path.realpath(settings.state)
    yield os.path.dirname(os.path.realpath(settings.audit_log))


def _outermost(directories: Iterable[str]) -> list[str]:
    """The directories, in order, without those that lie below another one."""
    kept: list[str] = []
    for directory in sorted(directories, key=lambda path: path.split("/")):
        if not _is_below(directory, kept):
            kept.append(directory)
    return kept


def _is_below(path: str, directories: Iterable[str]) -> bool:
    return any(path == directory or path.startswith(directory + "/") for directory in directories)
