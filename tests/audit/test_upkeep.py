"""What is done for the log while nobody calls."""

import asyncio
import os
import re
from contextlib import suppress

import pytest

from rpcd.audit import AuditLog, Counts, Unwritable, Upkeep, records_backwards
from rpcd.audit.record import digest
from tests.harness.server import wait_until


def test_counts_and_the_head_are_told_in_time(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts are written when their minute is over; the head is told at start, at the end, and where it is another."""
    monkeypatch.setattr("rpcd.audit.upkeep.LOOK_EVERY", 0.01)
    monkeypatch.setattr("rpcd.audit.upkeep.TELL_EVERY", 0.02)
    log = AuditLog.open(path)
    log.write({"event": "started"})
    counts = Counts(log, minute=0.05)

    async def run() -> None:
        upkeep = Upkeep(counts)
        upkeep.start()
        for _ in range(3):
            counts.note({"event": "accept_paused", "why": "EMFILE"}, None, granted=False)
        await asyncio.sleep(0.2)
        counts.note({"event": "accept_paused", "why": "EMFILE"}, None, granted=False)
        counts.note({"event": "accept_paused", "why": "EMFILE"}, None, granted=False)
        upkeep.stop()
        upkeep.tell()

    asyncio.run(run())
    log.close()
    told = [(record["event"], record.get("count")) for record in records_backwards(path)][::-1]
    assert told == [
        ("started", None),
        ("accept_paused", None),
        ("counted", 2),
        ("accept_paused", None),
        ("counted", 1),
    ]
    with open(path, "rb") as file:
        hashes = [digest(line.removesuffix(b"\n")) for line in file]
    heads = re.findall(r"audit head\s+hash=([0-9a-f]{64}) seq=(\d)", capsys.readouterr().out)
    seqs = [int(seq) for _, seq in heads]
    assert [hashes[seq - 1] for seq in seqs] == [hash_ for hash_, _ in heads]
    assert seqs == sorted(set(seqs))
    assert {1, 3, 5} <= set(seqs)


def test_a_disk_that_syncs_again_is_noticed(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody changing anything the log is well again; while it was not, few records were made of that."""
    monkeypatch.setattr("rpcd.audit.upkeep.LOOK_EVERY", 0.01)
    log = AuditLog.open(path)

    def refuse(_: int) -> None:
        raise OSError(5, "the disk fails")

    async def run() -> None:
        upkeep = Upkeep(Counts(log))
        with monkeypatch.context() as failing:
            failing.setattr("os.fdatasync", refuse)
            with suppress(Unwritable):
                log.sync(log.write({"event": "intent"}))
            upkeep.start()
            await asyncio.to_thread(wait_until, lambda: log.faults >= 3)
        await asyncio.to_thread(wait_until, lambda: log.fault is None)
        upkeep.stop()

    asyncio.run(run())
    log.close()
    events = [record["event"] for record in records_backwards(path)]
    assert set(events[:-1]) == {"interrupted"}
    assert len(events) <= log.faults + 2


def test_files_that_were_rotated_away_are_let_go(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that nothing but reads write to holds no file for good, however often it is rotated."""
    monkeypatch.setattr("rpcd.audit.upkeep.LOOK_EVERY", 0.01)
    monkeypatch.setattr("rpcd.audit.upkeep.TELL_EVERY", 0.02)
    log = AuditLog.open(path)

    async def run() -> None:
        upkeep = Upkeep(Counts(log))
        upkeep.start()
        for number in range(20):
            os.rename(path, f"{path}.{number}")
            log.write({"event": "decided"})
        rotated = os.path.basename(path) + "."
        await asyncio.to_thread(wait_until, lambda: not any(rotated in opened for opened in _opened()))
        upkeep.stop()

    asyncio.run(run())
    log.close()


def _opened() -> list[str]:
    """What the descriptors of this process lead to."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that lists them
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return links
