"""The listener: accept connections, and let go of them in the end.

Rules of this file:

- Whatever a peer does ends at worst its own connection. Nothing here raises into the loop.
- Running out of descriptors pauses accepting instead of spinning.
"""

import asyncio
import errno
from typing import Final

from rpcd.connection import Connection, Handler, Note, Shared
from rpcd.listener import Listener
from rpcd.peer import UnidentifiedPeer, identify

__all__ = ["Server"]

ACCEPT_PAUSE: Final = 0.1
"""Seconds without accepting after descriptors ran out: the listener stays readable, and the loop would spin."""

ACCEPTS_AT_A_TURN: Final = 64


class Server:
    """Serves the connections of one listener on the running asyncio loop.

    `limit` is the largest message in bytes; `descriptors` says whether peers may pass any.
    """

    def __init__(self, listener: Listener, handler: Handler, note: Note, *, limit: int, descriptors: bool) -> None:
        self.listener = listener
        self.shared = Shared(handler=handler, note=note, limit=limit, descriptors=descriptors)
        self.loop = self.shared.loop
        self.connections = self.shared.connections

    def start(self) -> None:
        """Begin to accept."""
        self.loop.add_reader(self.listener.socket.fileno(), self._accept)

    async def drain(self, seconds: float) -> int:
        """Stop accepting and reading, wait at most `seconds` for replies that are being made, close everything.

        Whoever is not being answered is let go at once: another server may be there for it. Says how many were not
        answered in time.
        """
        self.loop.remove_reader(self.listener.socket.fileno())
        self.listener.close()
        busy = [task for connection in self.connections.copy() if (task := connection.stop())]
        unanswered = (await asyncio.wait(busy, timeout=seconds))[1] if busy else ()
        for connection in self.connections.copy():
            connection.close()
        return len(unanswered)

    def _accept(self) -> None:
        for _ in range(ACCEPTS_AT_A_TURN):
            try:
                accepted, _address = self.listener.socket.accept()  # the address is the peer's choice: never looked at
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                self._pause(error)
                return
            try:
                peer = identify(accepted)
            except UnidentifiedPeer as error:
                accepted.close()
                self.shared.note("connection_refused", why=str(error))
                continue
            except OSError as error:  # no descriptor left for the look into /proc
                accepted.close()
                self._pause(error)
                return
            self.shared.note("connected", peer=peer)
            self.connections.add(Connection(self.shared, accepted, peer))

    def _pause(self, error: OSError) -> None:
        """Stop polling the listener for a moment: EMFILE, ENFILE, ENOBUFS and ENOMEM pass, and none is worth a spin."""
        descriptor = self.listener.socket.fileno()
        self.loop.remove_reader(descriptor)
        self.shared.note("accept_paused", why=errno.errorcode.get(error.errno or 0, "unknown"))
        self.loop.call_later(ACCEPT_PAUSE, self._resume)

    def _resume(self) -> None:
        descriptor = self.listener.socket.fileno()
        if descriptor >= 0:  # not closed in the meantime
            self.loop.add_reader(descriptor, self._accept)
