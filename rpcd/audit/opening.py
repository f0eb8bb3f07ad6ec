"""Finding where a log ends, and what is missing there.

Rules of this file:

- Only what is ours alone is written to: a plain file, with one name, of the server's own user.
- Where the log is empty the chain goes on from what was rotated away; where the head knows of more, from the head. What
  is missing between is told by a record, with whether a power cut explains it.
"""

import os
import stat
from collections.abc import Mapping
from typing import Final

from rpcd.audit.files import Files
from rpcd.audit.head import Head, HeadFile, boot_id
from rpcd.audit.read import lines_backwards
from rpcd.audit.record import FIRST, digest, header

__all__ = ["Unwritable", "first_seq", "go_on", "last_line", "open_file", "position"]

MODE: Final = 0o600

BLOCK: Final = 64 * 1024


class Unwritable(Exception):
    """The log cannot be written; nothing of the record is in it."""


def open_file(path: str) -> int:
    """A descriptor of the log at `path`, which is made where there is none; `OSError`, `Unwritable`."""
    descriptor = os.open(
        path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, MODE
    )
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
        os.close(descriptor)
        raise Unwritable(f"{path}: this is not a log of ours")
    if stat.S_IMODE(found.st_mode) != MODE:
        os.fchmod(descriptor, MODE)
    return descriptor


def last_line(descriptor: int) -> tuple[bytes, bytes]:
    """The last whole line of a log, and what stood after it: that is cut off."""
    end = os.fstat(descriptor).st_size
    tail = b""
    while end > 0 and tail.count(b"\n") < 2:  # noqa: PLR2004 - the end of the last line, and of the one before
        size = min(BLOCK, end)
        end -= size
        tail = os.pread(descriptor, size, end) + tail
    whole, _, torn = tail.rpartition(b"\n")
    if torn:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(torn))
    return whole.rpartition(b"\n")[2], torn


def position(line: bytes) -> tuple[int, str]:
    """The `seq` of a line, and the `prev` that follows it; raises `Unwritable` where it is no record."""
    if not line:
        return 0, FIRST
    found = header(line)
    if found is None:
        raise Unwritable("the last line of the log is no record")
    return found.seq, digest(line)


def first_seq(descriptor: int) -> int | None:
    """The `seq` of the first line of a log; None where there is none."""
    found = header(os.pread(descriptor, BLOCK, 0))
    return found.seq if found else None


def go_on(path: str, descriptor: int, kept: HeadFile | None) -> tuple[int, str, list[Mapping[str, object]]]:
    """The `seq` and `prev` after which an opened log goes on, and the records that have to be written first."""
    head = kept.found if kept else None
    last, torn = _end(descriptor, head)
    seq, prev = position(last) if last else _rotated_away(path)
    records: list[Mapping[str, object]] = [{"event": "torn", "bytes": torn}] if torn else []
    if head is None:
        if kept is not None and seq:
            records.append({"event": "head_lost", "why": kept.why})
    elif seq < head.seq:
        explained = head.explains(seq + 1)
        records.append({"event": "tail_missing", "from": seq + 1, "to": head.seq, "crash": explained})
        seq, prev = head.seq, head.hash
    elif not _has(path, head):
        records.append({"event": "tail_missing", "from": head.seq, "to": head.seq, "crash": False})
    return seq, prev, records


def _end(descriptor: int, head: Head | None) -> tuple[bytes, int]:
    """The last whole line, and how many bytes were cut off behind it.

    Where a power cut came between, lines that were being written can have become anything: they are cut off, too.
    """
    last, rest = last_line(descriptor)
    torn = len(rest)
    if first_seq(descriptor) is not None and head is not None and head.boot != boot_id():
        while header(last) is None:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(last) - 1)
            torn += len(last) + 1
            last, _ = last_line(descriptor)
    return last, torn


def _rotated_away(path: str) -> tuple[int, str]:
    """Where the newest file that was rotated away from `path` ends."""
    with Files.of(path) as files:
        for part in reversed(files.parts):
            for line in lines_backwards(part.seekable()):
                if header(line) is not None:
                    return position(line)
    return 0, FIRST


def _has(path: str, head: Head) -> bool:
    """Whether the log has the record that the head names; True where nothing is known of that record."""
    with Files.of(path) as files:
        for part in reversed(files.parts):
            for line in lines_backwards(part.seekable()):
                found = header(line)
                if found is not None and found.seq <= head.seq:
                    return found.seq < head.seq or digest(line) == head.hash
    return True
