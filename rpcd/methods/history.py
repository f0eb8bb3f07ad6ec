"""Earlier revisions of a file: what they were, how they differ, and one of them back again.

Rules of this file:

- A revision is named as everywhere: by what the file held. What is on disk now is one of them, also where somebody put
  it there past rpcd and nobody has seen it yet.
- To restore is a change like any other: granted, judged, checked and recorded, with today's owner and mode.
"""

from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from rpcd import documents
from rpcd.errors import Refused
from rpcd.methods.changes import change
from rpcd.methods.diffs import visible_diff
from rpcd.methods.method import Call
from rpcd.methods.page import DEFAULT_LIMIT, page
from rpcd.store import Entry, Snapshot
from rpcd.store.pieces import same

__all__ = ["diff", "history", "restore"]

TOLD: Final = ("uid", "method", "keys", "actor", "note", "request_id")
"""What is told of an edit that made a revision."""

MOST_EDITS: Final = 64
"""Edits of one revision that are told."""


def history(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """The kept revisions of a file, the newest first: what it held, since when, and who made it so."""
    return call.work(partial(_history, call, params))


def _history(call: Call, params: dict[str, Any]) -> dict[str, object]:
    kept, now = _kept(call)
    after = params.get("after")
    told = (_told(call, number, entry) for number, entry in kept if after is None or number < after)
    found, following = page(told, "number", params.get("limit", DEFAULT_LIMIT), call.room)
    return {
        "revisions": found,
        "revision": call.store.revisions.name(now.digest if now else None, plain=call.plain),
    } | (following)


def _told(call: Call, number: int, entry: Entry) -> dict[str, object]:
    edits: list[dict[str, object]] = []
    for edit in entry.edits[:MOST_EDITS]:
        told = {name: edit[name] for name in TOLD if name in edit}
        if (user := call.rules.settings.users.get(edit["uid"])) is not None:
            told["user"] = user
        edits.append(told)
    return {
        "number": number,
        "revision": call.store.revisions.name(entry.digest, plain=call.plain),
        "ts": datetime.fromtimestamp(entry.made, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "size": entry.size,
        "external": not entry.edits,
        "edits": edits,
    }


def diff(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """How two revisions differ; unless told, the one before the present one and what is on disk now."""
    call.compare()
    return call.work(partial(_diff, call, params))


def _diff(call: Call, params: dict[str, Any]) -> dict[str, object]:
    kept, now = _kept(call)
    new = _named(call, kept, params["to"]) if "to" in params else now.digest if now else None
    old = _named(call, kept, params["from"]) if "from" in params else _before(kept, new)
    contents = [_content(call, digest, now) for digest in (old, new)]
    shown = {"diff": "", **visible_diff(call, *contents)}
    names = {"from": old, "to": new}
    return {name: call.store.revisions.name(digest, plain=call.plain) for name, digest in names.items()} | shown


def restore(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """Make a file have what it held in an earlier revision; `absent` takes it away."""
    form = call.find().format

    def back(before: bytes | None) -> bytes | None:
        kept, now = _kept(call)
        content = _content(call, _named(call, kept, params["revision"]), now)
        if content is None and before is None:
            raise Refused("no_such_file")
        if content is not None and (blind or not same(content, before)):
            documents.check(form, content)
        return before if not blind and same(content, before) else content

    blind = not call.plain
    return change(call, params, back, blind=blind, written=False)


def _kept(call: Call) -> tuple[list[tuple[int, Entry]], Snapshot | None]:
    """The revisions by number, the newest first, and what is on disk now; that is one of them, known or not."""
    now = call.store.targets.read(call.name_of_target)
    kept = call.store.earlier(call.name_of_target)
    digest = now.digest if now else None
    if (kept[0][1].digest if kept else None) != digest:
        number, size = kept[0][0] + 1 if kept else 1, len(now.content) if now else 0
        kept.insert(0, (number, Entry(digest, datetime.now(UTC).timestamp(), size, 0)))
    return kept, now


def _named(call: Call, kept: list[tuple[int, Entry]], revision: str) -> str | None:
    """The digest of what a caller names; `Refused("no_such_revision")` where no such revision is kept."""
    for digest in {entry.digest for _, entry in kept}:
        if call.store.revisions.holds(revision, digest):
            return digest
    raise Refused("no_such_revision")


def _before(kept: list[tuple[int, Entry]], digest: str | None) -> str | None:
    """What was there before a revision had its place; the oldest comes after nothing that is known."""
    digests: Iterator[str | None] = (entry.digest for _, entry in kept)
    for one in digests:
        if one == digest:
            return next((other for other in digests if other != digest), digest)
    return digest


def _content(call: Call, digest: str | None, now: Snapshot | None) -> bytes | None:
    """What the file held in a revision, or holds now; None where there was no file."""
    if digest is None:
        return None
    return now.content if now and now.digest == digest else call.store.content_of(call.name_of_target, digest)
