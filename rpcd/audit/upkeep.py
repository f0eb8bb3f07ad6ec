"""What has to be done for the log at times: write counts whose minute is over, sync, and tell the head.

Rules of this file:

- The head goes to standard error, which is the journal's: whoever rewrites log and state would have to rewrite that,
  too. It is told at start, at the end, and now and then where something was written.
- What no change has synced is synced then as well, in a thread: a log that only reads write to, and that is rotated,
  would hold on to every file that it once was.
- A log that could not be written is tried again soon. One that could not be synced is, too, but less and less often:
  each time leaves a record.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from rpcd.audit.counts import Counts
from rpcd.audit.opening import Unwritable

__all__ = ["Upkeep"]

log = structlog.get_logger("rpcd")

TELL_EVERY: Final = 600.0
"""Seconds between two heads on standard error."""

LOOK_EVERY: Final = 5.0
"""Seconds after which it is looked whether a minute is over, or whether a log that had a fault takes records again."""


class Upkeep:
    """Looks after a log while the event loop runs."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._told = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop; the head is told."""
        self.tell()
        self._task = asyncio.get_running_loop().create_task(self._keep())

    def stop(self) -> None:
        """End; what was counted is written."""
        if self._task is not None:
            self._task.cancel()
        self._counts.flush()

    def tell(self) -> None:
        """Tell the head, unless it is the one that was told last."""
        seq, hash_ = self._counts.log.head
        if seq != self._told:
            self._told = seq
            log.info("audit head", seq=seq, hash=hash_)

    async def _keep(self) -> None:
        told, log = time.monotonic(), self._counts.log
        again, pause = 0.0, LOOK_EVERY
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._counts.due:
                self._counts.flush()
            if log.fault is None:
                again, pause = 0.0, LOOK_EVERY
            elif log.writable and time.monotonic() >= again:
                await _in_a_thread(log.try_again)
                again, pause = time.monotonic() + pause, min(2 * pause, TELL_EVERY)
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                await _in_a_thread(partial(log.sync, log.head[0]))
                self.tell()


async def _in_a_thread(work: Callable[[], object]) -> None:
    """Do what waits for the disk, unless no thread can be had; the log knows its fault, and tells it."""
    with suppress(Unwritable, RuntimeError):
        await asyncio.to_thread(work)
