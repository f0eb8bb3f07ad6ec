"""The listening socket: made here, or handed over by systemd.

Rules of this file:

- The path has its mode from its first instant: `fchmod` on the unbound socket, then `bind` (HAZARDS: after `bind` it
  changes nothing).
- `SO_PASSCRED` is set before `listen`, so that every message carries its sender, also those sent before `accept`.
- A stale socket is cleaned up; a living one, and anything that is not our socket, is left alone and is an error.
- A socket that was handed over is used only if it is what we would have made; its path is not ours to remove.
"""

import errno
import os
import re
import socket
import stat
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

__all__ = ["Listener", "ListenerFault", "inherit", "listen"]

log = structlog.get_logger("rpcd")

SO_PASSRIGHTS: Final = 83  # asm-generic/socket.h, Linux 6.16
FIRST_INHERITED: Final = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)
NAME: Final = "rpcd"
"""FileDescriptorName= of the socket (systemd.socket(5))."""

DATAGRAM_OVERHEAD: Final = 32  # bytes that the kernel keeps of a send buffer (unix_dgram_sendmsg)
_COUNT: Final = re.compile(r"[0-9]{1,4}")
LONGEST_PATH: Final = 107  # sun_path less its NUL, unix(7)


class ListenerFault(Exception):
    """Why the server cannot listen, in words for the administrator."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening SOCK_SEQPACKET socket; `path` is what has to be removed in the end, where we made it."""

    socket: socket.socket
    path: str | None
    inode: int | None = None

    def require_room(self, size: int) -> None:
        """Raise `ListenerFault` where a reply of `size` bytes would not fit into a connection's send buffer.

        It is known before anything is changed: a reply that cannot be sent would come too late (EMSGSIZE, send(2)).
        """
        room = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - DATAGRAM_OVERHEAD
        if size > room:
            self.close()
            raise ListenerFault(
                f"server.max_message: sockets here take {room} bytes (net.core.wmem_default, socket(7))"
            )

    def close(self) -> None:
        """Stop listening, and remove the path if it is still the one we made."""
        self.socket.close()
        if self.path is not None:
            try:
                if os.lstat(self.path).st_ino == self.inode:
                    os.unlink(self.path)
            except FileNotFoundError:
                pass


def listen(path: str, mode: int, *, descriptors: bool) -> Listener:
    """Bind and listen at `path` with `mode`; without `descriptors`, where the kernel can, nobody can send any.

    Raises `ListenerFault` where something else is there, or somebody already listens.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ListenerFault(f"{path}: a socket's path has at most {LONGEST_PATH} bytes")
    _clear(path)
    unbound = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        os.fchmod(unbound.fileno(), mode)
        umask = os.umask(0)  # bind(2) would take its bits away from the mode
        try:
            unbound.bind(path)
        finally:
            os.umask(umask)
        _prepare(unbound, descriptors=descriptors)
        unbound.listen(socket.SOMAXCONN)
    except OSError as error:
        unbound.close()
        raise ListenerFault(f"{path}: {os.strerror(error.errno or 0)}") from error
    return Listener(unbound, path, os.lstat(path).st_ino)


def inherit(environment: MutableMapping[str, str], *, descriptors: bool) -> Listener | None:
    """The socket that systemd handed over (sd_listen_fds(3)), or None where it handed over none.

    Of several descriptors it is the one with the name `rpcd`, or else the only one without a name of its own; what has
    another name is closed. The variables are taken out of the environment: they are for this process alone.

    Raises `ListenerFault` where what is handed over is not ours, not one, or not a listening SOCK_SEQPACKET socket.
    """
    if "LISTEN_FDS" not in environment:
        return None
    count, pid, names = (environment.pop(name, "") for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()):
        raise ListenerFault("LISTEN_FDS is set for another process: LISTEN_PID is not ours")
    if not _COUNT.fullmatch(count):
        raise ListenerFault(f"LISTEN_FDS is no number of descriptors: {count[:32]!r}")
    found = range(FIRST_INHERITED, FIRST_INHERITED + int(count))
    if not all(map(_is_handed_over, found)):
        raise ListenerFault(f"LISTEN_FDS counts {count} descriptors, and fewer are handed over")
    named = dict(zip(found, names.split(":"), strict=False)) if names else {}
    chosen = [descriptor for descriptor in found if named.get(descriptor) == NAME] or [
        descriptor for descriptor in found if _is_unnamed(named.get(descriptor, ""))
    ]
    if len(chosen) > 1:
        raise ListenerFault(f"{len(chosen)} sockets are handed over; one can be served (FileDescriptorName={NAME})")
    for descriptor in found:
        if descriptor not in chosen:
            log.warning("a descriptor that was handed over is closed", name=named.get(descriptor, ""))
            with suppress(OSError):
                os.close(descriptor)
    return _take(chosen[0], descriptors=descriptors) if chosen else None


def _is_handed_over(descriptor: int) -> bool:
    """Whether somebody else has opened it: nothing of ours outlives an exec."""
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def _is_unnamed(name: str) -> bool:
    """Whether nobody gave this name: systemd's for such a descriptor is that of the socket's unit, or `unknown`."""
    return name in ("", "unknown") or name.endswith(".socket")


def _take(descriptor: int, *, descriptors: bool) -> Listener:
    """The listener that is at a descriptor, which is closed: an inherited one is not close-on-exec."""
    try:
        handed = socket.socket(fileno=os.dup(descriptor))
        os.close(descriptor)
    except OSError as error:
        raise ListenerFault("LISTEN_FDS names a descriptor that is not a socket") from error
    fits = (
        handed.family == socket.AF_UNIX
        and handed.type == socket.SOCK_SEQPACKET
        and handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    )
    if not fits:
        handed.close()
        raise ListenerFault("LISTEN_FDS names something else than a listening SOCK_SEQPACKET socket")
    _prepare(handed, descriptors=descriptors)
    return Listener(handed, None)


def _prepare(listener: socket.socket, *, descriptors: bool) -> None:
    listener.setblocking(False)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    if not descriptors:
        try:
            listener.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:  # before 6.16 the receiving side gives them no room instead
                raise


def _clear(path: str) -> None:
    """Remove a socket that nobody listens on any more; anything else at `path` is an error.

    The caller holds the lock in `state`: no second server of ours is between these steps.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenerFault(f"{path}: {error.strerror}") from error
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenerFault(f"{path}: something that is not a socket is there")
    if found.st_uid != os.geteuid():
        raise ListenerFault(f"{path}: a socket of uid {found.st_uid} is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.setblocking(False)  # a full backlog is somebody alive: EAGAIN, not a wait
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError as error:
            raise ListenerFault(f"{path}: a socket in use is there ({error.strerror})") from error
    raise ListenerFault(f"{path}: another server listens there")
