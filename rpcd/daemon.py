"""The composition root: from settings to a serving process, and back to nothing. The only file that knows all parts.

Rules of this file:

- Nothing is served before the settings hold, the lock of `state` is ours, and what a crash left is settled.
- New settings are put to use between two requests.
- Nothing that a peer does reaches this file.
"""

import asyncio
import os
import sys
from functools import partial
from typing import Final

import structlog

from rpcd import __version__, process
from rpcd.audit import AuditLog, Counts, Unwritable, Upkeep, open_log
from rpcd.gate import Gate
from rpcd.methods import Rules
from rpcd.metrics import Metrics
from rpcd.modules import Surface, surface
from rpcd.operation import Operation
from rpcd.operation.notify import Notifier
from rpcd.peer import Peer
from rpcd.policy import Policy
from rpcd.process.confinement import Confinement, Unconfined, confine
from rpcd.quotas import QUOTAS, Usage
from rpcd.server import Server
from rpcd.server.listener import Listener, ListenerFault, inherit, listen
from rpcd.service import Service
from rpcd.settings import Settings, SettingsFault, read
from rpcd.settings.advice import Advice, advise
from rpcd.state import make_directory, take
from rpcd.store import Store, Targets
from rpcd.store.present import look_at_files
from rpcd.store.workers import Workers
from rpcd.trust import trusted

__all__ = ["check", "load", "rules", "serve"]

log = structlog.get_logger("rpcd")

WORKERS: Final = 32
"""Threads at most for what can take long: committers, large files, listings. They are made when they are needed."""

EX_CONFIG: Final = 78
EX_UNAVAILABLE: Final = 69
"""Exit statuses as sysexits(3) has them: the settings hold no server, or something else is in the way."""


def load(config: str) -> tuple[Settings, Surface]:
    """The settings of `config`, and the methods that they bring along.

    Raises `SettingsFault` with every fault at once; what the system refuses on the way is one.
    """
    try:
        raw = read(config)
        methods = surface(raw.methods_path, raw.modules)
        return raw.settings(methods.methods), methods
    except OSError as error:
        raise SettingsFault((f"{error.filename or config}: {os.strerror(error.errno or 0)}",)) from error


def rules(config: str) -> Rules:
    """What a server with the settings of `config` would judge requests by; raises `SettingsFault`."""
    return _rules(*load(config))


def check(config: str) -> tuple[Settings, list[str], tuple[Advice, ...]]:
    """The settings of `config`, what is wrong with the files that they name as targets, and what is unwise.

    Raises `SettingsFault` where the settings themselves do not hold.
    """
    settings, methods = load(config)
    faults, warnings = look_at_files(Targets(settings))
    return settings, faults, (*advise(settings, methods.methods), *warnings)


def serve(config: str) -> int:
    """Serve until SIGTERM or SIGINT; the process's exit status."""
    process.prepare()
    try:
        settings, methods = load(config)
        lock = take(settings.state)
        make_directory(os.path.dirname(settings.audit_log), 0o700)
        audit = open_log(settings.audit_log, state=settings.state, journal=settings.audit_journal)
    except SettingsFault as fault:
        for line in fault.faults:
            print(line, file=sys.stderr)  # noqa: T201 - a person, or the journal, reads it
        return EX_CONFIG
    except (OSError, Unwritable) as error:
        print(f"rpcd: {error}", file=sys.stderr)  # noqa: T201 - as above
        return EX_UNAVAILABLE
    try:
        return asyncio.run(Daemon(config, settings, methods, audit).run())
    except (ListenerFault, OSError, Unconfined, Unwritable) as error:
        print(f"rpcd: {error}", file=sys.stderr)  # noqa: T201 - as above
        return EX_UNAVAILABLE
    finally:
        audit.close()
        os.close(lock)


class Daemon:
    """The parts of a serving process, put together."""

    def __init__(self, config: str, settings: Settings, methods: Surface, audit: AuditLog) -> None:
        self.settings = settings
        self.usage = Usage(settings.quotas)
        self.workers = Workers(WORKERS)
        self.store = Store.open(settings, audit, self.workers)
        self.counts = Counts(audit, each=settings.audit_reads == "all")
        self.metrics = Metrics()
        self.notifier = Notifier(os.environ)
        self.operation = Operation(
            settings,
            partial(load, config),
            self._take,
            audit=audit,
            counters=self.metrics,
            notifier=self.notifier,
            confined=lambda: self.confinement.directories() if self.confinement else None,
        )
        self.confinement: Confinement | None = None
        self.gate = Gate(
            _rules(settings, methods),
            self.store,
            self.usage,
            self.counts,
            control=self.operation,
            metrics=self.metrics,
            limit=settings.max_message,
        )

    async def run(self) -> int:
        """Settle what a crash left, serve, and end in order."""
        self.store.recover()
        self.operation.note("started", version=__version__, pid=os.getpid(), sources=list(self.settings.sources))
        upkeep = Upkeep(self.counts)
        upkeep.start()
        listener = self._listener()
        listener.require_room(self.settings.max_message)
        try:
            self.confinement = confine(self.settings, socket=listener.path)
        except Unconfined:
            listener.close()
            raise
        self.server = server = Server(
            listener,
            self.gate,
            self._note,
            knows=self.gate.knows,
            usage=self.usage,
            limit=self.settings.max_message,
            descriptors=self.settings.descriptors,
        )
        self.metrics.know(self.gate.rules.methods)
        committers = self.store.committers
        self.metrics.read("connections", lambda: len(server.connections))
        self.metrics.read("queued", lambda: committers.queued)
        self.metrics.read("batches", lambda: committers.batches)
        self.metrics.read("changes", lambda: committers.changes)
        await Service(
            server, self.store, self.operation, self.notifier, self.workers.own, drain=self.settings.drain
        ).run()
        self.workers.shutdown()
        upkeep.stop()
        self.operation.note("stopped")
        upkeep.tell()
        return 0

    def _listener(self) -> Listener:
        settings = self.settings
        handed = inherit(os.environ, descriptors=settings.descriptors)
        if handed is not None:
            return handed
        directory = os.path.dirname(settings.socket)
        make_directory(directory, 0o755)
        if (why := trusted(directory)) is not None:
            raise ListenerFault(why)
        return listen(settings.socket, settings.socket_mode, descriptors=settings.descriptors)

    def _take(self, settings: Settings, methods: Surface) -> None:
        """Have everything go by new settings, between two requests."""
        rules = _rules(settings, methods)  # what could fail comes before anything is taken
        self.store.targets.replace(settings)
        self.metrics.know(methods.methods)
        self.gate.rules = rules
        self.usage.replace(settings.quotas)
        self.server.judge_again()
        self.counts.each = settings.audit_reads == "all"

    def _note(self, event: str, *, peer: Peer | None = None, **fields: object) -> None:
        """Record, and count, what the transport has to tell."""
        if event == "connected":
            self.metrics.count("connections_accepted")
        elif event == "connection_refused":
            why = str(fields["why"])
            self.metrics.count("connections_refused", why if why in QUOTAS else "other")
        who = {"peer": peer.record} if peer is not None else {}
        granted = peer is not None and self.gate.rules.policy.knows(peer)
        self.counts.note({"event": event, **who, **fields}, peer, granted=granted)


def _rules(settings: Settings, methods: Surface) -> Rules:
    return Rules(settings, Policy(settings.grants), methods.methods, methods.schemas)
