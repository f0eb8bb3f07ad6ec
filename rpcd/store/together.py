"""Waiting for the disk side by side: the file system merges what is asked of it at the same time."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final

from rpcd.errors import Refused
from rpcd.store.workers import Workers

__all__ = ["Together"]

THREADS: Final = 16
"""Syncs of revisions at once; who has to wait for one waits for the disk anyway."""

ALL: Final = 0
"""Stands for everybody who waits, whatever their uid."""


class Together:
    """Threads that wait for the disk. The audit log has one of its own: one sync of it serves all."""

    def __init__(self) -> None:
        self._log = Workers(1)
        self._others = Workers(2 * THREADS)  # of which one uid has half

    def sync(self, log: Callable[[], None], other: Callable[[], None], *here: Callable[[], None]) -> None:
        """Return when all of these have: `here` in this thread, and before anything is raised that one of them raised.

        Raises what `here` raised, else what the others did.
        """
        pending: list[Future[None]] = []
        rest = [*here]
        for threads, function in ((self._log, log), (self._others, other)):
            try:
                pending.append(threads.submit(ALL, function))
            except Refused:  # no thread can be had: in this one, then
                rest.append(function)
        try:
            for function in rest:
                function()
        finally:
            wait(pending)
        for one in pending:
            one.result()

    def close(self) -> None:
        """Let the threads go."""
        self._log.shutdown()
        self._others.shutdown()
