"""One peer's connection: receive, hand over, reply.

Rules of this file:

- It knows one callable, which takes a peer and a datagram and gives the reply, or an awaitable of it, or None.
- One request at a time: the next datagram is read when the reply to this one is queued, and one datagram is read at
  each turn of the loop, so that no connection goes before the others.
- Whatever a peer does ends at worst its own connection. Nothing here raises into the loop.
- Every descriptor that arrives is closed on every path, and never where it could hold up the loop.
- A send never blocks. A peer that does not take its reply is not read from.
"""

import array
import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from rpcd.discard import Discarder
from rpcd.errors import Refused
from rpcd.peer import UCRED, Credentials, Peer
from rpcd.wire import Datagram, Reply

__all__ = ["Connection", "Handler", "Note", "Shared"]

Handler = Callable[[Peer, Datagram], Reply | Awaitable[Reply | None] | None]
"""What the server knows of the rest: total, that is, it raises nothing."""

Note = Callable[..., None]
"""Takes an event's name and its fields, for the audit."""

MAX_DESCRIPTORS: Final = 16
"""In one message; the kernel's own bound is SCM_MAX_FD, 253 (unix(7))."""

_CREDENTIALS_ROOM: Final = socket.CMSG_SPACE(UCRED.size)
_ROOM: Final = _CREDENTIALS_ROOM + socket.CMSG_LEN(MAX_DESCRIPTORS * array.array("i").itemsize)


@dataclass(slots=True, kw_only=True)
class Shared:
    """What the connections of a server have in common.

    `limit` is the largest message in bytes; `descriptors` says whether peers may pass any. `connections` are those that
    are open.
    """

    handler: Handler
    note: Note
    limit: int
    descriptors: bool
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    discarder: Discarder = field(default_factory=Discarder)
    connections: "set[Connection]" = field(default_factory=set)
    buffer: memoryview = field(init=False)

    def __post_init__(self) -> None:
        """One buffer serves all: what is received is copied out at once."""
        self.buffer = memoryview(bytearray(self.limit))


class Connection:
    """One peer's connection: reading, waiting for a reply, or waiting for the peer to take it."""

    __slots__ = ("descriptor", "last", "peer", "shared", "socket", "task", "unsent")

    def __init__(self, shared: Shared, accepted: socket.socket, peer: Peer) -> None:
        self.shared = shared
        self.socket = accepted
        self.descriptor = accepted.fileno()
        self.peer = peer
        self.task: asyncio.Task[None] | None = None
        self.unsent: Reply | None = None
        self.last = False  # the reply under way is the last one
        shared.loop.add_reader(self.descriptor, self._readable)

    def stop(self) -> "asyncio.Task[None] | None":
        """Read no more; what is still being answered, if anything. Where nothing is, the connection ends."""
        self.shared.loop.remove_reader(self.descriptor)
        self.last = True
        if self.task is None and self.unsent is None:
            self.close()
        return self.task

    def close(self) -> None:
        """End the connection; harmless when it has ended."""
        if self in self.shared.connections:
            self.shared.connections.discard(self)
            self.shared.loop.remove_reader(self.descriptor)
            self.shared.loop.remove_writer(self.descriptor)
            self.socket.close()
            self._release()

    def _readable(self) -> None:
        shared = self.shared
        room = _ROOM if shared.discarder.has_room(self.peer.uid) else _CREDENTIALS_ROOM
        try:
            size, ancillary, flags, _address = self.socket.recvmsg_into(
                (shared.buffer,), room, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # ECONNRESET: the peer closed with replies unread
            self.close()
            return
        sender, descriptors = _control(ancillary)
        if sender is None:
            # End of file has no sender; neither has a message queued on an inherited listener without SO_PASSCRED.
            if size or descriptors:
                shared.note("connection_refused", peer=self.peer, why="a message without credentials")
            shared.discarder.discard(self.peer.uid, descriptors)
            self.close()
            return
        if not self.peer.fits(sender):  # somebody else holds this connection: it ends with this reply
            self.last = True
            self._handle(Datagram(b"", descriptors, Refused("denied"), sender))
            return
        fault = self._fault(flags, len(descriptors))
        self._handle(Datagram(b"" if fault else bytes(shared.buffer[:size]), descriptors, fault))

    def _fault(self, flags: int, descriptors: int) -> Refused | None:
        """Why the transport refuses a message whatever it says, or None."""
        if flags & socket.MSG_TRUNC:
            return Refused("too_large", limit=self.shared.limit)
        if flags & socket.MSG_CTRUNC:
            if descriptors >= MAX_DESCRIPTORS:
                return Refused("too_large", limit=MAX_DESCRIPTORS)
            return Refused("busy", retry_after=1)  # no descriptor left here, or too many of this uid being closed
        if descriptors > MAX_DESCRIPTORS:
            return Refused("too_large", limit=MAX_DESCRIPTORS)
        if descriptors and not self.shared.descriptors:
            return Refused("unavailable", reason="descriptors")
        return None

    def _handle(self, datagram: Datagram) -> None:
        result = self.shared.handler(self.peer, datagram)
        if result is None or isinstance(result, Reply):
            self._finish(datagram.descriptors, result)
        else:
            self.shared.loop.remove_reader(self.descriptor)
            self.task = self.shared.loop.create_task(self._answer(datagram.descriptors, result))

    async def _answer(self, descriptors: Iterable[int], reply: Awaitable[Reply | None]) -> None:
        """Wait for a reply that takes time; meanwhile nothing is read."""
        finished = await reply
        self.task = None
        if self not in self.shared.connections:
            self.shared.discarder.discard(self.peer.uid, descriptors)
            self.unsent = finished
            self._release()
            return
        if not self.last:
            self.shared.loop.add_reader(self.descriptor, self._readable)
        self._finish(descriptors, finished)

    def _finish(self, descriptors: Iterable[int], reply: Reply | None) -> None:
        self.shared.discarder.discard(self.peer.uid, descriptors)
        self.unsent = reply
        if reply is None:
            if self.last:
                self.close()
        elif not self._send():
            self.shared.loop.remove_reader(self.descriptor)
            self.shared.loop.add_writer(self.descriptor, self._writable)

    def _writable(self) -> None:
        if self._send() and self in self.shared.connections:
            self.shared.loop.remove_writer(self.descriptor)
            self.shared.loop.add_reader(self.descriptor, self._readable)

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


def _control(ancillary: list[tuple[int, int, bytes]]) -> tuple[Credentials | None, tuple[int, ...]]:
    """The sender and the descriptors that came with a message."""
    sender: Credentials | None = None
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        elif kind == socket.SCM_CREDENTIALS:
            with suppress(struct.error):
                sender = Credentials.unpack(data)
    return sender, tuple(descriptors)
