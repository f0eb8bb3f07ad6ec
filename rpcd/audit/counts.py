"""Counting what repeats, so that no caller can fill the disk.

Rules of this file:

- The first of a group in a minute leaves its own record at once. When the minute is over one `counted` record says how
  many more there were, and when the first and the last of these were, with the details of the last.
- A group is the same caller (uid, gid, groups, unit; whichever process), event, method, target and outcome. An incident
  is a group of its own, and so is a change that was asked for again: their ids are to be found.
- What callers can choose is bounded: a uid has a number of groups, and one more of each event and verdict for all the
  rest: nobody hides a refusal behind what is allowed. The uids that no grant names are many (a user with subuids has
  65,536), and are bounded together.
- What the log cannot take is counted too, and told when it can. A crash loses at most the counts of the running minute.
- Everything here happens on one thread, the event loop's.
"""

import time
from collections.abc import Hashable, Mapping
from typing import Final

import structlog

from rpcd.audit.log import AuditLog
from rpcd.audit.opening import Unwritable
from rpcd.audit.record import timestamp
from rpcd.peer import Peer

__all__ = ["MOST_GROUPS", "Counts"]

log = structlog.get_logger("rpcd")

MINUTE: Final = 60.0
"""Seconds that are counted together."""

MOST_GROUPS: Final = 64
"""Groups of a uid in a minute, beside those for all the rest."""

MOST_UIDS: Final = 128
"""Uids that are counted apart in a minute."""

OTHERS: Final = "others"
STRANGERS: Final = -1
"""Stands for all uids that are counted together."""


class _Group:
    """What repeated since its first had a record of its own. Times are Unix time."""

    __slots__ = ("count", "first", "last", "others", "record")

    def __init__(self, *, others: bool) -> None:
        self.count = 0
        self.first = 0.0
        self.last = 0.0
        self.others = others
        self.record: Mapping[str, object] = {}

    def add(self, record: Mapping[str, object]) -> None:
        """Count one more."""
        self.last = time.time()
        if not self.count:
            self.first = self.last
        self.count += 1
        self.record = record

    def counted(self) -> dict[str, object]:
        """The record that tells of all of them."""
        fields = {"event": "counted", "of": self.record["event"], "count": self.count}
        times = {"first": timestamp(self.first), "last": timestamp(self.last)}
        others = {"others": True} if self.others else {}
        return {**self.record, **fields, **times, **others}


class Counts:
    """Writes to `log` what is the first of its kind, and counts what repeats; with `each`, nothing is counted.

    `minute` is how many seconds are counted together.
    """

    def __init__(self, log: AuditLog, *, each: bool = False, minute: float = MINUTE) -> None:
        self.log = log
        self.each = each
        self._minute = minute
        self._ends = time.monotonic() + minute
        self._uids: dict[int, dict[Hashable, _Group]] = {}

    @property
    def due(self) -> bool:
        """Whether the minute is over, or the log may be able to take what it could not."""
        return time.monotonic() >= self._ends or not self.log.writable

    def note(self, record: Mapping[str, object], peer: Peer | None, *, granted: bool) -> None:
        """Write or count a record of what `peer` did; `granted` says whether any grant names it."""
        if time.monotonic() >= self._ends:
            self.flush()
        group, first = self._group(record, peer, granted=granted)
        if first or self.each:
            try:
                self.log.write(record)
            except Unwritable:
                log.error("the audit log cannot be written", record=record["event"])
            else:
                return
        group.add(record)

    def flush(self) -> None:
        """Write what was counted, and begin again; what the log cannot take stays counted."""
        self._ends = time.monotonic() + self._minute
        counted = [group.counted() for groups in self._uids.values() for group in groups.values() if group.count]
        try:
            if counted or not self.log.writable:
                self.log.write(*counted)
        except Unwritable:
            log.error("the audit log cannot be written", record="counted")
        else:
            self._uids.clear()

    def _group(self, record: Mapping[str, object], peer: Peer | None, *, granted: bool) -> tuple[_Group, bool]:
        """The group of a record, and whether it is new."""
        uid = peer.uid if peer is not None and granted else STRANGERS
        groups = self._uids.get(uid)
        if groups is None:
            uid = uid if len(self._uids) < MOST_UIDS else STRANGERS
            groups = self._uids.setdefault(uid, {})
        get = record.get
        caller: Hashable = _sender(record) if peer is None else (peer.uid, peer.gid, peer.groups, peer.unit)
        outcome = get("kind"), get("why"), get("incident"), get("change")
        what = caller, get("event"), get("method"), get("target"), outcome
        group = groups.get(what)
        if group is not None:
            return group, False
        name: Hashable = what
        if len(groups) >= MOST_GROUPS:
            name = OTHERS, get("event"), get("verdict")
            if (group := groups.get(name)) is not None:
                return group, False
        group = groups[name] = _Group(others=name is not what)
        return group, True


def _sender(record: Mapping[str, object]) -> object:
    """Who was not let in, where the transport says so."""
    sender = record.get("sender")
    return sender.get("uid") if isinstance(sender, Mapping) else None
