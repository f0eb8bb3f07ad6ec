"""The listener: accept connections, give them seats, and let go of them in the end.

Rules of this file:

- Whatever a peer does ends at worst its own connection. Nothing here raises into the loop.
- Who is refused learns it at once, and costs as little as possible: it is not even asked who it is beyond its uid.
- Running out of descriptors pauses accepting instead of spinning.
- Time is looked at in one periodic sweep over all connections, never for a single request.
"""

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from rpcd.errors import Refused
from rpcd.peer import UCRED, Peer, UnidentifiedPeer, credentials, identify
from rpcd.quotas import RETRY_AFTER, Seats, Usage
from rpcd.server.connection import Connection, Handler, Note, Shared
from rpcd.server.lanes import Lanes
from rpcd.server.listener import Listener, ListenerFault
from rpcd.server.passed import look
from rpcd.wire import encode

__all__ = ["Server"]

Knows = Callable[[Peer], bool]
"""Whether any grant names a peer."""

ACCEPT_PAUSE: Final = 0.1
"""Seconds without accepting after descriptors ran out: the listener stays readable, and the loop would spin."""

ACCEPTING: Final = 0.0001
"""Seconds of a turn of the loop after which connections that still wait are left for the next one; one is accepted."""

SWEEP: Final = 1.0
"""Seconds between two looks for connections whose time is over."""

BUSY: Final = encode({"jsonrpc": "2.0", "error": Refused("busy", retry_after=RETRY_AFTER).error(), "id": None})

UNREAD: Final = 8
"""Requests of a refused peer that are taken off its queue: with one unread, close(2) keeps our reply from it."""


class Server:
    """Serves the connections of one listener on the running asyncio loop.

    `knows` says whether a grant names a peer; `limit` is the largest message in bytes; `descriptors` says whether peers
    may pass any.
    """

    def __init__(
        self,
        listener: Listener,
        handler: Handler,
        note: Note,
        *,
        knows: Knows,
        usage: Usage,
        limit: int,
        descriptors: bool,
    ) -> None:
        self.listener = listener
        self.knows = knows
        self.loop = asyncio.get_running_loop()
        self.shared = Shared(
            handler=handler,
            note=note,
            usage=usage,
            limit=limit,
            descriptors=descriptors,
            loop=self.loop,
            lanes=Lanes(self.loop),
        )
        self.connections = self.shared.connections
        self.stopping = threading.Event()
        self.ticking = threading.Thread(target=self._tick, name="tick", daemon=True)

    def start(self) -> None:
        """Begin to accept; raises `ListenerFault` where the machine has no thread for it."""
        try:
            self.ticking.start()
        except RuntimeError as error:
            self.listener.close()
            raise ListenerFault("no thread can be had (pthread_create(3))") from error
        self.loop.add_reader(self.listener.socket.fileno(), self._accept)

    def judge_again(self) -> None:
        """Seat everybody anew: grants have changed, and with them who is a stranger."""
        seats = self.shared.usage.seats
        for connection in self.connections.copy():
            group = seats.group(connection.peer.uid, known=self.knows(connection.peer))
            if group != connection.group:
                connection.change_to(group)

    async def drain(self, seconds: float) -> "set[asyncio.Task[None]]":
        """Stop accepting and reading, wait at most `seconds` for replies that are being made, close everything.

        Whoever is not being answered is let go at once: another server may be there for it. What was not answered in
        time goes on, and is returned.
        """
        self.loop.remove_reader(self.listener.socket.fileno())
        self.listener.close()
        self.stopping.set()
        self.ticking.join()
        busy = [task for connection in self.connections.copy() if (task := connection.stop())]
        unanswered = (await asyncio.wait(busy, timeout=seconds))[1] if busy else set()
        for connection in self.connections.copy():
            connection.close()
        return unanswered

    def _accept(self) -> None:
        until = self.loop.time() + ACCEPTING
        while self.loop.time() < until:
            try:
                accepted, _address = self.listener.socket.accept()  # the address is the peer's choice: never looked at
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                self._pause(error)
                return
            try:
                self._admit(accepted)
            except UnidentifiedPeer as error:
                self.shared.note("connection_refused", why=str(error))
                self.shared.discarder.end(Seats.STRANGERS, accepted)
            except OSError as error:  # no descriptor left for the look into /proc, or for a lane
                self.shared.discarder.end(Seats.STRANGERS, accepted)
                self._pause(error)
                return

    def _admit(self, accepted: socket.socket) -> None:
        """Give a connection its seat, or tell its peer that there is none."""
        self.shared.spare.note(accepted.fileno())
        if _has_gone(accepted):
            accepted.close()
            return
        usage = self.shared.usage
        caller = credentials(accepted)
        # To somebody whom a grant may name this quota applies; to a stranger, at least all that it can fail by.
        group = usage.seats.group(caller.uid, known=True)
        full = usage.seats.full(group, usage.quotas)
        if full is None:
            peer = identify(accepted)
            group = usage.seats.group(peer.uid, known=self.knows(peer))
            full = usage.seats.full(group, usage.quotas)
        if full is not None:
            self.shared.note("connection_refused", sender=caller.record(), why=full)
            _refuse(accepted)
            self.shared.discarder.end(group, accepted)
            return
        Connection(self.shared, accepted, peer, group)
        self.shared.note("connected", peer=peer)

    def _tick(self) -> None:
        """A thread's: a timer of the loop's own would be set and taken back by the kernel around each request."""
        while not self.stopping.wait(SWEEP):
            self.loop.call_soon_threadsafe(self._sweep)

    def _sweep(self) -> None:
        """Close the connections whose time is over; see what peers have let go of."""
        self.shared.now += SWEEP
        self.shared.usage.contents.settle()
        self.shared.spare.look()
        for connection in self.connections.copy():
            if (why := connection.overdue()) is not None:
                if why == "stall":
                    self.shared.note("connection_refused", peer=connection.peer, why=why)
                connection.close()

    def _pause(self, error: OSError) -> None:
        """Stop polling the listener for a moment: EMFILE, ENFILE, ENOBUFS and ENOMEM pass, and none is worth a spin."""
        descriptor = self.listener.socket.fileno()
        self.loop.remove_reader(descriptor)
        self.shared.note("accept_paused", why=errno.errorcode.get(error.errno or 0, "unknown"))
        self.loop.call_later(ACCEPT_PAUSE, self._resume)

    def _resume(self) -> None:
        descriptor = self.listener.socket.fileno()
        if descriptor >= 0:  # not closed in the meantime
            try:
                self.loop.add_reader(descriptor, self._accept)
            except OSError:
                self.loop.call_later(ACCEPT_PAUSE, self._resume)


def _has_gone(accepted: socket.socket) -> bool:
    """Whether a peer has closed its connection without a request: nobody is there who could be served."""
    try:
        data, sender, _flags, _address = accepted.recvmsg(
            1, socket.CMSG_SPACE(UCRED.size), socket.MSG_PEEK | socket.MSG_DONTWAIT
        )
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    return not data and not sender


def _refuse(accepted: socket.socket) -> None:
    """Tell a peer that there is no seat for it; nothing is waited for."""
    with suppress(OSError):
        accepted.shutdown(socket.SHUT_RD)  # what is sent from now on fails over there
        for _ in range(UNREAD):
            if look(accepted) is not False:
                break
            accepted.recv(1, socket.MSG_DONTWAIT)
        accepted.send(BUSY, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
