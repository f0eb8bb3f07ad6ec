"""A server that is killed in the middle of a change, and a caller that asks again."""

import json
import random
import signal
import threading
import time
from collections import defaultdict
from typing import Any

import pytest

from tests.conftest import SETTINGS, SHOP_INI, Serve
from tests.harness.faults import injected
from tests.harness.seqpacket import Connection, read_json
from tests.harness.server import Rpcd, wait_until

pytestmark = pytest.mark.slow

CHANGE = {"target": "shop", "key": "ui.theme", "value": "dark", "request_id": "form 17"}
CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": CHANGE}).encode()

# The system call before which the server is killed, how often it has been made by then in its thread, the file (below
# the directory of the test) that it has to be about, and whether the change was made
MOMENTS: dict[str, tuple[str, int, str | None, bool]] = {
    "before the intent": ("write", 1, "log/audit.jsonl", False),
    "before the rename": ("renameat2", 1, None, False),
    "after the rename": ("unlinkat", 1, None, True),
    "before the answer is written down": ("write", 1, "state/replies", True),
    "before the answer is on disk": ("fdatasync", 1, "state/replies", True),
    "before the directory is on disk": ("fsync", 1, "shop", True),
    "before the outcome": ("write", 2, "log/audit.jsonl", True),
    "before the reply": ("sendto,sendmsg", 1, None, True),
}


def theme(server: Rpcd) -> str:
    """What the file says."""
    return (server.scratch / "shop/shop.ini").read_text().split("theme = ")[1].split("\n")[0]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_crash_at_any_moment_makes_no_second_change(serve: Serve, moment: str) -> None:
    """Asked again after the restart: made now where it was not made, else the first answer, whatever came since."""
    call, when, path, made = MOMENTS[moment]
    server = serve()
    where = server.scratch / path if path else None
    with server.connect() as connection, injected(server, call, f"signal=SIGKILL:when={when}", path=where):
        connection.send(CALL)
        process = server.process
        assert process is not None
        wait_until(lambda: process.poll() is not None, what="the crash")
    assert process.returncode == -signal.SIGKILL
    assert theme(server) == ("dark" if made else "light")
    server.start()
    assert theme(server) == ("dark" if made else "light")
    assert server.call("update_key", target="shop", key="ui.theme", value="since")["changed"]
    answer = server.call("update_key", **CHANGE)
    assert answer["changed"] is True
    assert theme(server) == ("since" if made else "dark")
    assert server.call("update_key", **CHANGE) == answer
    done = [one for one in server.records("outcome", request_id="form 17") if one["kind"] is None]
    assert [one["changed"] for one in done] == [True]
    assert [one.get("recovered", False) for one in done] == [made and moment != "before the reply"]
    replays = server.records("decided", replayed=True)
    assert {one["change"] for one in replays} == {done[0]["change"]}
    assert len(replays) == 1  # one that repeats is counted


def test_what_the_log_has_and_the_disk_has_not_is_not_answered(serve: Serve) -> None:
    """After a power cut that kept the answer but not the rename, the change is made anew: the file decides."""
    server = serve()
    server.call("update_key", **CHANGE)
    server.kill()
    lines = server.audit_log.read_bytes().splitlines(keepends=True)
    assert b'"outcome"' in lines[-1]
    server.audit_log.write_bytes(b"".join(lines[:-1]))
    (server.scratch / "state/audit.head").unlink()  # it says that this was on disk
    (server.scratch / "shop/shop.ini").write_text(SHOP_INI)
    server.start()
    assert server.call("update_key", **CHANGE)["changed"] is True
    assert theme(server) == "dark"


def asked(path: str, number: int) -> dict[str, Any]:
    """The reply to a change that has its number as id and in its value; `{}` where none came."""
    params = {"target": "shop", "key": "ui.theme", "value": f"t{number}", "request_id": str(number)}
    try:
        with Connection(path) as connection:
            data = connection.raw(
                json.dumps({"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": params}).encode()
            )
    except OSError:
        return {}
    return read_json(data).get("result", {}) if data else {}


def test_whatever_the_interleaving_each_is_made_at_most_once(serve: Serve) -> None:
    """Clients repeat each other's calls through three crashes: all answers to an id are the same, of one change."""
    server = serve(SETTINGS + "\n[quotas]\nchanges = 100000\n")  # who is refused has no answer
    chance = random.Random(4711)  # noqa: S311 - an order, no secret
    answers: defaultdict[int, set[str]] = defaultdict(set)
    stop = threading.Event()

    def client(order: list[int]) -> None:
        while not stop.is_set():
            for number in order:
                if answer := asked(server.socket, number):
                    answers[number].add(json.dumps(answer, sort_keys=True))

    orders = [chance.choices(range(60), k=40) for _ in range(6)]
    threads = [threading.Thread(target=client, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.3)
        server.kill()
        server.start()
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    for number in range(60):
        if answer := asked(server.socket, number):
            answers[number].add(json.dumps(answer, sort_keys=True))
    assert [len(answers[number]) for number in range(60)] == [1] * 60
    done = [one["request_id"] for one in server.records("outcome") if one["kind"] is None]
    assert sorted(done) == sorted(map(str, range(60)))
