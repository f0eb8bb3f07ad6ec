"""The server under what the shipped unit restricts it to (tests/harness/unit.py), which a handler cannot leave."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SETTINGS, Serve
from tests.harness.server import REPOSITORY, Rpcd, wait_until
from tests.harness.unit import allowed_calls, service
from tests.process.conftest import Taken

NEVER = ("ptrace", "mount", "bpf", "init_module", "keyctl", "io_uring_setup", "userfaultfd", "perf_event_open",
         "open_by_handle_at", "process_vm_readv")  # fmt: skip
"""System calls that no server of files needs."""

WRITABLE = ("state", "log", "socket", "shop", "site", "vhosts")


def wrapper(scratch: Path) -> list[str]:
    """What makes a process a service of the unit, with the targets' directories in ReadWritePaths=."""
    paths = [str(scratch / name) for name in WRITABLE]
    return [sys.executable, str(REPOSITORY / "tests/harness/unit.py"), *paths, "--"]


@pytest.fixture
def unit(taken: Taken, scratch: Path) -> Rpcd:
    """A server in the unit, without Landlock: what is refused is the unit's doing."""
    server = taken("off", wrapper=wrapper(scratch), start=False)
    server.start()
    return server


def test_it_serves(unit: Rpcd, as_user: Callable[..., Any]) -> None:
    """Callers of any uid are identified, files of any owner are changed, made and removed, and settings read again."""
    theirs = unit.scratch / "shop" / "shop.ini"
    subprocess.run(["chown", "33:33", theirs], check=True)
    theirs.chmod(0o400)

    def change() -> Any:
        with unit.connect() as connection:
            return connection.call("update_key", target="shop", key="ui.theme", value="dark")

    assert as_user(33, 33, (), change)["changed"]
    found = theirs.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (33, 33, 0o400)
    assert unit.call("replace_file", target="vhosts/new.conf", content="x")["changed"]
    assert unit.call("delete_file", target="vhosts/new.conf")["changed"]
    assert unit.reload()["verdict"] == "taken"
    (record,) = unit.records("outcome", method="update_key")
    assert record["peer"]["started"], "callers are looked at in /proc"


def test_a_set_gid_file_stays_one(unit: Rpcd) -> None:
    """CAP_FSETID is there for that, and no filter keeps it from being used."""
    path = unit.scratch / "vhosts" / "shop-a.conf"
    subprocess.run(["chown", "33:33", path], check=True)
    path.chmod(0o2640)
    assert unit.call("replace_file", target="vhosts/shop-a.conf", content="x")["changed"]
    assert path.stat().st_mode & 0o7777 == 0o2640


def test_landlock_can_be_had_in_it(taken: Taken, scratch: Path) -> None:
    """The unit's filter lets the server confine itself further."""
    server = taken("required", wrapper=wrapper(scratch))
    assert server.call("update_key", target="shop", key="ui.theme", value="dark")["changed"]


def test_landlock_leaves_to_the_unit_what_it_does_not_know(unit: Rpcd) -> None:
    """A handler cannot change mode, owner and attributes of anything outside, nor write there."""
    outside = str(unit.scratch / "outside" / "file")
    for what in ("chmod", "chown", "setxattr", "write", "truncate", "unlink"):
        assert unit.call("intrude", what=what, path=outside) == "EROFS", what
    for what in ("chmod", "chown"):
        assert unit.call("intrude", what=what, path="/etc/passwd") == "EROFS", what


@pytest.mark.parametrize("name", NEVER)
def test_the_kernel_is_out_of_reach(name: str, unit: Rpcd) -> None:
    """System calls that no server of files needs are EPERM, and not in the unit's list."""
    assert name not in allowed_calls()
    assert unit.call("intrude", what="call", path=name) == "EPERM"


def test_a_handler_without_the_unit_reaches_it(taken: Taken) -> None:
    """The calls above are real: without the filter they fail for another reason, or not at all."""
    server = taken("off")
    came = {name: server.call("intrude", what="call", path=name) for name in NEVER}
    assert "EPERM" not in {came[name] for name in ("ptrace", "mount", "keyctl", "process_vm_readv")}, came


def test_only_what_is_known_to_be_needed_is_kept() -> None:
    """The capabilities are those four, and no path that may be written is a single file."""
    settings = service()
    assert settings["CapabilityBoundingSet"] == ["CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID"]
    assert "ReadWritePaths" not in settings
    assert settings["NoNewPrivileges"] == ["yes"]


@pytest.mark.parametrize("missing", ["chown", "dac_override", "fowner", "fsetid"])
def test_a_capability_less_is_a_clean_refusal(missing: str, serve: Serve) -> None:
    """Without one of the four, what it was for is `storage` with the reason `permission`; the old content stays."""
    kept = [f"+{name}" for name in ("chown", "dac_override", "fowner", "fsetid") if name != missing]
    server = serve(SETTINGS, start=False, wrapper=["setpriv", f"--bounding-set=-all,{','.join(kept)}"])
    path = server.scratch / "vhosts" / "shop-a.conf"
    before = path.read_bytes()
    if missing == "dac_override":
        subprocess.run(["chown", "33:33", path.parent], check=True)  # root is one of the others there
        server.configure(SETTINGS.replace("format    =", "untrusted_directory = true\nformat    ="))
    else:
        subprocess.run(["chown", "33:33", path], check=True)
    server.start()
    path.chmod(0o2640 if missing == "fsetid" else 0o600)
    error = server.error("replace_file", target="vhosts/shop-a.conf", content="new\n")
    assert error["data"] == {"kind": "storage", "reason": "permission"}
    assert path.read_bytes() == before
    assert {entry.name for entry in path.parent.iterdir()} == {"shop-a.conf"}
    wait_until(lambda: server.records("outcome"), what="its record")
    assert server.call("ping") == "pong"
