"""Grants: judged by the methods, targets and names that there are."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from rpcd.documents.key import KeyPattern
from rpcd.meant import meant
from rpcd.policy import Grant
from rpcd.settings.faults import Faults, Place
from rpcd.settings.files import Source
from rpcd.settings.identities import Identities
from rpcd.settings.targets import Target

__all__ = ["MethodFacts", "build_grant"]


class MethodFacts(Protocol):
    """What a grant has to know of a method."""

    @property
    def target(self) -> str | None:
        """The parameter that names its target."""

    @property
    def key(self) -> str | None:
        """The parameter that names its key."""

    @property
    def changes(self) -> bool:
        """Whether it changes its target."""

    @property
    def whole_file(self) -> bool:
        """Whether it acts on all keys at once."""

    @property
    def open(self) -> bool:
        """Whether it is for everybody whom a grant names."""


def build_grant(
    source: Source,
    number: int,
    *,
    methods: Mapping[str, MethodFacts],
    targets: Mapping[str, Target | None],
    identities: Identities,
    faults: Faults,
) -> Grant:
    """The grant at `number` of a file; its faults go to `faults`. A target that is None has faults of its own."""
    at = faults.at(source.name, "grants", number)
    table = source.grants[number]
    users = [identities.user(user, at.below("users", place)) for place, user in enumerate(table.get("users", ()))]
    groups = [identities.group(group, at.below("groups", place)) for place, group in enumerate(table.get("groups", ()))]
    known = tuple(_methods(table, methods, at))
    keys = tuple(_keys(table, at))
    narrow = bool(keys) and not any(pattern.covers_below(()) for pattern in keys)
    if narrow:
        for name in known:
            if methods[name].whole_file:
                at.below("keys").add(f"'{name}' acts on whole files: grant it without keys")
    if "targets" not in table:
        for name in known:
            if methods[name].target is not None:
                at.add(f"'{name}' needs targets")
    patterns = tuple(_targets(table, targets, at))
    if narrow and patterns and all(_is_text(pattern, targets) for pattern in patterns):
        at.below("keys").add("a text has no keys")
    return Grant(
        uids=frozenset(uid for uid in users if uid is not None),
        gids=frozenset(gid for gid in groups if gid is not None),
        units=frozenset(table.get("units", ())),
        methods=frozenset(known),
        targets=patterns,
        keys=keys,
        source=source.grant_source(number),
    )


def _methods(table: Mapping[str, Any], methods: Mapping[str, MethodFacts], at: Place) -> Iterator[str]:
    """The methods of a grant that exist."""
    for name in table.get("methods", ()):
        if name in methods:
            yield name
        else:
            at.below("methods").add(f"there is no method '{name}'{meant(name, methods)}")


def _keys(table: Mapping[str, Any], at: Place) -> Iterator[KeyPattern]:
    for text in table.get("keys", ()):
        try:
            yield KeyPattern.parse(text)
        except ValueError as error:
            at.below("keys").add(f"{text!r}: {error}")


def _targets(table: Mapping[str, Any], targets: Mapping[str, Target | None], at: Place) -> Iterator[str]:
    """The patterns of a grant, each of which has to mean something."""
    at = at.below("targets")
    for pattern in table.get("targets", ()):
        name, slash, file = pattern.partition("/")
        target = targets.get(name)
        if pattern == "*":
            pass
        elif name not in targets:
            at.add(f"there is no target '{name}'{meant(name, targets)}")
        elif not slash or target is None:
            pass
        elif target.names is None:
            at.add(f"'{name}' is a single file, and has none below it")
        elif not file or "/" in file:
            at.add(f"'{pattern}' means no file")
        elif "*" not in file and not target.names.fullmatch(file):
            at.add(f"'{pattern}' is not among the names of '{name}'")
        yield pattern


def _is_text(pattern: str, targets: Mapping[str, Target | None]) -> bool:
    target = targets.get(pattern.partition("/")[0])
    return target is not None and target.format.name == "text"
