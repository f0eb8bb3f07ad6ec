"""Disks that fail, fill up, or are pulled out (CASES, groups D and E)."""

import errno
import hashlib
import os
import random
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rpcd.store import Edit
from tests.conftest import FILES, SETTINGS, SHOP_INI, Serve
from tests.harness.faults import injected
from tests.harness.seqpacket import Failure
from tests.harness.server import Rpcd, wait_until
from tests.store.conftest import Disk, Open

CHANGE = {"target": "shop", "key": "ui.theme", "value": "dark"}
CHANGED = SHOP_INI.replace("theme = light", "theme = dark")


def shop(server: Rpcd) -> Path:
    return server.scratch / "shop/shop.ini"


# Every step of a change, in the store itself


def facts(path: Path) -> dict[str, int]:
    """What stat(2) tells of a file but when it was read last."""
    found = path.stat()
    names = ("st_dev", "st_ino", "st_mode", "st_uid", "st_gid", "st_nlink", "st_size", "st_mtime_ns", "st_ctime_ns")
    return {name: getattr(found, name) for name in names}


def failing(code: int) -> Callable[[], None]:
    """What raises this error of the system."""

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    return fail


# The step (and which call of it), how it fails, and what the caller is told; nothing has changed
STEPS: dict[str, tuple[str, int, int, str]] = {
    "making the candidate": ("os.open", 1, errno.ENOSPC, "no_space"),
    "no descriptor left": ("os.open", 1, errno.EMFILE, "descriptors"),
    "writing": ("os.write", 1, errno.EIO, "io"),
    "over a quota": ("os.write", 1, errno.EDQUOT, "no_space"),
    "chown": ("os.fchown", 1, errno.EPERM, "permission"),
    "attributes": ("os.setxattr", 1, errno.ENOTSUP, "io"),
    "attributes: no space": ("os.setxattr", 1, errno.ENOSPC, "no_space"),
    "chmod": ("os.fchmod", 1, errno.EPERM, "permission"),
    "reading back": ("os.pread", 1, errno.EIO, "io"),
    "syncing": ("os.fsync", 1, errno.EIO, "io"),
    "renaming": ("rpcd.store.atomic.rename", 1, errno.EXDEV, "mount"),
    "renaming: a quota": ("rpcd.store.atomic.rename", 1, errno.EDQUOT, "no_space"),
    "renaming: read-only": ("rpcd.store.atomic.rename", 1, errno.EROFS, "read_only"),
}


@pytest.mark.parametrize(("step", "call", "code", "reason"), STEPS.values(), ids=STEPS.keys())
def test_an_error_of_any_step_changes_nothing(
    disk: Disk, meanwhile: Callable[..., None], *, step: str, call: int, code: int, reason: str
) -> None:
    """The old file is there as it was, nothing is left over, the log has one intent and one outcome; then it works."""
    motd = disk.scratch / "site/motd"
    os.chown(motd, 1234, 1234)
    os.setxattr(motd, "user.origin", b"kept")
    before = facts(motd)
    meanwhile(step, failing(code), call=call)
    assert disk.told(("motd", b"ours")) == [{"kind": "storage", "reason": reason}]
    assert facts(motd) == before
    assert motd.read_text() == FILES["site/motd"]
    assert disk.names("site") == ["motd"]
    assert disk.settled()
    assert disk.told(("motd", b"ours")) == [None]
    assert os.getxattr(motd, "user.origin") == b"kept"


def test_an_error_of_close_changes_nothing(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that tells only at the end that it did not write (NFS) is believed."""
    close = os.close

    def fail(descriptor: int) -> None:
        ours = "/.rpcd-" in os.readlink(f"/proc/self/fd/{descriptor}")
        close(descriptor)
        if ours:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as failing:
        failing.setattr("os.close", fail)
        assert disk.told(("motd", b"ours")) == [{"kind": "storage", "reason": "io"}]
    assert disk.names("site") == ["motd"]
    assert (disk.scratch / "site/motd").read_text() == FILES["site/motd"]
    assert disk.settled()


@pytest.mark.parametrize(("step", "call"), [("os.fsync", 4), ("os.fsync", 3)], ids=["replaced", "deleted"])
def test_an_error_of_the_directorys_sync_is_unknown(
    disk: Disk, meanwhile: Callable[..., None], *, step: str, call: int
) -> None:
    """Where the rename may not be on disk nobody says that something, or nothing, happened."""
    meanwhile(step, failing(errno.EIO), call=call)  # the first two make room for the history
    assert disk.told(("motd", b"ours" if call == 4 else None)) == [{"kind": "unknown"}]
    (outcome,) = disk.records("outcome")
    assert (outcome["kind"], outcome["changed"], outcome["after"]) == ("unknown", False, None)
    assert disk.names("site") == (["motd"] if call == 4 else [])


def test_without_a_thread_to_sync_the_log_it_is_synced_all_the_same(
    disk: Disk, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be had to sync the intent beside the candidate, that happens one after the other."""
    synced: list[int] = []
    sync = disk.store.audit.sync

    def watched(seq: int) -> None:
        synced.append(seq)
        sync(seq)

    monkeypatch.setattr(disk.store.audit, "sync", watched)

    def fail() -> None:
        raise RuntimeError("can't start new thread")

    meanwhile("threading.Thread.start", fail, call=2)
    assert disk.told(("motd", b"ours")) == [None]
    assert synced
    assert disk.settled()


def test_an_outcome_that_the_log_could_not_take_is_owed(disk: Disk, meanwhile: Callable[..., None]) -> None:
    """A change that was made is answered; its outcome stands in the log as soon as that can be written again."""
    meanwhile("os.write", failing(errno.ENOSPC), call=3)  # the candidate, the intent, the outcome
    assert disk.told(("motd", b"ours")) == [None]
    assert not disk.records("outcome")
    assert disk.told(("shop", SHOP_INI.encode())) == [None]
    assert [record["target"] for record in disk.records("outcome")] == ["motd", "shop"]
    assert disk.settled()


def test_an_outcome_is_owed_until_the_end(open_disk: Open, meanwhile: Callable[..., None]) -> None:
    """The last thing that a store does is to write what it owes."""
    disk = open_disk()
    meanwhile("os.write", failing(errno.ENOSPC), call=3)
    assert disk.told(("motd", b"ours")) == [None]
    assert not disk.settled()
    disk.store.committers.close()
    assert disk.settled()


@pytest.mark.parametrize("content", [b"new", None], ids=["made", "deleted"])
def test_a_second_name_goes_where_the_first_cannot(
    disk: Disk, meanwhile: Callable[..., None], content: bytes | None
) -> None:
    """Without RENAME_NOREPLACE a file has two names for a moment; where the old one cannot go, the new one goes."""
    path = disk.scratch / "vhosts/shop-a.conf"
    if content is not None:
        path.unlink()
    meanwhile("rpcd.store.atomic.rename", failing(errno.EINVAL))
    meanwhile("os.unlink", failing(errno.EIO))
    assert disk.told(("vhosts/shop-a.conf", content)) == [{"kind": "storage", "reason": "io"}]
    assert disk.names("vhosts") == ([] if content else ["shop-a.conf"])
    assert not path.exists() or path.stat().st_nlink == 1
    assert disk.settled()


@pytest.mark.parametrize("step", ["os.ftruncate", "rpcd.store.atomic.open_without_links"])
def test_a_file_that_is_written_in_place_may_be_half_of_each(
    open_disk: Open, meanwhile: Callable[..., None], step: str
) -> None:
    """From the first byte on an error is `unknown`; one before it is `storage`."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", "[targets.motd]\nin_place = true"))
    meanwhile("rpcd.store.atomic.rename", failing(errno.EBUSY))
    meanwhile(step, failing(errno.EIO))
    begun = step == "os.ftruncate"
    assert disk.told(("motd", b"ours")) == [{"kind": "unknown"} if begun else {"kind": "storage", "reason": "io"}]
    assert disk.names("site") == ["motd"]
    assert disk.settled()


def test_a_file_system_without_attributes_is_served(disk: Disk, meanwhile: Callable[..., None]) -> None:
    """Where there are no extended attributes nothing has to be kept of them; any other error of theirs is told."""
    for call in (1, 2):
        meanwhile("os.listxattr", failing(errno.ENOTSUP), call=call)
    assert disk.told(("motd", b"ours")) == [None]
    meanwhile("os.listxattr", failing(errno.EIO))
    assert disk.told(("motd", b"else")) == [{"kind": "storage", "reason": "io"}]


def test_a_record_that_cannot_be_written_down_leaves_nobody_waiting(disk: Disk) -> None:
    """Whatever fails in a committer, every caller has an answer, and the next change is made."""
    told = disk.told(Edit(uid=0, target="motd", apply=lambda _: b"ours", record={"method": object()}))
    assert [one and one["kind"] for one in told] == ["internal"]
    assert (disk.scratch / "site/motd").read_text() == FILES["site/motd"]
    assert disk.names("site") == ["motd"]
    assert disk.told(("motd", b"ours")) == [None]


# What the kernel does, in the server


# What is made to fail, and what the caller is told; nothing has changed
KERNEL: dict[str, tuple[str, str, dict[str, str]]] = {
    "fsync of the candidate": ("fsync", "error=EIO", {"kind": "storage", "reason": "io"}),
    "chown": ("fchown", "error=EPERM", {"kind": "storage", "reason": "permission"}),
    "chmod": ("fchmod", "error=EPERM", {"kind": "storage", "reason": "permission"}),
    "chmod that lies": ("fchmod", "retval=0", {"kind": "storage", "reason": "permission"}),
    "chown that lies": ("fchown", "retval=0", {"kind": "storage", "reason": "permission"}),
    "attributes": ("fsetxattr", "error=EPERM", {"kind": "storage", "reason": "permission"}),
    "rename: no space": ("renameat2", "error=ENOSPC", {"kind": "storage", "reason": "no_space"}),
    "rename: input/output": ("renameat2", "error=EIO", {"kind": "storage", "reason": "io"}),
    "rename: another device": ("renameat2", "error=EXDEV", {"kind": "storage", "reason": "mount"}),
    "the log's sync": ("fdatasync", "error=EIO", {"kind": "unavailable", "reason": "audit"}),
}


@pytest.mark.parametrize(("calls", "injection", "told"), KERNEL.values(), ids=KERNEL.keys())
def test_an_error_before_the_rename_changes_nothing(
    server: Rpcd, calls: str, injection: str, told: dict[str, str]
) -> None:
    """The old content is there, nothing is left over, the caller and the audit are told why, and reads go on."""
    os.chown(shop(server), 1234, 1234)
    shop(server).chmod(0o640)
    os.setxattr(shop(server), "user.origin", b"kept")
    with injected(server, calls, injection):
        assert server.error("update_key", **CHANGE)["data"] == told
        assert server.call("get_key", target="shop", key="ui.theme")["value"] == "light"
    assert shop(server).read_text() == SHOP_INI
    assert os.listdir(server.scratch / "shop") == ["shop.ini"]
    assert server.records("outcome")[-1]["kind"] == told["kind"]
    assert server.call("update_key", **CHANGE)["changed"] is True
    assert shop(server).read_text() == CHANGED


@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS"])
def test_a_file_system_that_cannot_exchange_is_served(server: Rpcd, error: str) -> None:
    """Without RENAME_EXCHANGE and RENAME_NOREPLACE files are replaced, made and deleted all the same."""
    with injected(server, "renameat2", f"error={error}"):
        assert server.call("update_key", **CHANGE)["changed"] is True
        assert shop(server).read_text() == CHANGED
        assert server.call("delete_file", target="motd")["revision"] == "absent"
        assert server.call("replace_file", target="motd", content="new")["previous"] == "absent"
    assert os.listdir(server.scratch / "site") == ["motd"]


@pytest.mark.parametrize("call", ["renameat2", "openat2", "fsync", "fdatasync"])
def test_a_call_that_was_interrupted_is_made_again(server: Rpcd, call: str) -> None:
    """EINTR is no failure."""
    with injected(server, call, "error=EINTR:when=1"):
        assert server.call("update_key", **CHANGE)["changed"] is True
    assert shop(server).read_text() == CHANGED


def test_a_kernel_without_openat2_is_served(server: Rpcd) -> None:
    """Links are refused step by step where the kernel cannot do it at once."""
    with injected(server, "openat2", "error=ENOSYS"):
        assert server.call("update_key", **CHANGE)["changed"] is True
        path = server.scratch / "site/motd"
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")
        assert server.error("read_file", target="motd")["data"]["reason"] == "symlink"
        path.unlink()
        path.with_name("elsewhere").rename(path)
        path.parent.rename(server.scratch / "moved")
        (server.scratch / "site").symlink_to("moved")
        for method in ("read_file", "delete_file"):
            assert server.error(method, target="motd")["data"]["reason"] == "symlink"
        (server.scratch / "site").unlink()
        (server.scratch / "moved").rename(path.parent)


def test_an_error_after_the_rename_is_unknown(server: Rpcd) -> None:
    """Where the directory's fsync fails nobody says that nothing happened: `unknown`."""
    with injected(server, "fsync", "error=EIO:when=2+2"):
        assert server.error("update_key", **CHANGE)["data"] == {"kind": "unknown"}
    assert shop(server).read_text() == CHANGED


@pytest.mark.parametrize("length", [1, 5])
def test_a_write_that_lies_is_noticed(server: Rpcd, length: int) -> None:
    """A write that says it wrote and did not never becomes the file."""
    with injected(server, "write", f"retval={length}"):
        assert server.kind("update_key", **CHANGE) in {"storage", "unavailable"}
    assert shop(server).read_text() == SHOP_INI
    assert os.listdir(server.scratch / "shop") == ["shop.ini"]
    assert server.call("update_key", **CHANGE)["changed"] is True


def test_a_storm_of_signals_is_no_failure(server: Rpcd) -> None:
    """System calls that are interrupted again and again are made again."""
    stop = threading.Event()

    def storm() -> None:
        while not stop.wait(0.001):
            os.kill(server.pid, signal.SIGWINCH)  # which does nothing

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for number in range(50):
            server.call("update_key", target="shop", key="ui.theme", value=f"v{number}")
    finally:
        stop.set()
        thread.join()


def test_slow_syncs_hold_up_nobody_else(server: Rpcd) -> None:
    """While one change waits for its disk, reads, and changes of other files but for their own syncs, go on."""
    with injected(server, "fsync", "delay_enter=300000"), server.connect() as slow:
        slow.send(b'{"jsonrpc":"2.0","id":1,"method":"update_key","params":["shop","ui.theme","dark"]}')
        wait_until(lambda: list(server.scratch.glob("shop/.rpcd-*~")))
        began = time.monotonic()
        assert server.call("get_key", target="shop", key="ui.theme")["value"] == "light"
        assert server.call("update_key", target="shop", key="ui.theme", value="x", dry_run=True)["changed"] is True
        assert time.monotonic() - began < 1.5
        assert b'"changed":true' in (slow.receive() or b"")


def test_the_intent_is_on_disk_before_the_file_changes(server: Rpcd) -> None:
    """Log and candidate are synced before the rename, and the directory after it."""
    trace = server.scratch / "trace"
    for method, params in (("update_key", CHANGE), ("delete_file", {"target": "motd"})):
        with injected(server, "fsync,fdatasync,renameat2", "", str(trace)):
            server.call(method, **params)
        lines = [line for line in trace.read_text().splitlines() if "(" in line and "resumed" not in line]
        names = [line.split()[1].partition("(")[0] for line in lines]
        renamed = names.index("renameat2")
        assert "audit.jsonl" in "".join(line for line in lines[:renamed] if "fdatasync" in line)
        assert method == "delete_file" or ".rpcd-" in "".join(line for line in lines[:renamed] if "fsync(" in line)
        assert names[-1] == "fsync"
        assert not [line for line in lines if "ERESTART" in line]


def test_an_answer_is_on_disk_before_it_is_given(server: Rpcd) -> None:
    """With a `request_id` one more file is synced between the rename and the reply; without one nothing is added."""
    trace = server.scratch / "trace"
    seen = {}
    for value, named in (("dark", {}), ("blue", {"request_id": "1"})):
        with injected(server, "fsync,fdatasync,renameat2,write,sendto,sendmsg", "", str(trace)):
            server.call("update_key", **{**CHANGE, "value": value}, **named)
        lines = [line for line in trace.read_text().splitlines() if "(" in line and "resumed" not in line]
        seen[value] = [line for line in lines if "/state/replies" in line]
        if named:
            renamed, synced, sent = (
                next(number for number, line in enumerate(lines) if all(part in line for part in parts))
                for parts in (["renameat2"], ["fdatasync", "state/replies"], ["send", "jsonrpc"])
            )
            assert renamed < synced < sent
    assert seen["dark"] == []
    assert [line.split()[1].partition("(")[0] for line in seen["blue"]] == ["write", "fdatasync"]


# Full, read-only and mounted


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as filling, suppress(OSError):
        while filling.write(b"x" * 1024):
            pass


@pytest.fixture
def small_disk(serve: Serve, scratch: Path) -> Iterator[Rpcd]:
    """A server whose shop lies on a disk of 64 KiB and 8 files."""
    (scratch / "shop").mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k,nr_inodes=8,mode=0755", "rpcd-test", scratch / "shop"], check=True
    )
    try:
        server = serve()
        yield server
        server.stop()
    finally:
        subprocess.run(["umount", scratch / "shop"], check=True)


def test_a_full_disk_changes_nothing(small_disk: Rpcd) -> None:
    """No space and no inodes are `storage`; the old content stays, and it works again when there is room."""
    ballast = small_disk.scratch / "shop/ballast"
    fill(ballast)
    assert small_disk.error("update_key", **CHANGE)["data"] == {"kind": "storage", "reason": "no_space"}
    assert sorted(os.listdir(small_disk.scratch / "shop")) == ["ballast", "shop.ini"]
    ballast.unlink()
    inodes = [small_disk.scratch / f"shop/{number}" for number in range(6)]
    for path in inodes:
        path.touch()
    assert small_disk.error("update_key", **CHANGE)["data"] == {"kind": "storage", "reason": "no_space"}
    assert shop(small_disk).read_text() == SHOP_INI
    for path in inodes:
        path.unlink()
    large = "; " + "x" * 60_000 + "\n"  # what does not fit shows first as a short write
    error = small_disk.error("replace_file", target="shop", content=large + SHOP_INI)
    assert error["data"] == {"kind": "storage", "reason": "no_space"}
    assert os.listdir(small_disk.scratch / "shop") == ["shop.ini"]
    assert small_disk.call("update_key", **CHANGE)["changed"] is True
    assert shop(small_disk).read_text() == CHANGED


def test_a_full_state_stops_changes(serve: Serve, scratch: Path) -> None:
    """What there is no history of is not made: `storage`, until there is room; a change that was made is answered."""
    server = serve(start=False)
    state = scratch / "state"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "rpcd-test", state], check=True)
    try:
        server.start()
        server.call("update_key", **CHANGE, request_id="first")
        fill(state / "full")
        kinds = [server.kind("update_key", **{**CHANGE, "value": str(n)}, request_id=str(n)) for n in range(100)]
        made = kinds.count(None)
        assert kinds[:made] == [None] * made
        assert set(kinds[made:]) <= {"storage", "unavailable"}
        assert server.kind("update_key", **{**CHANGE, "value": "without"}) == "storage"
        assert server.kind("update_key", **CHANGE, request_id="first") is None, "what is kept is answered"
        (state / "full").unlink()
        assert server.kind("update_key", **CHANGE, request_id="last") is None
        server.kill()
        server.start()
        server.call("update_key", **{**CHANGE, "value": "since"})
        for number in range(made):
            assert server.kind("update_key", **{**CHANGE, "value": str(number)}, request_id=str(number)) is None
        assert "theme = since" in shop(server).read_text(), "nothing was lost, and nothing is done twice"
        server.stop()
    finally:
        server.kill()
        subprocess.run(["umount", state], check=True)


def test_a_read_only_disk_is_read(small_disk: Rpcd) -> None:
    """On a file system that became read-only reads go on, changes are `storage`; it recovers without a restart."""
    mount = str(small_disk.scratch / "shop")
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    assert small_disk.call("get_key", target="shop", key="ui.theme")["value"] == "light"
    assert small_disk.error("update_key", **CHANGE)["data"] == {"kind": "storage", "reason": "read_only"}
    subprocess.run(["mount", "-o", "remount,rw", mount], check=True)
    assert small_disk.call("update_key", **CHANGE)["changed"] is True


@pytest.mark.parametrize("in_place", [False, True])
def test_a_mounted_file_is_overwritten_only_where_the_settings_say(
    serve: Serve,
    scratch: Path,
    in_place: bool,  # noqa: FBT001 - a case of the table
) -> None:
    """A file that is a mount point cannot be renamed over: `storage`, or written in place where that is allowed."""
    settings = SETTINGS.replace("[targets.shop]", "[targets.shop]\nin_place = true") if in_place else SETTINGS
    server = serve(settings)
    other = scratch / "other"
    other.write_text(SHOP_INI)
    other.chmod(0o600)
    subprocess.run(["mount", "--bind", other, shop(server)], check=True)
    try:
        if in_place:
            assert server.call("update_key", **CHANGE)["changed"] is True
            assert other.read_text() == CHANGED
        else:
            assert server.error("update_key", **CHANGE)["data"] == {"kind": "storage", "reason": "mount"}
            assert other.read_text() == SHOP_INI
    finally:
        subprocess.run(["umount", shop(server)], check=True)
    assert os.listdir(server.scratch / "shop") == ["shop.ini"]


@pytest.mark.parametrize("attribute", ["i", "a"])
def test_an_immutable_file_is_left_alone(server: Rpcd, attribute: str) -> None:
    """A file that chattr(1) made immutable or append-only is `storage`, and nothing is left over."""
    for method, params in (("update_key", CHANGE), ("delete_file", {"target": "shop"})):
        subprocess.run(["chattr", f"+{attribute}", shop(server)], check=True)
        try:
            assert server.error(method, **params)["data"] == {"kind": "storage", "reason": "permission"}
        finally:
            subprocess.run(["chattr", f"-{attribute}", shop(server)], check=True)
        assert os.listdir(server.scratch / "shop") == ["shop.ini"]
        assert shop(server).read_text() == SHOP_INI


def test_a_limit_on_the_size_of_files_changes_nothing(rpcd: Rpcd) -> None:
    """RLIMIT_FSIZE is `storage`, and no signal ends the server."""
    limit = ["prlimit", "--pid", str(rpcd.pid)]
    subprocess.run([*limit, "--fsize=65536:"], check=True)
    error = rpcd.error("replace_file", target="motd", content="x" * 70_000)
    subprocess.run([*limit, "--fsize=unlimited:"], check=True)
    assert error["data"]["kind"] == "storage"
    assert (rpcd.scratch / "site/motd").read_text() == FILES["site/motd"]
    assert os.listdir(rpcd.scratch / "site") == ["motd"]


# The log


def works_again(server: Rpcd) -> None:
    """Changes go on without a restart, and no intent is without its one outcome."""
    assert server.call("update_key", target="shop", key="ui.theme", value=secrets.token_hex())["changed"] is True
    intents, outcomes = ([record["change"] for record in server.records(name)] for name in ("intent", "outcome"))
    assert sorted(intents) == sorted(outcomes) == sorted(set(intents))


def refuses_changes(server: Rpcd) -> None:
    """Changes are `unavailable` and change nothing; reads go on."""
    held = shop(server).read_text()
    assert server.error("update_key", target="shop", key="ui.theme", value="never")["data"] == {
        "kind": "unavailable",
        "reason": "audit",
    }
    assert shop(server).read_text() == held
    assert server.kind("get_key", target="shop", key="ui.theme") is None
    assert os.listdir(server.scratch / "shop") == ["shop.ini"]


def test_without_a_log_nothing_changes_and_reads_go_on(serve: Serve, scratch: Path) -> None:
    """On a full disk of the log changes are refused; with room again it works without a restart."""
    (scratch / "log").mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k,mode=0700", "rpcd-test", str(scratch / "log")]
    subprocess.run(mount, check=True)
    try:
        server = serve()
        ballast = scratch / "log/ballast"
        fill(ballast)
        for number in range(40):
            assert server.kind("update_key", target="shop", key="ui.theme", value=f"v{number}") in {None, "unavailable"}
        refuses_changes(server)
        ballast.unlink()
        works_again(server)
        server.stop()
    finally:
        subprocess.run(["umount", scratch / "log"], check=True)


def test_a_log_that_cannot_be_made_anew_stops_changes(server: Rpcd) -> None:
    """Renamed away on a disk that became read-only, or with its directory: changes are refused until it can be made."""
    log = server.audit_log
    old, away = log.with_name("old"), log.parent.with_name("away")
    subprocess.run(["mount", "--bind", log.parent, log.parent], check=True)
    try:
        log.rename(old)
        subprocess.run(["mount", "-o", "remount,ro,bind", log.parent], check=True)
        refuses_changes(server)
        subprocess.run(["mount", "-o", "remount,rw,bind", log.parent], check=True)
        assert server.call("update_key", **CHANGE)["changed"] is True
    finally:
        subprocess.run(["umount", "--lazy", log.parent], check=True)
    log.write_bytes(old.read_bytes() + log.read_bytes())  # one log again, which goes on
    works_again(server)
    log.parent.rename(away)
    refuses_changes(server)
    away.rename(log.parent)
    works_again(server)


# Crashes


def load(server: Rpcd, round_: int, stop: threading.Event) -> list[threading.Thread]:
    """Four clients who change, replace, make and delete until the server goes away."""

    def work(number: int) -> None:
        name = f"vhosts/n{number}.conf"
        with suppress(OSError, AssertionError, Failure), server.connect() as connection:
            for count in range(100_000):
                if stop.is_set():
                    return
                connection.call("update_key", target="shop", key=["ui", f"k{number}"], value=f"{round_}-{count}")
                connection.call("replace_file", target="motd", content=f"{round_}-{count}\n" * 100)
                connection.call("replace_file", target=name, content="x" * count)
                connection.call("delete_file", target=name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    return threads


def test_a_killed_server_leaves_old_or_new(serve: Serve) -> None:
    """Killed at any moment under load: files are whole, every intent has one outcome, nothing is left over."""
    server = serve()
    chance = random.Random(4711)  # noqa: S311 - moments, no secrets
    for round_ in range(12):
        stop = threading.Event()
        threads = load(server, round_, stop)
        time.sleep(0.02 + chance.random() * 0.1)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        server.start()
        text = shop(server).read_text()
        assert text.startswith("; the shop's own settings\n[ui]\n")
        assert text.endswith("password = hunter2\n")
        assert len(set((server.scratch / "site/motd").read_text().splitlines())) == 1
        audit = server.audit()
        intents, outcomes = ([record for record in audit if record["event"] == name] for name in ("intent", "outcome"))
        assert sorted(record["change"] for record in intents) == sorted(record["change"] for record in outcomes)
        after = {record["target"]: record["after"] for record in outcomes if record["after"] is not None}
        held = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        assert after.get("shop", held) == held, "the last outcome says what is on disk"
        assert not list(server.scratch.glob("*/.rpcd-*"))
