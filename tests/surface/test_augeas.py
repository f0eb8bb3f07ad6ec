"""A target that a lens reads, in a server: whatever becomes of the process that has the library, the server answers."""

import os
import signal
import threading
import time
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.server import Rpcd, wait_until

SETTINGS = f"""
[targets.hosts]
path = "{{scratch}}/hosts"
format = "augeas:hosts"

[targets.data]
path = "{{scratch}}/data"
format = "augeas:json"

[[grants]]
users = [{os.getuid()}]
methods = ["get_key", "update_key", "replace_file", "read_file", "status"]
targets = ["*"]
"""

FILES = {"hosts": "127.0.0.1 localhost\n10.0.0.1 a\n", "data": '{"a": "b"}\n'}


def _worker(server: Rpcd, lens: str) -> int | None:
    """The server's process that has this lens."""
    for task in os.listdir(f"/proc/{server.pid}/task"):
        with open(f"/proc/{server.pid}/task/{task}/children", encoding="ascii") as children:
            for pid in children.read().split():
                with open(f"/proc/{pid}/cmdline", "rb") as command:
                    if command.read().rstrip(b"\0").endswith(b"\0" + lens.encode()):
                        return int(pid)
    return None


def _asking(server: Rpcd, kinds: list[Any], method: str, **params: Any) -> threading.Thread:
    """A thread that calls on a connection of its own; the kind of the error goes to `kinds`."""

    def ask() -> None:
        with server.connect() as connection:
            kinds.append(connection.kind(method, **params))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_killed_worker_is_replaced_and_leaves_nothing(serve: Serve) -> None:
    """There is none before the first call; after one was killed the next call has another, and there is no zombie."""
    server = serve(SETTINGS, FILES)
    assert _worker(server, "hosts.lns") is None
    server.call("update_key", target="hosts", key="2.canonical", value="b")
    first = _worker(server, "hosts.lns")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{first}"), what="the reaper")
    server.call("update_key", target="hosts", key="2.canonical", value="c")
    assert (server.scratch / "hosts").read_text() == "127.0.0.1 localhost\n10.0.0.1 c\n"
    assert _worker(server, "hosts.lns") not in {None, first}


def test_a_worker_that_is_killed_at_work_fails_one_call(serve: Serve) -> None:
    """The change is answered as not available, nothing is written, and other targets notice nothing."""
    server = serve(SETTINGS, FILES)
    assert server.call("get_key", target="hosts", key="2.canonical")["value"] == "a"
    worker = _worker(server, "hosts.lns")
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    kinds: list[Any] = []
    thread = _asking(server, kinds, "update_key", target="hosts", key="2.canonical", value="b")
    time.sleep(0.2)  # so that it waits for the answer; where it does not yet, the worker is found dead all the same
    assert server.call("get_key", target="data", key="dict.entry.string")["value"] == "b"
    os.kill(worker, signal.SIGKILL)
    thread.join()
    assert kinds == ["unavailable"]
    assert (server.scratch / "hosts").read_text() == FILES["hosts"]
    assert server.call("get_key", target="hosts", key="2.canonical")["value"] == "a"


@pytest.mark.slow
def test_a_hostile_text_holds_up_nobody_else(serve: Serve) -> None:
    """What takes a lens too long is refused, and meanwhile others are answered, also of the same file."""
    server = serve(SETTINGS, FILES)
    assert server.call("get_key", target="hosts", key="2.canonical")["value"] == "a"
    kinds: list[Any] = []
    thread = _asking(server, kinds, "replace_file", target="data", content="[" + "1," * 30_000 + "1]")
    answered = 0
    while thread.is_alive():
        assert server.call("read_file", target="data")["content"] == FILES["data"]
        assert server.call("get_key", target="hosts", key="1.canonical")["value"] == "localhost"
        answered += 1
    thread.join()
    assert kinds == ["not_editable"]
    assert answered > 50
    assert server.call("get_key", target="data", key="dict.entry.string")["value"] == "b"
