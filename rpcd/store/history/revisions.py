"""What a file of revisions holds: which of them are kept, and where their contents stand.

Rules of this file:

- A content that is there already is not stored again.
- What the file holds follows from the file alone: whoever reads it, at whatever time, knows the same.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rpcd.settings import HistoryLimits
from rpcd.store.history.keeping import Entry, Kept
from rpcd.store.history.pack import Pack, Stored
from rpcd.store.targets import Snapshot

__all__ = ["Revisions"]

SLACK: Final = 64 * 1024
"""Bytes that a file may have beside twice what is kept, before it is written anew."""


class Revisions:
    """The revisions in a file; `identity` is that of the file when it was last looked at."""

    def __init__(self, limits: HistoryLimits) -> None:
        self.kept = Kept(limits)
        self.identity = (0, 0, 0)
        self._stored: dict[str, Stored] = {}
        self._next = 1

    @classmethod
    def read(cls, pack: Pack, limits: HistoryLimits) -> "Revisions":
        """Those in an opened file."""
        found = cls(limits)
        for head, stored in pack.records():
            if "number" in head:
                found._add(head, stored)
                found.kept.give_way(head["made"])
            elif "struck" in head and found.kept.has(head["struck"]):
                found.kept.drop(head["struck"])
        return found

    @property
    def wasteful(self) -> bool:
        """Whether most of the file is of no use any more."""
        return self.identity[1] > 2 * self.kept.stored + SLACK

    def append(
        self, pack: Pack, before: Snapshot | None, after: Snapshot | None, edits: Sequence[Mapping[str, Any]]
    ) -> int:
        """Write down what stands in a file, if that is not the newest, and what `edits` put there; its number."""
        newest, now = self.kept.newest, time.time()
        held = [(before, ()), (after, edits)]
        if newest is not None and newest.digest == (before.digest if before else None):
            del held[0]
        records = []
        for number, (snapshot, by) in enumerate(held, self._next):
            digest, content = (snapshot.digest, snapshot.content) if snapshot else (None, b"")
            head = _head(number, Entry(digest, now, len(content), 0, tuple(by)))
            records.append((head, b"" if digest in self._stored else content))
        for (head, _), stored in zip(records, pack.append(*records), strict=True):
            self._add(head, stored)
        self.kept.give_way(now)
        return self._next - 1

    def make_do(self, size: int) -> None:
        """Keep no more than `size` bytes, but for the newest, whatever else is lost with it."""
        for number, _ in list(self.kept):
            if self.kept.stored <= size or len(self.kept) == 1:
                return
            self.kept.drop(number)

    def strike(self, pack: Pack, number: int) -> None:
        """Without this one, which never was on disk; harmless where it is not kept."""
        if self.kept.has(number):
            pack.append(({"struck": number}, b""))
            self.kept.drop(number)

    def content(self, pack: Pack, digest: str | None) -> bytes | None:
        """What a kept revision holds. Raises LookupError where there is none with this digest."""
        if not any(entry.digest == digest for _, entry in self.kept):
            raise LookupError
        return None if digest is None else pack.content(self._stored[digest], digest)

    def rewrite(self, pack: Pack, first: Mapping[str, Any]) -> None:
        """Have nothing in the file but a record of `first` and what is kept."""
        heads = [first, *(_head(number, entry) for number, entry in self.kept)]

        def records() -> Iterator[tuple[Mapping[str, Any], bytes]]:
            written: set[str | None] = set()
            for head in heads:
                digest: str | None = head.get("digest")
                yield head, b"" if digest is None or digest in written else pack.content(self._stored[digest], digest)
                written.add(digest)

        fresh = Revisions(self.kept.limits)
        for head, stored in zip(heads, pack.rewrite(records()), strict=True):
            if "number" in head:
                fresh._add(head, stored)
        self.kept, self._stored = fresh.kept, fresh._stored

    def _add(self, head: Mapping[str, Any], stored: Stored) -> None:
        digest = head["digest"]
        self.kept.add(head["number"], Entry(digest, head["made"], head["size"], stored.whole, tuple(head["edits"])))
        self._next = head["number"] + 1
        if digest is not None and (stored.size or not head["size"]):
            self._stored[digest] = stored


def _head(number: int, entry: Entry) -> dict[str, Any]:
    """What the line of a revision says."""
    return {
        "number": number,
        "digest": entry.digest,
        "made": entry.made,
        "size": entry.size,
        "edits": list(entry.edits),
    }
