"""The only code that touches a target on disk."""

import os
import secrets
from asyncio import get_running_loop, wrap_future
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from rpcd.audit import AuditLog
from rpcd.errors import Refused
from rpcd.incident import refusal
from rpcd.settings import Settings
from rpcd.store import memfd
from rpcd.store.commit import Committers
from rpcd.store.edits import Change, Edit
from rpcd.store.history import Entry, History, Of
from rpcd.store.journal import recover
from rpcd.store.once import Once
from rpcd.store.replies import Replies
from rpcd.store.replyfile import Retry
from rpcd.store.room import Room
from rpcd.store.storage import storage_faults
from rpcd.store.targets import Large, Revisions, Snapshot, Targets
from rpcd.store.workers import Workers

__all__ = ["Change", "Edit", "Entry", "Retry", "Snapshot", "Store", "Targets", "revision_names"]

Result = TypeVar("Result")

READ_ON_LOOP: Final = 256 * 1024
PARSED_ON_LOOP: Final = 16 * 1024
"""Bytes up to which a text is read, and a structured file parsed, where it is asked for: a hop to a worker costs more.
What is larger, and written so as to take long, would hold up everybody."""

KEY_SIZE: Final = 32
"""Bytes of the key of `r1:` revisions: that of HMAC-SHA-256."""


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that methods and the daemon need of the disk."""

    targets: Targets
    revisions: Revisions
    committers: Committers
    replies: Replies
    history: History
    once: Once
    audit: AuditLog
    workers: Workers
    room: Room
    max_content: int

    @classmethod
    def open(cls, settings: Settings, audit: AuditLog, workers: Workers) -> "Store":
        """The store of these settings; everything that can take long happens in `workers`."""
        targets = Targets(settings)
        key = _key(settings.state)
        revisions, replies, history = Revisions(key), Replies(settings.state, key), History(settings.state)
        room = Room(targets)
        committers = Committers(room, audit, revisions, replies, history, targets=targets, workers=workers)
        once = Once(replies, committers.change)
        return cls(targets, revisions, committers, replies, history, once, audit, workers, room, settings.max_content)

    def recover(self) -> None:
        """Settle what a crash left; before anything is served."""
        recover(self.targets, self.audit, self.replies, self.history)

    async def drain(self) -> None:
        """Wait until every change that has begun is finished; no other one begins any more."""
        try:
            closing = get_running_loop().run_in_executor(None, self.committers.close)
        except RuntimeError:  # no thread can be had: nobody is served any more who would have to wait
            self.committers.close()
        else:
            await closing

    def look(self, uid: int, name: str, then: Callable[[Snapshot], Result]) -> Result | Awaitable[Result]:
        """What `then` makes of a target's content: at once for small files, else in a worker of `uid`.

        Raises `Refused("no_such_file")` where there is none.
        """
        try:
            form = self.targets.find(name)[0].format
            if form.apart:
                return self.work(uid, partial(self._look, name, then))
            return self._look(name, then, READ_ON_LOOP if form.name == "text" else PARSED_ON_LOOP)
        except Large:
            return self.work(uid, partial(self._look_at_large, name, then))

    def work(self, uid: int, function: Callable[[], Result]) -> Awaitable[Result]:
        """Run what can take long in a worker, when it is the turn of `uid`."""
        return wrap_future(self.workers.submit(uid, partial(_contained, function)))

    def earlier(self, name: str) -> list[tuple[int, Entry]]:
        """The kept revisions of a target's file by number, the newest first; not on the event loop."""
        with storage_faults():
            return self.history.revisions(Of.file(*self.targets.file(name)))

    def content_of(self, name: str, digest: str | None) -> bytes | None:
        """What a target's file held in a kept revision; not on the event loop.

        Raises `Refused("no_such_revision")` where none with this digest is kept.
        """
        try:
            with storage_faults():
                return self.history.content(Of.file(*self.targets.file(name)), digest)
        except LookupError:
            raise Refused("no_such_revision") from None

    def receive(self, descriptor: int, hold: Callable[[int], None], *, size: int | None, sha256: str | None) -> bytes:
        """The content of a passed descriptor, see `memfd.receive`."""
        return memfd.receive(descriptor, hold, limit=self.max_content, size=size, sha256=sha256)

    def give(self, content: bytes) -> tuple[int, Callable[[], bool]]:
        """A descriptor to pass, and whether everybody has let go of it, see `memfd.give`."""
        return memfd.give(content)

    def _look_at_large(self, name: str, then: Callable[[Snapshot], Result]) -> Result:
        with self.room.large:
            return self._look(name, then)

    def _look(self, name: str, then: Callable[[Snapshot], Result], at_once: int | None = None) -> Result:
        snapshot = self.targets.read(name, at_once=at_once)
        if snapshot is None:
            raise Refused("no_such_file")
        return then(snapshot)


def _contained(function: Callable[[], Result]) -> Result:
    """What `function` returns or refuses; whatever else it raises is an incident.

    A SystemExit, or a GeneratorExit that a future throws into the coroutine waiting for it, would end more than a call.
    """
    try:
        return function()
    except BaseException as error:
        raise refusal(error) from error


def revision_names(state: str) -> Revisions:
    """The names of revisions, as the server of this state has them; its key is made where there is none yet."""
    return Revisions(_key(state))


def _key(state: str) -> bytes:
    """The key of `r1:` revisions; it is made at the first start, and stays."""
    path = os.path.join(state, "revision.key")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        key = secrets.token_bytes(KEY_SIZE)
        descriptor = os.open(f"{path}~", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, key)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(f"{path}~", path)
        return key
    try:
        key = os.read(descriptor, KEY_SIZE)
    finally:
        os.close(descriptor)
    if len(key) != KEY_SIZE:  # with a key that anybody can guess, secrets could be searched
        raise OSError(f"{path}: not {KEY_SIZE} bytes; remove it, and revisions that callers hold become conflicts")
    return key
