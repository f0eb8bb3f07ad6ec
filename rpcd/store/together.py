"""Waiting for the disk side by side: the file system merges what is asked of it at the same time."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

__all__ = ["Together"]

THREADS: Final = 16
"""Syncs of revisions at once; who has to wait for one waits for the disk anyway."""


class Together:
    """Threads that wait for the disk. The audit log has one of its own: one sync of it serves all."""

    def __init__(self) -> None:
        self._log = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._others = ThreadPoolExecutor(THREADS, thread_name_prefix="sync")

    def sync(self, log: Callable[[], None], other: Callable[[], None], *here: Callable[[], None]) -> None:
        """Return when all of these have: `here` in this thread, and before anything is raised that one of them raised.

        Raises what `here` raised, else what the others did.
        """
        pending: list[Future[None]] = []
        rest = [*here]
        for threads, function in ((self._log, log), (self._others, other)):
            try:
                pending.append(threads.submit(function))
            except RuntimeError:  # no thread can be had: in this one, then
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
