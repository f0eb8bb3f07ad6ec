"""Earlier revisions of targets, by content: what was on disk, since when, and who had it put there.

Rules of this package:

- What stood in a file, and what is to stand there, is in `state` before the file changes; never beside the target.
- A revision is only ever what was on disk: what turns out not to have taken effect is struck out, also after a crash.
- Content that somebody else put there is found at the next change, and kept as a revision that nobody made.
- Revisions belong to a path and a format. A target that moves begins anew; what was stays with the old path.
- What is on disk is bounded: of one file as the settings say, and of all files of a directory target together to three
  times that. There whoever makes it more makes room for it, in the history of the same file; names that come and go,
  too. A file within its share needs no look at the others.

Limits, and who gives way: keeping.py. The file: pack.py. What it holds: revisions.py.
"""

import hashlib
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple, Self

import structlog

from rpcd.errors import Refused
from rpcd.settings import HistoryLimits, Target
from rpcd.store.directories import make_directory
from rpcd.store.history.keeping import Entry
from rpcd.store.history.pack import Pack, made, opened
from rpcd.store.history.revisions import Revisions
from rpcd.store.storage import storage_faults
from rpcd.store.targets import Snapshot

__all__ = ["Entry", "History", "Of", "Step"]

log = structlog.get_logger("rpcd")

KNOWN: Final = 256
"""Files whose list of revisions stays in memory."""

Identity = tuple[int, int, int]
"""See `Pack.identity`."""


class Of(NamedTuple):
    """Whose revisions: those of a file, in this format; `most` files of its directory may have some."""

    path: str
    format: str
    limits: HistoryLimits
    most: int

    @property
    def share(self) -> int:
        """The bytes up to which so many files, and as many that are gone, come to no more than the limit of one."""
        return self.limits.size // (2 * self.most) if self.most > 1 else sys.maxsize

    @classmethod
    def file(cls, target: Target, path: str) -> "Of":
        """Those of a target's file at `path`."""
        return cls(path, target.format.name, target.history, 1 if target.names is None else target.max_files)


class Step:
    """Revisions that were written, and are on disk after `sync`; a context in which the file changes.

    Where that ends with an exception other than `Refused("unknown")`, nothing has changed: the revision is struck out.
    """

    def __init__(self, descriptor: int, strike: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._strike = strike

    def sync(self) -> None:
        """Wait until they are on disk; raises `Refused("storage")`."""
        with storage_faults():
            os.fdatasync(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        os.close(self._descriptor)
        if error is not None and not (isinstance(error, Refused) and error.kind == "unknown"):
            self._strike()


class History:
    """All revisions that are kept. Threads may share it."""

    def __init__(self, state: str) -> None:
        self._directory = os.path.join(state, "history")
        make_directory(self._directory)
        self._known: OrderedDict[str, Revisions] = OrderedDict()
        self._lock = threading.Lock()

    def write(
        self, of: Of, before: Snapshot | None, after: Snapshot | None, edits: Sequence[Mapping[str, Any]]
    ) -> Step:
        """Write down what stands in a file, if that is not known, and what these edits are about to put there.

        Raises OSError, and then nothing is written.
        """
        path, by = self._path(of), edits[0]["uid"]
        self._make_room(of, path, by)
        with made(path, _first(of, by)) as pack:
            known, begun = self._load(pack, of), pack.identity
            number = known.append(pack, before, after, edits)
            self._remember(known, pack)
            size, room = pack.identity[1], 2 * of.limits.size
            crowded = size > of.share and (beside := self._beside(path)) + size > room
            if crowded:
                known.make_do(max(0, room - beside) // 2)
            if crowded or known.wasteful:
                self._rewrite(known, pack, of)
            return Step(os.dup(pack.descriptor), partial(self._take_back, of, number, begun, pack.identity))

    def strike(self, of: Of, change: str) -> None:
        """Strike out the revision of a change that was not made, known by its id in the audit log. Raises nothing."""
        with _told(), opened(self._path(of)) as pack:
            if pack is None:
                return
            known = self._load(pack, of)
            for number, entry in list(known.kept):
                if any(edit["change"] == change for edit in entry.edits):
                    known.strike(pack, number)
            os.fdatasync(pack.descriptor)
            self._remember(known, pack)

    def revisions(self, of: Of) -> list[tuple[int, Entry]]:
        """Those that are kept, by number, the newest first. Raises OSError."""
        with opened(self._path(of)) as pack:
            if pack is None:
                return []
            known = self._load(pack, of)
            known.kept.give_way(time.time())
            self._remember(known, pack)
            return list(reversed(known.kept))

    def content(self, of: Of, digest: str | None) -> bytes | None:
        """The content of a kept revision, None where there was no file. LookupError where it is not kept; OSError."""
        with opened(self._path(of)) as pack:
            if pack is None:
                raise LookupError
            known = self._load(pack, of)
            self._remember(known, pack)
            return known.content(pack, digest)

    def purge(self, of: Of, digests: Container[str | None] | None = None) -> int:
        """Forget the revisions with these digests, or all, for good; how many there were. Raises OSError.

        Their bytes are in no file any more; what a disk keeps of what was deleted is beyond it.
        """
        with opened(self._path(of)) as pack:
            if pack is None:
                return 0
            known = self._load(pack, of)
            gone = [number for number, entry in known.kept if digests is None or entry.digest in digests]
            for number in gone:
                known.kept.drop(number)
            known.rewrite(pack, _first(of, 0))
            self._remember(known, pack)
            return len(gone)

    def _take_back(self, of: Of, number: int, begun: Identity, ended: Identity) -> None:
        """Strike out a revision that was just written: what it was about has not taken effect. Raises nothing.

        Where nothing has happened to the file since, it ends where it had `begun`: that needs no space, which may be
        what is missing.
        """
        with _told(), opened(self._path(of)) as pack:
            if pack is None:
                return
            known = self._load(pack, of)
            if pack.identity == ended and begun[0] == ended[0]:
                os.ftruncate(pack.descriptor, begun[1])
                known = Revisions.read(pack, of.limits)
            else:
                known.strike(pack, number)
            os.fdatasync(pack.descriptor)
            self._remember(known, pack)

    def _path(self, of: Of) -> str:
        """Where the revisions of a file are: in a directory for those of its directory."""
        directory, file = os.path.split(of.path)
        above = hashlib.sha256(os.fsencode(f"{of.format}\0{directory}")).hexdigest()[:32]
        return os.path.join(self._directory, above, hashlib.sha256(os.fsencode(file)).hexdigest()[:32])

    def _load(self, pack: Pack, of: Of) -> Revisions:
        """What the file holds; read again where somebody else has written to it."""
        with self._lock:
            known = self._known.pop(pack.path, None)
        if known is None or known.identity != pack.identity:
            return Revisions.read(pack, of.limits)
        known.kept.limits = of.limits
        return known

    def _remember(self, known: Revisions, pack: Pack) -> None:
        """Keep what the file holds in memory; until then nobody else had it."""
        known.identity = pack.identity
        with self._lock:
            self._known[pack.path] = known
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def _rewrite(self, known: Revisions, pack: Pack, of: Of) -> None:
        """Write the file anew. Raises nothing: it can wait."""
        with _told():
            known.rewrite(pack, _first(of, 0))
            self._remember(known, pack)

    def _beside(self, path: str) -> int:
        """The bytes of all other files of revisions in the same directory."""
        with os.scandir(os.path.dirname(path)) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.path != path)

    def _make_room(self, of: Of, path: str, by: int) -> None:
        """Have a directory for this file, and not too many others in it: those whose target is gone give way.

        What the same uid has made comes first: who makes names without end pushes out its own.
        """
        above = os.path.dirname(path)
        make_directory(above)
        if os.path.exists(path):
            return
        names = os.listdir(above)
        if len(names) < 2 * of.most:
            return
        gone = []
        for name in names:
            with opened(os.path.join(above, name)) as pack:
                first = next(pack.records(), None) if pack is not None else None
                if pack is not None and (first is None or not os.path.lexists(str(first.head["path"]))):
                    gone.append((first is not None and first.head["by"] != by, pack.identity[2], pack.path))
        for _, _, leaving in sorted(gone)[: max(1, of.most // 8)]:
            os.unlink(leaving)


@contextmanager
def _told() -> Iterator[None]:
    """Within this an OSError is told to the administrator, and goes no further."""
    try:
        yield
    except OSError as error:
        log.error("history cannot be put in order", error=error.errno)


def _first(of: Of, by: int) -> dict[str, Any]:
    """The first record of a file: whose revisions it has, and which uid made the first."""
    return {"path": of.path, "format": of.format, "by": by}
