"""Following a log while it is written, across rotations.

Rules of this file:

- The writer looks for its file before each record: what was renamed away gets nothing any more, and is read to its end
  before the new file is begun.
- A file that does not go on with the next record was emptied in the meantime (copytruncate): it is read from its
  beginning, and what was read before is passed over.
- Half a line waits for its other half.
"""

import os
import time
from collections.abc import Iterator
from io import FileIO
from typing import Final

from rpcd.audit.read import lines_backwards
from rpcd.audit.record import header

__all__ = ["Follower"]

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at a file that has nothing new."""

BLOCK: Final = 64 * 1024


class Follower:
    """Gives what comes into the log at `path` from when this is made; `OSError` where it cannot be opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = FileIO(path)
        end = self._file.seek(0, os.SEEK_END)
        self._last = next((found.seq for line in lines_backwards(self._file) if (found := header(line))), 0)
        self._file.seek(end)
        self._rest = b""

    def lines(self) -> Iterator[bytes | None]:
        """The lines that come, for ever; None stands for that there are none just now."""
        again = False
        while True:
            for line in self._read():
                found = header(line)
                if not again and (found is None or found.seq > self._last + 1):
                    again = True
                    self._file.seek(0)
                    self._rest = b""
                    break
                if found is None or found.seq > self._last:
                    again = False
                    self._last = found.seq if found else self._last
                    yield line
            else:
                if not self._goes_on():
                    yield None
                    time.sleep(LOOK_EVERY)

    def _read(self) -> Iterator[bytes]:
        """The whole lines that are there now."""
        while data := self._file.read(BLOCK):
            *lines, self._rest = (self._rest + data).split(b"\n")
            yield from lines

    def _goes_on(self) -> bool:
        """Whether there is more to read: another file has taken the place of this one, or this one was cut off."""
        mine = os.fstat(self._file.fileno())
        if mine.st_size != self._file.tell():
            if mine.st_size < self._file.tell():
                self._file.seek(0)
                self._rest = b""
            return True  # what came between the look and now is read first
        try:
            there = os.stat(self._path)
            if (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev):
                return False
            following = FileIO(self._path)
        except FileNotFoundError:
            return False
        self._file.close()
        self._file, self._rest = following, b""
        return True
