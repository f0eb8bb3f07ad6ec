"""What a crash left, settled before anything is served.

Rules of this file:

- The intents in the audit log are the journal, also those in files that were rotated away: each names the target's
  hash before and after, and the temporary file.
- An intent without an outcome is settled by looking at the file: it holds what was meant, or what was there, or what
  somebody put there since. The outcome says which.
- A temporary file goes away only if it is known: its content is the old or the new one of its intent, or what a power
  cut left of the new one, or no intent can have named it: one that was not on disk was followed by no rename. What is
  not known is kept under another name, and that is recorded.
- The revision of a change that was not made is struck out of the history.
- The answer to a change that was made is kept before its outcome is written, if its caller may ask for it again; that
  to one that was not made, or of which nobody can say, is not kept, whatever a crash left of it.
- Settling twice is the same as settling once.
"""

import os
from collections.abc import Iterator
from typing import Any, Final

from rpcd.audit import AuditLog, records_backwards
from rpcd.errors import Refused
from rpcd.store.atomic import set_aside
from rpcd.store.history import History, Of
from rpcd.store.replies import Replies
from rpcd.store.replyfile import Answer
from rpcd.store.syscalls import open_without_links
from rpcd.store.targets import LEFTOVER, Snapshot, Targets, read_opened

__all__ = ["recover"]

TELL_OF_GAPS: Final = frozenset({"tail_missing", "torn", "truncated", "removed"})
"""Events behind a gap in the log: what stood there was lost, and what stands before it is the same run's."""


def recover(targets: Targets, audit: AuditLog, replies: Replies, history: History) -> None:
    """Write the outcome of every change that a crash interrupted, and clear away its temporary files."""
    open_intents, whole = _open_intents(audit.path)
    outcomes = [_settle(targets, intent) for intent in open_intents]
    known = {str(intent["candidate"]): intent for intent in open_intents if "candidate" in intent}
    kept = [left for target in targets.all() for left in _clear(targets, history, target, known, whole=whole)]
    for intent, outcome in zip(open_intents, outcomes, strict=True):
        if "body" in intent:
            _answer(replies, intent, made=outcome["kind"] is None)
        if outcome["kind"] == "unavailable":
            _strike(targets, history, intent)
    records = [*outcomes, *kept]
    if records:
        audit.write(*records)


def _open_intents(path: str) -> tuple[list[dict[str, Any]], bool]:
    """The intents of the last run that have no outcome, and whether the log has all that was on disk of that run.

    What was rotated away since is read as well. A gap of which the log itself tells is what a crash left; what a power
    cut took had not been on disk.
    """
    settled: set[str] = set()
    found: list[dict[str, Any]] = []
    whole, seq, event, cut = True, None, None, False
    for record in records_backwards(path):
        if seq is not None and record.get("seq") != seq - 1:
            whole = whole and cut
            if event not in TELL_OF_GAPS:
                return found[::-1], whole
        seq, event, change = record.get("seq"), record.get("event"), record.get("change")
        cut = event == "tail_missing" and record.get("crash") is True
        if event == "started":
            return found[::-1], whole
        if event == "outcome":
            settled.add(str(change))
        elif event == "intent" and change not in settled:
            found.append(record)
    return found[::-1], whole and seq in {None, 1} and not found


def _settle(targets: Targets, intent: dict[str, Any]) -> dict[str, object]:
    """The outcome of an interrupted change, from what is on disk now."""
    try:
        snapshot = targets.read(str(intent["target"]))
        now = "absent" if snapshot is None else f"sha256:{snapshot.digest}"
    except Refused:
        now = None
    done = now is not None and now == intent["after"]
    kind = None if done else "unavailable" if now == intent["before"] else "unknown"
    fields: dict[str, object] = {
        name: intent[name]
        for name in (
            "peer",
            "id",
            "method",
            "target",
            "keys",
            "grant",
            "actor",
            "note",
            "request_id",
            "change",
            "before",
        )
        if name in intent
    }
    changed = done and intent.get("changed", intent["before"] != intent["after"])
    return {
        "event": "outcome", **fields, "verdict": "allowed", "kind": kind, "changed": changed, "after": now,
        "recovered": True,
    }  # fmt: skip


def _answer(replies: Replies, intent: dict[str, Any], *, made: bool) -> None:
    """Keep the answer that the caller of an interrupted change did not get, or what a crash left of one no longer."""
    retry = replies.known(intent["peer"]["uid"], intent["request_id"], bytes.fromhex(intent["body"]))
    if not made:
        replies.forget([retry])
        return
    before, after = (_digest(intent[name]) for name in ("before", "after"))
    replies.sync(replies.keep([Answer(retry, intent["change"], intent["changed"], before, after)]))


def _strike(targets: Targets, history: History, intent: dict[str, Any]) -> None:
    """Have no revision of a change that was not made."""
    try:
        history.strike(Of.file(*targets.file(str(intent["target"]))), str(intent["change"]))
    except Refused:
        return


def _digest(named: str) -> str | None:
    return None if named == "absent" else named.removeprefix("sha256:")


def _clear(
    targets: Targets, history: History, name: str, known: dict[str, dict[str, Any]], *, whole: bool
) -> Iterator[dict[str, object]]:
    """Remove the temporary files in a target's directory; a record for each that has to stay."""
    try:
        directory = open_without_links(targets.directory(name), os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        for leftover in filter(LEFTOVER.fullmatch, os.listdir(directory)):
            intent = known.get(leftover)
            ours = _is_of(targets, history, directory, leftover, intent) if intent else whole
            if not (ours and _unlinked(directory, leftover)):
                yield {"event": "leftover", "target": name, "candidate": set_aside(directory, leftover)}
    finally:
        os.close(directory)


def _unlinked(directory: int, name: str) -> bool:
    """Remove a file; whether that was possible. It is not where somebody gave a directory our kind of name."""
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        return False
    return True


def _is_of(targets: Targets, history: History, directory: int, leftover: str, intent: dict[str, Any]) -> bool:
    """Whether a temporary file holds what its intent names: what was to come, some of it, or what was there."""
    try:
        target, path = targets.file(str(intent["target"]))
        descriptor = open_without_links(leftover, os.O_RDONLY | os.O_NONBLOCK, directory=directory)
    except (OSError, Refused):
        return False
    try:
        content = read_opened(descriptor, target, targets.limit(target))
    except Refused:
        return False
    finally:
        os.close(descriptor)
    if f"sha256:{Snapshot.of(content).digest}" in (intent["before"], intent["after"]):
        return True
    written = content.rstrip(b"\0")
    try:
        return not written or (history.content(Of.file(target, path), _digest(intent["after"])) or b"").startswith(
            written
        )
    except (LookupError, OSError):
        return False
