"""Whatever the moment of a crash or a power cut: the old file or the new one, and what was answered is there."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.changes import CHANGES
from tests.crash.disk import KINDS
from tests.crash.world import Point, World

pytestmark = pytest.mark.slow

SYNCS = ("fsync", "fdatasync")
MOVES = ("renameat2", "unlinkat", "unlink")
"""The system calls whose order makes a change safe: the short form visits these, `make crash` visits all."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A server's world on an ext4 of its own."""
    directory = Path(tempfile.mkdtemp(prefix="rpcd-crash-", dir="/tmp"))  # sticky, hence trusted
    directory.chmod(0o755)
    yield World("ext4", directory)
    shutil.rmtree(directory)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_whole_or_not_made(world: World, name: str) -> None:
    """Killed, and without power, at each sync and each move of a change: see `World.visit`."""
    points = [point for point in world.points(CHANGES[name]) if point.call in (*SYNCS, *MOVES)]
    visited = [point for point in points if world.visit(CHANGES[name], point, cut=True)]
    assert len(visited) >= 4, f"of {points} only {visited}"


def test_a_start_that_is_interrupted_is_made_good_by_the_next(world: World) -> None:
    """Killed at each step of the recovery after a crash in the middle of a change, the next start finishes it."""
    change, at = CHANGES["a key"], Point("renameat2", 1)
    visited = 0
    for call in ("writev", "fdatasync", "unlinkat", "unlink"):
        number = 1
        while world.visit_start(change, at, Point(call, number), cut=True) and number < 4:
            visited += 1
            number += 1
    assert visited >= 3


def test_every_file_system_is_known() -> None:
    """`make crash` visits ext4 with and without its guard for renames, and xfs."""
    assert set(KINDS) == {"ext4", "ext4 noauto_da_alloc", "xfs"}
