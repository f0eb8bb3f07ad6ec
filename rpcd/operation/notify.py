"""What systemd is told (sd_notify(3)), where it asked to be told.

Rules of this file:

- The environment is read once, and what was meant for this process alone is taken out of it.
- The watchdog is fed only by a loop that turns and a worker that answers: a server that hangs is one that is gone. One
  that can have no thread for a worker does not hang: to start it anew would help nobody.
- Nothing here can fail the server, or hold it up: systemd that does not listen is told later, or not.
"""

import asyncio
import os
import re
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Final

from rpcd.errors import Refused

__all__ = ["Notifier"]

LOOK_EVERY: Final = 1.0
"""Seconds after which the status line may be an old one."""

LEAST: Final = 0.01
"""Seconds between two signs of life at least, whatever is asked for: a server that does nothing else is no use."""

_MICROSECONDS: Final = re.compile(r"[1-9][0-9]{0,19}")

EXTENSION: Final = 10.0
"""Seconds that systemd is asked for at each turn while the server drains."""

MOST_OWED: Final = 16
"""Messages that wait for a manager which has no room for them just now."""

PATIENCE: Final = 300.0
"""Seconds for which it is asked: a disk that takes longer may never come back, and the next start settles the rest."""


class Notifier:
    """The manager that started this process, or nobody.

    `watchdog` is the time in seconds within which it wants to hear from us, or None.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address if address.startswith("/") else ""
        # Open from the start: it is needed most where no descriptor is left.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._owed: deque[str] = deque(maxlen=MOST_OWED)
        self._status = ""
        self.watchdog = _watchdog(environment)

    @property
    def listens(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._address)

    def tell(self, *states: str) -> None:
        """Send states, all of them at one time; what it has no room for now is sent later, in the same order."""
        if self._address:
            self._owed.append("\n".join(states))
            self._send()

    def _send(self) -> None:
        with suppress(OSError):
            while self._owed:
                self._socket.sendto(self._owed[0].encode(), self._address)
                self._owed.popleft()

    def ready(self, status: str) -> None:
        """The server serves, from its start or after it has read its settings again."""
        self._status = status
        self.tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The settings are being read; `ready` has to follow (Type=notify-reload wants the time too)."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, status: str) -> None:
        """One line for a person, where it is not the one that was told last."""
        if status != self._status:
            self._status = status
            self.tell(f"STATUS={status}")

    async def attend(self, status: Callable[[], str], work: Callable[[], Awaitable[object]]) -> None:
        """Keep the status line true, and feed the watchdog whenever `work`, done by a worker, comes back in time."""
        every = max(min(LOOK_EVERY, self.watchdog / 2), LEAST) if self.watchdog else LOOK_EVERY
        while self.listens:
            await asyncio.sleep(every)
            self._send()
            self.status(status())
            if self.watchdog:
                with suppress(Refused):  # no worker can be had just now: that is an answer, too
                    await work()
                self.tell("WATCHDOG=1")

    async def stopping(self) -> None:
        """Say that the server ends, and go on asking for time until this is cancelled, or there is no more patience."""
        self.tell("STOPPING=1", "STATUS=Finishing what has begun.")
        end = time.monotonic() + PATIENCE
        while self.listens and time.monotonic() < end:
            self.tell(f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1e6)}", "WATCHDOG=1")
            await asyncio.sleep(EXTENSION / 4)


def _watchdog(environment: MutableMapping[str, str]) -> float | None:
    """The watchdog's time in seconds (sd_watchdog_enabled(3)); None where none is set, or another process is meant."""
    time_limit, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return None
    return int(time_limit) / 1e6 if _MICROSECONDS.fullmatch(time_limit) else None
