"""What one caller may use, and what is used of it.

Rules of this file:

- Everything is counted by uid: who opens more connections has no more of anything.
- What is used up is told at once, with the seconds after which it may go better; nobody waits in a queue for it.
- Nothing is kept of a uid that uses nothing: a user with subordinate ids (subuid(5)) has 65,536 uids.
- The time is an argument.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from threading import Lock
from typing import Final, TypeVar

from rpcd.errors import Refused

__all__ = ["QUOTAS", "RETRY_AFTER", "AtOnce", "Contents", "Quotas", "Rate", "Seats", "Usage"]

Lent = TypeVar("Lent")

ROOT: Final = 0

RETRY_AFTER: Final = 1
"""Seconds, where nobody knows when what is in use is given back."""

SECOND: Final = 10**9
"""In nanoseconds, which is what rates are counted in."""

LEAST_LENT: Final = 256 * 1024
"""Bytes that anything counts for that is lent: a descriptor is kept for it."""

KEPT_UIDS: Final = 1024
"""Uids of which a rate keeps something before it looks which of them are idle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The settings of `[quotas]`.

    Connections are counted in all, by uid, and for all uids together that no grant names (strangers); some are kept for
    root. `idle`, `idle_of_strangers` and `stall` (how long a reply may wait to be taken) are in seconds. `calls` and
    `changes` are by uid and second, `checks` are dry runs of a uid at once. `contents` are bytes in memory at once, of
    which a uid may have half.
    """

    connections: int
    connections_of_uid: int
    connections_for_root: int
    connections_of_strangers: int
    idle: float
    idle_of_strangers: float
    stall: float
    calls: int
    changes: int
    checks: int
    contents: int


QUOTAS: Final = frozenset(field.name for field in fields(Quotas))
"""What quotas are called in the settings and where one is told to be used up."""


class Seats:
    """The connections that are open. `STRANGERS` sit together, whatever their uid; root never is one."""

    STRANGERS: Final = -1

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many there are."""
        return self._taken.total()

    def group(self, uid: int, *, known: bool) -> int:
        """Whom a connection counts for: its uid or, where no grant names the peer, all strangers."""
        return uid if known or uid == ROOT else self.STRANGERS

    def full(self, group: int, quotas: Quotas) -> str | None:
        """The quota that leaves no seat for one more of `group`, or None."""
        mine, kept = self._taken[group], max(quotas.connections_for_root - self._taken[ROOT], 0)
        if group == ROOT:
            if mine < quotas.connections_for_root:
                return None
            kept = 0
        of_group = "connections_of_strangers" if group == self.STRANGERS else "connections_of_uid"
        most = quotas.connections_of_strangers if group == self.STRANGERS else quotas.connections_of_uid
        if mine >= most:
            return of_group
        return None if self._taken.total() + kept < quotas.connections else "connections"

    def take(self, group: int) -> None:
        """One more connection of `group`."""
        self._taken[group] += 1

    def leave(self, group: int) -> None:
        """One less."""
        self._taken[group] -= 1
        if not self._taken[group]:
            del self._taken[group]


class Rate:
    """So many a second by uid, with a burst of one second's worth.

    It is a token bucket, kept as the time at which a uid's bucket will be full again (the virtual scheduling algorithm
    of ITU-T I.371, annex A): one number a uid, which says nothing any more once that time has come.
    """

    def __init__(self, a_second: int) -> None:
        self._full_at: dict[int, int] = {}
        self._look_at = KEPT_UIDS
        self.replace(a_second)

    def replace(self, a_second: int) -> None:
        """Count by another number from now on."""
        self._each = SECOND // a_second

    def take(self, uid: int, now: int) -> None:
        """One more at `now`, in nanoseconds; `Refused("busy")` where there are too many."""
        full_at = self._full_at.get(uid, 0)
        full_at = max(full_at, now) + self._each
        if full_at - now > SECOND:
            raise Refused("busy", retry_after=max(round((full_at - now - SECOND) / SECOND, 3), 0.001))
        self._full_at[uid] = full_at
        if len(self._full_at) > self._look_at:
            self._forget(now)

    def _forget(self, now: int) -> None:
        """Keep only uids that have used something lately."""
        self._full_at = {uid: full_at for uid, full_at in self._full_at.items() if full_at > now}
        self._look_at = max(KEPT_UIDS, 2 * len(self._full_at))


class AtOnce:
    """So many at once by uid."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._running: Counter[int] = Counter()

    def take(self, uid: int) -> Callable[[], None]:
        """One more; what is returned gives it back. `Refused("busy")` where there are too many."""
        if self._running[uid] >= self.most:
            raise Refused("busy", retry_after=RETRY_AFTER)
        self._running[uid] += 1
        return partial(self._leave, uid)

    def _leave(self, uid: int) -> None:
        self._running[uid] -= 1
        if not self._running[uid]:
            del self._running[uid]


class Contents:
    """Bytes of contents that are in memory, of which a uid has at most half. Threads may share it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = Lock()
        self._held: Counter[int] = Counter()
        self._lending = Lock()
        self._lent: list[tuple[int, int, Callable[[], bool]]] = []

    def take(self, uid: int, size: int) -> Callable[[], None]:
        """`size` bytes more; what is returned gives them back. `Refused("busy")` where there is no room."""
        if not self._has_taken(uid, size):
            self.settle()
            if not self._has_taken(uid, size):
                raise Refused("busy", retry_after=RETRY_AFTER)
        return partial(self._leave, uid, size)

    def lend(self, uid: int, size: int, give: Callable[[], tuple[Lent, Callable[[], bool]]]) -> Lent:
        """What `give` gives away of `size` bytes; they count until what it returns beside it says that they are back.

        `Refused("busy")` where there is no room.
        """
        size = max(size, LEAST_LENT)
        back = self.take(uid, size)
        try:
            lent, is_back = give()
        except BaseException:
            back()
            raise
        with self._lending:
            self._lent.append((uid, size, is_back))
        return lent

    def settle(self) -> None:
        """Look what has come back of all that was lent."""
        with self._lending:
            kept = []
            for uid, size, is_back in self._lent:
                if is_back():
                    self._leave(uid, size)
                else:
                    kept.append((uid, size, is_back))
            self._lent = kept

    def _has_taken(self, uid: int, size: int) -> bool:
        with self._lock:
            if self._held[uid] + size > self.most // 2 or self._held.total() + size > self.most:
                return False
            self._held[uid] += size
            return True

    def _leave(self, uid: int, size: int) -> None:
        with self._lock:
            self._held[uid] -= size
            if not self._held[uid]:
                del self._held[uid]


class Usage:
    """What is used of the quotas."""

    def __init__(self, quotas: Quotas) -> None:
        self.quotas = quotas
        self.seats = Seats()
        self.calls = Rate(quotas.calls)
        self.changes = Rate(quotas.changes)
        self.checks = AtOnce(quotas.checks)
        self.contents = Contents(quotas.contents)

    def replace(self, quotas: Quotas) -> None:
        """Take new quotas; what is in use stays."""
        self.quotas = quotas
        self.calls.replace(quotas.calls)
        self.changes.replace(quotas.changes)
        self.checks.most = quotas.checks
        self.contents.most = quotas.contents
