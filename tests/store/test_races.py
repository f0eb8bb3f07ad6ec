"""Somebody else acts between two steps of a change (CASES, groups D and E).

What acts is real, and so is everything that it meets: only its moment is arranged.
"""

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rpcd.store import Edit
from tests.conftest import FILES, SETTINGS
from tests.store.conftest import Disk, Open, edit

MOTD = FILES["site/motd"]
RENAME = "rpcd.store.atomic.rename"

Meanwhile = Callable[..., None]


def put(path: Path, content: str) -> None:
    """Rename another version into place, as every careful program does."""
    new = path.with_name("outside")
    new.write_text(content)
    new.chmod(0o600)
    os.rename(new, path)


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("appended\n")


def as_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def two_names(path: Path) -> None:
    os.link(path, path.with_name("backup"))


def tightened(path: Path) -> None:
    path.chmod(0o400)


def given_away(path: Path) -> None:
    os.chown(path, 1234, 1234)


def labelled(path: Path) -> None:
    os.setxattr(path, "user.label", b"new")


# What somebody does, and what the file holds then
MEANWHILE: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "replaced": (lambda path: put(path, "outside\n"), "outside\n"),
    "appended to": (append, MOTD + "appended\n"),
    "made a link": (as_link, MOTD),
    "given a second name": (two_names, MOTD),
    "tightened": (tightened, MOTD),
    "given away": (given_away, MOTD),
    "labelled": (labelled, MOTD),
    "removed": (os.unlink, None),
}


@pytest.mark.parametrize(("act", "held"), MEANWHILE.values(), ids=MEANWHILE.keys())
@pytest.mark.parametrize(
    ("moment", "content"),
    [("os.fsync", b"ours"), (RENAME, b"ours"), (RENAME, None)],
    ids=["while it is written", "just before it is replaced", "just before it is deleted"],
)
def test_who_came_in_between_is_never_overwritten(
    disk: Disk,
    meanwhile: Meanwhile,
    *,
    act: Callable[[Path], None],
    held: str | None,
    moment: str,
    content: bytes | None,
) -> None:
    """The change fails, what somebody did stays in every respect, and nothing is left over."""
    motd = disk.scratch / "site/motd"
    done: list[tuple[int, ...] | None] = []

    def look() -> tuple[int, ...] | None:
        if not os.path.lexists(motd):
            return None
        found = os.lstat(motd)
        return found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_nlink

    def do() -> None:
        act(motd)
        done.append(look())

    meanwhile(moment, do)
    (told,) = disk.told(("motd", content))
    assert told is not None
    assert told["kind"] in {"conflict", "storage"}
    assert done == [look()]
    assert (motd.read_text() if motd.exists() else None) == held
    assert not [name for name in disk.names("site") if name.startswith(".rpcd-")]
    assert disk.settled()


@pytest.mark.parametrize("content", [b"ours", None], ids=["replaced", "deleted"])
def test_whom_nobody_can_put_back_is_kept(disk: Disk, meanwhile: Meanwhile, content: bytes | None) -> None:
    """Where the file that was displaced cannot go back to its name it stays under another: `unknown`."""
    motd = disk.scratch / "site/motd"

    def fail() -> None:
        raise OSError(errno.EIO, "the disk has just failed")

    meanwhile(RENAME, lambda: put(motd, "outside\n"))
    meanwhile(RENAME, fail, call=2)
    assert disk.told(("motd", content)) == [{"kind": "unknown"}]
    (kept,) = (disk.scratch / "site").glob(".rpcd-kept-*~")
    assert kept.read_text() == "outside\n"
    assert disk.records("outcome")[-1]["after"] is None
    assert disk.settled()


def test_a_third_version_is_kept_too(disk: Disk, meanwhile: Meanwhile) -> None:
    """Somebody replaces the file before the exchange, and again before it is taken back: both versions stay."""
    motd = disk.scratch / "site/motd"
    meanwhile(RENAME, lambda: put(motd, "first\n"))
    meanwhile(RENAME, lambda: put(motd, "second\n"), call=2)
    assert disk.told(("motd", b"ours")) == [{"kind": "unknown"}]
    (kept,) = (disk.scratch / "site").glob(".rpcd-kept-*~")
    assert {motd.read_text(), kept.read_text()} == {"first\n", "second\n"}
    assert disk.settled()


def test_a_new_file_never_replaces_one_that_came_first(disk: Disk, meanwhile: Meanwhile) -> None:
    """Who makes a file while we do keeps it, and the caller is told its revision."""
    path = disk.scratch / "vhosts/new.conf"
    meanwhile(RENAME, lambda: path.write_text("outside\n"))
    (told,) = disk.told(("vhosts/new.conf", b"ours"))
    assert told == {"kind": "conflict", "revision": disk.store.revisions.of(b"outside\n", plain=False)}
    assert path.read_text() == "outside\n"
    assert disk.names("vhosts") == ["new.conf", "shop-a.conf"]


def test_a_file_may_come_and_go_within_one_batch(disk: Disk) -> None:
    """Made and deleted by callers who came together, a file was never there, and both are told that it went well."""
    wishes = [("motd", b"first"), *[("vhosts/x.conf", content) for content in (b"a", b"b", None)]]
    assert disk.told(*wishes, *wishes) == [None] * 8
    assert disk.names("vhosts") == ["shop-a.conf"]
    assert disk.settled()


def test_a_directory_never_has_more_files_than_it_may(open_disk: Open) -> None:
    """Callers who make different files at the same time share one limit, for files and for bytes."""
    limits = '[targets.vhosts]\nmax_files = 3\nmax_bytes = "1 KiB"'
    disk = open_disk(SETTINGS.replace("[targets.vhosts]", limits))
    told = disk.told(*[(f"vhosts/n{number}.conf", b"x") for number in range(20)])
    assert told.count(None) == 2
    assert told.count({"kind": "too_large", "limit": 3}) == 18
    grown = disk.told(*[(f"vhosts/{name}", b"x" * 600) for name in disk.names("vhosts")])
    assert sorted(map(str, grown)) == ["None", *[str({"kind": "too_large", "limit": 1024})] * 2]
    assert disk.settled()


def test_a_bug_in_one_edit_is_nobody_elses(disk: Disk) -> None:
    """An edit that raises anything fails alone, as an incident, with its intent and outcome."""

    def broken(_: bytes | None) -> bytes:
        raise SystemExit

    wishes = [edit("motd", b"first"), Edit(uid=0, target="motd", apply=broken), edit("motd", b"last")]
    assert [told and told["kind"] for told in disk.told(*wishes)] == [None, "internal", None]
    assert (disk.scratch / "site/motd").read_text() == "last"
    assert disk.settled()


def test_a_metadata_of_somebody_else_is_never_taken(open_disk: Open, meanwhile: Meanwhile) -> None:
    """In a directory of a stranger's, a content never gets the owner of a file that was put there meanwhile."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", "[targets.motd]\nuntrusted_directory = true"))
    motd = disk.scratch / "site/motd"
    owners: list[int] = []

    def look() -> None:
        owners.extend(path.stat().st_uid for path in motd.parent.glob(".rpcd-*~"))

    def strangers() -> None:
        put(motd, MOTD)
        os.chown(motd, 1234, 1234)

    meanwhile("rpcd.store.commit.Candidate", strangers)
    meanwhile("os.fsync", look)
    assert disk.told(("motd", b"secret")) != [None]
    assert owners == [0]


def test_an_acl_that_a_directory_gives_never_opens_a_file(disk: Disk, meanwhile: Meanwhile) -> None:
    """A default ACL has no effect on a new file at any moment, however wide its mode is to be."""
    motd = disk.scratch / "site/motd"
    motd.chmod(0o640)
    subprocess.run(["setfacl", "-d", "-m", "u:3456:rwx", str(motd.parent)], check=True)
    seen: list[str] = []

    def look() -> None:
        for path in motd.parent.glob(".rpcd-*~"):
            assert "system.posix_acl_access" not in os.listxattr(path) or path.stat().st_mode & 0o077 == 0
            seen.append(path.name)

    for function in ("os.fchmod", "os.removexattr", "os.fsync"):
        meanwhile(function, look)
    assert disk.told(("motd", b"ours")) == [None]
    assert len(seen) == 3
    assert os.listxattr(motd) == []
