"""What the server itself does beside the event loop: it never waits for a turn among the workers' jobs."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from rpcd.errors import Refused
from rpcd.store.workers import fulfil

__all__ = ["aside"]

Result = TypeVar("Result")


async def aside(function: Callable[[], Result]) -> Result:
    """What `function` returns, in a thread of its own.

    Raises `Refused("unavailable")` where none can be had; then it never runs, as it would in an executor's queue.
    """
    future: Future[Result] = Future()
    try:
        threading.Thread(target=fulfil, args=(future, function), name="aside", daemon=True).start()
    except RuntimeError as error:
        raise Refused("unavailable", reason="threads") from error
    return await asyncio.wrap_future(future)
