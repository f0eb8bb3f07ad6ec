"""What `verify` finds: tampering by its first record, losses by how many records, and what is neither (CASES, 146)."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rpcd.audit import AuditLog, Unwritable
from rpcd.audit.head import Head, read_head
from rpcd.audit.record import digest
from tests.audit.conftest import filled, held, judged

Tamper = Callable[[list[bytes]], list[bytes]]


def chained(lines: list[bytes], at: int) -> bytes:
    """A record that somebody who knows the chain makes up to stand at `at`."""
    return lines[at].replace(b'"m', b'"x')


TAMPERED: dict[str, tuple[Tamper, tuple[int, int], str]] = {
    "changed": (lambda lines: [*lines[:4], lines[4].replace(b"m4", b"mX"), *lines[5:]], (5, 5), "was changed"),
    "first changed": (lambda lines: [lines[0].replace(b"m0", b"mX"), *lines[1:]], (1, 1), "was changed"),
    "prev changed": (lambda lines: [*lines[:4], lines[4].replace(b'"prev":"', b'"prev":"0')[:-1] + b"}", *lines[5:]],
                     (0, 5), "no record"),
    "another prev": (lambda lines: [*lines[:4], lines[4].replace(digest(lines[3]).encode(), b"f" * 64), *lines[5:]],
                     (4, 4), "record 4, or 5, was changed"),
    "some changed": (lambda lines: [line.replace(b"m", b"n", 3) for line in lines], (1, 1), "was changed"),
    "removed": (lambda lines: [*lines[:4], *lines[5:]], (5, 5), "record 5 was removed"),
    "some removed": (lambda lines: [*lines[:4], *lines[7:]], (5, 5), "records 5 to 7 were removed"),
    "put in": (lambda lines: [*lines[:4], chained(lines, 4), *lines[4:]], (5, 5), "put in"),
    "there twice": (lambda lines: [*lines[:5], lines[4], *lines[5:]], (5, 6), "put in"),
    "of long ago": (lambda lines: [*lines[:7], lines[2], *lines[7:]], (3, 8), "put in"),
    "moved up": (lambda lines: [*lines[:4], lines[7], *lines[4:7], *lines[8:]], (8, 5), "put in, or moved here"),
    "moved down": (lambda lines: [*lines[:4], *lines[5:8], lines[4], *lines[8:]], (5, 5), "was moved to line 8"),
    "changed places": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], (6, 5), "moved here"),
    "noise": (lambda lines: [*lines[:4], b"noise", *lines[4:]], (0, 5), "no record"),
    "no object": (lambda lines: [*lines[:4], b"[1]", *lines[4:]], (0, 5), "no record"),
    "empty line": (lambda lines: [*lines[:4], b"", *lines[4:]], (0, 5), "no record"),
    "last changed": (lambda lines: [*lines[:9], lines[9].replace(b"m9", b"mX")], (10, 10), "the head has another hash"),
    "last removed": (lambda lines: lines[:9], (10, 9), "records 10 to 10 were cut off"),
    "tail removed": (lambda lines: lines[:6], (7, 6), "records 7 to 10 were cut off"),
    "everything removed": (lambda _: [], (1, 0), "records 1 to 10 were cut off"),
    "rewritten": (lambda _: [], (0, 0), ""),
}  # fmt: skip


@pytest.mark.parametrize(("tamper", "place", "why"), TAMPERED.values(), ids=TAMPERED.keys())
def test_the_first_record_that_was_tampered_with_is_named(
    path: str, tmp_path: Path, tamper: Tamper, place: tuple[int, int], why: str
) -> None:
    """By its number, its line and what became of it; the log does not hold."""
    head = str(tmp_path / "audit.head")
    lines = filled(path, head=head)
    if not why:  # somebody writes the whole log anew, with a chain that holds
        Path(path).unlink()
        filled(path)
        place, why = (10, 10), "the head has another hash"
    else:
        Path(path).write_bytes(b"".join(one + b"\n" for one in tamper(lines)))
    verdict = judged(path, head)
    assert not verdict.holds
    assert verdict.problem is not None
    assert (verdict.problem.seq, verdict.problem.line) == place, verdict.problem
    assert why in verdict.problem.why
    assert verdict.problem.path == path


def test_what_was_not_tampered_with_holds(path: str, tmp_path: Path) -> None:
    """An empty log holds, and so does one whose head is the last record, or an earlier one."""
    head = str(tmp_path / "audit.head")
    Path(path).touch()
    assert held(path) == 0
    filled(path, head=head)
    old = Path(head).read_bytes()
    assert judged(path, head).holds
    filled(path, head=head)
    Path(head).write_bytes(old)
    assert (judged(path, head).holds, judged(path, head).records) == (True, 20)


def test_files_are_followed_in_the_order_of_their_records(path: str) -> None:
    """Whatever rotated files are called, and compressed ones too, they make one chain."""
    for name in ("audit.jsonl.2.gz", "audit.jsonl-20300101", "audit.jsonl.1"):
        filled(path, 5)
        if name.endswith(".gz"):
            with gzip.open(Path(path).with_name(name), "wb") as packed:
                packed.write(Path(path).read_bytes())
            os.unlink(path)
        else:
            os.rename(path, Path(path).with_name(name))
    filled(path, 5)
    assert held(path) == 20
    os.unlink(path + "-20300101")
    problem = judged(path).problem
    assert problem is not None
    assert (problem.seq, problem.path, problem.missing) == (6, path + ".1", 5)


def test_a_file_that_is_being_compressed_counts_once(path: str) -> None:
    """The half of a compressed copy beside the whole file is not looked at; alone, what it lacks is missing."""
    filled(path, 500)
    packed = gzip.compress(Path(path).read_bytes())
    Path(path + ".1.gz").write_bytes(packed[: len(packed) // 2])
    os.rename(path, path + ".1")
    filled(path, 5)
    assert held(path) == 505
    os.unlink(path + ".1")
    problem = judged(path).problem
    assert problem is not None
    assert "removed" in problem.why
    assert problem.missing + problem.seq == 501


def test_a_log_whose_first_files_are_gone_begins_later(path: str) -> None:
    """What was thrown away with old files is told, and is no fault."""
    filled(path, 5)
    os.unlink(path)
    log = AuditLog.open(path)
    log.close()
    lines = filled(path, 5)
    Path(path).write_bytes(b"".join(line + b"\n" for line in lines[3:]))
    verdict = judged(path)
    assert verdict.holds
    assert verdict.records == 2
    assert "begins with record 4" in verdict.notes[0].why


def test_a_torn_line_is_told_as_such(path: str, tmp_path: Path) -> None:
    """Half a line at the end is what a crash leaves: the log holds, and the torn line is named."""
    head = str(tmp_path / "audit.head")
    filled(path, head=head)
    with Path(path).open("ab") as log:
        log.write(b'{"ts":"2026-')
    verdict = judged(path, head)
    assert (verdict.holds, verdict.records) == (True, 10)
    assert [(note.line, "torn" in note.why) for note in verdict.notes] == [(11, True)]
    os.rename(path, path + ".1")  # a full disk left it, and then the log was rotated
    log_ = AuditLog.open(path, head=head)
    log_.write({"event": "decided"})
    log_.close()
    assert judged(path, head).holds


def test_a_last_record_that_was_cut_through_is_missing(path: str, tmp_path: Path) -> None:
    """A record that the head knows was whole once: half of it is no crash's."""
    head = str(tmp_path / "audit.head")
    filled(path, head=head)
    os.truncate(path, os.stat(path).st_size - 20)
    verdict = judged(path, head)
    assert not verdict.holds
    assert verdict.problem is not None
    assert verdict.problem.seq == 10


def other_boot(head: str, **fields: int) -> None:
    """Have the head be of another boot."""
    found = read_head(head)
    assert found is not None
    made = Head(found.seq, found.hash, fields.get("synced", found.synced), "another boot")
    Path(head).write_bytes(made.line())


@pytest.mark.parametrize("synced", [6, 7, 10])
def test_what_a_power_cut_took_is_told_from_what_somebody_took(path: str, tmp_path: Path, synced: int) -> None:
    """Records of another boot that were not known to be on disk may be missing; one that was may not."""
    head = str(tmp_path / "audit.head")
    lines = filled(path, head=head)
    Path(path).write_bytes(b"".join(line + b"\n" for line in lines[:6]))
    other_boot(head, synced=synced)
    explained = synced == 6
    assert judged(path, head).holds is explained
    told = judged(path, head).problem or judged(path, head).notes[0]
    assert (told.seq, told.missing, told.explained) == (7, 4, explained)
    # The next start says the same in a record, and the chain goes on.
    log = AuditLog.open(path, head=head)
    log.write({"event": "decided"})
    log.close()
    verdict = judged(path, head)
    assert verdict.holds is explained
    assert verdict.problem is None
    assert verdict.records == 8
    assert [(note.seq, note.missing, note.explained) for note in verdict.notes] == [(7, 4, explained)]


@pytest.mark.parametrize("left", [b"\0" * 5000, b"\0" * 90 + b"\n", b"\n", b'\0\0"ms":1}\n' + b"\0" * 70 + b'\n{"ts":'])
def test_what_a_power_cut_made_of_the_last_lines_goes(path: str, tmp_path: Path, left: bytes) -> None:
    """Blocks that never came to the disk read as zeros: they are cut off, that is recorded, and the chain holds."""
    head = str(tmp_path / "audit.head")
    lines = filled(path, head=head)
    Path(path).write_bytes(b"".join(line + b"\n" for line in lines[:6]) + left)
    if left.endswith(b"\0\n"):
        with pytest.raises(Unwritable):  # in the same boot that is no crash's doing
            AuditLog.open(path, head=head)
    other_boot(head, synced=6)
    log = AuditLog.open(path, head=head)
    log.close()
    verdict = judged(path, head)
    assert (verdict.holds, verdict.records, verdict.last) == (True, 8, 12)
    told = json.loads(Path(path).read_bytes().splitlines()[6])
    assert (told["event"], told["bytes"]) == ("torn", len(left))


def test_a_copy_that_was_truncated_tells_how_many_may_be_missing(path: str) -> None:
    """copytruncate: nothing is missing where the copy has everything, else what came between copy and cut."""
    log = AuditLog.open(path)
    for _ in range(10):
        log.write({"event": "decided"})
    shutil.copy(path, path + ".1")
    os.truncate(path, 0)
    log.write({"event": "decided"})
    assert judged(path).holds
    assert "copytruncate" in judged(path).notes[0].why
    shutil.copy(path, path + ".2")
    for _ in range(3):
        log.write({"event": "decided"})
    os.truncate(path, 0)
    log.write({"event": "decided"})
    log.close()
    verdict = judged(path)
    assert not verdict.holds
    assert verdict.problem is None
    assert [note.missing for note in verdict.notes] == [0, 3]
    assert verdict.notes[1].seq == 13
    assert verdict.records == 10 + 2 + 2


def test_a_record_that_came_between_look_and_cut_hides_nothing(path: str) -> None:
    """A record that was just being written while the log was cut stands before the one that tells of it."""
    log = AuditLog.open(path)
    for _ in range(9):
        log.write({"event": "decided"})
    shutil.copy(path, path + ".1")
    log.write({"event": "decided"})
    last = AuditLog.open(path)
    os.truncate(path, 0)
    last._end = 0
    last.write({"event": "decided"})
    last._end = 10_000
    last.write({"event": "decided"})
    verdict = judged(path)
    assert verdict.problem is None
    assert [(note.seq, note.missing) for note in verdict.notes] == [(10, 1)]


def test_an_end_that_was_cut_off_under_the_server_is_recorded(path: str) -> None:
    """Where only the last records went, the next write says which, and half a line is never gone on with."""
    log = AuditLog.open(path)
    for _ in range(10):
        log.write({"event": "decided"})
    os.truncate(path, os.stat(path).st_size * 6 // 10 - 5)
    log.write({"event": "decided"})
    log.close()
    verdict = judged(path)
    assert (verdict.holds, verdict.problem, verdict.records) == (False, None, 5 + 2)
    assert [(note.seq, note.missing) for note in verdict.notes] == [(6, 5)]


def test_a_log_that_was_deleted_under_the_server_is_recorded(path: str, tmp_path: Path) -> None:
    """The chain goes on in a new file, which says what the deleted one held; a copy elsewhere makes it whole."""
    head = str(tmp_path / "audit.head")
    filled(path, 3, head=head)
    os.rename(path, path + ".1")
    log = AuditLog.open(path, head=head)
    for _ in range(5):
        log.write({"event": "decided"})
    shutil.copy(path, tmp_path / "copy")
    os.unlink(path)
    log.write({"event": "decided"})
    log.close()
    verdict = judged(path, head)
    assert (verdict.holds, verdict.problem) == (False, None)
    assert [(note.seq, note.missing) for note in verdict.notes] == [(4, 5)]
    os.rename(tmp_path / "copy", path + ".0")
    assert judged(path, head).holds


def test_who_writes_into_the_log_is_found(path: str) -> None:
    """What somebody else appended is no record, and never ends in one of ours."""
    log = AuditLog.open(path)
    log.write({"event": "decided"})
    with Path(path).open("ab") as other:
        other.write(b"x")
    log.write({"event": "decided"})
    log.close()
    problem = judged(path).problem
    assert problem is not None
    assert (problem.line, problem.why) == (2, "this is no record")
    assert len(Path(path).read_bytes().splitlines()) == 3
