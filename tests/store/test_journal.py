"""What a start does with what a crash left."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rpcd.audit import AuditLog
from tests.conftest import SETTINGS, SHOP_INI, Serve
from tests.harness.server import verify_chain
from tests.store.conftest import Disk, Open

NEW = SHOP_INI.replace("light", "dark")
CANDIDATE = ".rpcd-0123456789abcdef~"


def named(content: str | None) -> str:
    return "absent" if content is None else "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def crashed(disk: Disk, *intents: dict[str, Any], started: bool = True) -> None:
    """Leave intents without an outcome, as a crash does."""
    if started:
        disk.store.audit.write({"event": "started"})
    for number, fields in enumerate(intents, 1):
        intent = {"event": "intent", "method": "update_key", "target": "shop", "change": f"c{number}",
                  "before": named(SHOP_INI), "after": named(NEW), "candidate": CANDIDATE}  # fmt: skip
        disk.store.audit.write({**intent, **fields})


def settle(disk: Disk) -> list[dict[str, Any]]:
    """Settle twice, which is the same as once; the outcomes."""
    disk.store.recover()
    held = [(path, path.read_bytes()) for path in sorted(disk.scratch.glob("s*/*")) if path.is_file()]
    log = disk.log.read_bytes()
    disk.store.recover()
    assert [(path, path.read_bytes()) for path in sorted(disk.scratch.glob("s*/*")) if path.is_file()] == held
    assert disk.log.read_bytes() == log
    assert disk.settled()
    return disk.records("outcome")


# What file and temporary file hold (None: not there); kind and `changed` of the outcome; whether the latter is kept
Case = tuple[str | None, str | None, str | None, bool, bool]
CHANGES: dict[str, Case] = {
    "before the rename": (SHOP_INI, NEW, "unavailable", False, False),
    "before the candidate": (SHOP_INI, None, "unavailable", False, False),
    "after the rename": (NEW, SHOP_INI, None, True, False),
    "after everything but the outcome": (NEW, None, None, True, False),
    "somebody wrote since": ("[else]\n", NEW, "unknown", False, False),
    "somebody took it away since": (None, NEW, "unknown", False, False),
    "somebody's version was displaced": (NEW, "[somebody]\n", None, True, True),
    "somebody's version came back": ("[somebody]\n", NEW, "unknown", False, False),
    "two versions of somebody's": ("[somebody]\n", "[else]\n", "unknown", False, True),
}
DELETIONS: dict[str, Case] = {
    "before a deletion": (SHOP_INI, None, "unavailable", False, False),
    "in the middle of a deletion": (None, SHOP_INI, None, True, False),
    "after a deletion": (None, None, None, True, False),
    "somebody's version was to be deleted": (None, "[somebody]\n", None, True, True),
    "somebody made it anew": ("[somebody]\n", SHOP_INI, "unknown", False, False),
}
CREATIONS: dict[str, Case] = {
    "before a creation": (None, NEW, "unavailable", False, False),
    "after a creation": (NEW, None, None, True, False),
    "somebody came first": ("[somebody]\n", NEW, "unknown", False, False),
}
CASES = [
    pytest.param(named(SHOP_INI), named(NEW), CHANGES, id="change"),
    pytest.param(named(SHOP_INI), "absent", DELETIONS, id="deletion"),
    pytest.param("absent", named(NEW), CREATIONS, id="creation"),
]


@pytest.mark.parametrize(("before", "after", "cases"), CASES)
def test_an_intent_is_settled_by_looking_at_the_file(
    open_disk: Open, before: str, after: str, cases: dict[str, Case]
) -> None:
    """The outcome says what is on disk; a temporary file goes if it is known, and is kept if it is somebody's."""
    for case, (file, leftover, kind, changed, kept) in cases.items():
        disk = open_disk()
        directory = disk.scratch / "shop"
        if file is None:
            (directory / "shop.ini").unlink()
        else:
            (directory / "shop.ini").write_text(file)
        if leftover is not None:
            (directory / CANDIDATE).write_text(leftover)
        crashed(disk, {"before": before, "after": after})
        outcome = settle(disk)[-1]
        assert (outcome["kind"], outcome["changed"], outcome["recovered"]) == (kind, changed, True), case
        assert (outcome["before"], outcome["after"]) == (before, named(file)), case
        assert ((directory / "shop.ini").read_text() if (directory / "shop.ini").exists() else None) == file, case
        left = list(directory.glob(".rpcd-*"))
        assert [path.read_text() for path in left] == ([leftover] if kept else []), case
        for path in left:
            assert disk.records("leftover")[-1]["candidate"] == path.name, case
            path.unlink()
        disk.log.unlink()


def test_a_candidate_that_no_intent_names_goes(disk: Disk) -> None:
    """A temporary file from before its intent never took effect: it is removed, whatever it is."""
    crashed(disk)
    (disk.scratch / "shop" / CANDIDATE).write_text("half")
    (disk.scratch / "site" / CANDIDATE).symlink_to("/etc/shadow")
    os.mkfifo(disk.scratch / "vhosts" / CANDIDATE)
    settle(disk)
    assert [disk.names(name) for name in ("shop", "site", "vhosts")] == [["shop.ini"], ["motd"], ["shop-a.conf"]]


def test_only_what_is_called_like_ours_is_looked_at(disk: Disk) -> None:
    """Other files stay, however they are called, and so do those that were kept before."""
    crashed(disk)
    names = [".rpcd-~", ".rpcd-0123456789abcde~", ".rpcd-0123456789abcdef", ".rpcd-kept-0123456789abcdef~", "x~"]
    for name in names:
        (disk.scratch / "site" / name).touch()
    settle(disk)
    assert disk.names("site") == sorted([*names, "motd"])


def with_directory(path: Path) -> None:
    path.mkdir()
    (path / "x").touch()


def immutable(path: Path) -> None:
    path.touch()
    subprocess.run(["chattr", "+i", path], check=True)


@pytest.mark.parametrize("make", [with_directory, immutable])
@pytest.mark.parametrize("intended", [True, False])
def test_what_cannot_be_removed_keeps_nobody_from_starting(
    disk: Disk, make: Callable[[Path], None], *, intended: bool
) -> None:
    """A directory with our kind of name, or a file that nobody can remove, stays; it is recorded."""
    crashed(disk, *([{}] if intended else []))
    make(disk.scratch / "shop" / CANDIDATE)
    try:
        disk.store.recover()
        (record,) = disk.records("leftover")
        assert (disk.scratch / "shop" / record["candidate"]).exists()
        assert disk.settled()
    finally:
        subprocess.run(["chattr", "-R", "-i", disk.scratch / "shop"], check=True)


def test_a_target_that_has_gone_from_the_settings_is_settled(disk: Disk) -> None:
    """An intent for a target that is not there any more is `unknown`, and what it names in a directory is kept."""
    crashed(disk, {"target": "vhosts"}, {"target": "vhosts/.."}, {"target": "gone"})
    (disk.scratch / "shop" / CANDIDATE).write_text(NEW)
    assert [record["kind"] for record in settle(disk)] == ["unknown"] * 3
    assert len(disk.records("leftover")) == 1


def test_behind_a_link_that_is_followed_nothing_is_left(open_disk: Open) -> None:
    """Where a target follows a link, the temporary files lie where the link leads to."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", "[targets.motd]\nfollow = true"))
    (disk.scratch / "elsewhere").mkdir(mode=0o755)
    (disk.scratch / "site/motd").rename(disk.scratch / "elsewhere/motd")
    (disk.scratch / "site/motd").symlink_to("../elsewhere/motd")
    crashed(disk)
    (disk.scratch / "elsewhere" / CANDIDATE).write_text("half")
    settle(disk)
    assert disk.names("elsewhere") == ["motd"]


def test_a_directory_that_has_gone_keeps_nobody_from_starting(disk: Disk) -> None:
    """Where a target's directory is missing, or a link now, intents are `unknown` and nothing is looked for."""
    crashed(disk, {})
    (disk.scratch / "shop").rename(disk.scratch / "moved")
    (disk.scratch / "shop").symlink_to("moved")
    (disk.scratch / "moved" / CANDIDATE).write_text(NEW)
    assert [record["kind"] for record in settle(disk)] == ["unknown"]
    assert disk.names("moved") == [CANDIDATE, "shop.ini"]


def test_without_the_whole_log_nothing_unknown_goes(disk: Disk) -> None:
    """Where the log was renamed away a temporary file may be somebody's version: it stays, and is recorded."""
    crashed(disk, {}, started=False)
    (disk.scratch / "shop/.rpcd-fedcba9876543210~").write_text("whose?")
    settle(disk)
    (kept,) = (disk.scratch / "shop").glob(".rpcd-kept-*~")
    assert kept.read_text() == "whose?"
    assert [record["candidate"] for record in disk.records("leftover")] == [kept.name]


def test_earlier_runs_are_settled_already(disk: Disk) -> None:
    """Nobody looks beyond the last `started`: what was open then has been settled by that start."""
    crashed(disk, {})
    disk.store.audit.write({"event": "started"})
    disk.store.recover()
    assert disk.records("outcome") == []


def test_the_server_settles_before_it_serves(serve: Serve) -> None:
    """The outcome stands before the `started` of the next run, and the next run goes on from there."""
    server = serve()
    server.kill()
    log = AuditLog.open(str(server.audit_log))
    peer = {"uid": 0, "gid": 0, "groups": [], "pid": 1, "started": 1, "exe": None, "unit": None}
    log.write({"event": "intent", "peer": peer, "id": 1, "method": "update_key", "target": "shop", "change": "c1",
               "before": named(SHOP_INI), "after": named(NEW), "candidate": CANDIDATE})  # fmt: skip
    log.close()
    (server.scratch / "shop" / CANDIDATE).write_text(NEW)
    server.start()
    events = [record["event"] for record in verify_chain(server.audit_log)]
    assert events == ["started", "intent", "outcome", "started"]
    assert os.listdir(server.scratch / "shop") == ["shop.ini"]


def rotated_away(disk: Disk) -> None:
    os.rename(disk.log, f"{disk.log}.1")
    disk.store.audit.write({"event": "connected"})


def compressed(disk: Disk) -> None:
    rotated_away(disk)
    subprocess.run(["gzip", f"{disk.log}.1"], check=True)


def cut_off(disk: Disk) -> None:
    """A power cut took the last record, and the next start has said so."""
    lines = disk.log.read_bytes().splitlines(keepends=True)
    disk.log.write_bytes(b"".join(lines))
    disk.store.audit.write({"event": "decided"})
    disk.log.write_bytes(b"".join(lines))
    disk.store.audit.write({"event": "connected"})


@pytest.mark.parametrize("away", [rotated_away, compressed, cut_off])
def test_intents_are_found_where_the_log_went(disk: Disk, away: Callable[[Disk], None]) -> None:
    """An intent in a file that was rotated away before the crash, or before what a power cut took, is settled."""
    crashed(disk, {})
    (disk.scratch / "shop" / CANDIDATE).write_text(NEW)
    away(disk)
    disk.store.recover()
    (outcome,) = disk_outcomes(disk)
    assert (outcome["change"], outcome["kind"], outcome["recovered"]) == ("c1", "unavailable", True)
    assert disk.names("shop") == ["shop.ini"]


def disk_outcomes(disk: Disk) -> list[dict[str, Any]]:
    lines = map(json.loads, disk.log.read_bytes().splitlines())
    return [record for record in lines if record["event"] == "outcome"]
