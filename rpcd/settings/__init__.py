"""`rpcd.toml` and its drop-ins, as frozen values.

Rules of this package:

- Settings are taken whole or not at all, and every fault is told at once, each with its place in the file.
- A file that others could have written is not read: what is read is what was judged (trust.py).
- Names of users and groups are looked up here, once, and never per request.
- A setting that this version does not carry out is a fault that names it, never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rpcd.policy import Grant
from rpcd.settings.faults import Faults, SettingsFault
from rpcd.settings.files import Source, read_sources
from rpcd.settings.grants import MethodFacts, build_grant
from rpcd.settings.identities import Identities
from rpcd.settings.quantities import duration, mode, size
from rpcd.settings.targets import Target, build_target, judge_together

__all__ = ["MethodFacts", "Raw", "Settings", "SettingsFault", "Target", "read"]

METHODS_PATH = "/etc/rpcd/methods"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that rpcd.toml and its drop-ins say. Sizes are in bytes, `drain` in seconds.

    `users` maps the uids that settings name to the name they use; `sources` are the files that were read.
    """

    socket: str
    socket_mode: int
    state: str
    audit_log: str
    max_message: int
    max_content: int
    max_document: int
    descriptors: bool
    drain: float
    methods_path: str
    modules: tuple[str, ...]
    targets: Mapping[str, Target]
    grants: tuple[Grant, ...]
    users: Mapping[int, str]
    sources: tuple[str, ...]


class Raw:
    """Settings that are read, and not yet judged by the methods that exist.

    `methods_path` and `modules` say which methods there are beside rpcd's own.
    """

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources
        methods = self._table("methods")
        self.methods_path: str = methods.get("path", METHODS_PATH)
        self.modules: tuple[str, ...] = tuple(methods.get("modules", ()))

    def settings(self, methods: Mapping[str, MethodFacts]) -> Settings:
        """The settings, once their grants are judged by the methods there are; raises `SettingsFault`."""
        faults = Faults()
        identities = Identities()
        server, audit = self._table("server"), self._table("audit")
        paths = {
            "state": server.get("state", "/var/lib/rpcd"),
            "log": audit.get("log", "/var/log/rpcd/audit.jsonl"),
            "methods": self.methods_path,
        }
        targets: dict[str, Target] = {}
        for source in self._sources:
            for name, table in source.tables("targets").items():
                at = faults.at(source.name, "targets", name)
                if name in targets:
                    at.add("there is another target of this name")
                elif (target := build_target(name, table, identities, at)) is not None:
                    targets[name] = target
        judge_together(targets, [source.path for source in self._sources], paths, faults)
        grants = [
            grant
            for source in self._sources
            for number, table in enumerate(source.grants)
            if (grant := build_grant(table, source, number, methods, targets, identities, faults)) is not None
        ]
        faults.stop()
        return Settings(
            socket=server.get("socket", "/run/rpcd/rpcd.sock"),
            socket_mode=mode(server.get("socket_mode", "0666")),
            state=paths["state"],
            audit_log=paths["log"],
            max_message=size(server.get("max_message", "192 KiB")),
            max_content=size(server.get("max_content", "16 MiB")),
            max_document=size(server.get("max_document", "1 MiB")),
            descriptors=server.get("descriptors", True),
            drain=duration(server.get("drain", "10 s")),
            methods_path=self.methods_path,
            modules=self.modules,
            targets=targets,
            grants=tuple(grants),
            users=identities.users,
            sources=tuple(source.path for source in self._sources),
        )

    def _table(self, name: str) -> dict[str, Any]:
        """A table that only one of the files may have."""
        return next((source.table(name) for source in self._sources if source.table(name)), {})


def read(path: str) -> Raw:
    """Read rpcd.toml at `path` and the drop-ins in `rpcd.d` beside it.

    Raises `SettingsFault` with every fault at once.
    """
    return Raw(read_sources(path))
