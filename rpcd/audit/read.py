"""Reading a log.

Rules of this file:

- However long the log is, reading it takes the same memory.
"""

import json
import os
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["records_backwards"]

BLOCK: Final = 64 * 1024


def records_backwards(path: str) -> Iterator[dict[str, Any]]:
    """The records of a log from the last to the first; a line that is none is passed over."""
    with open(path, "rb") as log:
        end = log.seek(0, os.SEEK_END)
        rest = b""
        while end > 0:
            size = min(BLOCK, end)
            end -= size
            log.seek(end)
            first, *lines = (log.read(size) + rest).split(b"\n")
            yield from _parsed(reversed(lines))
            rest = first
        yield from _parsed(iter([rest]))


def _parsed(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record
