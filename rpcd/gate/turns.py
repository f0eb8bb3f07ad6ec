"""One step of each uid at each turn of the loop.

What a datagram starts goes on by itself: the entries of its batch, the end of what it waited for. With many connections
a uid could have hundreds of such steps ready at once, and everybody else would wait for all of them.
"""

import asyncio
from collections import deque

__all__ = ["Turns"]


class Turns:
    """Who waits for a turn, by uid."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}

    async def take(self, uid: int) -> None:
        """Go on at once where `uid` has had no turn yet, else at a later turn of the loop, in order."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(uid)
        if waiting is None:
            self._waiting[uid] = deque()
            loop.call_soon(self._pass_on, loop, uid)
            return
        turn: asyncio.Future[None] = loop.create_future()
        waiting.append(turn)
        await turn

    def _pass_on(self, loop: asyncio.AbstractEventLoop, uid: int) -> None:
        waiting = self._waiting[uid]
        if not waiting:
            del self._waiting[uid]
            return
        waiting.popleft().set_result(None)
        loop.call_soon(self._pass_on, loop, uid)
