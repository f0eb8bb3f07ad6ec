"""Who the kernel says is calling.

Rules of this file:

- Everything is read once, when a connection is accepted, and never changes after.
- Decisions rest on the effective uid and gid of `SO_PEERCRED` and the groups of `SO_PEERGROUPS` (unix(7), socket(7)):
  the kernel took them when the peer connected, and no peer can choose them.
- What cannot be read is an `UnidentifiedPeer`. There are no default identities (polkit, CVE-2021-3560).
- pid, executable and unit come from `/proc` and belong to the peer only while it lives: they are looked at under a
  pidfd (`SO_PEERPIDFD`, Linux 6.5), which is asked again after. They are for the audit; a unit can only narrow a grant.
- No name service: a lookup can block, and names are the settings' matter.
"""

import array
import ctypes
import os
import select
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["OVERFLOW_ID", "Credentials", "Peer", "UnidentifiedPeer", "credentials", "identify"]

SO_PEERGROUPS: Final = 59  # asm-generic/socket.h, Linux 4.13; Python 3.11 has no name for it
SO_PEERPIDFD: Final = 77  # asm-generic/socket.h, Linux 6.5

UCRED: Final = struct.Struct("iII")
"""struct ucred: pid_t is signed, uid_t and gid_t are not (polkit, CVE-2018-19788, read them as signed)."""

INVALID_ID: Final = 2**32 - 1  # (uid_t) -1: chown(2)'s "leave as it is"
FALLBACK_OVERFLOW_ID: Final = 65534  # proc_sys_kernel(5)

_MOST_GROUPS_OF_GETSOCKOPT: Final = 256  # Python's getsockopt takes buffers of at most 1,024 bytes
_MOST_GROUPS: Final = 65536  # NGROUPS_MAX, getgroups(2)


class UnidentifiedPeer(Exception):
    """The kernel did not say who is calling; the connection is nobody's and is closed."""


def _overflow_id() -> int:
    """The uid that stands for every uid which cannot be mapped into our user namespace (user_namespaces(7))."""
    try:
        return int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return FALLBACK_OVERFLOW_ID


OVERFLOW_ID: Final = _overflow_id()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `SO_PEERCRED` and `SCM_CREDENTIALS` carry: process id, user id, group id."""

    pid: int
    uid: int
    gid: int

    @classmethod
    def unpack(cls, data: bytes) -> "Credentials":
        """Read a struct ucred; `struct.error` where the size is wrong."""
        return cls(*UCRED.unpack(data))

    def record(self) -> dict[str, object]:
        """The fields by which the audit tells them."""
        return {"pid": self.pid, "uid": self.uid, "gid": self.gid}


@dataclass(frozen=True, slots=True)
class Peer:
    """The caller of one connection.

    `uid`, `gid` and `groups` (supplementary ones) authorize. `pid`, `started` (clock ticks after boot; with the pid it
    names the process for good), `exe` and `unit` (the system unit of its cgroup) describe the process that connected;
    they are None where they cannot be had without doubt. `record` is how the audit tells the peer.
    """

    pid: int
    uid: int
    gid: int
    groups: frozenset[int]
    exe: str | None = None
    unit: str | None = None
    started: int | None = None
    record: Mapping[str, object] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Write down once what every audit record of this peer has."""
        record = {
            "uid": self.uid,
            "gid": self.gid,
            "groups": sorted(self.groups),
            "pid": self.pid,
            "started": self.started,
            "exe": self.exe,
            "unit": self.unit,
        }
        object.__setattr__(self, "record", record)

    def fits(self, sender: Credentials) -> bool:
        """Whether a message's sender is this peer: the same uid, and a gid that is one of its groups.

        The pid is not compared: a connection may pass from parent to child.
        """
        return sender.uid == self.uid and (sender.gid == self.gid or sender.gid in self.groups)


def credentials(connection: socket.socket) -> Credentials:
    """Process, user and group at the other end of `connection` when it was made.

    Raises `UnidentifiedPeer` where the kernel does not say, or says a uid that stands for an unknown one.
    """
    try:
        found = Credentials.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
    except (OSError, struct.error) as error:
        raise UnidentifiedPeer("the kernel did not tell the peer's identity") from error
    if found.uid in (OVERFLOW_ID, INVALID_ID):
        raise UnidentifiedPeer(f"uid {found.uid} stands for an unknown user")
    return found


def identify(connection: socket.socket) -> Peer:
    """Ask the kernel for all that there is to know of who is at the other end; raises `UnidentifiedPeer`."""
    found = credentials(connection)
    try:
        groups = _groups(connection)
    except (OSError, struct.error) as error:
        raise UnidentifiedPeer("the kernel did not tell the peer's identity") from error
    exe, unit, started = _process(connection, found.pid)
    return Peer(found.pid, found.uid, found.gid, groups, exe, unit, started)


def _groups(connection: socket.socket) -> frozenset[int]:
    """The supplementary groups of the peer when it connected; the primary one is not among them."""
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * _MOST_GROUPS_OF_GETSOCKOPT)
    except OSError:
        data = _many_groups(connection)
    groups = array.array("I")
    groups.frombytes(data)
    return frozenset(groups)


def _many_groups(connection: socket.socket) -> bytes:
    """The groups of a peer that has more of them than Python's getsockopt has room for."""
    libc = ctypes.CDLL(None, use_errno=True)
    room = ctypes.create_string_buffer(4 * _MOST_GROUPS)
    size = ctypes.c_uint32(len(room))
    if libc.getsockopt(connection.fileno(), socket.SOL_SOCKET, SO_PEERGROUPS, room, ctypes.byref(size)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return room.raw[: size.value]


def _process(connection: socket.socket, pid: int) -> tuple[str | None, str | None, int | None]:
    """Executable, unit and start time of the peer's process, or None for what cannot be known for sure.

    Without a pidfd of the kernel's own making a pid may long be somebody else's, so nothing is looked up.
    """
    try:
        pidfd = connection.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    except OSError:
        return None, None, None
    try:
        found = _executable(pid), _unit(pid), _started(pid)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        # A pidfd is readable once its process has ended (pidfd_open(2)): what was read may be another's.
        return (None, None, None) if poll.poll(0) else found
    finally:
        os.close(pidfd)


def _executable(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:  # a process of another uid, and no CAP_SYS_PTRACE; a kernel thread
        return None


def _read(path: str) -> str:
    """A small file of /proc, or nothing where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """Field 22 of proc_pid_stat(5), counted after the command's closing parenthesis: it may hold anything."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else None  # noqa: PLR2004 - field 22, less the two before it, from 0


def _unit(pid: int) -> str | None:
    return unit_of(_read(f"/proc/{pid}/cgroup"))


def unit_of(cgroups: str) -> str | None:
    """The system unit that a `/proc/PID/cgroup` (cgroups(7)) places a process in.

    Only the first component below the slices counts. What stands below it was made by the unit itself, so a user's own
    manager (`user@1000.service`) can name its units as it likes without being taken for them.
    """
    paths = dict(line.split(":", 2)[1:] for line in cgroups.splitlines() if line.count(":") > 1)
    path = paths.get("name=systemd", paths.get("", ""))
    for component in path.split("/"):
        if component and not component.endswith(".slice"):
            return component if component.endswith((".service", ".scope")) else None
    return None
