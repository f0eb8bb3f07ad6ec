"""Who may do what: grants add up, and nothing else is allowed. Pure.

Rules of this package:

- There are no deny rules and no defaults; root needs grants too.
- A decision takes the same time whether there are ten grants or ten thousand: a peer's own grants are found once, by
  uid and gid, and kept by method and target.
- An explanation is the decision itself, and, where that is no, what each grant lacks, asked by the same questions.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import Final

from rpcd.documents.key import Key, KeyPattern
from rpcd.peer import Peer
from rpcd.policy.explanation import Explanation, Miss, closest
from rpcd.policy.grant import EVERY, Grant, Permit, Rule, gids_of

__all__ = ["Explanation", "Grant", "Miss", "Permit", "Policy"]

KEPT_PEERS: Final = 1024
"""Identities whose grants are kept; a machine has fewer that call."""

EVERY_KEY: Final = KeyPattern((None,))

_Rules = Mapping[str, Mapping[str, tuple[Rule, ...]]]
"""A peer's rules, by method and by the first part of a target, in the order of the settings."""


class Policy:
    """All grants."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._by_uid: defaultdict[int, list[Rule]] = defaultdict(list)
        self._by_gid: defaultdict[int, list[Rule]] = defaultdict(list)
        self._all = tuple(Rule.of(number, grant) for number, grant in enumerate(grants))
        for rule in self._all:
            for uid in rule.grant.uids:
                self._by_uid[uid].append(rule)
            for gid in rule.grant.gids:
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
            matches, below = rule.covers_key(key)
            if matches or below:
                first = first or rule.grant
                value, table = value or matches, table or below
        return Permit(first, value=value, table=table) if first is not None else None

    def keys(self, peer: Peer, method: str, target: str) -> tuple[KeyPattern, ...]:
        """The keys of a target on which the peer may call the method; a star for all, nothing for none."""
        covering = [rule for rule in _of_target(self._rules(peer).get(method, {}), target) if rule.covers(target)]
        if any(not rule.grant.keys for rule in covering):
            return (EVERY_KEY,)
        return tuple(dict.fromkeys(pattern for rule in covering for pattern in rule.grant.keys))

    def explain(self, peer: Peer, method: str | None, target: str | None = None, key: Key | None = None) -> Explanation:
        """What `permits` says, and where it says no, the grants that came closest.

        Without a method: whether any grant names the peer, which is all that methods for everybody ask.
        """
        if method is not None:
            permit = self.permits(peer, method, target, key)
        else:
            every = (rules for by_part in self._rules(peer).values() for rules in by_part.values())
            first = min(chain.from_iterable(every), key=attrgetter("number"), default=None)
            permit = Permit(first.grant, value=True, table=True) if first is not None else None
        return Explanation(permit, () if permit is not None else closest(self._all, peer, method, target, key))

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
        for gid in gids_of(peer):
            found |= {rule.number: rule for rule in self._by_gid.get(gid, ())}
        rules: defaultdict[str, defaultdict[str, list[Rule]]] = defaultdict(lambda: defaultdict(list))
        for _, rule in sorted(found.items()):
            if rule.holds_in(peer.unit):
                for method in rule.grant.methods:
                    for part in rule.first_parts:
                        rules[method][part].append(rule)
        return {method: {part: tuple(some) for part, some in parts.items()} for method, parts in rules.items()}


def _of_target(rules: Mapping[str, tuple[Rule, ...]], target: str | None) -> Iterable[Rule]:
    """Those of a method's rules that may cover a target; all of them where none is named."""
    if target is None:
        return chain.from_iterable(rules.values())
    named, every = rules.get(target.partition("/")[0], ()), rules.get(EVERY, ())
    return merge(named, every, key=attrgetter("number")) if named and every else named or every
