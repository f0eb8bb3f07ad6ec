"""Replacing one file, durably, with everything it had.

Rules of this file:

- The new content is a file of its own beside the old one until it is whole, on disk, and read back. Until the rename
  nothing has changed, and whatever fails takes the temporary file away.
- A file is never looser than the one it replaces, and 0600 while it is written (metadata.py).
- A `fsync` that failed is never asked again.
- The rename exchanges: the file that was displaced is somebody's until it is known to be the one we read, with the
  owner, mode and attributes that it had. If it is not, it goes back, or is kept under another name.
- After the rename nobody can say `nothing changed`. An error then is `unknown`.
- What this does not do: it cannot keep hard links together, and it keeps no birth time.

See rename(2), fsync(2).
"""

import errno
import os
import secrets
from contextlib import suppress
from typing import Final, NoReturn

from rpcd.errors import Refused
from rpcd.store.metadata import NEW_MODE, Metadata
from rpcd.store.pieces import held_by, same
from rpcd.store.storage import storage_refusal
from rpcd.store.syscalls import EXCHANGE, NOREPLACE, open_without_links, rename
from rpcd.store.targets import Held, Place

__all__ = ["Candidate", "Displaced", "remove", "set_aside", "sync_directory", "temporary_name", "write_in_place"]

_WITHOUT_FLAGS: Final = (errno.EINVAL, errno.ENOSYS)
"""renameat2(2) on a file system that cannot exchange."""


class Displaced(Exception):
    """The file is no longer the one that was read; it is untouched."""


def temporary_name() -> str:
    """A name that nobody can guess, and that a start knows to be ours."""
    return f".rpcd-{secrets.token_hex(8)}~"


class Candidate:
    """A content on its way to the place of what was `before`. Whoever makes one ends with `install` or `cancel`."""

    def __init__(self, place: Place, content: bytes, before: Held | None) -> None:
        self.place = place
        self.content = content
        self.before = before
        self.name = temporary_name()
        self._descriptor = -1
        self._made = False

    def write(self) -> None:
        """Write everything; raises `Refused("storage")`, and takes everything back."""
        try:
            metadata = self.before.metadata if self.before else Metadata.new(self.place.target)
            self._descriptor = os.open(
                self.name,
                os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                NEW_MODE,
                dir_fd=self.place.directory,
            )
            self._made = True
            view = memoryview(self.content)
            while view:
                view = view[os.write(self._descriptor, view) :]
            metadata.give(self._descriptor)
            if not held_by(self._descriptor, self.content):
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

    def install(self) -> None:
        """Put it in its place: durably, once `sync_directory` has followed.

        Raises `Displaced` where something else than `before` is there, `Refused("storage")` where nothing has changed,
        and `Refused("unknown")` where nobody can say.
        """
        place = self.place
        try:
            displaced = self._rename()
        except OSError as error:
            self.cancel()
            _nothing_changed(error)
        except (Displaced, Refused):
            self.cancel()
            raise
        if displaced:
            if not _is(place, self.name, self.before):
                self._go_back()
            _unlink(place.directory, self.name)
        self._made = False

    def cancel(self) -> None:
        """Take the temporary file away; harmless when there is none, or a stranger's."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with suppress(OSError):  # it is not wanted any more
                os.close(descriptor)
        if self._made:
            self._made = False
            _unlink(self.place.directory, self.name)

    def _rename(self) -> bool:
        """The one step that changes the target; whether the file that was there has the candidate's name now."""
        place = self.place
        if self.before is None:
            _rename_to_new(place.directory, self.name, place.file)
            return False
        if place.read() != self.before:  # before anything moves: who lost a race keeps even its inode
            raise Displaced
        try:
            rename(place.directory, self.name, place.file, EXCHANGE)
        except OSError as error:
            if error.errno not in _WITHOUT_FLAGS:
                raise
            os.rename(self.name, place.file, src_dir_fd=place.directory, dst_dir_fd=place.directory)
            return False
        return True

    def _go_back(self) -> NoReturn:
        """Give somebody's file, which was displaced, its name again."""
        place = self.place
        try:
            rename(place.directory, self.name, place.file, EXCHANGE)
        except OSError as error:
            set_aside(place.directory, self.name)
            raise Refused("unknown") from error
        if not _holds_ours(place, self.name, self.content):  # a third version came in between: both stay
            set_aside(place.directory, self.name)
            raise Refused("unknown")
        self.cancel()
        raise Displaced


def remove(place: Place, before: Held, aside: str) -> None:
    """Take a file away: durably, once `sync_directory` has followed.

    Until it is known to be the one from `before` it is called `aside`.
    Raises as `Candidate.install` does.
    """
    if place.read() != before:
        raise Displaced
    try:
        _rename_to_new(place.directory, place.file, aside)
    except OSError as error:
        _nothing_changed(error)
    if not _is(place, aside, before):
        try:
            _rename_to_new(place.directory, aside, place.file)
        except OSError as error:
            set_aside(place.directory, aside)
            raise Refused("unknown") from error
        raise Displaced
    _unlink(place.directory, aside)


def sync_directory(directory: int) -> None:
    """Have what was installed or removed in a directory on disk; raises `Refused("unknown")`."""
    try:
        os.fsync(directory)
    except OSError as error:
        raise Refused("unknown") from error


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
    """Keep a file that is somebody's under a name that no start clears away; that name, or its own if it cannot be."""
    kept = f".rpcd-kept-{secrets.token_hex(8)}~"
    try:
        rename(directory, name, kept)
    except OSError:
        return name
    return kept


def _nothing_changed(error: OSError) -> NoReturn:
    """Say why a rename did not take place."""
    if error.errno in (errno.EEXIST, errno.ENOENT):
        raise Displaced from error
    raise storage_refusal(error) from error


def _rename_to_new(directory: int, old: str, new: str) -> None:
    """Rename to a name that must be free."""
    try:
        rename(directory, old, new, NOREPLACE)
    except OSError as error:
        if error.errno not in _WITHOUT_FLAGS:
            raise
        os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        try:
            os.unlink(old, dir_fd=directory)
        except OSError:
            _unlink(directory, new)
            raise


def _is(place: Place, name: str, before: Held | None) -> bool:
    """Whether a file of the directory is the one that was read before."""
    try:
        return place.read(name) == before
    except Refused:
        return False


def _holds_ours(place: Place, name: str, content: bytes) -> bool:
    """Whether a file of the directory has this content."""
    try:
        found = place.read(name)
    except Refused:
        return False
    return found is not None and same(found.content, content)


def _unlink(directory: int, name: str) -> None:
    """Remove a temporary file, if it is there; what cannot be removed now is removed at the next start."""
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        return
