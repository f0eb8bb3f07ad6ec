"""Threads for what can take long, shared out among uids.

Rules of this file:

- Uids that have work waiting take turns; who has more of it waits longer, and nobody else does.
- One uid never has more than half of the threads: there is always one for somebody else soon.
- What is submitted runs, or is refused at once and never runs: where no further thread can be had, those that there are
  do it in turn, and only where there is none at all it is refused. What was submitted before the end runs before it.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Final, TypeVar

from rpcd.errors import Refused

__all__ = ["Workers", "fulfil"]

Result = TypeVar("Result")

SERVER: Final = -1
"""Stands for the server itself among the uids."""


class Workers:
    """At most `threads` of them; they are made when they are first needed."""

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._threads: list[threading.Thread] = []
        self._running: Counter[int] = Counter()
        self._waiting: dict[int, deque[tuple[Future[Any], Callable[[], Any]]]] = {}  # whose turn is next comes first
        self._begun: deque[tuple[int, Future[Any], Callable[[], Any]]] = deque()  # whose turn it is, for any thread
        self._idle = 0  # threads without work, less those that are lacking
        self._over = False
        self._changed = threading.Condition()

    def submit(self, uid: int, function: Callable[[], Result]) -> "Future[Result]":
        """Have `function` run on behalf of `uid`; raises `Refused("unavailable")` where it never will."""
        future: Future[Result] = Future()
        with self._changed:
            if self._over:
                raise Refused("unavailable", reason="stopping")
            self._waiting.setdefault(uid, deque()).append((future, function))
            self._start()
            if not self._threads:
                self._begun.clear()
                self._running.clear()
                self._idle = 0
                raise Refused("unavailable", reason="threads")
        return future

    @property
    def own(self) -> Executor:
        """For the server's own work, which takes its turn among the uids."""
        return _Own(self)

    def shutdown(self) -> None:
        """Wait until everything that was submitted has run; from now on everything is refused."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        """Begin whatever may begin now; the lock is held."""
        for uid in tuple(self._waiting):
            if self._running.total() >= self._most:
                return
            if self._running[uid] < max(self._most // 2, 1):
                jobs = self._waiting.pop(uid)
                self._begun.append((uid, *jobs.popleft()))
                if jobs:
                    self._waiting[uid] = jobs
                self._running[uid] += 1
                self._call_a_thread()

    def _call_a_thread(self) -> None:
        """Wake a thread, or make one. Where none can be had, who is at work comes to it later."""
        self._idle -= 1
        if self._idle >= 0:
            self._changed.notify()
        elif len(self._threads) < self._most:
            # A daemon: where the server fails, the end of the process does not wait for it.
            thread = threading.Thread(target=self._serve, name=f"worker_{len(self._threads)}", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return
            self._threads.append(thread)
            self._idle += 1

    def _serve(self) -> None:
        """A thread's: do what there is to do, until there is nothing and all is over."""
        while True:
            with self._changed:
                while not self._begun:
                    if self._over:
                        return
                    self._changed.wait()
                uid, future, function = self._begun.popleft()
            fulfil(future, function)
            del future, function  # what they hold is not held while nothing comes
            with self._changed:
                self._running[uid] -= 1
                if not self._running[uid]:
                    del self._running[uid]
                self._idle += 1
                self._start()


def fulfil(future: "Future[Any]", function: Callable[[], Any]) -> None:
    """Have `future` hold what `function` returns or raises, unless it was cancelled before."""
    if future.set_running_or_notify_cancel():
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - it is for whoever waits
            future.set_exception(error)
        else:
            future.set_result(result)


class _Own(Executor):
    """Workers as whoever knows only executors sees them."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def submit(self, fn: Callable[..., Result], /, *args: object, **kwargs: object) -> "Future[Result]":
        """Have `fn` run on the server's own behalf."""
        return self._workers.submit(SERVER, partial(fn, *args, **kwargs))
