"""Why somebody may not: which conditions of which grants do not hold. Pure.

A grant comes the closer the fewer of its conditions fail.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rpcd.documents.key import Key, KeyPattern
from rpcd.peer import Peer
from rpcd.policy.grant import Grant, Permit, Rule

__all__ = ["CONDITIONS", "Explanation", "Miss", "closest"]

CONDITIONS: Final = ("caller", "unit", "method", "target", "key", "table")
"""What a grant asks, in this order: its users and groups, its units, its methods, its targets, and its keys. `table` is
the condition that fails, instead of `key`, where a grant covers some of what is below a key, but not all of it."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A grant that does not cover a call, and which of `CONDITIONS` fail."""

    grant: Grant
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision: the permit, or, where that is None, the grants that came closest, the caller's own first."""

    permit: Permit | None
    misses: tuple[Miss, ...]


def closest(
    rules: Iterable[Rule], peer: Peer, method: str | None, target: str | None, key: Key | None
) -> tuple[Miss, ...]:
    """Those of the grants that lack least of covering a call. Without a method only the caller and its unit count."""
    misses = [Miss(rule.grant, tuple(_failed(rule, peer, method, target, key))) for rule in rules]
    least = min((len(miss.failed) for miss in misses), default=0)
    near = [miss for miss in misses if len(miss.failed) == least]
    return tuple(sorted(near, key=lambda miss: "caller" in miss.failed))


def _failed(rule: Rule, peer: Peer, method: str | None, target: str | None, key: Key | None) -> Iterator[str]:
    """The conditions of one grant that do not hold, in their order."""
    if not rule.is_for(peer):
        yield "caller"
    if not rule.holds_in(peer.unit):
        yield "unit"
    if method is None:
        return
    if method not in rule.grant.methods:
        yield "method"
    if target is not None and not rule.covers(target):
        yield "target"
    if not any(rule.covers_key(key)):
        yield "table" if key is not None and any(_is_below(pattern, key) for pattern in rule.grant.keys) else "key"


def _is_below(pattern: KeyPattern, key: Key) -> bool:
    """Whether a pattern means keys below `key`."""
    segments = pattern.segments[: len(key)]
    return len(pattern.segments) > len(key) and all(
        part is None or part == segment for part, segment in zip(segments, key, strict=True)
    )
