"""Following the chain: which record was changed, removed, moved or put in, and how many may be missing.

Rules of this file:

- The first record that does not follow is named, with its place and what became of it; nothing after it is believed.
- What the log itself tells of is no tampering: a torn line, a tail that a power cut took, a file that was cut off under
  the server. How many records are missing there is told.
- A line is followed by its beginning and its hash. However long the log is, that takes the same memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from typing import Final, NamedTuple

import orjson

from rpcd.audit.files import LONGEST_LINE, Part
from rpcd.audit.head import Head
from rpcd.audit.record import FIRST, HEADER, Header, digest, header

__all__ = ["Finding", "Verdict", "verify"]

LOSSES: Final[Mapping[str, str]] = {
    "truncated": "the file was cut off under the server (copytruncate)",
    "removed": "the file was deleted under the server",
    "tail_missing": "the end of the log was missing when the server started",
}
"""Events that say which records stood in a file that is not what it was."""

HEAD_LOST: Final = "head_lost"

_LOOKED_AT: Final = frozenset(event.encode() for event in (*LOSSES, HEAD_LOST))
"""Events at which a chain that holds is not simply followed."""


class _Line(NamedTuple):
    """A line and where it stands."""

    path: str
    number: int
    ended: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is told of a log: `why`, at a record (0: none) and its place (line 0: of no line).

    `missing` is how many records are not there; `explained` says that a power cut may have taken them.
    """

    seq: int
    path: str
    line: int
    why: str
    missing: int = 0
    explained: bool = False


@dataclass(slots=True)
class Verdict:
    """What became of a log: how many records hold, up to `last`, and the first that does not (None: all do).

    `notes` is what has to be known beside that.
    """

    records: int = 0
    last: int = 0
    problem: Finding | None = None
    notes: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every record is what was written, and none is missing but what a power cut explains."""
        return self.problem is None and not any(note.missing and not note.explained for note in self.notes)


def verify(parts: Iterable[Part], head: Head | None = None) -> Verdict:
    """Follow the chain through files in the order of their records, up to the head that is kept elsewhere."""
    verdict = Verdict()
    follower = _Follower(verdict, head, parts)
    verdict.problem = follower.follow()
    verdict.records, verdict.last = follower.count, follower.last
    return verdict


class _Cursor:
    """Goes through the lines of files; `path` and `number` say where the last line that it gave stands."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = parts
        self.path, self.number = "", 0
        self.before = ("", 0)

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.before, self.path, self.number = (self.path, self.number), part.path, 0
            for ended in part.lines():
                self.number += 1
                yield ended

    def previous(self) -> _Line:
        """Where the line before stands."""
        path, number = (self.path, self.number - 1) if self.number > 1 else self.before
        return _Line(path, number, b"")


class _Follower:
    """Walks along the lines; `last` and `hash` are those of the last record that holds, `count` is how many do."""

    def __init__(self, verdict: Verdict, head: Head | None, parts: Iterable[Part]) -> None:
        self.verdict = verdict
        self.head = head
        self.cursor = _Cursor(parts)
        self.last, self.hash, self.count = 0, FIRST, 0
        self.ahead: _Line | None = None  # a line that was looked at before its turn
        self.told = 0  # the record that has told of a gap already

    def follow(self) -> Finding | None:
        """The first record that does not follow, or None."""
        rest = iter(self.cursor)
        lines: Iterator[bytes] = rest
        while (ended := self._run(lines)) is not None:
            at = self._place(ended)
            before = self.cursor.previous()
            self.ahead = None
            if (problem := self._look(at, before, rest)) is not None:
                return problem
            lines = chain((self.ahead.ended,), rest) if self.ahead else rest
        at = _Line(self.cursor.path, self.cursor.number, b"")
        return self._not_the_head(at) or self._tail(at)

    def _run(self, lines: Iterator[bytes]) -> bytes | None:
        """Go on as long as every line simply follows; the first that does not, or that has to be looked at."""
        last, hash_, count, match = self.last, self.hash.encode(), self.count, HEADER.match
        watched = self.head.seq if self.head else -1
        try:
            for ended in lines:
                found = match(ended)
                if found is None or int(found[2]) != last + 1 or found[4] != hash_ or ended[-1:] != b"\n":
                    return ended
                if found[3] in _LOOKED_AT or last == watched:
                    return ended
                last += 1
                count += 1
                hash_ = sha256(ended[:-1]).hexdigest().encode()
        finally:
            self.last, self.hash, self.count = last, hash_.decode(), count
        return None

    def _place(self, ended: bytes) -> _Line:
        if self.ahead is not None and self.ahead.ended is ended:
            return self.ahead
        return _Line(self.cursor.path, self.cursor.number, ended)

    def _look(self, at: _Line, before: _Line, rest: Iterator[bytes]) -> Finding | None:
        """Judge one line closely; what is wrong, if anything."""
        found = header(at.ended)
        if (problem := self._not_the_head(before)) is not None:
            return problem
        if at.ended[-1:] != b"\n" and len(at.ended) < LONGEST_LINE:
            self._note(at, f"a torn line of {len(at.ended)} bytes, as a crash or a full disk leaves it")
            return None
        if found is None:
            return Finding(0, at.path, at.number, "this is no record")
        if (found.seq, found.prev) == (self.last + 1, self.hash):
            if found.event == HEAD_LOST:
                self._note(at, "the head was lost when the server started: a tail cut off just before is not seen")
            elif found.event in LOSSES and found.seq != self.told:
                self._note_told(at, found.event)
        else:
            following = next(rest, None)
            self.ahead = _Line(self.cursor.path, self.cursor.number, following) if following is not None else None
            if not self._explained(at, found):
                return self._name(at, found, before, rest)
        self.last, self.hash, self.count = found.seq, digest(at.ended[:-1]), self.count + 1
        return None

    def _explained(self, at: _Line, found: Header) -> bool:
        """Whether the log itself says why records are missing before this one; it is noted."""
        first, last = self.last + 1, found.seq - 1
        told = self._told_of(at, first, last)
        if not self.count and (last or found.prev == FIRST):
            more = f"; {told[1]}" if told else ""
            self._note(at, f"the log begins with record {found.seq}: {last} before it are not here{more}")
            return True
        if last < first or told is None:
            return False
        self.verdict.notes.append(Finding(first, at.path, at.number, told[1], found.seq - first, told[0]))
        return True

    def _told_of(self, at: _Line, first: int, last: int) -> tuple[bool, str] | None:
        """What the record after a gap, or the one behind that, tells of the records that are missing."""
        for line in (at, self.ahead):
            found = header(line.ended) if line is not None else None
            if line is not None and found is not None and found.event in LOSSES:
                record = orjson.loads(line.ended)
                if record["to"] >= last and (record["from"] <= first or first == 1):
                    self.told = found.seq
                    return bool(record.get("crash")), _told(found.event, record, last - first + 1)
        return None

    def _name(self, at: _Line, found: Header, before: _Line, rest: Iterator[bytes]) -> Finding:
        """What became of a record that does not follow from the last one that holds."""
        last, own = self.last, digest(at.ended.removesuffix(b"\n"))
        then = header(self.ahead.ended) if self.ahead else None
        fits_without = then is not None and (then.seq, then.prev) == (last + 1, self.hash)
        if found.seq > last + 1 and not fits_without:
            gap = range(last + 1, found.seq)
            what = f"record {gap[0]} was" if len(gap) == 1 else f"records {gap[0]} to {gap[-1]} were"
            return Finding(gap[0], at.path, at.number, f"{what} {self._removed(gap[0], rest)}", len(gap))
        follows = then is not None and (then.seq, then.prev) == (found.seq + 1, own)
        if found.seq == last and follows and own != self.hash:
            self.count -= 1
            why = f"record {last} was put in: another one of that number is followed by the next"
            return Finding(last, before.path, before.number, why)
        if found.seq != last + 1 or fits_without:
            return Finding(found.seq, at.path, at.number, f"record {found.seq} was put in, or moved here")
        believed = then.prev == own if then else self.head is None or self.head.hash == own
        if not self.count:
            return Finding(found.seq, at.path, at.number, f"record {found.seq} was changed: it is not the first one")
        self.count -= 1
        what = f"record {last} was changed" if believed else f"record {last}, or {found.seq}, was changed"
        return Finding(last, before.path, before.number, f"{what}: the next has another hash")

    def _removed(self, seq: int, rest: Iterator[bytes]) -> str:
        """What became of a record that is not in its place: it may stand somewhere after."""
        for ended in rest:
            found = header(ended)
            if found is not None and found.seq == seq:
                return f"moved to line {self.cursor.number} of {self.cursor.path}"
        return "removed"

    def _note_told(self, at: _Line, event: str) -> None:
        """Mention an event of loss that no gap shows: the files have everything, or another record in its place."""
        record = orjson.loads(at.ended)
        lost = int(event == "tail_missing")
        self._note(at, _told(event, record, lost), lost, explained=bool(record.get("crash")))

    def _note(self, at: _Line, why: str, missing: int = 0, *, explained: bool = False) -> None:
        found = header(at.ended)
        self.verdict.notes.append(Finding(found.seq if found else 0, at.path, at.number, why, missing, explained))

    def _not_the_head(self, at: _Line) -> Finding | None:
        """Where the last record that was looked at is the one the head names, and is another."""
        head = self.head
        if head is None or self.last != head.seq or self.hash == head.hash:
            return None
        why = f"record {head.seq} is not the one that was written: the head has another hash of it"
        return Finding(head.seq, at.path, at.number, why)

    def _tail(self, at: _Line) -> Finding | None:
        """What is missing at the end, which only the head knows."""
        head, first = self.head, self.last + 1
        if head is None or self.last >= head.seq:
            return None
        count = head.seq - self.last
        if not head.explains(first):
            why = f"records {first} to {head.seq} were cut off at the end"
            return Finding(first, at.path, at.number, why, count)
        why = f"records {first} to {head.seq} are missing at the end: a power cut may have taken them"
        self.verdict.notes.append(Finding(first, at.path, at.number, why, count, explained=True))
        return None


def _told(event: str, record: dict[str, int], lost: int) -> str:
    """An event of loss in words."""
    what = LOSSES[event] + (", as a power cut explains" if record.get("crash") else "")
    return f"{what}: records {record['from']} to {record['to']}, of which {lost or 'none'} may be missing"
