"""What every change has in common: one edit goes to the target's committer, one answer comes back.

Rules of this file:

- A handler makes one change. A caller that named it with a `request_id`, and asks again, gets the same answer instead
  of a second change.
- To ask again is to call the same method with the same parameters. What a content holds counts, not how it travels; the
  id of the JSON-RPC request does not count, nor does `dry_run`: a dry run changes nothing, and is always carried out.
- The target counts as what it is: where its name has come to mean another file, or its format is another one, the same
  parameters ask for something else. Nobody hears of one file what was done to another.
- An answer tells what the caller may know when it is given, also where the change was made before.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from rpcd.documents.key import Key
from rpcd.documents.select import is_within
from rpcd.errors import Refused
from rpcd.methods.diffs import visible_diff
from rpcd.methods.method import Call
from rpcd.store import Edit, Retry

__all__ = ["change"]

HASHED_ON_LOOP: Final = 64 * 1024
"""Bytes up to which a content is hashed where it is asked for: a hop to a worker costs more."""


async def change(
    call: Call,
    params: dict[str, Any],
    apply: Callable[[bytes | None], bytes | None],
    *,
    blind: bool,
    written: bool = True,
    contents: Mapping[str, bytes] | None = None,
) -> dict[str, object]:
    """Have `apply` turn the target's content into another, or None into a new file and a file into None.

    `blind` says that the caller must not learn from the answer whether the content was the same before, `written` that
    it answers for all that is at the call's key afterwards, whatever was wrong there before. `contents` are the bytes
    behind those parameters that can travel in several ways. The answer is the design's change: target, changed,
    revision, previous, and a diff for a dry run.
    """
    where = _where(call)  # there is nothing to record against where there is no such target
    dry_run = bool(params.get("dry_run", False))
    plain = call.plain

    def judged(content: bytes | None) -> bytes | None:
        call.judge_again()
        if retry is not None and _where(call) != where:  # its answer would be kept for another file
            raise Refused("unavailable", reason="moved")
        return apply(content)

    retry = await _retry(call, params, contents or {}, where)
    done = None if retry is None else await call.store.once.made(retry)
    if done is not None:
        call.judge_again()
        call.replayed = done.name
    else:
        call.require_changes()
        call.recorded = not dry_run
        edit = Edit(
            uid=call.peer.uid,
            target=call.name_of_target,
            apply=judged,
            key=call.key or (),
            written=written,
            tells=partial(_may_know, call, call.key or (), written=written),
            if_revision=params.get("if_revision"),
            dry_run=dry_run,
            blind=blind,
            plain=plain,
            record=call.record(),
            retry=retry,
        )
        done = await (call.store.committers.change(edit) if retry is None else call.store.once.make(edit, retry))
    result: dict[str, object] = {
        "target": call.name_of_target,
        "changed": done.changed or (blind and call.replayed is not None),
        "revision": call.store.revisions.name(done.after, plain=plain),
        "previous": call.store.revisions.name(done.before, plain=plain),
    }
    if dry_run:
        result |= await call.work(partial(visible_diff, call, done.old, done.new))
    return result


def _may_know(call: Call, key: Key, place: Key, *, written: bool) -> bool:
    """Whether the caller may be told that something is wrong at a place: it wrote what is there, or may read it."""
    return (written and is_within(place, key)) or call.plain or call.may("get_key", place)


def _where(call: Call) -> tuple[object, ...]:
    """What the call's target is just now: its path and its format."""
    target, file = call.store.targets.find(call.name_of_target)
    return target.directory, file, target.format.name, target.format.options


async def _retry(
    call: Call, params: dict[str, Any], contents: Mapping[str, bytes], where: tuple[object, ...]
) -> Retry | None:
    """By what the caller may ask for this change again; None where it gave no id, or nothing is to change."""
    if "request_id" not in params or params.get("dry_run"):
        return None
    body = {name: value for name, value in params.items() if name not in {"request_id", "dry_run"}}
    for name, content in contents.items():
        digest = partial(_digest, content)
        body[name] = digest() if len(content) <= HASHED_ON_LOOP else await call.work(digest)
    return call.store.replies.retry(call.peer.uid, params["request_id"], call.name, body, where)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
