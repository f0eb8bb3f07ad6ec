"""Reading records from the last to the first, across files.

Rules of this file:

- However long the log is, reading it takes the same memory.
"""

import json
import os
from collections.abc import Iterator
from io import FileIO
from typing import Any, BinaryIO, Final

from rpcd.audit.files import Files

__all__ = ["lines_backwards", "records_backwards"]

BLOCK: Final = 64 * 1024


def records_backwards(path: str) -> Iterator[dict[str, Any]]:
    """The records of a log and of what was rotated away from it, newest first; a line that is none is passed over."""
    with Files.of(path) as files:
        for part in reversed(files.parts):
            for line in lines_backwards(part.seekable()):
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record


def lines_backwards(file: BinaryIO | FileIO) -> Iterator[bytes]:
    """The lines of a file from the last to the first, without their ends; what stands behind the last end, too."""
    end = file.seek(0, os.SEEK_END)
    rest = b""
    while end > 0:
        size = min(BLOCK, end)
        end -= size
        file.seek(end)
        first, *lines = (file.read(size) + rest).split(b"\n")
        yield from reversed(lines)
        rest = first
    yield rest
