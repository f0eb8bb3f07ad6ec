"""Replacing one file, durably, with everything it had.

Rules of this file:

- The new content is a file of its own beside the old one until it is whole, on disk, and read back. Until the rename
  nothing has changed, and whatever fails takes the temporary file away.
- Owner first, then mode, then attributes, then a look whether they are what was asked: chown clears bits, and a missing
  capability drops others silently. A file is never looser than the one it replaces, and 0600 while it is written.
- A `fsync` that failed is never asked again.
- The rename exchanges: the file that was displaced is somebody's until it is known to be the one we read. If it is not,
  it goes back.
- After the rename nobody can say `nothing changed`. An error then is `unknown`.
- What this does not do: it cannot keep hard links together, and it keeps no birth time.

See rename(2), fsync(2), xattr(7).
"""

import errno
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rpcd.errors import Refused
from rpcd.settings import Target
from rpcd.store.storage import storage_refusal
from rpcd.store.syscalls import EXCHANGE, NOREPLACE, open_without_links, rename
from rpcd.store.targets import Place

__all__ = ["Candidate", "Displaced", "Metadata", "remove", "set_aside", "write_in_place"]

NEW_MODE: Final = 0o600
"""Of a file that was not there, unless its target says otherwise."""

_WITHOUT_FLAGS: Final = (errno.EINVAL, errno.ENOSYS)
"""renameat2(2) on a file system that cannot exchange."""


class Displaced(Exception):
    """The file is no longer the one that was read; it is untouched."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file has besides its content: owner, group, mode, extended attributes (ACL and SELinux label too)."""

    owner: int
    group: int
    mode: int
    attributes: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Place) -> "Metadata":
        """That of the file that is there, or what a new one is to get."""
        try:
            descriptor = open_without_links(place.file, os.O_RDONLY | os.O_NONBLOCK, directory=place.directory)
        except FileNotFoundError:
            return cls.new(place.target)
        try:
            found = os.fstat(descriptor)
            attributes = {name: os.getxattr(descriptor, name) for name in _attributes(descriptor)}
            return cls(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), attributes)
        finally:
            os.close(descriptor)

    @classmethod
    def new(cls, target: Target) -> "Metadata":
        """What a new file of a target gets: root, root, 0600 unless set; the server's own ids where it is not root."""
        root = os.geteuid() == 0
        owner = target.owner if target.owner is not None else 0 if root else os.geteuid()
        group = target.group if target.group is not None else 0 if root else os.getegid()
        return cls(owner, group, target.mode if target.mode is not None else NEW_MODE)

    def give(self, descriptor: int) -> None:
        """Give an opened file all of this, and look that it has it."""
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid) != (self.owner, self.group):
            os.fchown(descriptor, self.owner, self.group)
        os.fchmod(descriptor, self.mode)
        has = {name: os.getxattr(descriptor, name) for name in _attributes(descriptor)}
        for name in has.keys() - self.attributes.keys():
            if name == "system.posix_acl_access":  # inherited from the directory's default ACL
                os.removexattr(descriptor, name)
        for name, value in self.attributes.items():
            if has.get(name) != value:
                os.setxattr(descriptor, name, value)
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (self.owner, self.group, self.mode):
            raise Refused("storage", reason="permission")


def _attributes(descriptor: int) -> list[str]:
    """The names of a file's extended attributes; none where the file system has no such thing."""
    try:
        return os.listxattr(descriptor)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise


class Candidate:
    """A content on its way to be a file. Whoever makes one ends with `install` or `cancel`."""

    def __init__(self, place: Place, content: bytes) -> None:
        self.place = place
        self.content = content
        self.name = f".rpcd-{secrets.token_hex(8)}~"
        self._descriptor = -1

    def write(self) -> None:
        """Write everything; raises `Refused("storage")`, and takes everything back."""
        try:
            metadata = Metadata.of(self.place)
            self._descriptor = os.open(
                self.name,
                os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                NEW_MODE,
                dir_fd=self.place.directory,
            )
            view = memoryview(self.content)
            while view:
                view = view[os.write(self._descriptor, view) :]
            metadata.give(self._descriptor)
            if not _holds(self._descriptor, self.content):
                raise Refused("storage", reason="io")
        except OSError as error:
            self.cancel()
            raise storage_refusal(error) from error
        except BaseException:
            self.cancel()
            raise

    def sync(self) -> None:
        """Wait until it is on disk; raises `Refused("storage")`, and takes everything back."""
        try:
            os.fsync(self._descriptor)
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)  # NFS and others tell of a failed write only here
        except OSError as error:
            self.cancel()
            raise storage_refusal(error) from error

    def install(self, expected: bytes | None) -> None:
        """Put it in the place of a file with the content `expected`, or of none, durably.

        Raises `Displaced` where something else is there, `Refused("storage")` where nothing has changed, and
        `Refused("unknown")` where nobody can say.
        """
        place = self.place
        try:
            if expected is None:
                _rename_to_new(place.directory, self.name, place.file)
            else:
                self._exchange(expected)
        except OSError as error:
            self.cancel()
            if error.errno in (errno.EEXIST, errno.ENOENT):
                raise Displaced from error
            raise storage_refusal(error) from error
        except Displaced:
            self.cancel()
            raise
        _sync_directory(place.directory)

    def cancel(self) -> None:
        """Take the temporary file away; harmless when there is none."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        _unlink(self.place.directory, self.name)

    def _exchange(self, expected: bytes) -> None:
        place = self.place
        current = place.read()  # before anything moves: who lost a race keeps even its inode
        if current is None or current.content != expected:
            raise Displaced
        try:
            rename(place.directory, self.name, place.file, EXCHANGE)
        except OSError as error:
            if error.errno not in _WITHOUT_FLAGS:
                raise
            os.rename(self.name, place.file, src_dir_fd=place.directory, dst_dir_fd=place.directory)
            return
        if not _is(place, self.name, expected):
            rename(place.directory, self.name, place.file, EXCHANGE)
            if not _is(place, self.name, self.content):  # a third version came in between: both stay
                set_aside(place.directory, self.name)
                raise Refused("unknown")
            raise Displaced
        _unlink(place.directory, self.name)


def remove(place: Place, expected: bytes) -> None:
    """Take a file with the content `expected` away, durably.

    Raises as `Candidate.install` does.
    """
    aside = f".rpcd-{secrets.token_hex(8)}~"
    try:
        _rename_to_new(place.directory, place.file, aside)
        if not _is(place, aside, expected):
            _rename_to_new(place.directory, aside, place.file)
            raise Displaced
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOENT):
            raise Displaced from error
        raise storage_refusal(error) from error
    _unlink(place.directory, aside)
    _sync_directory(place.directory)


def write_in_place(place: Place, content: bytes) -> None:
    """Overwrite a file that cannot be renamed over. Not atomic: the target has to say `in_place = true`.

    Raises `Refused("unknown")`: from the first byte on nobody can say more.
    """
    try:
        descriptor = open_without_links(place.file, os.O_WRONLY | os.O_NONBLOCK, directory=place.directory)
    except OSError as error:
        raise storage_refusal(error) from error
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
    except OSError as error:
        raise Refused("unknown") from error
    finally:
        os.close(descriptor)


def set_aside(directory: int, name: str) -> str:
    """Keep a file that is somebody's under a name that no start clears away; that name."""
    kept = f".rpcd-kept-{secrets.token_hex(8)}~"
    rename(directory, name, kept)
    return kept


def _rename_to_new(directory: int, old: str, new: str) -> None:
    """Rename to a name that must be free."""
    try:
        rename(directory, old, new, NOREPLACE)
    except OSError as error:
        if error.errno not in _WITHOUT_FLAGS:
            raise
        os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        os.unlink(old, dir_fd=directory)


def _is(place: Place, name: str, content: bytes) -> bool:
    """Whether a file of the directory is a regular one with this content."""
    try:
        descriptor = open_without_links(name, os.O_RDONLY | os.O_NONBLOCK, directory=place.directory)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and _holds(descriptor, content)
    finally:
        os.close(descriptor)


def _holds(descriptor: int, content: bytes) -> bool:
    """Whether an opened file has exactly this content."""
    if os.fstat(descriptor).st_size != len(content):
        return False
    read = bytearray()
    while len(read) < len(content) and (chunk := os.pread(descriptor, len(content) - len(read), len(read))):
        read += chunk
    return read == content


def _sync_directory(directory: int) -> None:
    try:
        os.fsync(directory)
    except OSError as error:
        raise Refused("unknown") from error


def _unlink(directory: int, name: str) -> None:
    """Remove a temporary file, if it is there; what cannot be removed now is removed at the next start."""
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        return
