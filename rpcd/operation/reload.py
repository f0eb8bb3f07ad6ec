"""Settings that are read again while the server runs: taken whole, or not at all.

Rules of this file:

- Reading happens in a thread of its own, whatever the workers have to do; who asks meanwhile waits, and then has the
  settings read once more.
- What cannot change while the server runs is a fault that says so, beside every other fault.
- Nothing is taken before everything has been judged; requests are judged by the old settings until then, and open
  connections by the new ones at their next request.
- Whatever keeps settings from being taken is a fault: the old ones go on, and whoever asked is told.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

import structlog

from rpcd.errors import Refused
from rpcd.incident import incident
from rpcd.modules import Surface
from rpcd.operation.aside import aside
from rpcd.settings import Settings, SettingsFault
from rpcd.settings.places import resolved

__all__ = ["FIXED", "Reload"]

log = structlog.get_logger("rpcd")

FIXED: Final[Mapping[str, str]] = {
    "socket": "server.socket",
    "socket_mode": "server.socket_mode",
    "state": "server.state",
    "max_message": "server.max_message",
    "max_content": "server.max_content",
    "descriptors": "server.descriptors",
    "landlock": "server.landlock",
    "audit_log": "audit.log",
    "audit_journal": "audit.journal",
    "methods_path": "methods.path",
    "modules": "methods.modules",
}
"""Settings that a running server cannot change, and where they stand."""

RESTART: Final = "restart needed"


class Reload:
    """The settings that hold, and how others take their place.

    `load` reads and judges the files; `take` puts what they say to use, on the event loop. `confined` says which
    directories the process can write below, or None where it can write everywhere.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], tuple[Settings, Surface]],
        take: Callable[[Settings, Surface], None],
        confined: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.taken = time.time()
        self.refused: tuple[float, int] | None = None
        self._load = load
        self._take = take
        self._confined = confined
        self._one_at_a_time = asyncio.Lock()

    async def again(self) -> tuple[str, ...]:
        """Read the settings again; every fault, or none: then they hold."""
        async with self._one_at_a_time:
            try:
                settings, surface = await aside(self._read)
                self._take(settings, surface)
            except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on as it was
                faults = _faults(error)
                self.refused = (time.time(), len(faults))
                log.error("settings kept", faults=list(faults))
                return faults
            self.settings, self.taken, self.refused = settings, time.time(), None
            log.info("settings taken", sources=list(settings.sources))
            return ()

    def _read(self) -> tuple[Settings, Surface]:
        """What the files say; raises `SettingsFault`."""
        settings, surface = self._load()
        if faults := (*self._changed(settings), *self._out_of_reach(settings)):
            raise SettingsFault(faults)
        return settings, surface

    def _changed(self, settings: Settings) -> Iterator[str]:
        for name, place in FIXED.items():
            if getattr(settings, name) != getattr(self.settings, name):
                yield f"{place}: it has changed; {RESTART}"

    def _out_of_reach(self, settings: Settings) -> Iterator[str]:
        """Targets in directories that this process cannot write any more."""
        confined = self._confined()
        if confined is None:
            return
        for name, target in settings.targets.items():
            directory, _ = resolved(target)
            if not any(directory == within or directory.startswith(f"{within}/") for within in confined):
                yield f"targets.{name}: the process has been confined out of {directory}; {RESTART}"


def _faults(error: Exception) -> tuple[str, ...]:
    """Why settings were not taken, in words for the administrator; what is a bug has its place in the log."""
    if isinstance(error, SettingsFault):
        return error.faults
    if isinstance(error, Refused):
        return ("no thread can be had to read them in just now (pthread_create(3))",)
    return (f"a bug of rpcd's own kept them from being taken: incident {incident(error).data['incident']} in the log",)
