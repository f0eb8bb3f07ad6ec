"""Which records somebody wants to see, and finding them in a long log.

Rules of this file:

- A line's time is compared as it stands: only lines of the right time are parsed. All of them are looked at, since the
  clock may have been set back; `seq` is the order.
- However long the log is, that takes the same memory.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from rpcd.audit.files import Files
from rpcd.audit.read import lines_backwards

__all__ = ["Choice", "last_of", "lines_of"]

TIME: Final = slice(7, 34)
"""Where a line has its time: behind `{"ts":"`."""

CHANGES: Final = frozenset({"intent", "outcome"})
REFUSALS: Final = frozenset({"denied", "refused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is asked for; None, or False, is everything. Times are as records have them."""

    since: str | None = None
    until: str | None = None
    uid: int | None = None
    method: str | None = None
    target: str | None = None
    denied: bool = False
    changes: bool = False

    def chosen(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Those of `lines`, without their ends, that are asked for."""
        since, until = (self.since or "0").encode(), (self.until or "~").encode()
        all_of_it = (self.uid, self.method, self.target, self.denied, self.changes) == (None, None, None, False, False)
        for ended in lines:
            if since <= ended[TIME] < until:
                line = ended.rstrip(b"\n")
                if all_of_it or self._wanted(line):
                    yield line

    def _wanted(self, line: bytes) -> bool:
        """Whether a line of the right time is asked for."""
        try:
            record = orjson.loads(line)
        except ValueError:
            return False
        return isinstance(record, dict) and self._fits(record)

    def _fits(self, record: Mapping[str, Any]) -> bool:
        event, target, peer = record.get("of", record.get("event")), record.get("target"), record.get("peer")
        return (
            (self.uid is None or (isinstance(peer, dict) and peer.get("uid") == self.uid))
            and (self.method is None or record.get("method") == self.method)
            and (self.target is None or (isinstance(target, str) and self.target in {target, target.partition("/")[0]}))
            and (not self.denied or record.get("verdict") in REFUSALS or event == "connection_refused")
            and (not self.changes or event in CHANGES)
        )


def lines_of(files: Files, choice: Choice) -> Iterator[bytes]:
    """The lines that are asked for, from the first on."""
    for part in files.parts:
        yield from choice.chosen(part.lines())


def last_of(files: Files, choice: Choice, count: int) -> Iterator[bytes]:
    """The last `count` of the lines that are asked for, in their order."""
    found: deque[bytes] = deque()
    for part in reversed(files.parts):
        found.extendleft(islice(choice.chosen(lines_backwards(part.seekable())), count - len(found)))
        if len(found) >= count:
            break
    return iter(found)
