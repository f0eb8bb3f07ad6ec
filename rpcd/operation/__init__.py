"""The server as an administrator handles it while it runs: the object behind `call.control`.

Rules of this file:

- What is asked over the socket and what a signal asks for is the same thing, and is audited with who asked.
- How the server is, is said in one way: to callers, to systemd's status line, and in the counters.
"""

import os
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from rpcd import __version__
from rpcd.audit import AuditLog, Unwritable
from rpcd.errors import Refused
from rpcd.metrics import Metrics
from rpcd.modules import Surface
from rpcd.operation.aside import aside
from rpcd.operation.notify import Notifier
from rpcd.operation.readonly import ReadOnly
from rpcd.operation.reload import Reload
from rpcd.settings import Settings

__all__ = ["Operation"]

log = structlog.get_logger("rpcd")

NOBODY: Final[Mapping[str, object]] = {}
"""Who asked, where it was a signal."""


class Operation:
    """Implements `rpcd.methods.control.Control`."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], tuple[Settings, Surface]],
        take: Callable[[Settings, Surface], None],
        *,
        audit: AuditLog,
        counters: Metrics,
        notifier: Notifier,
        confined: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        self.audit = audit
        self.counters = counters
        self.notifier = notifier
        self.stopping = False
        self._files = Reload(settings, load, take, confined)
        self._mode = ReadOnly(settings.state)
        self._began = time.time()
        self._clock = time.monotonic()
        _observe(counters, self)

    @property
    def read_only(self) -> str | None:
        """The administrator's reason for read-only mode, or None."""
        return self._mode.reason

    @property
    def degraded(self) -> bool:
        """Whether an administrator has to look."""
        return self.audit.fault is not None or self._files.refused is not None or self._mode.damaged

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._clock

    async def reload(self, by: Mapping[str, object] = NOBODY) -> tuple[str, ...]:
        """Read the settings again; every fault for which the old ones were kept."""
        self.notifier.reloading()
        try:
            faults = await self._files.again()
            verdict = "kept" if faults else "taken"
            self.counters.count("reloads", verdict)
            told = {"faults": list(faults)} if faults else {"sources": list(self._files.settings.sources)}
            self.note("settings", verdict=verdict, **{**_who(by), **told})
            return faults
        finally:
            self.notifier.ready(self.line())

    async def set_read_only(self, reason: str | None, by: Mapping[str, object]) -> bool:
        """Begin read-only mode, or end it with None; whether a restart will know."""
        if reason is not None:
            self._mode.begin(reason)
            log.warning("read-only mode", reason=reason)
        try:
            kept = await aside(partial(self._mode.keep, reason))
        except Refused as refused:
            if reason is None or refused.kind != "unavailable":
                raise
            kept = False  # no thread can be had: it holds, and a restart ends it
        if reason is None:
            log.info("changes are taken again")
        self.note("read_only", reason=reason, kept=kept, **_who(by))
        self.notifier.status(self.line())
        return kept

    def metrics(self) -> str:
        """The counters as OpenMetrics text."""
        return self.counters.text()

    def status(self) -> dict[str, object]:
        """How the server is."""
        refused = self._files.refused
        return {
            "version": __version__,
            "pid": os.getpid(),
            "started": _written(self._began),
            "uptime": round(self.uptime, 3),
            "targets": len(self._files.settings.targets),
            "connections": int(self.counters.value("connections")),
            "queued": int(self.counters.value("queued")),
            "read_only": self.read_only,
            "settings": {
                "sources": list(self._files.settings.sources),
                "taken": _written(self._files.taken),
                "refused": {"at": _written(refused[0]), "faults": refused[1]} if refused else None,
            },
            "audit": {"writable": self.audit.fault is None},
            "degraded": self.degraded,
        }

    def line(self) -> str:
        """How the server is, in one line for a person."""
        count = len(self._files.settings.targets)
        said = [f"Serving {count} target{'' if count == 1 else 's'}."]
        if self.read_only is not None:
            said.append(f"Read-only: {self.read_only.removesuffix('.')}.")
        if self.audit.fault is not None:
            said.append("The audit log cannot be written: changes are refused.")
        if self._files.refused is not None:
            at, faults = self._files.refused
            told = f"{faults} fault{'' if faults == 1 else 's'}"
            said.append(f"Settings refused at {_written(at)} for {told}, which the log names; those before hold.")
        return " ".join(said)

    def note(self, event: str, **fields: object) -> None:
        """Write an audit record; what the log cannot take is said in the other one."""
        try:
            self.audit.write({"event": event, **fields})
        except Unwritable:
            log.error("the audit log cannot be written", record=event)


def _observe(counters: Metrics, operation: Operation) -> None:
    """Have the counters say what the operation knows, and the log and the kernel (proc(5)) know."""
    counters.read("audit_records", lambda: operation.audit.head[0])
    counters.read("audit_faults", lambda: operation.audit.faults)
    counters.read("read_only", lambda: operation.read_only is not None)
    counters.read("degraded", lambda: operation.degraded)
    counters.read("uptime_seconds", lambda: operation.uptime)
    counters.read("descriptors", lambda: len(os.listdir("/proc/self/fd")) - 1)  # less the one that lists them
    counters.read("threads", lambda: len(os.listdir("/proc/self/task")))
    page = os.sysconf("SC_PAGE_SIZE")
    counters.read("resident_memory_bytes", lambda: int(Path("/proc/self/statm").read_text("ascii").split()[1]) * page)


def _who(by: Mapping[str, object]) -> Mapping[str, object]:
    return {name: by[name] for name in ("peer", "grant") if name in by}


def _written(when: float) -> str:
    """A time as RFC 3339 has it, in UTC."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
