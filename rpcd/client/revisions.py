"""What calls about earlier revisions return; see results.py."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rpcd.client.errors import ProtocolError
from rpcd.client.members import member, optional
from rpcd.client.results import Contents

__all__ = ["Diff", "Edit", "History", "Revision", "read_diff", "read_history"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A call that made a revision: whose, which method and keys, on whose behalf, why, and the caller's name for it."""

    uid: int
    user: str | None
    method: str
    keys: tuple[str, ...]
    actor: str | None
    note: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """What a file held from `ts` on; `external` is what somebody put there past rpcd, and was found at `ts`."""

    number: int
    revision: str
    ts: datetime
    size: int
    external: bool
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Some kept revisions, the newest first, and the present one; where `next` is set there are more: see `after`."""

    revisions: tuple[Revision, ...]
    revision: str
    next: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """How two revisions differ, as far as the caller may read; `truncated` where there was no room for all of it."""

    from_: str
    to: str
    diff: str
    truncated: bool


def read_history(result: Any, _contents: Contents) -> History:
    """`{revisions: [{number, revision, ts, size, external, edits}], revision, [next]}`."""
    found = tuple(map(_revision, member(result, "revisions", list)))
    return History(found, member(result, "revision", str), optional(result, "next", int))


def read_diff(result: Any, _contents: Contents) -> Diff:
    """`{from, to, diff, [truncated]}`."""
    return Diff(
        member(result, "from", str),
        member(result, "to", str),
        member(result, "diff", str),
        optional(result, "truncated", bool) or False,
    )


def _revision(entry: Any) -> Revision:
    try:
        ts = datetime.fromisoformat(member(entry, "ts", str))
    except ValueError as error:
        raise ProtocolError("a revision has a time that is none") from error
    return Revision(
        member(entry, "number", int),
        member(entry, "revision", str),
        ts,
        member(entry, "size", int),
        member(entry, "external", bool),
        tuple(map(_edit, member(entry, "edits", list))),
    )


def _edit(entry: Any) -> Edit:
    return Edit(
        member(entry, "uid", int),
        optional(entry, "user", str),
        member(entry, "method", str),
        tuple(optional(entry, "keys", list) or ()),
        optional(entry, "actor", str),
        optional(entry, "note", str),
        optional(entry, "request_id", str),
    )
