"""The files that a log is made of: the one that is written, and those that were rotated away.

Rules of this file:

- The order of files is that of the records in them: names and times are the rotating program's business.
- A file is held open from when it is listed: a rotation meanwhile changes its name, not what is read.
- A compressed file is read as if it were not.
"""

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final, Self

from rpcd.audit.record import header

__all__ = ["Files", "Part", "rotated"]

LONGEST_LINE: Final = 4 * 1024 * 1024
"""Bytes of a line at most: what is longer is no record, and is read in pieces."""

COMPRESSED: Final = ".gz"

ATTEMPTS: Final = 10
"""How often files are listed again that have other names when they are opened."""


def rotated(path: str) -> list[str]:
    """What was rotated away from `path`: `audit.jsonl.1`, `audit.jsonl-20301231.gz`; in no order.

    A file that is just being compressed is there twice, and counts once.
    """
    directory, name = os.path.split(path)
    found = {other for other in os.listdir(directory or ".") if other.startswith((f"{name}.", f"{name}-"))}
    return [
        os.path.join(directory, other)
        for other in found
        if not (other.endswith(COMPRESSED) and other.removesuffix(COMPRESSED) in found)
    ]


@dataclass(frozen=True, slots=True)
class Part:
    """One open file; `first` is the `seq` of the first record in it, 0 where it has none."""

    path: str
    file: BinaryIO
    first: int

    def lines(self) -> Iterator[bytes]:
        """Its lines from the first on, with their ends."""
        self.file.seek(0)
        return _lines(self.file)

    def seekable(self) -> BinaryIO:
        """Its content as a plain file; what is compressed is unpacked to where temporary files go."""
        if not isinstance(self.file, gzip.GzipFile):
            return self.file
        plain: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked reads it, and the file has no name
        self.file.seek(0)
        shutil.copyfileobj(self.file, plain)
        return plain


class Files:
    """Open files in the order of their records; a context, which closes them.

    Raises `OSError` where one cannot be opened.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._open = ExitStack()
        try:
            parts = [self._part(path) for path in dict.fromkeys(paths)]
        except BaseException:
            self._open.close()
            raise
        self.parts = sorted(parts, key=lambda part: part.first)

    @classmethod
    def of(cls, path: str) -> "Files":
        """The log at `path`, where there is one just now, and what was rotated away from it."""
        for _ in range(ATTEMPTS):
            paths = [*filter(os.path.exists, (path,)), *rotated(path)]
            with suppress(FileNotFoundError):  # a rotation has changed the names since
                return cls(paths)
        return cls(paths)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _part(self, path: str) -> Part:
        """One file."""
        plain = open(path, "rb", buffering=256 * 1024)  # noqa: SIM115 - closed with the others
        self._open.enter_context(plain)
        file: BinaryIO = plain
        if path.endswith(COMPRESSED):
            file = self._open.enter_context(gzip.GzipFile(fileobj=plain))  # type: ignore[assignment]  # typeshed has it apart
        first = next((found.seq for line in _lines(file) if (found := header(line)) is not None), 0)
        return Part(path, file, first)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; where a compressed one is damaged it ends: the chain shows what is missing."""
    with suppress(EOFError, zlib.error, gzip.BadGzipFile):
        yield from iter(partial(file.readline, LONGEST_LINE), b"")
