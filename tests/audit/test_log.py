"""The audit log: what a record is, and what became of one that was tampered with (CASES, group J)."""

import errno
import hashlib
import json
import os
import resource
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rpcd.audit import AuditLog, Unwritable, records_backwards
from rpcd.audit.record import FIRST
from tests.audit.conftest import filled, held, judged

HOSTILE = [
    "two\nlines",
    "\x1b[31mred",
    "\u2028\u2029",
    "\u202eoverride",
    "\x7f\x80\x9f",
    "\ud800",
    "\0",
    '"}\n{"a":"',
    "é",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_record_is_one_line_of_plain_ascii(path: str, text: str) -> None:
    """Whatever a caller wrote, its record is one line, has no control character, and reads back as it was."""
    log = AuditLog.open(path)
    log.write({"event": "decided", "method": text, "note": text})
    log.close()
    (line,) = Path(path).read_bytes().splitlines()
    assert all(0x20 <= byte < 0x7F for byte in line)
    assert json.loads(line)["method"] == text


def test_the_chain_goes_on_from_run_to_run(path: str) -> None:
    """A log that is opened again goes on where it ended, in `seq` and in `prev`."""
    filled(path)
    lines = filled(path)
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, 21))
    assert json.loads(lines[0])["prev"] == FIRST
    assert held(path) == 20
    assert os.stat(path).st_mode & 0o7777 == 0o600


def test_a_torn_line_is_taken_away_and_recorded(path: str) -> None:
    """What a crash left of a last line goes, a record says so, and the chain holds."""
    filled(path)
    with Path(path).open("ab") as log:
        log.write(b'{"ts":"2026-')
    lines = filled(path, 1)
    torn = json.loads(lines[10])
    assert (torn["event"], torn["bytes"]) == ("torn", 12)
    assert held(path)


def test_a_log_that_is_renamed_away_goes_on_in_a_new_file(path: str) -> None:
    """After a rename the next record that has to be on disk is in a new file, which follows from the old one."""
    log = AuditLog.open(path)
    first = log.write({"event": "decided"})
    log.sync(first)
    os.rename(path, path + ".1")
    log.sync(log.write({"event": "intent"}))
    log.close()
    old, new = (json.loads(Path(name).read_bytes()) for name in (path + ".1", path))
    assert (old["seq"], new["seq"]) == (1, 2)
    assert held(path)


@pytest.mark.parametrize("last", [b"noise\n", b"{}\n", b'{"seq": "x"}\n'])
def test_a_log_that_is_none_is_not_gone_on_with(path: str, last: bytes) -> None:
    """Where the last line is no record, or the file is not ours alone, opening it is an error."""
    Path(path).write_bytes(last)
    with pytest.raises(Unwritable):
        AuditLog.open(path)
    Path(path).unlink()
    Path(path).touch()
    os.link(path, path + ".other")
    with pytest.raises(Unwritable):
        AuditLog.open(path)


def test_records_are_read_from_the_end(path: str) -> None:
    """Reading backwards gives every record, also where lines cross the blocks that are read."""
    log = AuditLog.open(path)
    for number in range(500):
        log.write({"event": "decided", "note": "x" * 300, "method": f"m{number}"})
    log.close()
    assert [record["method"] for record in records_backwards(path)] == [f"m{number}" for number in range(499, -1, -1)]


Full = Callable[[int], AbstractContextManager[None]]


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk_leaves_whole_records(path: str, full: Full, room: int) -> None:
    """A record that cannot be written whole is taken back: `Unwritable`, and the log holds."""
    filled(path, 3)
    log = AuditLog.open(path)
    with full(os.stat(path).st_size + room), pytest.raises(Unwritable):
        log.write({"event": "decided"}, {"event": "decided"})
    assert log.write({"event": "decided"}) == 5
    log.close()
    assert held(path) == 5
    told = list(records_backwards(path))[1]
    assert (told["event"], told["why"]) == ("interrupted", "ENOSPC" if room else "EFBIG")
    assert told["first"] <= told["last"] <= told["ts"]


def test_what_could_not_be_taken_back_is_taken_back_later(
    path: str, full: Full, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where half a record cannot even be taken back nothing is written behind it, until it can."""
    filled(path, 3)
    log = AuditLog.open(path)
    with monkeypatch.context() as failing, full(os.stat(path).st_size + 20):
        failing.setattr("os.ftruncate", refuse)
        for _ in range(2):
            with pytest.raises(Unwritable):
                log.write({"event": "decided"})
    (note,) = judged(path).notes
    assert (note.line, "torn" in note.why) == (4, True)
    log.write({"event": "decided"})
    log.close()
    assert held(path) == 5


def test_half_a_record_goes_also_from_a_log_that_was_cut(path: str, full: Full) -> None:
    """Where somebody emptied the log (copytruncate) a record that does not fit leaves nothing either."""
    log = AuditLog.open(path)
    for _ in range(5):
        log.write({"event": "decided"})
    os.truncate(path, 0)
    with full(50), pytest.raises(Unwritable):
        log.write({"event": "decided"})
    assert os.stat(path).st_size == 0
    log.write({"event": "decided"})
    log.close()
    events = [record["event"] for record in records_backwards(path)][::-1]
    assert events == ["truncated", "interrupted", "decided"]
    assert held(path) == 3


def refuse(*_: object) -> None:
    raise OSError(errno.EIO, "the disk fails")


def test_what_a_failed_sync_covered_is_never_taken_for_synced(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells of an error once: a later sync that succeeds says nothing of records from before (fsync(2))."""
    log = AuditLog.open(path)
    first, second = (log.write({"event": "intent"}) for _ in range(2))
    with monkeypatch.context() as failing:
        failing.setattr("os.fdatasync", refuse)
        with pytest.raises(Unwritable):
            log.sync(first)
    for seq in (first, second):
        with pytest.raises(Unwritable):
            log.sync(seq)
    log.sync(log.write({"event": "intent"}))
    log.close()


def test_a_disk_that_syncs_again_is_found_out_by_a_record(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is at fault until something that was written since is on disk; that says since when nothing was sure."""
    log = AuditLog.open(path)
    log.try_again()
    with monkeypatch.context() as failing:
        failing.setattr("os.fdatasync", refuse)
        with pytest.raises(Unwritable):
            log.sync(log.write({"event": "intent"}))
        with pytest.raises(Unwritable):
            log.try_again()
        assert (log.fault, log.writable) == ("EIO", True)
    log.try_again()
    assert log.fault is None
    log.close()
    events = [(record["event"], record.get("why"), record.get("first")) for record in records_backwards(path)]
    assert events[0] == events[1]
    assert [event[:2] for event in events] == [("interrupted", "EIO"), ("interrupted", "EIO"), ("intent", None)]


def test_without_descriptors_a_log_is_unwritable(path: str) -> None:
    """A sync, and going on in a new file, for which there is no descriptor left are `Unwritable`, and nothing leaks."""
    log = AuditLog.open(path)
    seq = log.write({"event": "intent"})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    for left in (0, 1):
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, hard))
        try:
            if not left:
                with pytest.raises(Unwritable):
                    log.sync(seq)
                os.rename(path, path + ".1")
            with pytest.raises(Unwritable):
                log.write({"event": "intent"})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    again = os.dup(0)
    os.close(again)
    assert again == free
    log.sync(log.write({"event": "intent"}))
    log.close()
    assert held(path) == 3


def as_link(path: str) -> None:
    os.symlink("/etc/passwd", path)


def as_pipe(path: str) -> None:
    os.mkfifo(path)


def as_directory(path: str) -> None:
    os.mkdir(path)


def as_strangers(path: str) -> None:
    Path(path).touch()
    os.chown(path, 1234, 1234)


def without_directory(path: str) -> None:
    os.rmdir(os.path.dirname(path))


BLOCKED = [as_link, as_pipe, as_directory, as_strangers, without_directory]


@pytest.mark.parametrize("block", BLOCKED)
def test_what_stands_in_the_place_of_a_log_is_not_written_to(tmp_path: Path, block: Callable[[str], None]) -> None:
    """Behind a link, a pipe, a stranger's file the chain does not go on: `Unwritable`, until the way is free."""
    (tmp_path / "log").mkdir()
    path = str(tmp_path / "log/audit.jsonl")
    log = AuditLog.open(path)
    log.write({"event": "decided"})
    os.rename(path, tmp_path / "old")
    block(path)
    for _ in range(2):
        with pytest.raises(Unwritable):
            log.write({"event": "intent"})
    if block is without_directory:
        os.mkdir(os.path.dirname(path))
    elif block is as_directory:
        os.rmdir(path)
    else:
        os.unlink(path)
    log.sync(log.write({"event": "intent"}))
    log.close()
    old, new = (json.loads(Path(name).read_bytes().splitlines()[0]) for name in (tmp_path / "old", path))
    assert (old["seq"], new["seq"], new["event"], os.stat(path).st_mode & 0o7777) == (1, 2, "interrupted", 0o600)
    assert new["prev"] == hashlib.sha256((tmp_path / "old").read_bytes().removesuffix(b"\n")).hexdigest()
    assert Path("/etc/passwd").read_bytes().find(b'"prev"') == -1


def test_threads_share_one_chain(path: str) -> None:
    """Records of threads that write and sync at the same time are all there, each once, in one chain."""
    log = AuditLog.open(path)

    def write(name: int) -> None:
        for number in range(50):
            log.sync(log.write({"event": "intent", "method": f"{name}-{number}"}, {"event": "outcome"}))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert held(path) == 600
    assert len({record.get("method") for record in records_backwards(path)}) == 301
