"""Earlier revisions: what is kept and for how long, who gives way, and what a crash or a fault leaves."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from rpcd.settings import HistoryLimits
from rpcd.store.history import History, Of
from rpcd.store.history.keeping import Entry, Kept
from rpcd.store.targets import Snapshot
from tests.conftest import FILES, SETTINGS
from tests.store.conftest import Disk, Open, edit
from tests.store.test_faults import failing

MOTD = FILES["site/motd"].encode()
MUCH = HistoryLimits(1000, 1e9, 1 << 30)


def by(uid: int, change: str = "0") -> list[dict[str, Any]]:
    """The edits of a revision that this uid made."""
    return [{"uid": uid, "method": "replace_file", "change": change}]


@pytest.fixture
def history(scratch: Path) -> History:
    """One of its own."""
    (scratch / "state").mkdir(mode=0o700)
    return History(str(scratch / "state"))


def of(scratch: Path, limits: HistoryLimits = MUCH, name: str = "a", most: int = 1) -> Of:
    """Whose revisions: those of a file that needs not be there."""
    return Of(f"{scratch}/site/{name}", "text", limits, most)


def snapshot(content: bytes | None) -> Snapshot | None:
    return None if content is None else Snapshot.of(content)


def write(history: History, whose: Of, contents: Iterable[bytes | None], uid: int = 0) -> None:
    """Have the file hold one after the other."""
    before = None
    kept = history.revisions(whose)
    if kept:
        before = history.content(whose, kept[0][1].digest)
    for content in contents:
        with history.write(whose, snapshot(before), snapshot(content), by(uid)) as step:
            step.sync()
        before = content


def contents(history: History, whose: Of) -> list[bytes | None]:
    """What is kept, the newest first, without that there was no file in the beginning."""
    return [history.content(whose, entry.digest) for _, entry in history.revisions(whose) if entry.digest]


def test_what_was_there_is_kept_and_what_came_after(disk: Disk) -> None:
    """Before the first change nobody knew the file: it is kept as something that nobody made."""
    assert disk.told(("motd", b"one")) == [None]
    assert disk.told(("motd", None)) == [None]
    assert disk.told(("motd", b"three")) == [None]
    found = disk.store.earlier("motd")
    assert [entry.digest and disk.store.content_of("motd", entry.digest) for _, entry in found] == [
        b"three",
        None,
        b"one",
        MOTD,
    ]
    assert [bool(entry.edits) for _, entry in found] == [True, True, True, False]
    assert [number for number, _ in found] == [4, 3, 2, 1]


def test_what_somebody_else_wrote_is_kept_too(disk: Disk) -> None:
    """An edit made past rpcd is found at the next change, and can be restored."""
    disk.change(("motd", b"one"))
    (disk.scratch / "site/motd").write_bytes(b"by hand")
    disk.change(("motd", b"two"))
    found = [disk.store.content_of("motd", entry.digest) for _, entry in disk.store.earlier("motd")]
    assert found == [b"two", b"by hand", b"one", MOTD]


def test_a_batch_is_one_revision(disk: Disk) -> None:
    """Edits that were written together are one revision with all who made it; who failed is not among them."""
    disk.change(("motd", b"one"), edit("motd", b"two"), edit("motd", b"x" * (1 << 25)), edit("motd", b"three"))
    found = disk.store.earlier("motd")
    newest = found[0][1]
    assert disk.store.content_of("motd", newest.digest) == b"three"
    outcomes = {record["change"]: record["kind"] for record in disk.records("outcome")}
    assert all(outcomes[str(made["change"])] is None for _, entry in found for made in entry.edits)
    assert sum(len(entry.edits) for _, entry in found) == 3


@pytest.mark.parametrize(
    ("step", "call"),
    [("os.fdatasync", 1), ("rpcd.store.atomic.rename", 1), ("os.fsync", 3), ("zlib.compress", 1)],
    ids=["its sync", "the rename", "the candidate's sync", "writing it"],
)
def test_what_did_not_take_effect_is_no_revision(
    disk: Disk, meanwhile: Callable[..., None], *, step: str, call: int
) -> None:
    """Whatever fails before the rename: what is kept is what was on disk, and the next change is one of it."""
    meanwhile(step, failing(errno.EIO), call=call)
    (told,) = disk.told(("motd", b"never"))
    assert told is not None
    assert told["kind"] in {"storage", "unavailable"}  # whichever of the syncs side by side it was
    assert disk.told(("motd", b"then")) == [None]
    found = [disk.store.content_of("motd", entry.digest) for _, entry in disk.store.earlier("motd")]
    assert found == [b"then", MOTD]


def test_a_conflict_is_no_revision(disk: Disk, meanwhile: Callable[..., None]) -> None:
    """Who loses a race has made none; what won is kept as somebody else's once the next change finds it."""
    disk.change(("motd", b"one"))
    motd = disk.scratch / "site/motd"
    meanwhile("rpcd.store.atomic.rename", lambda: motd.write_bytes(b"somebody's"))
    assert disk.told(("motd", b"lost"))[0] is not None
    disk.change(("motd", b"two"))
    found = [disk.store.content_of("motd", entry.digest) for _, entry in disk.store.earlier("motd")]
    assert found == [b"two", b"somebody's", b"one", MOTD]


def test_a_crash_between_history_and_rename_leaves_no_revision(
    open_disk: Open, scratch: Path, tmp_path: Path, meanwhile: Callable[..., None]
) -> None:
    """The start after it strikes out what never was on disk."""
    disk = open_disk()
    disk.change(("motd", b"one"))

    def crash() -> None:
        subprocess.run(["cp", "-a", f"{scratch}/.", str(tmp_path)], check=True)

    meanwhile("rpcd.store.atomic.rename", crash)
    disk.change(("motd", b"two"))
    for name in ("state", "site", "log"):
        shutil.rmtree(scratch / name)
        subprocess.run(["cp", "-a", str(tmp_path / name), str(scratch)], check=True)
    again = open_disk(files={})
    assert again.store.content_of("motd", again.store.earlier("motd")[0][1].digest) == b"two"
    again.store.recover()
    found = [again.store.content_of("motd", entry.digest) for _, entry in again.store.earlier("motd")]
    assert found == [b"one", MOTD]
    assert (scratch / "site/motd").read_bytes() == b"one"


def test_it_is_for_root_alone(disk: Disk) -> None:
    """What was secret stays secret: 0700 directories and 0600 files."""
    disk.change(("motd", b"one"))
    found = list((disk.scratch / "state/history").rglob("*"))
    assert {path.stat().st_mode & 0o7777 for path in found if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o7777 for path in found if path.is_file()} == {0o600}


# Limits


def test_the_number_is_limited(history: History, scratch: Path) -> None:
    """The oldest go first, and their contents with them; that there was no file is nobody's, and one of them."""
    whose = of(scratch, HistoryLimits(5, 1e9, 1 << 30))
    write(history, whose, [b"%d" % number for number in range(20)])
    assert contents(history, whose) == [b"19", b"18", b"17", b"16"]
    with pytest.raises(LookupError):
        history.content(whose, Entry("0" * 64, 0, 0, 0).digest)


def test_a_flood_pushes_out_its_own(history: History, scratch: Path) -> None:
    """Whoever has the most gives way: what somebody else made stays, and so does what was there before the flood."""
    whose = of(scratch, HistoryLimits(10, 1e9, 1 << 30))
    write(history, whose, [b"admin's %d" % number for number in range(5)], uid=0)
    write(history, whose, [b"flood %d" % number for number in range(500)], uid=33)
    found = contents(history, whose)
    assert len(found) == 9
    assert b"admin's 4" in found
    assert found[0] == b"flood 499"
    assert sum(bool(content and content.startswith(b"admin")) for content in found) == 4


@pytest.mark.parametrize("uids", [(33, 34), (33, 34, 35, 36)])
def test_several_together_push_out_nobody_either(history: History, scratch: Path, uids: tuple[int, ...]) -> None:
    """Those who take turns, so that each revision begins a run, have the most together and each alone."""
    whose = of(scratch, HistoryLimits(10, 1e9, 1 << 30))
    write(history, whose, [b"admin's"], uid=0)
    for number in range(100):
        write(history, whose, [b"%d" % number], uid=uids[number % len(uids)])
    assert b"admin's" in contents(history, whose)


def test_bytes_are_limited(history: History, scratch: Path) -> None:
    """What takes too much of the disk gives way, and the file of it is written anew: it never outgrows its limit."""
    whose = of(scratch, HistoryLimits(1000, 1e9, 1 << 20))
    write(history, whose, [os.urandom(100_000) for _ in range(60)])
    assert 8 <= len(contents(history, whose)) <= 10
    size = sum(path.stat().st_size for path in (scratch / "state/history").rglob("*") if path.is_file())
    assert size < 4 << 20


def test_age_is_limited() -> None:
    """Old ones go, but for the newest and the one before the present run."""
    kept = Kept(HistoryLimits(100, 50, 1 << 30))
    for number, uid in enumerate((1, 1, 2, 2), 1):
        kept.add(number, Entry(str(number), float(number), 1, 1, tuple(by(uid))))
    kept.give_way(1000)
    assert [number for number, _ in kept] == [2, 4]


def test_what_is_struck_out_gives_the_run_back() -> None:
    """Without the newest, the one before the run is that of what is newest now."""
    kept = Kept(HistoryLimits(2, 1e9, 1 << 30))
    for number, uid in enumerate((1, 2, 3), 1):
        kept.add(number, Entry(str(number), float(number), 1, 1, tuple(by(uid))))
    kept.drop(3)
    kept.add(4, Entry("4", 4, 1, 1, tuple(by(2))))
    kept.give_way(5)
    assert [number for number, _ in kept] == [1, 4]


def test_names_that_come_and_go_are_limited(history: History, scratch: Path) -> None:
    """In a directory those whose file is gone give way, first those of whoever makes names without end."""
    (scratch / "site").mkdir()
    (scratch / "site/there").touch()
    write(history, of(scratch, name="there", most=16), [b"stays"], uid=33)
    write(history, of(scratch, name="gone", most=16), [b"somebody's"], uid=1)
    for number in range(100):
        write(history, of(scratch, name=str(number), most=16), [b"x"], uid=33)
    files = [path for path in (scratch / "state/history").rglob("*") if path.is_file()]
    assert len(files) <= 32
    assert contents(history, of(scratch, name="there", most=16)) == [b"stays"]
    assert contents(history, of(scratch, name="gone", most=16)) == [b"somebody's"]


def test_a_directory_is_limited_as_a_whole(history: History, scratch: Path) -> None:
    """Whoever floods many files loses what is kept of those; the disk never has more than three times the limit."""
    (scratch / "site").mkdir()
    limits = HistoryLimits(50, 1e9, 1 << 20)
    write(history, of(scratch, limits, "mine", 1000), [b"mine", b"mine too"], uid=1)
    for number in range(40):
        for uid in (33, 34, 33):
            write(history, of(scratch, limits, str(number), 1000), [os.urandom(100_000)], uid=uid)
    size = sum(path.stat().st_size for path in (scratch / "state/history").rglob("*") if path.is_file())
    assert size < (2 << 20) + 40 * 101_000
    assert contents(history, of(scratch, limits, "mine", 1000)) == [b"mine too", b"mine"]


def test_formats_and_paths_have_their_own(history: History, scratch: Path) -> None:
    """A target that moves, or is read in another way, begins anew."""
    write(history, of(scratch), [b"one"])
    assert contents(history, of(scratch)._replace(format="ini")) == []
    assert contents(history, of(scratch, name="b")) == []
    assert contents(history, of(scratch)) == [b"one"]


# The file


def test_another_process_reads_the_same(history: History, scratch: Path) -> None:
    """What is kept follows from the file alone, also where most of it has given way."""
    whose = of(scratch, HistoryLimits(7, 1e9, 1 << 30))
    for number in range(60):
        write(history, whose, [b"%d" % number], uid=number % 3)
    assert contents(History(str(scratch / "state")), whose) == contents(history, whose)


def test_equal_contents_are_stored_once(history: History, scratch: Path) -> None:
    """A file that goes back and forth takes hardly any room."""
    whose = of(scratch)
    one, other = os.urandom(50_000), os.urandom(50_000)
    write(history, whose, [one, other] * 20)
    (file,) = [path for path in (scratch / "state/history").rglob("*") if path.is_file()]
    assert file.stat().st_size < 150_000
    assert contents(history, whose) == [other, one] * 20


@pytest.mark.parametrize("cut", [1, 30, 150, 400])
def test_a_torn_end_is_cut_off(history: History, scratch: Path, cut: int) -> None:
    """What a crash left of the last revision goes; what was whole is there, and goes on."""
    whose = of(scratch)
    write(history, whose, [b"one", b"two"])
    (file,) = [path for path in (scratch / "state/history").rglob("*") if path.is_file()]
    whole = file.stat().st_size
    write(history, whose, [os.urandom(400)])
    os.truncate(file, whole + cut)
    again = History(str(scratch / "state"))
    assert contents(again, whose) == [b"two", b"one"]
    write(again, whose, [b"three"])
    assert contents(again, whose) == [b"three", b"two", b"one"]
    assert not list(file.parent.glob("*.damaged"))


def test_zeros_at_the_end_are_a_torn_end(history: History, scratch: Path) -> None:
    """A file system may have the length on disk and not what was written."""
    whose = of(scratch)
    write(history, whose, [b"one"])
    (file,) = [path for path in (scratch / "state/history").rglob("*") if path.is_file()]
    with file.open("ab") as torn:
        torn.write(bytes(5000))
    assert contents(History(str(scratch / "state")), whose) == [b"one"]
    assert not list(file.parent.glob("*.damaged"))


def test_damage_is_set_aside(history: History, scratch: Path) -> None:
    """What cannot be read in the middle is kept for the administrator; what stood before it goes on."""
    whose = of(scratch)
    write(history, whose, [b"one", b"two", b"three"])
    (file,) = [path for path in (scratch / "state/history").rglob("*") if path.is_file()]
    content = file.read_bytes()
    damaged = content.replace(b'{"number":3', b'["number":3')
    assert damaged != content
    file.write_bytes(damaged)
    again = History(str(scratch / "state"))
    assert contents(again, whose) == [b"one"]
    assert Path(f"{file}.damaged").read_bytes() == damaged
    write(again, whose, [b"four"])
    assert contents(again, whose) == [b"four", b"one"]


def test_a_damaged_content_is_never_restored(history: History, scratch: Path) -> None:
    """Its hash is its name: what no longer fits is an error of the disk."""
    whose = of(scratch)
    write(history, whose, [b"a content that is long enough to be found"])
    (file,) = [path for path in (scratch / "state/history").rglob("*") if path.is_file()]
    content = bytearray(file.read_bytes())
    content[-12] ^= 1
    file.write_bytes(content)
    with pytest.raises(OSError, match="damaged"):
        contents(History(str(scratch / "state")), whose)


def test_what_is_purged_is_gone_for_good(history: History, scratch: Path) -> None:
    """Neither listed nor in the file; a server that runs beside it knows at once. What came before and after stays."""
    whose = of(scratch)
    write(history, whose, [b"one", b"leaked", b"three"])
    beside = History(str(scratch / "state"))
    leaked = history.revisions(whose)[1][1].digest
    assert beside.purge(whose, {leaked}) == 1
    assert contents(history, whose) == [b"three", b"one"]
    write(history, whose, [b"four"])
    assert contents(history, whose) == [b"four", b"three", b"one"]
    assert beside.purge(whose) == 4
    assert contents(history, whose) == []


def test_ten_thousand_revisions_are_as_fast_as_ten(open_disk: Open) -> None:
    """To keep one more reads nothing and looks at none of the others: what it does is counted, not timed."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", "[targets.motd]\nhistory = { revisions = 10000 }"))
    path = str(disk.scratch / "site/motd")
    target, _ = disk.store.targets.file("motd")
    whose = Of.file(target, path)
    for number in range(10_100):
        with disk.store.history.write(whose, snapshot(b"%d" % number), snapshot(b"%d" % (number + 1)), by(0)):
            pass
    assert len(disk.store.earlier("motd")) == 10_000
