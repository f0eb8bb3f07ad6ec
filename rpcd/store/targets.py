"""From a target's name to its directory and file, opened so that nobody can put another in between.

Rules of this file:

- Callers name targets, never paths. A file of a directory target is `NAME/FILE`, and FILE is one plain name that the
  target's `names` fullmatch.
- No symbolic link is followed at any step, but where the target says so; then the link's own target is what counts.
- A file is a regular one with one name, and has the owner and mode that the settings demand, or it is not touched.
- Sizes are known before anything is read, and a target's directory is trusted before anything is written.
"""

import hashlib
import hmac
import os
import re
import stat
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Final

from rpcd.errors import Refused
from rpcd.settings import Settings, Target
from rpcd.store.metadata import Metadata
from rpcd.store.storage import storage_faults
from rpcd.store.syscalls import open_without_links

__all__ = ["FileFacts", "Held", "Large", "Place", "Revisions", "Snapshot", "Targets", "read_opened"]

LEFTOVER: Final = re.compile(r"\.rpcd-[0-9a-f]{16}~")
"""What our own temporary files are called."""

MAX_KEPT: Final = 256
MAX_KEPT_CONTENT: Final = 64 * 1024
"""Snapshots that are kept to spare hashing a file again that has not changed, and the bytes of the largest one."""

MAX_NAME: Final = 255
_NAME: Final = re.compile(
    r"[^./\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff][^/\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*"
)


class Large(Exception):
    """A file that is larger than its reader has time for."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a file held when it was read; `digest` is the SHA-256 of it in hexadecimal, by which two are compared."""

    content: bytes = field(compare=False)
    digest: str

    @classmethod
    def of(cls, content: bytes) -> "Snapshot":
        """The snapshot of a content."""
        return cls(content, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class Held(Snapshot):
    """What a file held, and whose it was, when it was read for a change: it takes the place of nothing else."""

    metadata: Metadata


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a listing tells of a file."""

    name: str
    digest: str
    size: int


class Revisions:
    """Names for contents: a hash for who may read them anyway, a keyed hash for everybody else.

    The hash of a short secret can be searched; without the key its HMAC (RFC 2104) cannot.
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = lru_cache(maxsize=MAX_KEPT)(
            lambda digest: f"r1:{hmac.digest(key, digest.encode(), 'sha256').hex()}"
        )

    def name(self, digest: str | None, *, plain: bool) -> str:
        """The revision of a content with this digest; `absent` where there is no file."""
        if digest is None:
            return "absent"
        return f"sha256:{digest}" if plain else self._keyed(digest)

    def of(self, content: bytes | None, *, plain: bool) -> str:
        """The revision of a content."""
        return self.name(None if content is None else hashlib.sha256(content).hexdigest(), plain=plain)

    def holds(self, revision: str, digest: str | None) -> bool:
        """Whether a revision, in either form, is that of this digest."""
        return any(hmac.compare_digest(revision, self.name(digest, plain=plain)) for plain in (True, False))


@dataclass(frozen=True, slots=True)
class Place:
    """A target's file in its opened directory; `path` is where that is."""

    target: Target
    directory: int
    file: str
    limit: int
    path: str

    def size(self) -> int:
        """How many bytes the file has; none where there is none."""
        try:
            return os.stat(self.file, dir_fd=self.directory, follow_symlinks=False).st_size
        except OSError:
            return 0

    def read(self, name: str | None = None) -> Held | None:
        """What the file, or one of this name beside it, holds now; None where there is none."""
        with storage_faults():
            try:
                descriptor = open_without_links(name or self.file, _READING, directory=self.directory)
            except FileNotFoundError:
                return None
            try:
                content = read_opened(descriptor, self.target, self.limit)
                return Held(content, hashlib.sha256(content).hexdigest(), Metadata.of(descriptor))
            finally:
                os.close(descriptor)


class Targets:
    """The targets of the settings, on disk."""

    def __init__(self, settings: Settings) -> None:
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._lock = Lock()
        self.replace(settings)

    def replace(self, settings: Settings) -> None:
        """Take new settings."""
        self._targets: Mapping[str, Target] = settings.targets
        self._max_content = settings.max_content
        self._max_document = settings.max_document

    def all(self) -> Mapping[str, Target]:
        """Every target by its name."""
        return self._targets

    def find(self, name: str) -> tuple[Target, str | None]:
        """The target that a caller's name means, and the name of its file; None for a directory target itself.

        Raises `Refused("no_such_target")`, and `Refused("invalid_params")` for a file that it cannot have.
        """
        base, slash, file = name.partition("/")
        target = self._targets.get(base)
        if target is None or (slash and target.names is None):
            raise Refused("no_such_target")
        if not slash:
            return target, target.file
        fits = _NAME.fullmatch(file) and not file.endswith("~") and len(os.fsencode(file)) <= MAX_NAME
        if target.names is None or not fits or not target.names.fullmatch(file):
            raise Refused("invalid_params", faults=[{"at": "/target", "rule": "names"}])
        return target, file

    def directory(self, name: str) -> str:
        """The directory in which the file or files of a target are, behind a link where the target follows it."""
        target = self._targets[name]
        return target.directory if target.file is None else self._located(name)[1]

    def file(self, name: str) -> tuple[Target, str]:
        """A target and the path of its file, behind a link where the target follows it."""
        target, directory, file = self._located(name)
        return target, f"{directory}/{file}"

    def limit(self, target: Target) -> int:
        """Bytes that a file of this target may have."""
        return self._max_content if target.format.name == "text" else self._max_document

    def read(self, name: str, *, at_once: int | None = None) -> Snapshot | None:
        """What a target's file holds now, or None where there is none.

        Raises `Large` where it has more than `at_once` bytes: the caller has no time to read it.
        """
        target, directory, file = self._located(name)
        with storage_faults():
            try:
                descriptor = open_without_links(f"{directory}/{file}", _READING)
            except FileNotFoundError:
                os.close(open_without_links(directory, os.O_PATH | os.O_DIRECTORY))  # the directory has to be there
                return None
            try:
                if at_once is not None and os.fstat(descriptor).st_size > at_once:
                    raise Large
                content = read_opened(descriptor, target, self.limit(target))
            finally:
                os.close(descriptor)
        with self._lock:
            known = self._kept.get(name)
            if known is not None and known.content == content:
                self._kept.move_to_end(name)
                return known
        snapshot = Snapshot.of(content)
        if len(content) <= MAX_KEPT_CONTENT:
            with self._lock:
                self._kept[name] = snapshot
                if len(self._kept) > MAX_KEPT:
                    self._kept.popitem(last=False)
        return snapshot

    @contextmanager
    def place(self, name: str) -> Iterator[Place]:
        """A target's directory, opened, and trusted unless the settings say that it need not be."""
        target, directory, file = self._located(name)
        with storage_faults():
            descriptor = open_without_links(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            found = os.fstat(descriptor)
            if not target.untrusted_directory and (
                found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & 0o022
            ):
                raise Refused("storage", reason="directory")
            yield Place(target, descriptor, file, self.limit(target), f"{directory}/{file}")
        finally:
            os.close(descriptor)

    def files(self, name: str) -> Iterator[FileFacts]:
        """The files of a directory target, by name; what is no file of its is passed over."""
        target = self.find(name)[0]
        if target.names is None:
            raise Refused("invalid_params", faults=[{"at": "/target", "rule": "directory"}])
        with storage_faults():
            directory = open_without_links(target.directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                names = sorted(os.listdir(directory))
            finally:
                os.close(directory)
        for file in names:
            try:
                snapshot = self.read(f"{target.name}/{file}")
            except Refused:
                continue
            if snapshot is not None:
                yield FileFacts(file, snapshot.digest, len(snapshot.content))

    def sizes(self, place: Place) -> Iterator[tuple[str, int]]:
        """Name and size of every file that counts against the limits of a directory target."""
        names = place.target.names
        with storage_faults(), os.scandir(place.directory) as entries:
            for entry in entries:
                if names is not None and names.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size

    def _located(self, name: str) -> tuple[Target, str, str]:
        """Target, directory and file, behind a link where the target follows it."""
        target, file = self.find(name)
        if file is None:
            raise Refused("invalid_params", faults=[{"at": "/target", "rule": "file"}])
        if not target.follow:
            return target, target.directory, file
        directory, file = os.path.split(os.path.realpath(f"{target.directory}/{file}"))
        return target, directory, file


_READING: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY  # a pipe or a terminal must not hold anybody up


def read_opened(descriptor: int, target: Target, limit: int) -> bytes:
    """The content of an opened file, once it is one that may be touched.

    Raises `Refused("storage")` with what is wrong with it, and `Refused("too_large")`.
    """
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Refused("storage", reason="not_regular")
    if found.st_nlink > 1:
        raise Refused("storage", reason="hard_link")
    if (target.owner is not None and found.st_uid != target.owner) or (
        target.group is not None and found.st_gid != target.group
    ):
        raise Refused("storage", reason="owner")
    if target.mode is not None and stat.S_IMODE(found.st_mode) != target.mode:
        raise Refused("storage", reason="mode")
    if found.st_size > limit:
        raise Refused("too_large", limit=limit)
    content = os.read(descriptor, found.st_size + 1)
    if len(content) != found.st_size:  # somebody is writing to it
        while len(content) <= limit and (more := os.read(descriptor, limit)):
            content += more
        if len(content) > limit:
            raise Refused("too_large", limit=limit)
    return content
