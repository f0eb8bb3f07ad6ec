"""Comparing large contents."""

import os

import pytest

from rpcd.store.pieces import PIECE, held_by, same

LARGE = os.urandom(2 * PIECE + 1)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (None, None, True),
        (None, b"", False),
        (b"", b"", True),
        (LARGE, bytes(bytearray(LARGE)), True),
        (LARGE, LARGE[:-1], False),
        (LARGE, LARGE[:-1] + bytes([LARGE[-1] ^ 1]), False),
        (LARGE, bytes([LARGE[0] ^ 1]) + LARGE[1:], False),
    ],
)
def test_contents_are_compared(one: bytes | None, other: bytes | None, equal: bool) -> None:  # noqa: FBT001 - a column
    """Two contents are the same byte by byte; no file is the same as no file only."""
    assert same(one, other) is same(other, one) is equal
    if one is not None and other is not None:
        descriptor = os.memfd_create("one")
        os.write(descriptor, one)
        assert held_by(descriptor, other) is equal
        os.close(descriptor)
