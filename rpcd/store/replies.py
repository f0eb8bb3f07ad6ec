"""The answers to finished changes, so that who asks again under the same `request_id` gets the same one.

Rules of this file:

- An answer is kept for a day, 10,000 of one uid, and so many in all; the oldest go first. Where there are too many in
  all, those who have the most give way, so that nobody can push out somebody else's by being many.
- It is on disk before its reply leaves. Where the disk does not take it, it stays in memory, nothing else is taken that
  somebody could ask for again, and the file is written anew as soon as that is possible.
- A day is one of the machine's own (CLOCK_BOOTTIME), whatever happens to the wall clock, also across restarts of the
  server. Across a restart of the machine only the wall clock can tell: an answer that is then from the future counts as
  made just now, and one whose day seems to be over is gone.
- `find` is called on the event loop, and never waits for the disk.
"""

import hmac
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from rpcd.errors import Refused
from rpcd.store.replyfile import DIGEST, Answer, ReplyFile, Retry

__all__ = ["DAY", "MAX_KEPT", "MAX_OF_UID", "Clock", "Replies"]

log = structlog.get_logger("rpcd")

DAY: Final = 24 * 60 * 60
"""Seconds for which an answer is kept."""

MAX_OF_UID: Final = 10_000
MAX_KEPT: Final = 100_000
"""Answers that are kept of one uid, and in all: some 30 MB of memory."""

SPARE: Final = 4096
"""Records that the file may have beside twice the ones that count, before it is written anew."""


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot_id() -> str:
    """The kernel's name for this run of the machine (random(4)); "" where it does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()[:36]
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds since 1970, seconds since the machine started, and which start that was ("": nobody knows)."""

    wall: Callable[[], float] = time.time
    boot: Callable[[], float] = _since_boot
    boot_id: Callable[[], str] = _boot_id


class Replies:
    """The kept answers, in memory and on disk. Threads may share them."""

    def __init__(self, state: str, key: bytes, clock: Clock | None = None) -> None:
        self._key = hmac.digest(key, b"rpcd replies", "sha256")
        self._clock = clock or Clock()
        self._boot_id = self._clock.boot_id()
        self._held: dict[int, OrderedDict[bytes, bytes]] = {}  # by uid and id, the oldest first
        self._count = 0
        self._lock = threading.Lock()  # of what is in memory
        self._file = ReplyFile(state, self._key)
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="replies")
        self._written = self._synced = 0
        self._load()

    def retry(self, uid: int, request_id: str, *asked: Any) -> Retry:
        """What a call is known by when it comes again; `asked` is all that has to be the same."""
        body = json.dumps(asked, sort_keys=True).encode("ascii")
        return self.known(uid, request_id, self._hash(b"body " + body))

    def known(self, uid: int, request_id: str, body: bytes) -> Retry:
        """The same, where the hash of all that has to be the same is known."""
        return Retry(uid, self._hash(f"id {uid} {request_id}".encode()), body)

    def find(self, retry: Retry) -> Answer | None:
        """What was answered; raises `Refused("request_id_reused")` where the same id asked for something else."""
        with self._lock:
            held = self._held.get(retry.uid)
            packed = held.get(retry.id) if held else None
        if packed is None or self._is_old(answer := Answer.unpack(packed)):
            return None
        if answer.retry.body != retry.body:
            raise Refused("request_id_reused")
        return answer

    def require(self) -> None:
        """Raise `Refused("unavailable")` where an answer could not be kept; before anything is changed."""
        with self._lock:
            most = 2 * self._count + SPARE
        if self._file.whole and self._file.records <= most:
            return
        try:
            self._rewrite()
        except OSError as error:
            log.error("replies cannot be kept", error=error.errno)
            raise Refused("unavailable", reason="replies") from error

    def keep(self, answers: Iterable[Answer]) -> int:
        """Keep these, and begin to have them on disk; the number up to which to wait for that with `sync`.

        Raises nothing: the change is made.
        """
        made, wall = int(self._clock.boot()), int(self._clock.wall())
        packed = [replace(answer, made=made, wall=wall).pack() for answer in answers]
        with self._writing:
            self._insert(packed)
            self._written += 1
            try:
                self._file.append(packed)
            except OSError as error:
                log.error("replies cannot be kept", error=error.errno)
            number = self._written
        with suppress(RuntimeError):  # no thread can be had: whoever waits syncs by itself
            self._syncer.submit(self.sync, number)
        return number

    def sync(self, number: int) -> None:
        """Wait until what was kept up to `number` is on disk; one who waits syncs for all. Raises nothing.

        A sync that failed is not asked for again (fsync(2)): the file is no longer whole, and will be written anew.
        """
        with self._syncing:
            if self._synced >= number:
                return
            try:
                with self._writing:
                    written, descriptor = self._written, self._file.duplicate()
                try:
                    os.fdatasync(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as error:
                written, self._file.whole = number, False
                log.error("replies cannot be kept", error=error.errno)
            self._synced = written

    def forget(self, retries: Iterable[Retry]) -> None:
        """Take back what turned out not to be sure. Raises nothing."""
        with self._lock:
            before = self._count
            for retry in retries:
                held = self._held.get(retry.uid)
                if held and held.pop(retry.id, None):
                    self._count -= 1
            if self._count == before:
                return
        self._file.whole = False
        try:
            self._rewrite()
        except OSError as error:
            log.error("replies cannot be kept", error=error.errno)

    def close(self) -> None:
        """Let the file go."""
        self._syncer.shutdown()
        with self._writing:
            self._file.close()

    def _load(self) -> None:
        """Take over what earlier runs kept, and write it anew under this run's clock."""
        boot_id, packed = self._file.read()
        self._insert([self._dated(one, same_boot=boot_id == self._boot_id != "").pack() for one in packed])
        try:
            self._rewrite()
        except OSError as error:
            log.error("replies cannot be kept", error=error.errno)

    def _dated(self, packed: bytes, *, same_boot: bool) -> Answer:
        """An answer of an earlier run, with its age in this machine's time."""
        answer = Answer.unpack(packed)
        if same_boot:
            return answer
        wall = int(self._clock.wall())
        age = max(0, wall - answer.wall)
        return replace(answer, made=int(self._clock.boot()) - age, wall=wall - age)

    def _rewrite(self) -> None:
        """Write the file anew, with what counts; raises `OSError`."""
        with self._writing:
            with self._lock:
                self._expire()
                packed = [one for held in self._held.values() for one in held.values()]
            self._file.rewrite(self._boot_id, packed)
            self._synced = self._written

    def _insert(self, packed: Iterable[bytes]) -> None:
        with self._lock:
            for one in packed:
                retry = Answer.unpack(one).retry
                held = self._held.setdefault(retry.uid, OrderedDict())
                self._count += held.pop(retry.id, None) is None
                held[retry.id] = one
                if len(held) > MAX_OF_UID:
                    self._drop(held, 1)
            if self._count > MAX_KEPT:
                self._make_room()

    def _make_room(self) -> None:
        """Bring the number of all answers down by a hundredth, at the cost of those who have the most."""
        self._expire()
        for held in sorted(self._held.values(), key=len, reverse=True):
            if self._count <= MAX_KEPT - MAX_KEPT // 100:
                return
            self._drop(held, (len(held) + 1) // 2)

    def _expire(self) -> None:
        """Drop what is older than a day."""
        for uid, held in list(self._held.items()):
            while held and self._is_old(Answer.unpack(next(iter(held.values())))):
                self._drop(held, 1)
            if not held:
                del self._held[uid]

    def _drop(self, held: OrderedDict[bytes, bytes], number: int) -> None:
        """Drop the oldest of one uid's."""
        for _ in range(number):
            held.popitem(last=False)
        self._count -= number

    def _is_old(self, answer: Answer) -> bool:
        return self._clock.boot() - answer.made >= DAY

    def _hash(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, "sha256")[:DIGEST]
