"""Who waits for one file, and whose turn it is to work on it.

Rules of this file:

- To work on a file is the work of everybody who waits for it: each uid has a job among its own, and whichever job has
  its turn first takes a batch. Nobody waits for the turn of somebody else, who may have much other work before it.
- One batch of a file at a time. It begins with an edit of the uid whose turn it is.
- Whoever calls holds a lock.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from rpcd.store.edits import Waiting

__all__ = ["Queue"]

MAX_BATCH: Final = 256
"""Edits that are committed together at most, so that the first of them does not wait for ever."""


class Queue:
    """The edits that wait for one file; `call` has a worker come and `take`, when it is the turn of a uid.

    It raises `Refused` where none will come, which a worker that has just been here never sees.
    """

    def __init__(self, call: Callable[["Queue", int], object]) -> None:
        self._call = call
        self._waiting: deque[Waiting] = deque()
        self._called: set[int] = set()
        self._busy = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, waiting: Waiting) -> None:
        """One more, or `Refused` and it does not wait."""
        if not self._busy:
            self._have(waiting.edit.uid)
        self._waiting.append(waiting)

    def take(self, uid: int) -> list[Waiting]:
        """What is to be committed together, in the turn of `uid`; nothing where that is being done already."""
        self._called.discard(uid)
        if self._busy or not self._waiting:
            return []
        first = next((waiting for waiting in self._waiting if waiting.edit.uid == uid), self._waiting[0])
        self._waiting.remove(first)
        batch = [first]
        while self._waiting and len(batch) < MAX_BATCH and not first.alone and not self._waiting[0].alone:
            batch.append(self._waiting.popleft())
        self._busy = True
        return batch

    def done(self) -> None:
        """The batch that was taken is committed."""
        self._busy = False
        for uid in {waiting.edit.uid: None for waiting in self._waiting}:
            self._have(uid)

    def _have(self, uid: int) -> None:
        if uid not in self._called:
            self._call(self, uid)
            self._called.add(uid)
