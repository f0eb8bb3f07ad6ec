"""`make crash`: every point of every change, on every file system; killed, and with the power cut behind it.

It prints what it visits, and ends with 1 at the first thing that does not hold. `CRASH=xfs` visits one file system.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.changes import CHANGES
from tests.crash.disk import KINDS
from tests.crash.world import Point, World


def main() -> int:
    """Visit them; the exit status."""
    wanted = os.environ.get("CRASH")
    began, total = time.monotonic(), 0
    for kind in KINDS if wanted is None else [wanted]:
        with tempfile.TemporaryDirectory(prefix="rpcd-crash-", dir="/tmp") as directory:
            Path(directory).chmod(0o755)
            world = World(kind, Path(directory))
            for name, change in CHANGES.items():
                points = world.points(change)
                visited = sum(world.visit(change, point, cut=cut) for point in points for cut in (False, True))
                print(f"{kind}: {name}: {visited} of {2 * len(points)} points", flush=True)  # noqa: T201 - a person reads it
                total += visited
            total += _starts(world, kind)
    print(f"{total} points visited in {time.monotonic() - began:.0f} s: the old or the new file at each")  # noqa: T201
    return 0


def _starts(world: World, kind: str) -> int:
    """Interrupt the start after a crash at everything that it does; how many points that were."""
    visited = 0
    for name, at in (("a key", Point("renameat2", 1)), ("a key", Point("fdatasync", 1)), ("a file", Point("fsync", 1))):
        for call in ("write", "writev", "fsync", "fdatasync", "renameat2", "rename", "unlinkat", "unlink", "ftruncate"):
            number = 1
            while world.visit_start(CHANGES[name], at, Point(call, number), cut=True):
                visited += 1
                number += 1
    print(f"{kind}: the start after a crash: {visited} points", flush=True)  # noqa: T201 - a person reads it
    return visited


if __name__ == "__main__":
    sys.exit(main())
