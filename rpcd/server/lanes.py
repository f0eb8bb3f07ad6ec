"""Whose turn it is: each uid has the loop for a moment, and then the next one, however many connections it has.

Rules of this file:

- Each uid has a lane: an epoll instance of its own (epoll(7)) with the uid's connections in it, which the loop watches
  as one descriptor. The loop goes round the lanes; the kernel goes round the ready connections of a lane.
- A connection that is alone in its lane is watched by the loop itself: it is spared a system call for each request.
- A request that took long is paid for: while others are there its uid rests for many times as long, so that of their
  requests few meet with one.
- What the kernel does not let it watch (ENOSPC, ENOMEM, EMFILE) is an `OSError`, and nothing else has changed.
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

LONG: Final = 0.0005
"""Seconds of a request that others would notice."""

REST: Final = 20
"""How many times as long as a long request its uid rests after it, where others are there."""

LATELY: Final = 1.0
"""Seconds for which somebody who had a turn counts as being there."""

AGAIN: Final = 0.1
"""Seconds after which the kernel is asked again for what it had no room for."""

Ready = Callable[[int], None]
"""Is called with what there is: `READABLE`, `WRITABLE`, EPOLLHUP, EPOLLERR."""


class _Lane:
    """The descriptors of one uid, what they are watched for and what is called then."""

    def __init__(self, lanes: "Lanes") -> None:
        self._lanes = lanes
        self._loop = lanes.loop
        self._epoll: select.epoll | None = None
        self._resting: asyncio.TimerHandle | None = None
        self.joined: dict[int, tuple[int, Ready]] = {}

    def join(self, descriptor: int, watched: int, ready: Ready) -> None:
        """Call `ready` with the events for which `descriptor` is watched; raises `OSError`."""
        if self.joined and self._epoll is None:
            self._part()
        if self._epoll is None:
            self._watch_alone(descriptor, watched, ready)
        else:
            self._epoll.register(descriptor, watched)
        self.joined[descriptor] = watched, ready

    def watch(self, descriptor: int, watched: int) -> None:
        """Watch it for something else from now on; where that raises `OSError`, for nothing."""
        _, ready = self.joined[descriptor]
        self.joined[descriptor] = NOTHING, ready
        if self._epoll is None:
            self._watch_alone(descriptor, watched, ready)
        else:
            self._epoll.modify(descriptor, watched)
        self.joined[descriptor] = watched, ready

    def leave(self, descriptor: int) -> None:
        """Watch it no more; with the last one the lane is given up."""
        _, ready = self.joined.pop(descriptor)
        if self._epoll is None:
            self._watch_alone(descriptor, NOTHING, ready)
            return
        self._epoll.unregister(descriptor)
        if not self.joined:
            if self._resting is not None:
                self._resting.cancel()
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _part(self) -> None:
        """Have an epoll instance for those who were watched by the loop so far; raises `OSError`."""
        epoll = select.epoll()
        try:
            for descriptor, (watched, _) in self.joined.items():
                epoll.register(descriptor, watched)
            self._loop.add_reader(epoll.fileno(), self._serve, epoll)
        except OSError:
            epoll.close()
            raise
        for descriptor, (_, ready) in self.joined.items():
            self._watch_alone(descriptor, NOTHING, ready)
        self._epoll = epoll

    def _watch_alone(self, descriptor: int, watched: int, ready: Ready) -> None:
        if watched != READABLE:
            self._loop.remove_reader(descriptor)
        if watched != WRITABLE:
            self._loop.remove_writer(descriptor)
        if watched == READABLE:
            self._loop.add_reader(descriptor, self._serve_alone, ready, READABLE)
        elif watched == WRITABLE:
            self._loop.add_writer(descriptor, self._serve_alone, ready, WRITABLE)

    def rest(self, seconds: float) -> None:
        """Have no turn for so long."""
        try:
            if self._epoll is None:
                self._part()
        except OSError:  # the loop cannot leave it alone in any other way
            return
        if self._epoll is not None and self._resting is None:
            self._loop.remove_reader(self._epoll.fileno())
            self._resting = self._loop.call_later(seconds, self._go_on, self._epoll)

    def _serve_alone(self, ready: Ready, events: int) -> None:
        self._lanes.begin(self, self._loop.time())
        ready(events)

    def _serve(self, epoll: select.epoll) -> None:
        began = self._loop.time()
        self._lanes.begin(self, began)
        while self.joined and not self._resting and (found := epoll.poll(0, 1)):  # the last to leave closes it
            for descriptor, events in found:
                self.joined[descriptor][1](events)
            if self._loop.time() - began >= TURN:
                return

    def _go_on(self, epoll: select.epoll) -> None:
        try:
            self._loop.add_reader(epoll.fileno(), self._serve, epoll)
            self._resting = None
        except OSError:
            self._resting = self._loop.call_later(AGAIN, self._go_on, epoll)


class Lanes:
    """The lanes of those who have connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._lanes: dict[int, _Lane] = {}
        self._turn: _Lane | None = None  # whose turn it is, since when, and when somebody else had one before
        self._began = self._others = -LATELY

    def begin(self, lane: _Lane, now: float) -> None:
        """Note that it is the turn of a lane."""
        if lane is not self._turn:
            self._turn, self._others = lane, self._began
        self._began = now

    def pay(self, group: int, seconds: float) -> None:
        """Have a group, whose turn it is, wait for others who are there where a request of its took so long."""
        lane = self._lanes.get(group)
        if seconds >= LONG and lane is not None and self._began - self._others < LATELY:
            lane.rest(seconds * REST)

    def join(self, group: int, descriptor: int, watched: int, ready: Ready) -> None:
        """Have a descriptor in the lane of a group; raises `OSError`."""
        lane = self._lanes.get(group) or _Lane(self)
        lane.join(descriptor, watched, ready)
        self._lanes[group] = lane

    def watch(self, group: int, descriptor: int, watched: int) -> None:
        """Watch it for something else from now on; where that raises `OSError`, for nothing."""
        self._lanes[group].watch(descriptor, watched)

    def leave(self, group: int, descriptor: int) -> None:
        """Have it out of there."""
        lane = self._lanes[group]
        lane.leave(descriptor)
        if not lane.joined:
            del self._lanes[group]
