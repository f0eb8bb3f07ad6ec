"""Large contents, piece by piece: between two pieces everybody else has a turn.

To compare bytes is one step for Python, in which no other thread runs, the event loop included; for 16 MiB that is
milliseconds.
"""

import os
from typing import Final

__all__ = ["held_by", "same"]

PIECE: Final = 256 * 1024
"""Bytes that are compared in some ten microseconds."""


def same(one: bytes | None, other: bytes | None) -> bool:
    """Whether two contents are equal; None is no file."""
    if one is other or one is None or other is None:
        return one is other
    return len(one) == len(other) and all(
        one[at : at + PIECE] == other[at : at + PIECE] for at in range(0, len(one), PIECE)
    )


def held_by(descriptor: int, content: bytes) -> bool:
    """Whether an opened file has exactly this content; raises `OSError`."""
    if os.fstat(descriptor).st_size != len(content):
        return False
    return all(_read(descriptor, at) == content[at : at + PIECE] for at in range(0, len(content), PIECE))


def _read(descriptor: int, at: int) -> bytes:
    """A piece of a file; shorter only where the file ends."""
    piece = os.pread(descriptor, PIECE, at)
    while 0 < len(piece) < PIECE and (more := os.pread(descriptor, PIECE - len(piece), at + len(piece))):
        piece += more
    return piece
