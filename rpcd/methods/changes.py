"""What every change has in common: one edit goes to the target's committer, one answer comes back."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rpcd.methods.diffs import visible_diff
from rpcd.methods.method import Call
from rpcd.store import Edit

__all__ = ["change"]


async def change(
    call: Call, params: dict[str, Any], apply: Callable[[bytes | None], bytes | None], *, blind: bool
) -> dict[str, object]:
    """Have `apply` turn the target's content into another, or None into a new file and a file into None.

    `blind` says that the caller must not learn from the answer whether the content was the same before. The answer is
    the design's change: target, changed, revision, previous, and a diff for a dry run.
    """
    call.find()  # there is nothing to record against where there is no such target
    dry_run = bool(params.get("dry_run", False))
    plain = call.plain

    def judged(content: bytes | None) -> bytes | None:
        call.judge_again()
        return apply(content)

    call.recorded = not dry_run
    done = await call.store.committers.change(
        Edit(
            target=call.name_of_target,
            apply=judged,
            if_revision=params.get("if_revision"),
            dry_run=dry_run,
            blind=blind,
            plain=plain,
            record=call.record(),
        )
    )
    result: dict[str, object] = {
        "target": call.name_of_target,
        "changed": done.changed,
        "revision": call.store.revisions.name(done.after, plain=plain),
        "previous": call.store.revisions.name(done.before, plain=plain),
    }
    if dry_run:
        result |= await call.store.work(partial(visible_diff, call, done.old, done.new))
    return result
