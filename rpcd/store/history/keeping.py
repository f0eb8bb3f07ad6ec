"""Which revisions of one file are kept, and which give way.

Rules of this file:

- There is a limit to their number, their age and their bytes. Where there are too many, or too much, the uid that has
  the most gives way with its oldest: who floods a file with changes pushes out its own, not somebody else's last good.
- Never given up are the newest, and the one before the present run of one uid's changes: there is always a way back.
- A revision more costs the same whether ten are kept or ten thousand.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rpcd.settings import HistoryLimits

__all__ = ["Entry", "Kept"]

Owner = tuple[int, ...]
"""Whose changes made a revision: the uids, sorted; none where it was found."""

NOBODY: Final[Owner] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision: `digest` is the SHA-256 of its content, None where there was no file.

    `made` is in seconds since 1970, `size` the bytes of the content, `stored` those that it takes on disk. `edits` say
    who made it, as the audit log has it; there are none where it was found.
    """

    digest: str | None
    made: float
    size: int
    stored: int
    edits: tuple[Mapping[str, Any], ...] = ()

    @property
    def owner(self) -> Owner:
        """Whose changes made it."""
        return tuple(sorted({edit["uid"] for edit in self.edits}))


class Kept:
    """The revisions of one file by number, the oldest first."""

    def __init__(self, limits: HistoryLimits) -> None:
        self.limits = limits
        self._entries: dict[int, Entry] = {}
        self._of: dict[Owner, deque[int]] = {}
        self._bytes: dict[Owner, int] = {}
        self._before_run: int | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[int, Entry]]:
        return iter(self._entries.items())

    def __reversed__(self) -> Iterator[tuple[int, Entry]]:
        return reversed(self._entries.items())

    @property
    def newest(self) -> Entry | None:
        """The last one."""
        return next((entry for _, entry in reversed(self)), None)

    @property
    def stored(self) -> int:
        """The bytes that all of them take on disk."""
        return sum(self._bytes.values())

    def has(self, number: int) -> bool:
        """Whether this one is kept."""
        return number in self._entries

    def add(self, number: int, entry: Entry) -> None:
        """One more, newer than all others."""
        last = self._last
        if last is not None and self._entries[last].owner != entry.owner:
            self._before_run = last
        self._entries[number] = entry
        self._of.setdefault(entry.owner, deque()).append(number)
        self._bytes[entry.owner] = self._bytes.get(entry.owner, 0) + entry.stored

    def drop(self, number: int) -> None:
        """Without this one."""
        entry = self._entries.pop(number)
        owned = self._of[entry.owner]
        owned.remove(number)
        self._bytes[entry.owner] -= entry.stored
        if not owned:
            del self._of[entry.owner], self._bytes[entry.owner]
        if number == self._before_run or (self._last is not None and number > self._last):
            self._before_run = self._find_before_run()

    def give_way(self, now: float) -> None:
        """Drop what is too old, then what is too much."""
        while (oldest := self._oldest(self._entries)) is not None and now - self._entries[
            oldest
        ].made > self.limits.age:
            self.drop(oldest)
        while len(self) > self.limits.revisions and self._drop_of(
            {owner: len(owned) for owner, owned in self._of.items()}
        ):
            pass
        while self.stored > self.limits.size and self._drop_of(self._bytes):
            pass

    def _drop_of(self, weights: Mapping[Owner, int]) -> bool:
        """Drop the oldest revision of whoever weighs most and has one to give; whether there was one."""
        for owner in sorted(weights, key=lambda owner: (weights[owner], owner != NOBODY), reverse=True):
            oldest = self._oldest(self._of[owner])
            if oldest is not None:
                self.drop(oldest)
                return True
        return False

    def _oldest(self, numbers: Iterable[int]) -> int | None:
        """The oldest of these that may go."""
        return next((number for number in numbers if number not in {self._last, self._before_run}), None)

    @property
    def _last(self) -> int | None:
        return next(reversed(self._entries), None)

    def _find_before_run(self) -> int | None:
        """The newest that somebody else made than the very newest."""
        newest = self.newest
        return next((number for number, entry in reversed(self) if newest and entry.owner != newest.owner), None)
