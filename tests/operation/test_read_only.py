"""Read-only mode: changes are refused in the administrator's words, and everything else goes on."""

import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rpcd.operation.readonly import DAMAGED
from tests.conftest import Serve
from tests.harness.faults import injected
from tests.harness.server import Rpcd, wait_until

REASON = "Maintenance until noon: ask Ädda"
REFUSED = {"kind": "unavailable", "reason": "read_only", "notice": REASON}
CHANGE = {"target": "shop", "key": "ui.theme", "value": "dark"}
FILE = "read_only.json"


def begin(server: Rpcd) -> None:
    """Begin it."""
    assert server.call("server.read_only", reason=REASON) == {"read_only": REASON, "kept": True}


def test_changes_are_refused_and_the_rest_goes_on(rpcd: Rpcd) -> None:
    """A change gets `unavailable` with the reason; reads and dry runs go on; afterwards changes are taken again."""
    begin(rpcd)
    assert rpcd.error("update_key", **CHANGE)["data"] == REFUSED
    assert rpcd.error("delete_file", target="motd")["data"] == REFUSED
    assert rpcd.call("update_key", **CHANGE, dry_run=True)["changed"] is True
    assert rpcd.call("get_key", target="shop", key="ui.theme")["value"] == "light"
    assert rpcd.call("server.read_only")["read_only"] == REASON
    assert rpcd.call("status")["read_only"] == REASON
    assert rpcd.call("server.read_only", reason=None) == {"read_only": None, "kept": True}
    assert rpcd.call("update_key", **CHANGE)["changed"] is True


def test_who_may_not_change_is_not_told(rpcd: Rpcd) -> None:
    """Permission comes first: without a grant it is `denied` as ever, and wrong parameters are wrong."""
    begin(rpcd)
    assert rpcd.kind("update_key", target="shop") == "invalid_params"
    rpcd.configure(rpcd.config.read_text().split("[[grants]]")[0].partition("\n\n")[2] + "\n")
    rpcd.reload()
    assert rpcd.error("update_key", **CHANGE)["data"] == {"kind": "denied"}


def test_who_did_it_is_recorded(rpcd: Rpcd) -> None:
    """Beginning and end are audit records with the caller, its grant and the words; refused changes have theirs."""
    begin(rpcd)
    rpcd.kind("update_key", **CHANGE)
    rpcd.call("server.read_only")
    rpcd.call("server.read_only", reason=None)
    on, off = rpcd.records("read_only")
    assert (on["reason"], off["reason"]) == (REASON, None)
    assert on["peer"]["uid"] == off["peer"]["uid"] == os.getuid()
    assert on["grant"].startswith("rpcd.toml:")
    assert [one["method"] for one in rpcd.records("decided", kind="unavailable")] == ["update_key"]


@pytest.mark.parametrize("reason", ["", "a\nb", "\x1b[31mred", "a\u2028b", "x" * 257, 5, True])
def test_words_that_cannot_be_shown_are_refused(rpcd: Rpcd, reason: object) -> None:
    """A reason is one line of printable text, and nothing begins with another one."""
    assert rpcd.kind("server.read_only", reason=reason) == "invalid_params"
    assert rpcd.call("status")["read_only"] is None


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_does_not_end_it(serve: Serve, end: str) -> None:
    """It holds after an orderly end and after a crash; a server that ended it forgets it for good."""
    server = serve()
    begin(server)
    getattr(server, end)()
    server.start()
    assert server.error("update_key", **CHANGE)["data"] == REFUSED
    server.call("server.read_only", reason=None)
    getattr(server, end)()
    server.start()
    assert server.call("update_key", **CHANGE)["changed"] is True


DAMAGE = {
    "empty": b"",
    "cut off": b'{"reason": "Mainten',
    "another shape": b'["reason"]',
    "no reason": b'{"reason": null}',
    "a control character": b'{"reason": "a\\u001b[31m"}',
    "no text": b"\xff\xfe",
    "deep": b"[" * 4000,
    "long": b'{"reason": "' + b"x" * 10_000 + b'"}',
}


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_read_only(serve: Serve, scratch: Path, content: bytes) -> None:
    """Where nobody knows what the state's file said, changes are refused, the log says so, and `off` mends it."""
    server = serve(start=False)
    (scratch / "state" / FILE).write_bytes(content)
    server.start()
    assert server.error("update_key", **CHANGE)["data"] == REFUSED | {"notice": DAMAGED}
    assert "damaged" in server.log()
    assert server.call("status")["degraded"] is True
    assert server.call("server.read_only", reason=None)["read_only"] is None
    assert server.call("status")["degraded"] is False
    assert server.call("update_key", **CHANGE)["changed"] is True
    assert not (scratch / "state" / FILE).exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_file_is_read_only(serve: Serve, scratch: Path, kind: str) -> None:
    """A link, a pipe or a directory in the file's place neither hangs the start nor is believed."""
    server = serve(start=False)
    path = scratch / "state" / FILE
    if kind == "link":
        (scratch / "elsewhere").write_text("{}")
        path.symlink_to(scratch / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    server.start()
    assert server.error("update_key", **CHANGE)["data"]["notice"] == DAMAGED
    if kind == "directory":
        assert server.kind("server.read_only", reason=None) == "storage"
        assert server.call("status")["read_only"] == DAMAGED
    else:
        assert server.call("server.read_only", reason=None)["read_only"] is None


def test_what_has_begun_is_finished(serve: Serve, scratch: Path) -> None:
    """A change that is being written when the mode begins is made and answered."""
    wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=700000"]
    server = serve(wrapper=wrapper)
    with server.connect() as connection:
        connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": CHANGE}).encode())
        wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        begin(server)
        assert json.loads(connection.receive() or b"")["result"]["changed"] is True
    assert server.kind("update_key", **CHANGE) == "unavailable"


def test_who_asks_again_is_answered(rpcd: Rpcd) -> None:
    """A change that was made before is answered again for its `request_id`; a new one is refused, and nothing kept."""
    done = rpcd.call("update_key", **CHANGE, request_id="one")
    begin(rpcd)
    assert rpcd.call("update_key", **CHANGE, request_id="one") == done
    assert rpcd.error("update_key", **CHANGE, request_id="two")["data"] == REFUSED
    assert rpcd.error("update_key", **CHANGE, request_id="two")["data"] == REFUSED
    rpcd.call("server.read_only", reason=None)
    assert rpcd.call("update_key", **CHANGE, request_id="two")["changed"] is False


def test_it_begins_while_every_worker_is_busy(serve: Serve, holding: str) -> None:
    """It does not wait for workers: where all of them hang at a disk, it begins, and settings are read again."""
    server = serve(holding)
    with ExitStack() as stack:
        busy = [stack.enter_context(server.connect()) for _ in range(32)]
        for connection in busy:
            connection.send(b'{"jsonrpc":"2.0","id":1,"method":"hold_worker","params":{"seconds":3}}')
        assert server.call("ping") == "pong"
        begin(server)
        assert server.call("server.reload")["taken"] is True
        assert server.kind("update_key", **CHANGE) == "unavailable"
        assert select.select([connection.socket for connection in busy], [], [], 0)[0] == []
        for connection in busy:
            assert connection.receive() == b'{"jsonrpc":"2.0","result":null,"id":1}'


def test_it_begins_where_no_thread_can_be_had(rpcd: Rpcd) -> None:
    """Then nothing can be written to disk: it holds, the answer says that a restart ends it, and it can end later."""
    with injected(rpcd, "clone,clone3", "error=EAGAIN"):
        done = rpcd.call("server.read_only", reason=REASON)
        assert (done["read_only"], done["kept"]) == (REASON, False)
        assert rpcd.error("server.read_only", reason=None)["data"] == {"kind": "unavailable", "reason": "threads"}
        assert rpcd.kind("update_key", **CHANGE) == "unavailable"
    (record,) = rpcd.records("read_only")
    assert (record["reason"], record["kept"]) == (REASON, False)
    rpcd.call("server.read_only", reason=None)
    assert rpcd.kind("update_key", **CHANGE) is None


@pytest.fixture
def full_state(serve: Serve, scratch: Path) -> Iterator[Rpcd]:
    """A server whose `state` is on a file system without room for another byte."""
    server = serve(start=False)
    state = scratch / "state"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "rpcd-test", state], check=True)
    server.start()
    with (state / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
    yield server
    server.stop()
    subprocess.run(["umount", state], check=True)


def test_a_full_disk_does_not_keep_it_from_beginning(full_state: Rpcd) -> None:
    """It begins although a restart would not know, the answer says so, and it can be ended."""
    assert full_state.call("server.read_only", reason=REASON) == {"read_only": REASON, "kept": False}
    assert full_state.error("update_key", **CHANGE)["data"] == REFUSED
    assert full_state.records("read_only")[0]["kept"] is False
    assert not list(full_state.scratch.glob(f"state/{FILE}*"))
    assert full_state.call("server.read_only", reason=None)["read_only"] is None
