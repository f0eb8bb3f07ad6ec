"""An edit on its way to a committer, and the records that it leaves."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rpcd.documents.key import Key
from rpcd.errors import Refused
from rpcd.store.replyfile import Retry

__all__ = ["Change", "Edit", "Rejected", "Waiting"]


class Rejected(Refused):
    """What a target's own rules refuse: `faults` for the caller, and `record` for the audit log."""

    def __init__(self, faults: list[dict[str, object]], record: list[str]) -> None:
        super().__init__("rejected", faults=faults)
        self.record = record


def _nowhere(_place: Key) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One wish of `uid`: `apply` turns the content of `target` (None: no file) into another, or raises `Refused`.

    It is about what is at `key`, all of the target for the empty one; `written` says that the caller answers for all
    that is there afterwards, `tells` which places it may be told of. `if_revision` is the revision that must be there.
    `blind` edits are written even where they change nothing, since their caller must not learn that. `plain` callers
    may know the hash of the content. `record` are the fields of the call's audit records. `retry` is by what its caller
    may ask for it again.
    """

    uid: int
    target: str
    apply: Callable[[bytes | None], bytes | None]
    key: Key = ()
    written: bool = True
    tells: Callable[[Key], bool] = _nowhere
    if_revision: str | None = None
    dry_run: bool = False
    blind: bool = False
    plain: bool = False
    record: Mapping[str, object] = field(default_factory=dict)
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an edit: the digests before and after it (None: no file), and for a dry run the contents.

    `name` is the id that its audit records have.
    """

    changed: bool
    before: str | None
    after: str | None
    old: bytes | None = None
    new: bytes | None = None
    name: str = ""


class Waiting:
    """An edit whose caller waits.

    `failed` is why it does not take effect, `changed` whether it changes anything, `intended` whether the audit log has
    its intent.
    """

    __slots__ = ("change", "changed", "edit", "failed", "future", "intended", "loop", "started")

    def __init__(self, edit: Edit) -> None:
        self.edit = edit
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Change] = self.loop.create_future()
        self.change = secrets.token_hex(8)
        self.started = time.monotonic_ns()
        self.changed = False
        self.intended = False
        self.failed: Refused | None = None

    @property
    def alone(self) -> bool:
        """Whether it is not joined with others: what it expects, or tells, is about the file and nobody else's edit."""
        return self.edit.dry_run or self.edit.if_revision is not None

    def intent(self, before: str | None, after: str | None, candidate: str | None) -> dict[str, object]:
        """The record that is on disk before the target changes."""
        fields: dict[str, object] = {"event": "intent", **self.edit.record, "change": self.change}
        fields["before"] = _named(before)
        fields["after"] = None if self.failed else _named(after)
        if candidate is not None and not self.failed:
            fields["candidate"] = candidate
        if self.edit.retry is not None:  # what a start needs to answer for a crash
            fields |= {"body": self.edit.retry.body.hex(), "changed": self.changed and not self.failed}
        return fields

    def maker(self) -> dict[str, object]:
        """Who made a revision, as history keeps it; `change` leads to all that the audit log has."""
        told = ("method", "keys", "actor", "note", "request_id")
        record = self.edit.record
        return {"uid": self.edit.uid, **{name: record[name] for name in told if name in record}, "change": self.change}

    def outcome(self, before: str | None, after: str | None) -> dict[str, object]:
        """The record of what became of it."""
        failed = self.failed
        fields: dict[str, object] = {"event": "outcome", **self.edit.record, "change": self.change}
        fields["verdict"] = "denied" if failed and failed.kind == "denied" else "allowed"
        fields["kind"] = failed.kind if failed else None
        if failed and failed.kind == "internal":
            fields["incident"] = failed.data["incident"]
        if isinstance(failed, Rejected):
            fields["faults"] = failed.record
        fields["changed"] = self.changed and failed is None
        fields["before"] = _named(before)
        fields["after"] = None if failed and failed.kind == "unknown" else _named(before if failed else after)
        fields["ms"] = round((time.monotonic_ns() - self.started) / 1e6, 3)
        return fields


def _named(digest: str | None) -> str:
    return "absent" if digest is None else f"sha256:{digest}"


def fail(batch: list[Waiting], error: Refused) -> None:
    """Everybody whose edit held until now fails with this."""
    for waiting in batch:
        waiting.failed = waiting.failed or error


def answer(batch: list[Waiting], change: Change) -> None:
    """Wake everybody who waits, in one go for each loop."""

    def wake() -> None:
        for waiting in batch:
            if waiting.future.done():
                continue
            if waiting.failed is not None:
                waiting.future.set_exception(waiting.failed)
            elif waiting.edit.dry_run:
                waiting.future.set_result(change)
            else:
                waiting.future.set_result(Change(waiting.changed, change.before, change.after, name=waiting.change))

    batch[0].loop.call_soon_threadsafe(wake)
