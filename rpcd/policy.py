"""Who may do what: grants add up, and nothing else is allowed. Pure.

Rules of this file:

- There are no deny rules and no defaults; root needs grants too.
- A decision takes the same time whether there are ten grants or ten thousand: a peer's own grants are found once, by
  uid and gid, and kept by method and target.
- A peer's groups count whichever of them is its primary one. gid 65534 stands for a group that could not be mapped, and
  matches nothing.
"""

import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import Final

from rpcd.documents.key import Key, KeyPattern
from rpcd.peer import OVERFLOW_ID, Peer

__all__ = ["Grant", "Permit", "Policy"]

KEPT_PEERS: Final = 1024
"""Identities whose grants are kept; a machine has fewer that call."""


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
class _Rule:
    """A grant, with its target patterns compiled, and its place in the settings."""

    number: int
    grant: Grant
    names: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    every: bool

    @classmethod
    def of(cls, number: int, grant: Grant) -> "_Rule":
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


_Rules = Mapping[str, Mapping[str, tuple[_Rule, ...]]]
"""A peer's rules, by method and by the first part of a target, in the order of the settings."""


class Policy:
    """All grants."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._by_uid: defaultdict[int, list[_Rule]] = defaultdict(list)
        self._by_gid: defaultdict[int, list[_Rule]] = defaultdict(list)
        for number, grant in enumerate(grants):
            rule = _Rule.of(number, grant)
            for uid in grant.uids:
                self._by_uid[uid].append(rule)
            for gid in grant.gids:
                self._by_gid[gid].append(rule)
        self._kept: OrderedDict[object, _Rules] = OrderedDict()

    def knows(self, peer: Peer) -> bool:
        """Whether any grant names this peer."""
        return bool(self._rules(peer))

    def allows(self, peer: Peer, method: str) -> bool:
        """Whether the peer may call the method on anything at all."""
        return method in self._rules(peer)

    def permits(self, peer: Peer, method: str, target: str | None = None, key: Key | None = None) -> Permit | None:
        """The permit for a call, or None.

        Without a target: for a method that has none; without a key: whatever the keys.
        """
        first: Grant | None = None
        value = table = False
        for rule in _of_target(self._rules(peer).get(method, {}), target):
            if target is not None and not rule.covers(target):
                continue
            if key is None or not rule.grant.keys:
                return Permit(rule.grant, value=True, table=True)
            matches = any(pattern.matches(key) for pattern in rule.grant.keys)
            below = any(pattern.covers_below(key) for pattern in rule.grant.keys)
            if matches or below:
                first = first or rule.grant
                value, table = value or matches, table or below
        return Permit(first, value=value, table=table) if first is not None else None

    def _rules(self, peer: Peer) -> _Rules:
        """The rules that name a peer."""
        identity = (peer.uid, peer.gid, peer.groups, peer.unit)
        rules = self._kept.get(identity)
        if rules is None:
            rules = self._kept[identity] = self._find(peer)
            if len(self._kept) > KEPT_PEERS:
                self._kept.popitem(last=False)
        return rules

    def _find(self, peer: Peer) -> _Rules:
        found = {rule.number: rule for rule in self._by_uid.get(peer.uid, ())}
        for gid in {peer.gid, *peer.groups} - {OVERFLOW_ID}:
            found |= {rule.number: rule for rule in self._by_gid.get(gid, ())}
        rules: defaultdict[str, defaultdict[str, list[_Rule]]] = defaultdict(lambda: defaultdict(list))
        for _, rule in sorted(found.items()):
            if not rule.grant.units or peer.unit in rule.grant.units:
                for method in rule.grant.methods:
                    for part in rule.first_parts:
                        rules[method][part].append(rule)
        return {method: {part: tuple(some) for part, some in parts.items()} for method, parts in rules.items()}


def _of_target(rules: Mapping[str, tuple[_Rule, ...]], target: str | None) -> Iterable[_Rule]:
    """Those of a method's rules that may cover a target; all of them where none is named."""
    if target is None:
        return chain.from_iterable(rules.values())
    named, every = rules.get(target.partition("/")[0], ()), rules.get(EVERY, ())
    return merge(named, every, key=attrgetter("number")) if named and every else named or every
