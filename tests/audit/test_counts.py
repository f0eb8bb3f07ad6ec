"""What repeats is counted: nothing is lost, and nobody fills the disk (CASES, 149)."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rpcd.audit import AuditLog, Counts, Unwritable, records_backwards
from rpcd.audit.counts import MOST_GROUPS, MOST_UIDS
from rpcd.peer import Peer
from tests.audit.conftest import SCHEMA, held

LONG = 3600.0


@pytest.fixture
def log(path: str) -> Iterator[AuditLog]:
    """An open log."""
    log = AuditLog.open(path)
    yield log
    log.close()


def peer(uid: int = 33, *, pid: int = 7, unit: str | None = None, groups: tuple[int, ...] = ()) -> Peer:
    return Peer(pid, uid, uid, frozenset(groups), "/bin/x", unit, 5)


def decided(by: Peer, method: str = "get_key", **fields: Any) -> dict[str, object]:
    return {
        "event": "decided",
        "peer": by.record,
        "id": 1,
        "method": method,
        "verdict": "allowed",
        "kind": None,
        **fields,
    }


def noted(counts: Counts, by: Peer, *records: dict[str, object], granted: bool = True) -> None:
    for record in records:
        counts.note(record, by, granted=granted)


def written(counts: Counts) -> list[dict[str, Any]]:
    """Every record after a flush; each is what the schema says."""
    counts.flush()
    records = list(records_backwards(counts.log.path))[::-1]
    for record in records:
        assert SCHEMA.faults(record) == []
    held(counts.log.path)
    return records


def told(records: list[dict[str, Any]]) -> int:
    """How many events the records tell of."""
    return sum(record.get("count", 1) for record in records)


def test_the_first_has_its_record_and_the_rest_is_counted(log: AuditLog) -> None:
    """One record at once, and one when the minute is over, which has how many, from when to when, and the last one."""
    counts = Counts(log, minute=LONG)
    for number in range(1000):
        noted(counts, peer(pid=number), decided(peer(pid=number), id=number))
    assert len(list(records_backwards(log.path))) == 1
    first, counted = written(counts)
    assert (first["event"], first["id"]) == ("decided", 0)
    assert (counted["event"], counted["of"], counted["count"], counted["id"]) == ("counted", "decided", 999, 999)
    assert counted["peer"]["pid"] == 999
    assert first["ts"] <= counted["first"] <= counted["last"] <= counted["ts"]


def test_groups_are_told_apart(log: AuditLog) -> None:
    """Another user, group, unit, method, target or outcome is another group; another process or key is not."""
    counts = Counts(log, minute=LONG)
    callers = [peer(), peer(34), peer(unit="a.service"), peer(groups=(4,))]
    for _ in range(3):
        for by in callers:
            noted(
                counts,
                by,
                decided(by),
                decided(by, "list_keys"),
                decided(by, target="shop"),
                decided(by, kind="denied"),
            )
            noted(counts, by, decided(by, keys=["a"]))
            noted(counts, by, {"event": "connected", "peer": by.record})
    records = written(counts)
    assert len([record for record in records if record["event"] != "counted"]) == len(callers) * 5
    assert told(records) == 3 * len(callers) * 6


def test_a_new_minute_begins_anew(log: AuditLog) -> None:
    """When the minute is over its counts are written before the next record, and the next has its own again."""
    counts = Counts(log, minute=0.05)
    noted(counts, peer(), decided(peer()), decided(peer()))
    time.sleep(0.06)
    noted(counts, peer(), decided(peer()))
    assert [record["event"] for record in records_backwards(log.path)] == ["decided", "counted", "decided"]


def test_incidents_can_be_found_by_their_ids(log: AuditLog) -> None:
    """Each id that a caller was told stands in a record of its own."""
    counts = Counts(log, minute=LONG)
    noted(counts, peer(), *(decided(peer(), kind="internal", incident=f"i{number}") for number in range(20)))
    assert {record["incident"] for record in written(counts)} == {f"i{number}" for number in range(20)}


def test_what_a_caller_chooses_fills_nothing(log: AuditLog) -> None:
    """However many names it makes up, a uid has so many records a minute; every call is told, first and last too."""
    counts = Counts(log, minute=LONG)
    for number in range(20_000):
        noted(counts, peer(), decided(peer(), f"m{number % 10_000}", kind="no_such_method"))
    noted(counts, peer(34), decided(peer(34)))
    records = written(counts)
    assert told(records) == 20_001
    assert len(records) <= 2 * (MOST_GROUPS + 1) + 1
    assert records[0]["method"] == "m0"
    (others,) = [record for record in records if record.get("others")]
    assert others["method"] == "m9999"
    assert records[MOST_GROUPS + 1]["peer"]["uid"] == 34
    assert os.stat(log.path).st_size < 100_000


def test_a_refusal_cannot_be_hidden_among_what_is_allowed(log: AuditLog) -> None:
    """Whoever has used up all groups, and ends with something harmless, is still told to have been refused."""
    counts = Counts(log, minute=LONG)
    noted(counts, peer(), *(decided(peer(), f"m{number}") for number in range(MOST_GROUPS)))
    for number in range(50):
        noted(counts, peer(), decided(peer(), f"x{number}", verdict="denied", kind="denied"))
        noted(counts, peer(), decided(peer(), f"y{number}"))
    records = written(counts)
    others = {record["verdict"]: record["count"] for record in records if record.get("others")}
    assert others == {"denied": 49, "allowed": 49}
    assert told(records) == MOST_GROUPS + 100


def test_strangers_are_bounded_together(log: AuditLog) -> None:
    """65,536 uids that no grant names leave no more records than one; who is granted something is not among them."""
    counts = Counts(log, minute=LONG)
    for uid in range(100_000, 165_536):
        noted(counts, peer(uid), decided(peer(uid), kind="denied"), granted=False)
    noted(counts, peer(), decided(peer()))
    records = written(counts)
    assert told(records) == 65_537
    assert len(records) <= 2 * (MOST_GROUPS + 1) + 1
    assert [record["peer"]["uid"] for record in records[:2]] == [100_000, 100_001]
    assert {record["peer"]["uid"] for record in records if record["verdict"] == "allowed" and not record["kind"]} == {
        33
    }


def test_many_granted_users_are_bounded_too(log: AuditLog) -> None:
    """Beyond a number of uids those that come are counted together."""
    counts = Counts(log, minute=LONG)
    for uid in range(1000):
        noted(counts, peer(uid), *(decided(peer(uid), f"m{number}") for number in range(3)))
    records = written(counts)
    assert told(records) == 3000
    assert len(records) <= 3 * MOST_UIDS + 2 * (MOST_GROUPS + 1)


def test_without_counting_each_has_its_record(log: AuditLog) -> None:
    """`audit.reads = "all"`."""
    counts = Counts(log, each=True, minute=LONG)
    noted(counts, peer(), *(decided(peer(), id=number) for number in range(10)))
    assert [record["id"] for record in written(counts)] == list(range(10))


@pytest.mark.parametrize("each", [False, True])
def test_what_the_log_cannot_take_is_counted(path: str, *, each: bool) -> None:
    """While nothing can be written everything is counted, the first too, and told once it can; the gap is recorded."""
    os.mkdir(os.path.dirname(path) + "/log")
    log = AuditLog.open(os.path.dirname(path) + "/log/audit.jsonl")
    counts = Counts(log, each=each, minute=LONG)
    shutil.rmtree(os.path.dirname(log.path))
    for _ in range(2):
        noted(counts, peer(), *(decided(peer(), id=number) for number in range(10)))
        counts.flush()
        assert counts.due
        assert log.fault == "ENOENT"
    os.mkdir(os.path.dirname(log.path))
    gap, counted = written(counts)
    assert (gap["event"], gap["why"]) == ("interrupted", "ENOENT")
    assert (counted["event"], counted["count"], log.fault) == ("counted", 20, None)
    assert gap["first"] <= counted["first"]
    log.close()


def test_a_log_that_takes_records_again_says_so_by_itself(path: str) -> None:
    """A fault does not wait for the next caller; where nothing was counted and there is none, nothing is written."""
    log = AuditLog.open(path)
    counts = Counts(log, minute=LONG)
    counts.flush()
    assert not counts.due
    assert Path(path).read_bytes() == b""
    os.rename(path, path + ".1")
    os.mkdir(path)
    with pytest.raises(Unwritable):
        log.write({"event": "settings"})
    assert counts.due
    os.rmdir(path)
    counts.flush()
    assert [record["event"] for record in records_backwards(path)] == ["interrupted"]
    assert log.fault is None
    log.close()


def test_a_disk_that_does_not_sync_cuts_no_minute_short(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be written is counted for its whole minute, whether or not it is sure to be on disk."""
    counts = Counts(log, minute=LONG)
    noted(counts, peer(), *[decided(peer())] * 3)

    def refuse(_: int) -> None:
        raise OSError(5, "the disk fails")

    monkeypatch.setattr("os.fdatasync", refuse)
    with pytest.raises(Unwritable):
        log.sync(log.head[0])
    assert log.fault == "EIO"
    assert not counts.due
    assert [record.get("count") for record in written(counts)] == [None, 2]
