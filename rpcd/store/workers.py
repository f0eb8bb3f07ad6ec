"""Threads for what can take long, shared out among uids.

Rules of this file:

- Uids that have work waiting take turns; who has more of it waits longer, and nobody else does.
- One uid never has more than half of the threads: there is always one for somebody else soon.
"""

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

__all__ = ["Workers"]

Result = TypeVar("Result")

SERVER: Final = -1
"""Stands for the server itself among the uids."""


class Workers:
    """At most `threads` of them; they are made when they are first needed."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._threads = threads
        self._lock = Lock()
        self._running: Counter[int] = Counter()
        self._waiting: dict[int, deque[tuple[Future[Any], Callable[[], Any]]]] = {}  # whose turn is next comes first

    def submit(self, uid: int, function: Callable[[], Result]) -> "Future[Result]":
        """Have `function` run on behalf of `uid`."""
        future: Future[Result] = Future()
        with self._lock:
            self._waiting.setdefault(uid, deque()).append((future, function))
            self._start()
        return future

    @property
    def own(self) -> Executor:
        """For the server's own work, which takes its turn among the uids."""
        return _Own(self)

    def shutdown(self) -> None:
        """Wait until everything that was submitted has run."""
        self._pool.shutdown()

    def _start(self) -> None:
        """Start whatever may start now; the lock is held."""
        for uid in tuple(self._waiting):
            if self._running.total() >= self._threads:
                return
            if self._running[uid] < max(self._threads // 2, 1):
                jobs = self._waiting.pop(uid)
                future, function = jobs.popleft()
                if jobs:
                    self._waiting[uid] = jobs
                self._running[uid] += 1
                self._pool.submit(self._run, uid, future, function)

    def _run(self, uid: int, future: "Future[Any]", function: Callable[[], Any]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - it is for whoever waits
                future.set_exception(error)
            else:
                future.set_result(result)
        with self._lock:
            self._running[uid] -= 1
            if not self._running[uid]:
                del self._running[uid]
            self._start()


class _Own(Executor):
    """Workers as whoever knows only executors sees them."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def submit(self, fn: Callable[..., Result], /, *args: object, **kwargs: object) -> "Future[Result]":
        """Have `fn` run on the server's own behalf."""
        return self._workers.submit(SERVER, partial(fn, *args, **kwargs))
