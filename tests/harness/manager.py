"""What systemd is to a service: a notification socket, and sockets that it passes on and keeps."""

import os
import select
import socket
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.harness.seqpacket import PATIENCE
from tests.harness.server import Rpcd

__all__ = ["HANDOVER", "Manager", "hand_over"]

HANDOVER = """
import fcntl, os, sys
names, given, *command = sys.argv[1:]
aside = [fcntl.fcntl(int(descriptor), fcntl.F_DUPFD, 100) for descriptor in given.split(",")]
for place, descriptor in enumerate(aside, 3):
    os.dup2(descriptor, place)
    os.close(descriptor)
os.closerange(3 + len(aside), 100)
os.environ |= {"LISTEN_FDS": str(len(aside)), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": names}
os.execvp(command[0], command)
"""
"""Puts descriptors where a server looks for them; only the process itself knows its LISTEN_PID (sd_listen_fds(3))."""


class Manager:
    """A notification socket (sd_notify(3)) and all that was said on it, in order."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        self.said: list[dict[str, str]] = []
        self._looked_at = 0
        self._sender = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        os.unlink(self.path)

    def start(self, server: Rpcd, environment: Mapping[str, str] | None = None) -> None:
        """Start a server that tells this manager, and wait until it is ready."""
        server.launch({"NOTIFY_SOCKET": self.path, **(environment or {})})
        self.wait("READY", server)
        server.is_process(self._sender)

    def listen(self, seconds: float = 0) -> None:
        """Take what is said within so many seconds."""
        end = time.monotonic() + seconds
        while select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            data, ((_, _, sender),), _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("iII")))
            self._sender, _, _ = struct.unpack("iII", sender)
            self.said.append(dict(line.partition("=")[::2] for line in data.decode().splitlines()))

    def wait(self, name: str, server: Rpcd) -> dict[str, str]:
        """The next message with this variable, after the one that was waited for last."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            while self._looked_at < len(self.said):
                self._looked_at += 1
                if name in self.said[self._looked_at - 1]:
                    return self.said[self._looked_at - 1]
            self.listen(0.05)
        raise AssertionError(f"{name} was not said: {self.said}; {server.log()}")

    def count(self, name: str) -> int:
        """How often a variable was told so far."""
        self.listen()
        return sum(name in state for state in self.said)

    @property
    def status(self) -> str:
        """The status line that was told last."""
        self.listen()
        return [state["STATUS"] for state in self.said if "STATUS" in state][-1]


def hand_over(server: Rpcd, descriptors: Sequence[int], names: str = "rpcd") -> None:
    """Have a server get these descriptors when it is started, as a manager that keeps its own copies passes them on.

    `names` is LISTEN_FDNAMES.
    """
    given = ",".join(map(str, descriptors))
    server.command = [sys.executable, "-c", HANDOVER, names, given, *server.command]
    server.passed = tuple(descriptors)
