"""The client that waits."""

import math
import select
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from rpcd.client.link import Link, Wait, Waiting
from rpcd.client.message import Batch, Exchange, Request, Single
from rpcd.client.methods import Blocking

__all__ = ["Client"]

R = TypeVar("R")


class Client(Blocking):
    """Calls the server over one connection, which is made at the first call and made again where it has gone.

    `path` is the server's socket: unless given, what `RPCD_SOCKET` says, else `/run/rpcd/rpcd.sock`. The timeouts are
    in seconds, one to connect and one to be answered. Threads may share a client; their calls wait for each other.
    """

    def __init__(self, path: str | None = None, *, connect_timeout: float = 5.0, timeout: float = 30.0) -> None:
        self._link = Link(path, connect_timeout, timeout)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. A later call makes a new one."""
        with self._lock:
            self._link.close()

    def batch(self, requests: Sequence[Request[Any]]) -> list[Any]:
        """Make several calls in one datagram; see `prepare`. A result or a `RefusalError` for each, in their order."""
        return self._carry(Batch(requests))

    def _call(self, request: Request[R]) -> R:
        return self._carry(Single(request))

    def _carry(self, exchange: Exchange[R]) -> R:
        with self._lock:
            steps = self._link.carry(exchange)
            try:
                return _drive(steps)
            finally:
                steps.close()


def _drive(steps: Waiting[R]) -> R:
    while True:
        try:
            wait = next(steps)
        except StopIteration as done:
            result: R = done.value
            return result
        _wait(wait)


def _wait(wait: Wait) -> None:
    if wait.descriptor is None:
        time.sleep(wait.seconds)
        return
    poll = select.poll()
    poll.register(wait.descriptor, select.POLLIN)
    poll.poll(math.ceil(wait.seconds * 1000))
