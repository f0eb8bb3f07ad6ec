"""What comes beside the bytes of a message: who sent it, and descriptors (unix(7)).

Rules of this file:

- There is room for as many descriptors as the kernel lets through. Those without room it would close where the message
  is received, and whoever passed them says how long that takes (SO_LINGER, socket(7)).
- A message can be looked at without being taken: its descriptors stay where they are.
"""

import array
import socket
import struct
from contextlib import suppress
from typing import Final

from rpcd.errors import Refused
from rpcd.peer import UCRED, Credentials

__all__ = ["ROOM", "control", "look", "refusal"]

SCM_MAX_FD: Final = 253  # unix(7)

MAX_DESCRIPTORS: Final = 16
"""In one message."""

CREDENTIALS_ROOM: Final = socket.CMSG_SPACE(UCRED.size)
ROOM: Final = CREDENTIALS_ROOM + socket.CMSG_LEN(SCM_MAX_FD * array.array("i").itemsize)
"""Bytes for everything that can come beside a message."""


def control(ancillary: list[tuple[int, int, bytes]]) -> tuple[Credentials | None, tuple[int, ...]]:
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


def refusal(flags: int, descriptors: int, *, limit: int, allowed: bool) -> Refused | None:
    """Why a message that came with these flags, and so many descriptors, is refused whatever it says, or None.

    `limit` is the largest message in bytes; `allowed` says whether peers may pass descriptors.
    """
    if flags & socket.MSG_TRUNC:
        return Refused("too_large", limit=limit)
    if flags & socket.MSG_CTRUNC:
        return Refused("busy", retry_after=1)  # no descriptor left here
    if descriptors > MAX_DESCRIPTORS:
        return Refused("too_large", limit=MAX_DESCRIPTORS)
    if descriptors and not allowed:
        return Refused("unavailable", reason="descriptors")
    return None


def look(connection: socket.socket) -> bool | None:
    """Whether the next message, which stays where it is, has descriptors with it; None where there is no message."""
    try:
        data, sender, flags, _address = connection.recvmsg(1, CREDENTIALS_ROOM, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return None
    return bool(flags & socket.MSG_CTRUNC) if data or sender else None
