"""At most one change for one `request_id`, however often it is asked for, also while it is being made.

Rules of this file:

- Everything here happens on the event loop: between the look and the beginning of a change nobody comes in.
- Who asks while the change is being made waits for it, and gets its answer. Where it fails, each of those who waited
  tries by itself, one after the other: a refusal is about one attempt, and the next may succeed.
- While a change is being made nothing is looked up: its answer is there before it is known to be on disk.
- A change that has begun ends, whether or not its caller is still there, and until then it is under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from rpcd.errors import Refused
from rpcd.store.edits import Change, Edit
from rpcd.store.replies import Replies
from rpcd.store.replyfile import Retry

__all__ = ["Once"]


class Once:
    """The changes with a `request_id` that are under way, and those that were made."""

    def __init__(self, replies: Replies, commit: Callable[[Edit], Coroutine[Any, Any, Change]]) -> None:
        self._replies = replies
        self._commit = commit
        self._under_way: dict[bytes, tuple[Retry, asyncio.Task[Change]]] = {}

    async def made(self, retry: Retry) -> Change | None:
        """The change that was made for this, at once or once it is; None where it is the caller's to `make`.

        Raises `Refused("request_id_reused")` where the same id asks, or asked, for something else.
        """
        while True:
            if retry.id not in self._under_way:
                return self._kept(retry)
            first, task = self._under_way[retry.id]
            if first.body != retry.body:
                raise Refused("request_id_reused")
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                return task.result()

    def make(self, edit: Edit, retry: Retry) -> Awaitable[Change]:
        """Make the change; raises `Refused`."""
        task = asyncio.get_running_loop().create_task(self._commit(edit))
        self._under_way[retry.id] = retry, task
        task.add_done_callback(partial(self._end, retry))
        return asyncio.shield(task)

    def _kept(self, retry: Retry) -> Change | None:
        answer = self._replies.find(retry)
        return None if answer is None else Change(answer.changed, answer.before, answer.after, name=answer.change)

    def _end(self, retry: Retry, task: "asyncio.Task[Change]") -> None:
        """It is no longer under way; what became of it is known to those who wait, even where nobody does."""
        del self._under_way[retry.id]
        if not task.cancelled():
            task.exception()
