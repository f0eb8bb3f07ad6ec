"""Messages between a server and its workers: a length in four bytes, and that much JSON. Pure but for the socket.

Rules of this file:

- Texts keep all their bytes: what is no UTF-8 travels as lone surrogates, which JSON escapes.
- Both sides believe no length above `MOST`.
"""

import json
import struct
from typing import Any, Final, Protocol

__all__ = ["Channel", "receive", "send"]

MOST: Final = 64 * 1024 * 1024
"""Bytes of a message: the nodes of the largest text."""

_LENGTH: Final = struct.Struct(">I")


class Channel(Protocol):
    """What a stream socket has that is needed here."""

    def sendall(self, data: bytes, /) -> None:
        """See socket(7)."""

    def recv(self, size: int, /) -> bytes:
        """See socket(7)."""


def send(channel: Channel, message: object) -> None:
    """Send one message; raises `OSError`."""
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    channel.sendall(_LENGTH.pack(len(data)) + data)


def receive(channel: Channel) -> Any:
    """The next message; raises `EOFError` where there is none any more, and `OSError`."""
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    if length > MOST:
        raise EOFError
    return json.loads(_exactly(channel, length))


def _exactly(channel: Channel, size: int) -> bytes:
    parts = []
    while size:
        part = channel.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
