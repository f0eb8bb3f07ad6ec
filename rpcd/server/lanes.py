"""Whose turn it is: each uid has the loop for a moment, and then the next one, however many connections it has.

Rules of this file:

- Each uid has a lane: an epoll instance of its own (epoll(7)) with the uid's connections in it, which the loop watches
  as one descriptor. The loop goes round the lanes; the kernel goes round the ready connections of a lane.
- A connection that is alone in its lane is watched by the loop itself: it is spared a system call for each request.
- It knows descriptors and what to call for them, and neither reads nor closes any.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final

__all__ = ["NOTHING", "READABLE", "WRITABLE", "Lanes"]

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT
NOTHING: Final = 0
"""What a descriptor can be watched for."""

TURN: Final = 0.0001
"""Seconds after which it is another uid's turn, one request at least: going round the loop costs a tenth of that."""

Ready = Callable[[int], None]
"""Is called with what there is: `READABLE`, `WRITABLE`, EPOLLHUP, EPOLLERR."""


class _Lane:
    """The descriptors of one uid, what they are watched for and what is called then."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll: select.epoll | None = None
        self.joined: dict[int, tuple[int, Ready]] = {}

    def join(self, descriptor: int, watched: int, ready: Ready) -> None:
        """Call `ready` with the events for which `descriptor` is watched."""
        if self.joined and self._epoll is None:
            self._part()
        self.joined[descriptor] = watched, ready
        if self._epoll is None:
            self._watch_alone(descriptor, watched, ready)
        else:
            self._epoll.register(descriptor, watched)

    def watch(self, descriptor: int, watched: int) -> None:
        """Watch it for something else from now on."""
        _, ready = self.joined[descriptor]
        self.joined[descriptor] = watched, ready
        if self._epoll is None:
            self._watch_alone(descriptor, watched, ready)
        else:
            self._epoll.modify(descriptor, watched)

    def leave(self, descriptor: int) -> None:
        """Watch it no more; with the last one the lane is given up."""
        _, ready = self.joined.pop(descriptor)
        if self._epoll is None:
            self._watch_alone(descriptor, NOTHING, ready)
            return
        self._epoll.unregister(descriptor)
        if not self.joined:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _part(self) -> None:
        """Have an epoll instance for those who were watched by the loop so far."""
        self._epoll = select.epoll()
        for descriptor, (watched, ready) in self.joined.items():
            self._watch_alone(descriptor, NOTHING, ready)
            self._epoll.register(descriptor, watched)
        self._loop.add_reader(self._epoll.fileno(), self._serve, self._epoll)

    def _watch_alone(self, descriptor: int, watched: int, ready: Ready) -> None:
        if watched != READABLE:
            self._loop.remove_reader(descriptor)
        if watched != WRITABLE:
            self._loop.remove_writer(descriptor)
        if watched == READABLE:
            self._loop.add_reader(descriptor, ready, READABLE)
        elif watched == WRITABLE:
            self._loop.add_writer(descriptor, ready, WRITABLE)

    def _serve(self, epoll: select.epoll) -> None:
        until = self._loop.time() + TURN
        while self.joined and (ready := epoll.poll(0, 1)):  # the last to leave closes it
            for descriptor, events in ready:
                self.joined[descriptor][1](events)
            if self._loop.time() >= until:
                return


class Lanes:
    """The lanes of those who have connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lanes: dict[int, _Lane] = {}

    def join(self, group: int, descriptor: int, watched: int, ready: Ready) -> None:
        """Have a descriptor in the lane of a group; `OSError` where there is no descriptor left for the lane's own."""
        lane = self._lanes.get(group) or _Lane(self._loop)
        lane.join(descriptor, watched, ready)
        self._lanes[group] = lane

    def watch(self, group: int, descriptor: int, watched: int) -> None:
        """Watch it for something else from now on."""
        self._lanes[group].watch(descriptor, watched)

    def leave(self, group: int, descriptor: int) -> None:
        """Have it out of there."""
        lane = self._lanes[group]
        lane.leave(descriptor)
        if not lane.joined:
            del self._lanes[group]
