"""From ready to stopped: signals, what systemd is told meanwhile, and an end that leaves nothing half done.

Rules of this file:

- SIGHUP reads the settings again; SIGTERM and SIGINT end the server, once, however often they come.
- What has begun is finished. What has not is not begun any more: its connection is closed, and nothing has happened.
  The entries of a batch begin one by one: after `drain` those that have not are refused.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog

from rpcd.operation import Operation
from rpcd.operation.notify import Notifier
from rpcd.process import give_back_memory
from rpcd.server import Server
from rpcd.store import Store

__all__ = ["Service"]

log = structlog.get_logger("rpcd")

LOOKS_BETWEEN: Final = 1000
"""Looks of the collector at younger objects before it looks at all of them. Python's 10 would have it do so several
times for each large document, at that one and at every other that is in memory."""


class Service:
    """One run of a server; `drain` is how many seconds callers are waited for at its end."""

    def __init__(
        self, server: Server, store: Store, operation: Operation, notifier: Notifier, pool: Executor, *, drain: float
    ) -> None:
        self.server = server
        self.store = store
        self.operation = operation
        self.notifier = notifier
        self.pool = pool
        self.drain = drain
        self._stop = asyncio.Event()
        self._reloads: set[asyncio.Task[object]] = set()

    async def run(self) -> None:
        """Serve until a signal says stop, then end in order."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        self.server.start()
        _settle_memory()
        self.notifier.ready(self.operation.line())
        async with _beside(self.notifier.attend(self.operation.line, self._work)):
            await self._stop.wait()
        async with _beside(self.notifier.stopping()):
            await self._drain()

    async def _drain(self) -> None:
        unanswered = await self.server.drain(self.drain)
        self.operation.stopping = True
        if unanswered:
            log.warning(
                "server.drain is over: connections are closed, and what they asked for is finished unanswered",
                unanswered=len(unanswered),
                queued=self.store.committers.queued,
            )
        await self.store.drain()
        if unanswered:
            await asyncio.wait(unanswered)
            log.info("everything that had begun is finished")

    def _reload(self) -> None:
        if not self._stop.is_set():
            task: asyncio.Task[object] = asyncio.get_running_loop().create_task(self.operation.reload())
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

    async def _work(self) -> None:
        """Have a worker do nothing: it answers."""
        await asyncio.get_running_loop().run_in_executor(self.pool, int)


def _settle_memory() -> None:
    """Give back what the start needed; have the collector look at what is here no more, and seldom at all that comes.

    While it looks nobody is served, and a large document is hundreds of thousands of objects, which go by themselves
    once nothing refers to them.
    """
    gc.collect()
    give_back_memory()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, LOOKS_BETWEEN)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have `work` done as long as the block runs."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
