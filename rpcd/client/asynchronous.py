"""The client that awaits.

asyncio's own transports refuse SOCK_SEQPACKET: the event loop is only asked to say when the socket is ready.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from rpcd.client.link import Link, Wait
from rpcd.client.message import Batch, Exchange, Request, Single
from rpcd.client.methods import Asynchronous

__all__ = ["AsyncClient"]

R = TypeVar("R")


class AsyncClient(Asynchronous):
    """`Client`'s methods as coroutines. Tasks may share a client; their calls wait for each other.

    A call that is cancelled ends the connection, since its answer could be taken for another's; whether a cancelled
    change took effect is not known.
    """

    def __init__(self, path: str | None = None, *, connect_timeout: float = 5.0, timeout: float = 30.0) -> None:
        self._link = Link(path, connect_timeout, timeout)
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection, once the calls that are under way have ended. A later call makes a new one."""
        async with self._lock:
            self._link.close()

    async def batch(self, requests: Sequence[Request[Any]]) -> list[Any]:
        """Make several calls in one datagram; see `prepare`. A result or a `RefusalError` for each, in their order."""
        return await self._carry(Batch(requests))

    async def _call(self, request: Request[R]) -> R:
        return await self._carry(Single(request))

    async def _carry(self, exchange: Exchange[R]) -> R:
        async with self._lock:
            steps = self._link.carry(exchange)
            try:
                while True:
                    try:
                        wait = next(steps)
                    except StopIteration as done:
                        result: R = done.value
                        return result
                    await _wait(wait)
            finally:
                steps.close()


async def _wait(wait: Wait) -> None:
    if wait.descriptor is None:
        await asyncio.sleep(wait.seconds)
        return
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(wait.seconds, _done, ready)
    loop.add_reader(wait.descriptor, _done, ready)
    try:
        await ready
    finally:
        loop.remove_reader(wait.descriptor)
        timer.cancel()


def _done(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
