"""What comes beside the bytes of a message: who sent it, and descriptors (unix(7)).

Rules of this file:

- There is room for as many descriptors as the kernel lets through. Those without room it would close where the message
  is received, and whoever passed them says how long that takes (SO_LINGER, socket(7)).
- A message can be looked at without being taken: its descriptors stay where they are, and those that are made of them
  meanwhile are closed at once, since they are not the last ones. Where descriptors may run out that comes first: those
  without room would be closed where the message is received as well.
"""

import array
import os
import resource
import socket
import struct
from contextlib import suppress
from typing import Final, NamedTuple

from rpcd.errors import Refused
from rpcd.peer import UCRED, Credentials

__all__ = ["NoRoom", "Received", "Spare", "drop", "look", "receive", "refusal"]

SCM_MAX_FD: Final = 253  # unix(7)

MAX_DESCRIPTORS: Final = 16
"""In one message."""

CREDENTIALS_ROOM: Final = socket.CMSG_SPACE(UCRED.size)
ROOM: Final = CREDENTIALS_ROOM + socket.CMSG_LEN(SCM_MAX_FD * array.array("i").itemsize)
"""Bytes for everything that can come beside a message."""


DROPPED: Final = 8
"""Messages of a connection that are taken before it is closed."""

FEW: Final = 4096
"""A limit of open files up to which they may run out at any moment: workers open some, and so do replies."""

RESERVE: Final = 2048
"""How many must be free where the limit is higher: more than are opened while nobody looks."""


class NoRoom(Exception):
    """A message has come with more descriptors than can be had; it stays where it is."""


class Received(NamedTuple):
    """How long a message is, who the kernel says sent it, the descriptors that came with it, and flags (recvmsg(2))."""

    size: int
    sender: Credentials | None
    descriptors: tuple[int, ...]
    flags: int


class Spare:
    """Whether descriptors may run out: `scarce`. The kernel gives the lowest number that is free (open(2))."""

    def __init__(self) -> None:
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.scarce = self._most != resource.RLIM_INFINITY and self._most <= FEW

    def note(self, descriptor: int) -> None:
        """A descriptor has been made."""
        if self._most != resource.RLIM_INFINITY and descriptor >= self._most - RESERVE:
            self.scarce = True

    def look(self) -> None:
        """Look again."""
        self.scarce = self._most != resource.RLIM_INFINITY and self._most <= FEW
        try:
            made = os.dup(2)
        except OSError:
            self.scarce = True
        else:
            self.note(made)
            os.close(made)


def receive(connection: socket.socket, buffer: memoryview, spare: Spare) -> Received:
    """Take the next message; what it says is in `buffer` then. Raises `OSError`, and `NoRoom`."""
    if not spare.scarce:
        received = _receive(connection, buffer, ROOM)
    else:
        received = _receive(connection, buffer, ROOM, socket.MSG_PEEK)
        if received.flags & socket.MSG_CTRUNC:
            for descriptor in received.descriptors:
                os.close(descriptor)
            raise NoRoom
        connection.recvmsg(1, CREDENTIALS_ROOM, socket.MSG_DONTWAIT)
    if received.descriptors:
        spare.note(max(received.descriptors))
    return received


def _receive(connection: socket.socket, buffer: memoryview, room: int, flags: int = 0) -> Received:
    size, ancillary, told, _address = connection.recvmsg_into(
        (buffer,), room, flags | socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    )
    return Received(size, *_control(ancillary), told)


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


def drop(connection: socket.socket) -> None:
    """Take some messages that have come and close what comes with them, as long as that takes. Raises nothing.

    Who has sent more was not going to wait for a reply.
    """
    with suppress(OSError):
        for _ in range(DROPPED):
            if look(connection) is None:
                return
            connection.recvmsg(1, CREDENTIALS_ROOM, socket.MSG_DONTWAIT)
