"""`rpcd.toml` and its drop-ins, as frozen values.

Rules of this package:

- Settings are taken whole or not at all, and every fault is told at once, each with its place in the file.
- A file that others could have written is not read: what is read is what was judged (trust.py).
- Names of users and groups are looked up here, once, and never per request.
- A setting that this version does not carry out is a fault that names it, never ignored.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from rpcd.policy import Grant
from rpcd.quotas import Quotas
from rpcd.settings import places
from rpcd.settings.faults import Faults, SettingsFault
from rpcd.settings.files import Source, read_sources
from rpcd.settings.grants import MethodFacts, build_grant
from rpcd.settings.history import HistoryLimits, of_all
from rpcd.settings.identities import Identities
from rpcd.settings.once import Once
from rpcd.settings.quotas import build_quotas
from rpcd.settings.targets import Target, build_target

__all__ = ["HistoryLimits", "MethodFacts", "Raw", "Settings", "SettingsFault", "Target", "read"]

JOURNAL = "/run/systemd/journal/socket"
"""Where systemd-journald takes records in its native protocol (systemd-journald.service(8))."""

LONGEST_SOCKET = 107
"""Bytes of a socket's path (unix(7): sun_path, with its ending NUL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that rpcd.toml and its drop-ins say. Sizes are in bytes, `drain` in seconds.

    `users` maps the uids that settings name to the name they use; `sources` are the files that were read.
    """

    socket: str
    socket_mode: int
    state: str
    audit_log: str
    audit_reads: str
    audit_journal: str | None
    max_message: int
    max_content: int
    max_document: int
    descriptors: bool
    drain: float
    landlock: str
    quotas: Quotas
    methods_path: str
    modules: tuple[str, ...]
    targets: Mapping[str, Target]
    grants: tuple[Grant, ...]
    users: Mapping[int, str]
    sources: tuple[str, ...]


class Raw:
    """Settings that are read, and not yet judged by the methods that exist.

    `methods_path` and `modules` say which methods there are beside rpcd's own; `state` and `audit_log` where the audit
    log and its head are; `named` is what targets are called.
    """

    def __init__(self, path: str, sources: list[Source], faults: Faults) -> None:
        self._path = path
        self._sources = sources
        self._faults = faults
        self._once = Once(sources, faults)
        self.methods_path: str = self._once.path("methods", "path", "/etc/rpcd/methods")
        self.modules: tuple[str, ...] = tuple(self._once.value("methods", "modules", ()))
        self.state: str = self._once.path("server", "state", "/var/lib/rpcd")
        self.audit_log: str = self._once.path("audit", "log", "/var/log/rpcd/audit.jsonl")
        self.named: frozenset[str] = frozenset(name for source in sources for name in (*source.targets, *source.broken))

    def settings(self, methods: Mapping[str, MethodFacts]) -> Settings:
        """The settings, once their grants are judged by the methods there are; raises `SettingsFault`."""
        once, identities = self._once, Identities()
        journal = once.value("audit", "journal", default=False)
        targets = self._targets(identities)
        grant = partial(build_grant, methods=methods, targets=targets, identities=identities, faults=self._faults)
        max_content = once.size("server", "max_content", "16 MiB", least="1 KiB", most="1 GiB")
        settings = Settings(
            socket=once.path("server", "socket", "/run/rpcd/rpcd.sock"),
            socket_mode=once.mode("server", "socket_mode", "0666"),
            state=self.state,
            audit_log=self.audit_log,
            audit_reads=once.value("audit", "reads", "counted"),
            audit_journal={True: JOURNAL, False: None}.get(journal, journal),
            max_message=once.size("server", "max_message", "192 KiB", least="16 KiB", most="200 KiB"),
            max_content=max_content,
            max_document=once.size("server", "max_document", "1 MiB", least="1 KiB", most="64 MiB"),
            descriptors=once.value("server", "descriptors", default=True),
            drain=once.duration("server", "drain", "10 s"),
            landlock=once.value("server", "landlock", "auto"),
            quotas=build_quotas(once, max_content=max_content),
            methods_path=self.methods_path,
            modules=self.modules,
            targets={name: target for name, target in targets.items() if target is not None},
            grants=tuple(grant(source, number) for source in self._sources for number in source.grants),
            users=identities.users,
            sources=tuple(source.path for source in self._sources),
        )
        self._judge(settings)
        self._faults.stop()
        return settings

    def _targets(self, identities: Identities) -> dict[str, Target | None]:
        """Every target by its name; None for one that has faults, so that grants can name it."""
        history = of_all(self._once)
        targets: dict[str, Target | None] = {}
        first: dict[str, str] = {}
        for source in self._sources:
            for name in (*source.targets, *source.broken):
                at = self._faults.at(source.name, "targets", name)
                if first.setdefault(name, source.name) != source.name:
                    at.add(f"{first[name]} has a target of this name already")
                else:
                    table = source.targets.get(name)
                    beside = os.path.dirname(source.path)
                    targets[name] = (
                        None if table is None else build_target(name, table, identities, history, beside=beside, at=at)
                    )
        return targets

    def _judge(self, settings: Settings) -> None:
        """Look at the disk: what is trusted, and which target lies where none may."""
        once = self._once
        if len(os.fsencode(settings.socket)) > LONGEST_SOCKET:
            once.at("server", "socket").add(f"longer than {LONGEST_SOCKET} bytes")
        for table, name, path in (("server", "state", settings.state), ("audit", "log", settings.audit_log)):
            if (why := places.can_be_made(path)) is not None:
                once.at(table, name).add(why)
        own = places.own_places(
            self._path,
            state=settings.state,
            log=settings.audit_log,
            methods=self.methods_path,
            schemas=(target.schema_path for target in settings.targets.values() if target.schema_path is not None),
        )
        at = {
            name: self._faults.at(source.name, "targets", name) for source in self._sources for name in source.targets
        }
        for target in settings.targets.values():
            for fault in (*places.directory_faults(target), *places.target_faults(target, own)):
                at[target.name].add(fault)
        for one, other in places.shared(settings.targets.values()):
            at[other.name].add(f"reaches a file that targets.{one.name} reaches")


def read(path: str) -> Raw:
    """Read rpcd.toml at `path` and the drop-ins in `rpcd.d` beside it.

    Raises `SettingsFault` where there is nothing to go on with; other faults are told by `Raw.settings`, all at once.
    """
    path = os.path.abspath(path)
    faults = Faults()
    sources = read_sources(path, faults)
    if not sources or sources[0].path != path:
        faults.stop()
    return Raw(path, sources, faults)
