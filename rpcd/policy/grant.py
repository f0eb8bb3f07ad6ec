"""A grant, and what it covers. Pure.

Rules of this file:

- Every condition of a grant is asked here and nowhere else: who may call, and why somebody may not, rest on the same
  answers.
- A peer's groups count whichever of them is its primary one. gid 65534 stands for a group that could not be mapped, and
  matches nothing.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import translate
from typing import Final

from rpcd.documents.key import Key, KeyPattern
from rpcd.peer import OVERFLOW_ID, Peer

__all__ = ["EVERY", "Grant", "Permit", "Rule", "gids_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """These users or groups may call these methods on these targets and keys.

    `units`, where there are any, narrow it to callers in one of these systemd units. Without `keys` it covers all of a
    target. `source` is where it stands: `rpcd.toml:31`.
    """

    uids: frozenset[int] = frozenset()
    gids: frozenset[int] = frozenset()
    units: frozenset[str] = frozenset()
    methods: frozenset[str]
    targets: tuple[str, ...] = ()
    keys: tuple[KeyPattern, ...] = ()
    source: str


@dataclass(frozen=True, slots=True)
class Permit:
    """A grant that covers a call: its key as a value, or as a table with everything below it."""

    grant: Grant
    value: bool
    table: bool


EVERY: Final = "*"
"""Every target."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A grant, with its target patterns compiled, and its place in the settings."""

    number: int
    grant: Grant
    names: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    every: bool

    @classmethod
    def of(cls, number: int, grant: Grant) -> "Rule":
        """The rule of a grant that stands at `number` in the settings."""
        names, patterns = set[str](), list[re.Pattern[str]]()
        for target in grant.targets:
            directory, slash, file = target.partition("/")
            if slash and "*" in file:
                # `*` within a file's name; nothing else of fnmatch's is special here
                quoted = file.replace("[", "[[]").replace("?", "[?]")
                patterns.append(re.compile(re.escape(directory) + "/(?![^/]*/)" + translate(quoted)))
            names.add(directory if slash and "*" in file else target)
        return cls(number, grant, frozenset(names), tuple(patterns), EVERY in grant.targets)

    @property
    def first_parts(self) -> set[str]:
        """What its targets start with, up to a `/`; "" where it has none."""
        return {EVERY} if self.every else {name.partition("/")[0] for name in self.names} or {""}

    def covers(self, target: str) -> bool:
        """Whether the grant covers a target, or a file of a directory target.

        `vhosts/shop-*.conf` covers `vhosts` too: what can be done with a directory itself is to list it, which shows
        the files that are granted.
        """
        if self.every or target in self.names:
            return True
        directory, slash, _ = target.partition("/")
        if slash and directory in self.grant.targets:
            return True
        return any(pattern.match(target) for pattern in self.patterns)

    def is_for(self, peer: Peer) -> bool:
        """Whether the grant is for this user, or for a group that it is in, whatever the unit."""
        return peer.uid in self.grant.uids or not self.grant.gids.isdisjoint(gids_of(peer))

    def holds_in(self, unit: str | None) -> bool:
        """Whether the grant is for callers in this unit."""
        return not self.grant.units or unit in self.grant.units

    def covers_key(self, key: Key | None) -> tuple[bool, bool]:
        """Whether the grant covers a key as a value, and as a table with all that is below it."""
        keys = self.grant.keys
        if key is None or not keys:
            return True, True
        return any(pattern.matches(key) for pattern in keys), any(pattern.covers_below(key) for pattern in keys)


def gids_of(peer: Peer) -> AbstractSet[int]:
    """The groups of a peer that a grant can name."""
    return {peer.gid, *peer.groups} - {OVERFLOW_ID}
