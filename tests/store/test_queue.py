"""Whose turn it is to work on a file that several uids change."""

import asyncio
import threading
from dataclasses import replace

from tests.store.conftest import Disk, Open, edit


def test_nobody_waits_for_the_turn_of_another_uid(open_disk: Open) -> None:
    """A uid whose workers are all busy, and whose edit came first, holds up nobody else's edit of the same file."""
    disk: Disk = open_disk()
    free = threading.Event()
    for _ in range(8):  # as many as there are workers, of which a uid has half
        disk.store.workers.submit(1000, free.wait)

    async def both() -> bool:
        change = disk.store.committers.change
        first = asyncio.create_task(change(replace(edit("motd", b"first\n"), uid=1000)))
        await asyncio.sleep(0)  # it has begun to wait
        second = asyncio.create_task(change(replace(edit("motd", b"second\n"), uid=1001)))
        done, _ = await asyncio.wait([second], timeout=10)
        free.set()
        await asyncio.gather(first, second)
        return bool(done)

    assert asyncio.run(both())
    assert disk.settled()
