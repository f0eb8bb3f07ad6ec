"""Disks that fail, fill up, or are pulled out (CASES, groups D and E)."""

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import FILES, SETTINGS, SHOP_INI, Serve
from tests.harness.seqpacket import Failure
from tests.harness.server import Rpcd, wait_until

CHANGE = {"target": "shop", "key": "ui.theme", "value": "dark"}
CHANGED = SHOP_INI.replace("theme = light", "theme = dark")


def shop(server: Rpcd) -> Path:
    return server.scratch / "shop/shop.ini"


def strace(calls: str, injection: str, when: str = "") -> list[str]:
    """A wrapper that makes system calls of the server fail."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{injection}{when}"]


# What is made to fail, and what the caller is told; nothing has changed
BEFORE_THE_RENAME = {
    "fsync of the candidate": ("fsync", "error=EIO", {"kind": "storage", "reason": "io"}),
    "a write that is never whole": ("fsync", "error=ENOSPC", {"kind": "storage", "reason": "no_space"}),
    "chown": ("fchown", "error=EPERM", {"kind": "storage", "reason": "permission"}),
    "attributes": ("fsetxattr", "error=EPERM", {"kind": "storage", "reason": "permission"}),
    "rename: no space": ("renameat2", "error=ENOSPC", {"kind": "storage", "reason": "no_space"}),
    "rename: input/output": ("renameat2", "error=EIO", {"kind": "storage", "reason": "io"}),
    "rename: another device": ("renameat2", "error=EXDEV", {"kind": "storage", "reason": "mount"}),
    "the log's sync": ("fdatasync", "error=EIO", {"kind": "unavailable", "reason": "audit"}),
}


@pytest.mark.parametrize(("calls", "injection", "told"), BEFORE_THE_RENAME.values(), ids=BEFORE_THE_RENAME.keys())
def test_an_error_before_the_rename_changes_nothing(
    serve: Serve, calls: str, injection: str, told: dict[str, str]
) -> None:
    """The old content is there, nothing is left over, the caller and the audit are told why."""
    server = serve()  # the first start makes what `state` has to have
    server.stop()
    os.chown(shop(server), 1234, 1234)
    os.setxattr(shop(server), "user.origin", b"kept")
    server.command = [*strace(calls, injection), *server.command]
    server.start()
    assert server.error("update_key", **CHANGE)["data"] == told
    assert shop(server).read_text() == SHOP_INI
    assert os.listdir(server.scratch / "shop") == ["shop.ini"]
    assert [record["kind"] for record in server.records("outcome")] == [told["kind"]]
    assert server.call("get_key", target="shop", key="ui.theme")["value"] == "light"


@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS"])
def test_a_file_system_that_cannot_exchange_is_served(serve: Serve, error: str) -> None:
    """Without RENAME_EXCHANGE and RENAME_NOREPLACE files are replaced, made and deleted all the same."""
    server = serve(wrapper=strace("renameat2", f"error={error}"))
    assert server.call("update_key", **CHANGE)["changed"] is True
    assert shop(server).read_text() == CHANGED
    assert server.call("delete_file", target="motd")["revision"] == "absent"
    assert server.call("replace_file", target="motd", content="new")["previous"] == "absent"
    assert os.listdir(server.scratch / "site") == ["motd"]


def test_a_kernel_without_openat2_is_served(serve: Serve) -> None:
    """Links are refused step by step where the kernel cannot do it at once."""
    server = serve(wrapper=strace("openat2", "error=ENOSYS"))
    assert server.call("update_key", **CHANGE)["changed"] is True
    path = server.scratch / "site/motd"
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    assert server.error("read_file", target="motd")["data"]["reason"] == "symlink"
    path.unlink()
    path.parent.rename(server.scratch / "moved")
    (server.scratch / "site").symlink_to("moved")
    assert server.error("read_file", target="motd")["data"]["reason"] == "symlink"


def test_an_error_after_the_rename_is_unknown(serve: Serve) -> None:
    """Where the directory's fsync fails nobody says that nothing happened: `unknown`."""
    server = serve(wrapper=strace("fsync", "error=EIO", ":when=2+2"))
    assert server.error("update_key", **CHANGE)["data"] == {"kind": "unknown"}
    assert shop(server).read_text() == CHANGED


def test_a_write_that_lies_is_noticed(serve: Serve) -> None:
    """A write that says it wrote and did not never becomes the file."""
    server = serve()
    target = server.scratch / "shop"
    injection = ["-e", "trace=write", "-e", "inject=write:retval=5"]
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(server.pid), *injection])
    try:
        wait_until(lambda: "TracerPid:\t0" not in Path(f"/proc/{server.pid}/status").read_text())
        assert server.kind("update_key", **CHANGE) in {"storage", "unavailable"}
    finally:
        tracer.terminate()
        tracer.wait()
    assert shop(server).read_text() == SHOP_INI
    assert os.listdir(target) == ["shop.ini"]
    assert server.call("update_key", **CHANGE)["changed"] is True


def test_a_storm_of_signals_is_no_failure(serve: Serve) -> None:
    """System calls that are interrupted again and again are made again."""
    server = serve()
    stop = threading.Event()

    def storm() -> None:
        while not stop.wait(0.001):
            os.kill(server.pid, 28)  # SIGWINCH, which does nothing

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for number in range(50):
            server.call("update_key", target="shop", key="ui.theme", value=f"v{number}")
    finally:
        stop.set()
        thread.join()


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
        ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=8,mode=0755", "rpcd-test", scratch / "shop"], check=True
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
    assert small_disk.call("update_key", **CHANGE)["changed"] is True


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
def test_an_immutable_file_is_left_alone(serve: Serve, attribute: str) -> None:
    """A file that chattr(1) made immutable or append-only is `storage`, and nothing is left over."""
    server = serve()
    subprocess.run(["chattr", f"+{attribute}", shop(server)], check=True)
    try:
        assert server.error("update_key", **CHANGE)["data"] == {"kind": "storage", "reason": "permission"}
        assert os.listdir(server.scratch / "shop") == ["shop.ini"]
    finally:
        subprocess.run(["chattr", f"-{attribute}", shop(server)], check=True)


def test_a_limit_on_the_size_of_files_changes_nothing(rpcd: Rpcd) -> None:
    """RLIMIT_FSIZE is `storage`, and no signal ends the server."""
    limit = ["prlimit", "--pid", str(rpcd.pid)]
    subprocess.run([*limit, "--fsize=65536:"], check=True)
    error = rpcd.error("replace_file", target="motd", content="x" * 70_000)
    subprocess.run([*limit, "--fsize=unlimited:"], check=True)
    assert error["data"]["kind"] == "storage"
    assert (rpcd.scratch / "site/motd").read_text() == FILES["site/motd"]
    assert os.listdir(rpcd.scratch / "site") == ["motd"]


def test_slow_syncs_hold_up_nobody_else(serve: Serve) -> None:
    """While one change waits for its disk, reads and other callers are answered."""
    server = serve(wrapper=strace("fsync", "delay_enter=1500000"))
    with server.connect() as slow:
        slow.send(b'{"jsonrpc":"2.0","id":1,"method":"update_key","params":["shop","ui.theme","dark"]}')
        wait_until(lambda: list(server.scratch.glob("shop/.rpcd-*~")))
        began = time.monotonic()
        assert server.call("get_key", target="shop", key="ui.theme")["value"] == "light"
        assert time.monotonic() - began < 1
        assert b'"changed":true' in (slow.receive() or b"")


# The log


def test_without_a_log_nothing_changes_and_reads_go_on(serve: Serve, scratch: Path) -> None:
    """On a full disk of the log changes are `unavailable`, reads go on; with room again it works without a restart."""
    (scratch / "log").mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k,mode=0700", "rpcd-test", scratch / "log"], check=True)
    try:
        server = serve()
        ballast = scratch / "log/ballast"
        fill(ballast)
        kinds = {server.kind("update_key", target="shop", key="ui.theme", value=f"v{number}") for number in range(40)}
        assert "unavailable" in kinds
        held = shop(server).read_text()
        assert server.kind("update_key", target="shop", key="ui.theme", value="never") == "unavailable"
        assert shop(server).read_text() == held
        assert server.kind("get_key", target="shop", key="ui.theme") is None
        ballast.unlink()
        assert server.call("update_key", **CHANGE)["changed"] is True
        server.stop()
    finally:
        subprocess.run(["umount", scratch / "log"], check=True)


def test_the_intent_is_on_disk_before_the_file_changes(serve: Serve, scratch: Path) -> None:
    """Log and candidate are synced before the rename, and the directory after it."""
    trace = scratch / "trace"
    calls = "trace=fsync,fdatasync,renameat2"
    server = serve(wrapper=["strace", "-f", "-qq", "-y", "-e", calls, "-o", str(trace)])
    server.call("update_key", **CHANGE)
    server.stop()
    lines = trace.read_text().splitlines()
    lines = [line for line in lines if "resumed" not in line and "(" in line]
    names = [line.split()[1].partition("(")[0] for line in lines]
    renamed = names.index("renameat2")
    assert {"fsync", "fdatasync"} <= set(names[:renamed])
    assert any("audit.jsonl" in line for line in lines[:renamed])
    assert names[-1] == "fsync"


# Crashes


def test_a_killed_server_leaves_old_or_new(serve: Serve) -> None:
    """Killed at any moment under load: the file is whole, every intent has one outcome, nothing is left over."""
    server = serve()
    chance = random.Random(4711)  # noqa: S311 - moments, no secrets
    for round_ in range(8):
        stop = threading.Event()

        def load(name: str, stop: threading.Event = stop, round_: int = round_) -> None:
            try:
                with server.connect() as connection:
                    for number in range(100_000):
                        if stop.is_set():
                            return
                        connection.call("update_key", target="shop", key=["ui", name], value=f"{round_}-{number}")
            except (OSError, AssertionError, Failure):
                return

        threads = [threading.Thread(target=load, args=(f"k{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.05 + chance.random() * 0.2)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        server.start()
        assert shop(server).read_text().startswith("; the shop's own settings\n[ui]\n")
        assert shop(server).read_text().endswith("password = hunter2\n")
        intents = [record["change"] for record in server.records("intent")]
        outcomes = [record["change"] for record in server.records("outcome")]
        assert sorted(intents) == sorted(outcomes)
        assert os.listdir(server.scratch / "shop") == ["shop.ini"]
