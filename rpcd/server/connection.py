"""One peer's connection: receive, hand over, reply.

Rules of this file:

- It knows one callable, which takes a peer and a datagram and gives the reply, or an awaitable of it, or None.
- One request at a time: the next datagram is read when the reply to this one is queued. Whose datagram is the next is
  for its lane to say.
- Whatever a peer does ends at worst its own connection. Nothing here raises into the loop.
- Every descriptor that arrives is closed on every path, and never where it could hold up the loop.
- A send never blocks. A peer that does not take its reply is not read from, and in the end cut off.
- A connection keeps its seat until what it asked for is answered, also when its peer has gone.
"""

import array
import asyncio
import os
import select
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import thread_time
from typing import Final

from rpcd.errors import Refused
from rpcd.peer import Peer
from rpcd.quotas import RETRY_AFTER, Seats, Usage
from rpcd.server.discard import Discarder
from rpcd.server.lanes import NOTHING, READABLE, WRITABLE, Lanes
from rpcd.server.passed import NoRoom, Spare, look, receive, refusal
from rpcd.wire import Datagram, Reply

__all__ = ["Connection", "Handler", "Note", "Shared"]

Handler = Callable[[Peer, Datagram], Reply | Awaitable[Reply | None] | None]
"""What the server knows of the rest: total, that is, it raises nothing."""

Note = Callable[..., None]
"""Takes an event's name and its fields, for the audit."""

LIGHT: Final = 4096
"""Bytes of a message up to which nobody looks how long it takes to answer."""

ROOM_AGAIN: Final = 0.1
"""Seconds after which it is looked whether there is room for descriptors again."""


@dataclass(slots=True, kw_only=True)
class Shared:
    """What the connections of a server have in common.

    `limit` is the largest message in bytes; `descriptors` says whether peers may pass any. `connections` are those that
    are open, each with a seat and in a lane. `now` is a coarse clock in seconds, which stands still while the server
    does: nobody is late because the server was stopped.
    """

    handler: Handler
    note: Note
    usage: Usage
    limit: int
    descriptors: bool
    loop: asyncio.AbstractEventLoop
    lanes: Lanes
    now: float = 0
    discarder: Discarder = field(default_factory=Discarder)
    spare: Spare = field(default_factory=Spare)
    connections: "set[Connection]" = field(default_factory=set)
    buffer: memoryview = field(init=False)

    def __post_init__(self) -> None:
        """One buffer serves all: what is received is copied out at once."""
        self.buffer = memoryview(bytearray(self.limit))


class Connection:
    """One peer's connection: reading, waiting for a reply, or waiting for the peer to take it."""

    __slots__ = (
        "active",
        "descriptor",
        "group",
        "last",
        "peer",
        "shared",
        "since",
        "socket",
        "task",
        "unsent",
        "watched",
    )

    def __init__(self, shared: Shared, accepted: socket.socket, peer: Peer, group: int) -> None:
        self.shared = shared
        self.socket = accepted
        self.descriptor = accepted.fileno()
        self.peer = peer
        self.group = group
        self.task: asyncio.Task[None] | None = None
        self.unsent: Reply | None = None
        self.last = False  # the reply under way is the last one
        self.active = True  # something came since `overdue` was last asked
        self.since = shared.now  # when it last did anything, as far as is known
        self.watched: int | None = READABLE
        self._sit()

    def _sit(self) -> None:
        """Take a seat and join the lane."""
        if self.watched is not None:
            self.shared.lanes.join(self.group, self.descriptor, self.watched, self._ready)
        self.shared.usage.seats.take(self.group)
        self.shared.connections.add(self)

    def _rise(self) -> None:
        """Give them back."""
        self._watch(None)
        self.shared.usage.seats.leave(self.group)
        self.shared.connections.discard(self)

    def change_to(self, group: int) -> None:
        """Count for another group from now on."""
        watched = self.watched
        self._rise()
        self.group, self.watched = group, watched
        try:
            self._sit()
        except OSError:  # no descriptor left for another lane
            self.shared.discarder.end(self.group, self.socket)
            self._release()

    def stop(self) -> "asyncio.Task[None] | None":
        """Read no more; what is still being answered, if anything. Where nothing is, the connection ends."""
        self._watch(None)
        self.last = True
        if self.task is None and self.unsent is None:
            self.close()
        return self.task

    def close(self) -> None:
        """End the connection; harmless when it has ended."""
        if self in self.shared.connections:
            self._rise()
            self.shared.discarder.end(self.group, self.socket)
            self._release()

    def overdue(self) -> str | None:
        """Which time is over, as the quota is called; None while the connection may stay.

        It is asked now and then, so that no request has to look at a clock.
        """
        now, quotas = self.shared.now, self.shared.usage.quotas
        if self.unsent is not None:
            return "stall" if now - self.since >= quotas.stall else None
        if self.active or self.task is not None:
            self.active, self.since = False, now
            return None
        stranger = self.group == Seats.STRANGERS
        if now - self.since < (quotas.idle_of_strangers if stranger else quotas.idle):
            return None
        return "idle_of_strangers" if stranger else "idle"

    def _watch(self, watched: int | None) -> None:
        """Be told of this from now on; of nothing more, once it is None."""
        if self.watched is None or self.watched == watched:
            return
        if watched is None:
            self.shared.lanes.leave(self.group, self.descriptor)
        else:
            try:
                self.shared.lanes.watch(self.group, self.descriptor, watched)
            except OSError:  # the kernel has no room for it: nobody would learn what happens here
                self.close()
                return
        self.watched = watched

    def _ready(self, events: int) -> None:
        """Something has happened: what is to be done about it depends on what is under way."""
        if self.unsent is not None:
            self._writable()
        elif self.task is None:
            self.active = True
            if self.shared.discarder.has_room(self.group) or not look(self.socket):
                self._readable()
            elif events & (select.EPOLLHUP | select.EPOLLERR):
                self.close()
            else:
                self._wait_for_room()
        else:  # a peer that has hung up would be told of again and again
            self._watch(None if events & (select.EPOLLHUP | select.EPOLLERR) else NOTHING)

    def _wait_for_room(self) -> None:
        """Read on when what this uid has passed before is closed."""
        if self.watched is None:
            return
        room = self.shared.discarder.has_room(self.group)
        self._watch(READABLE if room else NOTHING)
        if not room:
            self.shared.loop.call_later(ROOM_AGAIN, self._wait_for_room)

    def _readable(self) -> None:
        shared = self.shared
        try:
            size, sender, descriptors, flags = receive(self.socket, shared.buffer, shared.spare)
        except (BlockingIOError, InterruptedError):
            return
        except NoRoom:  # what came is closed with the connection
            self.last = True
            self._handle(Datagram(b"", (), Refused("busy", retry_after=RETRY_AFTER)))
            return
        except OSError:  # ECONNRESET: the peer closed with replies unread
            self.close()
            return
        if sender is None:
            # End of file has no sender; neither has a message queued on an inherited listener without SO_PASSCRED.
            if size or descriptors:
                shared.note("connection_refused", peer=self.peer, why="a message without credentials")
            shared.discarder.discard(self.group, descriptors)
            self.close()
            return
        if not self.peer.fits(sender):  # somebody else holds this connection: it ends with this reply
            self.last = True
            self._handle(Datagram(b"", descriptors, Refused("denied"), sender))
            return
        fault = refusal(flags, len(descriptors), limit=shared.limit, allowed=shared.descriptors)
        self._handle(Datagram(b"" if fault else bytes(shared.buffer[:size]), descriptors, fault))

    def _handle(self, datagram: Datagram) -> None:
        if len(datagram.data) <= LIGHT:
            result = self.shared.handler(self.peer, datagram)
        else:
            began = thread_time()  # a system call; what workers and the machine do meanwhile does not count
            result = self.shared.handler(self.peer, datagram)
            self.shared.lanes.pay(self.group, thread_time() - began)
        if result is None or isinstance(result, Reply):
            self._finish(datagram.descriptors, result)
        else:
            self.task = self.shared.loop.create_task(self._answer(datagram.descriptors, result))

    async def _answer(self, descriptors: Iterable[int], reply: Awaitable[Reply | None]) -> None:
        """Wait for a reply that takes time; meanwhile nothing is read."""
        finished = await reply
        self.task = None
        if self not in self.shared.connections:
            self.shared.discarder.discard(self.group, descriptors)
            self.unsent = finished
            self._release()
            return
        self._finish(descriptors, finished)
        if self.watched is None:  # the peer has hung up, or the server ends
            self.close()
        self._watch(WRITABLE if self.unsent is not None else READABLE)

    def _finish(self, descriptors: Iterable[int], reply: Reply | None) -> None:
        self.shared.discarder.discard(self.group, descriptors)
        self.unsent = reply
        if reply is None:
            if self.last:
                self.close()
        elif not self._send():
            self.since = self.shared.now
            self._watch(WRITABLE)

    def _writable(self) -> None:
        if self._send():
            self._watch(READABLE)

    def _send(self) -> bool:
        """Send what is to be sent; False where the peer's queue is full."""
        reply = self.unsent
        if reply is None:
            return True
        flags = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        try:
            if reply.descriptors:
                passed = array.array("i", reply.descriptors)
                self.socket.sendmsg([reply.data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)], flags)
            else:
                self.socket.send(reply.data, flags)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:  # EPIPE, ECONNRESET: it asked and left
            self.close()
            return True
        self._release()
        if self.last:
            self.close()
        return True

    def _release(self) -> None:
        """Forget the reply, and close its descriptors: they are memfds of our own, which close at once."""
        if self.unsent is not None:
            for descriptor in self.unsent.descriptors:
                os.close(descriptor)
            self.unsent = None
