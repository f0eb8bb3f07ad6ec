"""One committer per file: read, edit, write once, sync once, answer each.

Rules of this file:

- All who wait for one file share one read, one write and one sync. Their edits are applied one by one, each with its
  own outcome: who fails, fails alone. What is answered and recorded is what was on disk, before the batch and after it.
- A batch is the work of one of those who wait; after it others have their turn (queue.py).
- Edits that expect a revision are committed alone; dry runs are not committed.
- Every edit leaves one `intent` and one `outcome`. The intent is on disk before the target changes, and so is what the
  file held and is to hold (history), synced side by side with the candidate; where either cannot be written the change
  is refused.
- The answer to an edit that its caller may ask for again is on disk before it is given, synced side by side with the
  directory.
- A caller that goes away does not stop what has begun.
"""

import threading
from functools import partial

from rpcd.audit import AuditLog, Unwritable
from rpcd.errors import Refused
from rpcd.incident import refusal
from rpcd.store.atomic import Candidate, Displaced, remove, sync_directory, temporary_name, write_in_place
from rpcd.store.edits import Change, Edit, Waiting, answer, fail
from rpcd.store.history import History, Of, Step
from rpcd.store.judge import require_allowed
from rpcd.store.pieces import same
from rpcd.store.queue import Queue
from rpcd.store.replies import Replies
from rpcd.store.replyfile import Answer
from rpcd.store.room import Room
from rpcd.store.storage import storage_faults
from rpcd.store.targets import Held, Place, Revisions, Snapshot, Targets
from rpcd.store.together import Together
from rpcd.store.workers import Workers

__all__ = ["Committers"]


class Committers:
    """Commits edits, side by side for different files and together for one."""

    def __init__(
        self,
        room: Room,
        audit: AuditLog,
        revisions: Revisions,
        replies: Replies,
        history: History,
        *,
        targets: Targets,
        workers: Workers,
    ) -> None:
        self._targets = targets
        self._room = room
        self._audit = audit
        self._revisions = revisions
        self._replies = replies
        self._history = history
        self._workers = workers
        self._together = Together()
        self._queues: dict[str, Queue] = {}
        self._idle = threading.Condition()
        self._closed = False
        self._owed: list[dict[str, object]] = []  # outcomes that the log could not take
        self._owing = threading.Lock()
        self.batches = 0  # writes, and the edits in them, since the start
        self.changes = 0

    @property
    def queued(self) -> int:
        """Edits that wait for their turn."""
        with self._idle:
            return sum(map(len, self._queues.values()))

    async def change(self, edit: Edit) -> Change:
        """Commit an edit; raises `Refused`."""
        waiting = Waiting(edit)
        try:
            self._put(waiting)
        except Refused as refused:
            waiting.failed = refused
            if not edit.dry_run:
                self._record([waiting], None, None)
            raise
        return await waiting.future

    def close(self) -> None:
        """Wait until everything that was begun is finished; nothing begins any more."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._queues)
        self._together.close()
        self._replies.close()
        self._record([], None, None)

    def _put(self, waiting: Waiting) -> None:
        """Have an edit wait for its turn; raises `Refused` where none will come."""
        target = waiting.edit.target
        with self._idle:
            if self._closed:
                raise Refused("unavailable", reason="stopping")
            queue = self._queues.get(target)
            if queue is None:
                queue = Queue(partial(self._call, target))
            queue.put(waiting)
            self._queues[target] = queue

    def _call(self, target: str, queue: Queue, uid: int) -> None:
        self._workers.submit(uid, partial(self._work, target, queue, uid))

    def _work(self, target: str, queue: Queue, uid: int) -> None:
        """Commit for those who wait for this file, in the turn of `uid`; who comes meanwhile is of a next turn."""
        with self._idle:
            batch = queue.take(uid)
        if not batch:
            return
        try:
            change = self._commit(target, batch)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody waits for ever
            change = Change(changed=False, before=None, after=None)
            fail(batch, refusal(error))
        answer(batch, change)
        with self._idle:
            queue.done()
            if not queue:
                del self._queues[target]
                self._idle.notify_all()

    def _commit(self, target: str, batch: list[Waiting]) -> Change:
        """Read, edit, write once."""
        try:
            with self._targets.place(target) as place, self._room.work(place):
                before = place.read()
                content = self._apply(batch, place, before)
                if batch[0].edit.dry_run:
                    return _compared(before, content)
                return self._write(batch, place, before, content)
        except BaseException as error:  # noqa: BLE001 - the file cannot even be read
            fail(batch, refusal(error))
            if not batch[0].edit.dry_run:
                self._record(batch, None, None)
            return Change(changed=False, before=None, after=None)

    def _apply(self, batch: list[Waiting], place: Place, before: Held | None) -> bytes | None:
        """What the file is to hold after all edits of the batch that hold."""
        content = before.content if before else None
        digest = before.digest if before else None
        for waiting in batch:
            edit = waiting.edit
            try:
                if edit.retry is not None:
                    self._replies.require()
                if edit.if_revision is not None and not self._revisions.holds(edit.if_revision, digest):
                    raise Refused("conflict", revision=self._revisions.name(digest, plain=edit.plain))
                new = edit.apply(content)
                if new is not None and new is not content:
                    require_allowed(place.target, edit, content, new)
                    self._room.take(place, content, new)
            except BaseException as error:  # noqa: BLE001 - one edit fails, the others go on
                waiting.failed = refusal(error)
            else:
                waiting.changed = not same(new, content) or (edit.blind and new is not None)
                content = new
        return content

    def _write(self, batch: list[Waiting], place: Place, before: Held | None, content: bytes | None) -> Change:
        """Have `content` on disk, and the records of it."""
        old = before.digest if before else None
        after = None if content is None else Snapshot.of(content)
        new = after.digest if after else None
        wanted = any(waiting.changed and not waiting.failed for waiting in batch)
        wanted = wanted and (before is not None or content is not None)  # a file may come and go within one batch
        if wanted:
            try:
                if after is not None:
                    self._replace(batch, Candidate(place, after.content, before), after)
                elif before is not None:
                    with self._remembered(batch, place, before, None) as step:
                        aside = temporary_name()
                        seq = self._intend(batch, old, None, aside)
                        self._together.sync(partial(self._audit.sync, seq), step.sync)
                        remove(place, before, aside)
                        self._settle(batch, old, new, place)
            except Unwritable:
                fail(batch, Refused("unavailable", reason="audit"))
            except Displaced:
                self._conflict(batch, place)
            except BaseException as error:  # noqa: BLE001 - every intent has its outcome
                fail(batch, refusal(error))
        self._record(batch, old, new)
        if not wanted:
            self._settle(batch, old, new, None)
        return Change(True, old, new)

    def _settle(self, batch: list[Waiting], old: str | None, new: str | None, place: Place | None) -> None:
        """Have what was changed in `place` on disk, and side by side the answers to those who may ask again."""
        kept = {
            waiting.edit.retry: Answer(waiting.edit.retry, waiting.change, waiting.changed, old, new)
            for waiting in batch
            if waiting.edit.retry is not None and not waiting.failed
        }
        number = self._replies.keep(kept.values()) if kept else 0
        try:
            if place is not None:
                sync_directory(place.directory)
        except Refused:
            self._replies.forget(kept)
            raise
        finally:
            self._replies.sync(number)

    def _remembered(self, batch: list[Waiting], place: Place, before: Held | None, after: Snapshot | None) -> Step:
        """What the file holds and is to hold, written down; for as long as it changes."""
        made = [waiting.maker() for waiting in batch if waiting.changed and not waiting.failed]
        with storage_faults():
            return self._history.write(Of.file(place.target, place.path), before, after, made)

    def _replace(self, batch: list[Waiting], candidate: Candidate, after: Snapshot) -> None:
        """Have intent, history and candidate on disk, side by side; then the one step that changes the target."""
        place, before = candidate.place, candidate.before
        old, new = before.digest if before else None, after.digest
        try:
            candidate.write()
            with self._remembered(batch, place, before, after) as step:
                seq = self._intend(batch, old, new, candidate.name)
                self._together.sync(partial(self._audit.sync, seq), step.sync, candidate.sync)
                try:
                    candidate.install()
                except Refused as error:
                    if not (place.target.in_place and before and error.data.get("reason") == "mount"):
                        raise
                    write_in_place(place, candidate.content)
                self._settle(batch, old, new, place)
        except BaseException:
            candidate.cancel()
            raise

    def _intend(self, batch: list[Waiting], old: str | None, new: str | None, temporary: str) -> int:
        """Write the intents; the `seq` that has to be on disk before the target changes."""
        seq = self._audit.write(*(waiting.intent(old, new, temporary) for waiting in batch))
        for waiting in batch:
            waiting.intended = True
        return seq

    def _conflict(self, batch: list[Waiting], place: Place) -> None:
        """Tell everybody which revision is there instead, or why nobody can read it."""
        try:
            now = place.read()
        except Refused as error:
            fail(batch, error)
            return
        for waiting in batch:
            revision = self._revisions.name(now.digest if now else None, plain=waiting.edit.plain)
            waiting.failed = waiting.failed or Refused("conflict", revision=revision)

    def _record(self, batch: list[Waiting], old: str | None, new: str | None) -> None:
        """Write the outcomes, and the intents where there was no need for them before.

        The outcome of a change whose intent the log has is owed until the log can take it.
        """
        with self._owing:
            written = sum(waiting.changed and not waiting.failed for waiting in batch)
            self.changes += written
            self.batches += written > 0
            records = self._owed[:]
            for waiting in batch:
                if not waiting.intended:
                    records.append(waiting.intent(old, new, None))
                records.append(waiting.outcome(old, new))
            try:
                if records:
                    self._audit.write(*records)
                self._owed = []
            except Unwritable:
                self._owed += [waiting.outcome(old, new) for waiting in batch if waiting.intended]
                fail([waiting for waiting in batch if not waiting.intended], Refused("unavailable", reason="audit"))


def _compared(before: Held | None, content: bytes | None) -> Change:
    """What a dry run tells."""
    old = before.content if before else None
    after = None if content is None else Snapshot.of(content).digest
    return Change(not same(old, content), before.digest if before else None, after, old, content)
