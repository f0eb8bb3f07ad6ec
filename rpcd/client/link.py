"""One connection, and how an exchange is carried over it: every step but the waiting.

Rules of this file:

- All sockets are non-blocking. Where something has to be waited for, `Link.carry` yields what, and whoever drives it
  waits: `Client` with poll(2), `AsyncClient` in its event loop. Neither decides anything else.
- One exchange at a time. A connection whose exchange did not come to its end is closed and never used again.
- An exchange is sent a second time only over a new connection, only where the first was an old one that turned out to
  be gone, and only if it changes nothing or the kernel did not take it the first time.
"""

import array
import os
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, TypeVar

from rpcd.client.errors import (
    AnswerLostError,
    ConnectionFailedError,
    ProtocolError,
    RefusalError,
    RpcdError,
    TimedOutError,
    UnavailableError,
)
from rpcd.client.message import Exchange, Message

__all__ = ["DEFAULT_SOCKET", "Link", "Wait"]

DEFAULT_SOCKET: Final = "/run/rpcd/rpcd.sock"

ROOM: Final = 256 * 1024
"""Bytes for one reply: more than stock kernels pass in one datagram (212,960)."""

MAX_DESCRIPTORS: Final = 32
"""Descriptors with one reply: one for each entry of the longest batch."""

PAUSE: Final = 0.005
"""Seconds until the next try where the server's backlog is full: connect(2) says EAGAIN, and nothing can be polled."""

_DESCRIPTORS_ROOM: Final = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until `descriptor` can be read, but at most until `until` (monotonic clock); without one, until then."""

    descriptor: int | None
    until: float

    @property
    def seconds(self) -> float:
        """How long that is from now."""
        return max(0.0, self.until - time.monotonic())


Waiting = Generator[Wait, None, R]


class Link:
    """The connection to the server at `path`; made when it is first needed."""

    def __init__(self, path: str | None, connect_timeout: float, timeout: float) -> None:
        self.path = path or os.environ.get("RPCD_SOCKET") or DEFAULT_SOCKET
        self.connect_timeout = connect_timeout
        self.timeout = timeout
        self.buffer = bytearray(ROOM)
        self.socket: socket.socket | None = None
        self.process = 0

    def close(self) -> None:
        """End the connection; harmless when there is none."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def carry(self, exchange: Exchange[R]) -> Waiting[R]:
        """Ask, and return what is answered; raises `RpcdError`."""
        with Message() as message:
            exchange.compose(message)
            while True:
                used = self._usable()
                connection = yield from self._connection()
                sent = False
                try:
                    until = time.monotonic() + self.timeout
                    self._send(connection, message)
                    sent = True
                    data, descriptors = yield from self._receive(connection, until)
                    return exchange.judge(data, _contents(descriptors))
                except RefusalError:
                    raise
                except RpcdError as error:
                    self.close()
                    lost = sent and exchange.changes
                    if used and not lost and isinstance(error, ConnectionFailedError):
                        continue
                    if lost:
                        raise AnswerLostError(f"it is not known whether the change took effect: {error}") from error
                    raise
                except BaseException:  # interrupted or cancelled: the answer may still come, to nobody
                    self.close()
                    raise

    def _usable(self) -> bool:
        """Whether there is a connection from before, made by this process and not by the one it was forked from."""
        if self.process != os.getpid():
            self.close()
        return self.socket is not None

    def _connection(self) -> Waiting[socket.socket]:
        if self.socket is None:
            self.socket = yield from self._connect()
            self.process = os.getpid()
        return self.socket

    def _connect(self) -> Waiting[socket.socket]:
        until = time.monotonic() + self.connect_timeout
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            while True:
                try:
                    connection.connect(self.path)
                except BlockingIOError as error:
                    if time.monotonic() >= until:
                        raise TimedOutError(f"{self.path}: no connection in {self.connect_timeout} s") from error
                    yield Wait(None, min(until, time.monotonic() + PAUSE))
                except (OSError, ValueError) as error:  # ValueError: a NUL in the path
                    raise ConnectionFailedError(f"{self.path}: {_why(error)}") from error
                else:
                    return connection
        except BaseException:
            connection.close()
            raise

    def _send(self, connection: socket.socket, message: Message) -> None:
        """Send; nothing is under way on this connection, so the kernel has room for it at once."""
        passed = array.array("i", message.descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)] if passed else []
        try:
            connection.sendmsg([message.data], ancillary, socket.MSG_NOSIGNAL)
        except PermissionError as error:  # SO_PASSRIGHTS is off at the other end (Linux 6.16)
            data = {"kind": "unavailable", "reason": "descriptors"}
            raise UnavailableError(503, "The server takes no descriptors; nothing was sent", data) from error
        except OSError as error:
            raise ConnectionFailedError(f"{self.path}: nothing was sent: {_why(error)}") from error

    def _receive(self, connection: socket.socket, until: float) -> Waiting[tuple[bytes, list[int]]]:
        while True:
            yield Wait(connection.fileno(), until)
            try:
                size, ancillary, flags, _address = connection.recvmsg_into(
                    [self.buffer], _DESCRIPTORS_ROOM, socket.MSG_CMSG_CLOEXEC
                )
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise TimedOutError(f"no answer in {self.timeout} s") from error
            except OSError as error:
                raise ConnectionFailedError(f"{self.path}: the connection broke: {_why(error)}") from error
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            _close(descriptors)
            raise ProtocolError("the answer, or a descriptor with it, did not arrive whole")
        if size == 0:
            _close(descriptors)
            raise ConnectionFailedError(f"{self.path}: the server closed the connection")
        return bytes(memoryview(self.buffer)[:size]), descriptors.tolist()


def _why(error: OSError | ValueError) -> str:
    """What went wrong, in the system's words and without its number."""
    return getattr(error, "strerror", None) or str(error)


def _contents(descriptors: list[int]) -> list[bytes]:
    """What is in the descriptors, from their beginning wherever their offset stands; they are closed."""
    try:
        return [_whole(descriptor) for descriptor in descriptors]
    except OSError as error:
        raise ProtocolError("a descriptor came that cannot be read") from error
    finally:
        _close(descriptors)


def _whole(descriptor: int) -> bytes:
    content = bytearray()
    while piece := os.pread(descriptor, 1 << 20, len(content)):
        content += piece
    return bytes(content)


def _close(descriptors: "list[int] | array.array[int]") -> None:
    for descriptor in descriptors:
        os.close(descriptor)
