"""The limits on resources that a server needs (setrlimit(2)).

Rules of this file:

- What was set low and may be raised is raised. What is too little all the same refuses to start, in words: a server
  that runs out in the middle answers nobody well.
- The kernel never writes this process's memory to disk: no core.
- Nothing of rpcd is imported: this is looked at before much is needed.
"""

import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["NEEDS", "Need", "raise_limits"]

MIB: Final = 1024 * 1024
USUAL_STACK: Final = 8 * MIB
"""What Linux gives; an unlimited one would lay out memory another way (setrlimit(2))."""


@dataclass(frozen=True, slots=True)
class Need:
    """How much of a resource a server has to be allowed at least."""

    least: int
    what: str


NEEDS: Final[Mapping[int, Need]] = {
    resource.RLIMIT_NOFILE: Need(24, "open files"),  # its own, a connection, and a change with a passed descriptor
    resource.RLIMIT_FSIZE: Need(MIB, "bytes in a file"),  # the log grows until it is rotated
    resource.RLIMIT_AS: Need(512 * MIB, "bytes of address space"),  # the interpreter, and stacks of 40 threads
    resource.RLIMIT_DATA: Need(256 * MIB, "bytes of data"),
    resource.RLIMIT_STACK: Need(MIB, "bytes of stack"),  # a text nested as deep as it may be is read, not a crash
    resource.RLIMIT_NPROC: Need(64, "processes and threads"),  # uid 0 is exempt
}


def raise_limits() -> list[str]:
    """Raise every limit as far as this process may; a sentence for each resource of which there is too little."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    short = []
    for which, need in NEEDS.items():
        soft, hard = resource.getrlimit(which)
        wanted = hard if which != resource.RLIMIT_STACK or _covers(USUAL_STACK, hard) else USUAL_STACK
        if not _covers(soft, wanted):
            resource.setrlimit(which, (wanted, hard))
        if which == resource.RLIMIT_NPROC and os.getuid() == 0:
            continue
        if not _covers(hard, need.least):
            short.append(f"{hard} {need.what} are allowed at most, and {need.least} are needed (setrlimit(2))")
    return short


def _covers(limit: int, other: int) -> bool:
    """Whether one limit allows all that another does."""
    return limit == resource.RLIM_INFINITY or (other != resource.RLIM_INFINITY and limit >= other)
