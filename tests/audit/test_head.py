"""The head that is kept elsewhere, and where a log goes on."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rpcd.audit import AuditLog, records_backwards
from rpcd.audit.head import HeadFile, read_head
from rpcd.audit.record import digest
from tests.audit.conftest import filled, held, judged


@pytest.fixture
def head(tmp_path: Path) -> str:
    """Where a head is to be."""
    return str(tmp_path / "audit.head")


def test_the_head_follows_each_record(path: str, head: str) -> None:
    """After each write it is the last record, and it says what is known to be on disk."""
    log = AuditLog.open(path, head=head)
    for _ in range(3):
        seq = log.write({"event": "decided"})
        found = read_head(head)
        assert found is not None
        assert (found.seq, found.hash) == (seq, digest(Path(path).read_bytes().splitlines()[-1]))
        assert found.synced == 0
        assert log.head == (found.seq, found.hash)
    log.sync(2)
    found = read_head(head)
    assert found is not None
    assert found.synced == 3
    log.write({"event": "decided"})
    log.close()
    found = read_head(head)
    assert found is not None
    assert found.synced == 4
    assert os.stat(head).st_mode & 0o7777 == 0o600


def test_a_log_that_was_rotated_while_nobody_wrote_goes_on(path: str, head: str) -> None:
    """The chain goes on from the file that was rotated away, with a head and without."""
    for kept in (head, None, head):
        filled(path, 3, head=kept)
        os.rename(path, f"{path}.{len(os.listdir(os.path.dirname(path)))}")
        Path(path).touch()
    filled(path, 3, head=head)
    assert held(path) == 12
    assert [record["seq"] for record in records_backwards(path)] == list(range(12, 0, -1))


def test_what_is_missing_at_a_start_is_recorded(path: str, head: str) -> None:
    """Records that the head knows and the log has not are named by the first record of the next run."""
    lines = filled(path, head=head)
    Path(path).write_bytes(b"".join(line + b"\n" for line in lines[:7]) + lines[7][:50])
    filled(path, 1, head=head)
    records = [json.loads(line) for line in Path(path).read_bytes().splitlines()[7:]]
    assert [(record["seq"], record["event"]) for record in records] == [
        (11, "torn"), (12, "tail_missing"), (13, "decided")
    ]  # fmt: skip
    assert (records[1]["from"], records[1]["to"], records[1]["crash"]) == (8, 10, False)
    assert records[0]["prev"] == digest(lines[9])


def test_a_log_that_was_written_anew_is_recorded(path: str, head: str) -> None:
    """Where the log goes further than the head, but has another record in its place, the next start says so."""
    filled(path, 5, head=head)
    Path(path).unlink()
    filled(path, 8)
    filled(path, 1, head=head)
    told = [record for record in records_backwards(path) if record["event"] == "tail_missing"]
    assert [(record["from"], record["to"], record["crash"]) for record in told] == [(5, 5, False)]
    assert not judged(path, head).holds


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(300))


def one_digit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"seq":5', b'"seq":4'))


def other_json(path: Path) -> None:
    path.write_bytes(b"[]")


def gone(path: Path) -> None:
    path.unlink()


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/full")


DAMAGE = [empty, noise, one_digit, other_json, gone, a_directory, a_link]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_head_keeps_no_log_from_opening(path: str, head: str, damage: Callable[[Path], None]) -> None:
    """It is recorded that the head is lost; the log goes on, and so does the head where it can."""
    filled(path, 5, head=head)
    damage(Path(head))
    filled(path, 1, head=head)
    told: list[dict[str, Any]] = [record for record in records_backwards(path) if record["event"] == "head_lost"]
    assert [record["why"] for record in told] == [
        "missing" if damage is gone else "unreadable" if damage is a_directory else "damaged"
    ]
    assert held(path) == 7
    assert ["the head was lost" in note.why for note in judged(path).notes] == [True]
    if damage not in {a_directory, a_link}:
        found = read_head(head)
        assert found is not None
        assert found.seq == 7


def test_a_head_that_cannot_be_written_keeps_no_record_out(path: str, tmp_path: Path) -> None:
    """Where the device is full records are written all the same."""
    (tmp_path / "full").symlink_to("/dev/full")
    log = AuditLog.open(path)
    log._head = HeadFile(str(tmp_path / "none"))
    log._head._descriptor = os.open("/dev/full", os.O_WRONLY)
    for _ in range(3):
        log.write({"event": "decided"})
    log.close()
    assert held(path) == 3
