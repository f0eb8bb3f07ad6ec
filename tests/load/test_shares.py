"""What a uid may use of calls, changes, checks and memory, and that nobody else notices (CASES 156, 157 and 159)."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection, close_all
from tests.harness.server import Rpcd
from tests.load.conftest import GET, ONE, OTHER, STRANGER, kind, sealed, settings

MIB = 1024 * 1024
MEMORY_MAX = 1024 * MIB
"""What the unit gives the server."""

CHANGE = {"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": {"target": "shop", "key": "ui.theme"}}


def change(**params: object) -> dict[str, object]:
    """An update of one key."""
    return {**CHANGE, "params": {"target": "shop", "key": "ui.theme", "value": "x", **params}}


def kinds(path: str, messages: list[object]) -> list[str | None]:
    """What became of each of these messages, sent one after the other; a batch counts as all its entries."""
    found: list[str | None] = []
    with Connection(path) as connection:
        for message in messages:
            reply = connection.ask(message)
            for single in reply if isinstance(reply, list) else [reply]:
                found.append(kind(json.dumps(single).encode()))
                if found[-1] == "busy":
                    assert single["error"]["code"] == 429
                    assert single["error"]["data"]["retry_after"] > 0
    return found


def as_many(server: Rpcd, as_user: Callable[..., Any], uid: int, messages: list[object]) -> tuple[int, int]:
    """How many of these messages of a uid succeeded, and how many were too many."""
    found = as_user(uid, uid, [], partial(kinds, server.socket, messages))
    assert set(found) <= {None, "busy"}
    return found.count(None), found.count("busy")


def test_calls_of_a_uid_are_counted(serve: Serve, as_user: Callable[..., Any]) -> None:
    """What is over the number is `busy` with the time to wait; each entry of a batch counts; other uids go on."""
    server = serve(settings(calls=10))
    done, refused = as_many(server, as_user, ONE, [GET] * 5 + [[GET] * 30])
    assert 10 <= done < 30
    assert done + refused == 35
    assert as_many(server, as_user, OTHER, [GET] * 5) == (5, 0)


def test_changes_of_a_uid_are_counted(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Beyond the number of changes a second a uid can still read; a refused change leaves one record, `busy`."""
    server = serve(settings(changes=3))
    done, refused = as_many(server, as_user, ONE, [[change(value=str(number)) for number in range(20)]])
    assert 3 <= done < 20
    assert done + refused == 20
    assert as_many(server, as_user, ONE, [GET]) == (1, 0)
    assert as_many(server, as_user, OTHER, [change()]) == (1, 0)
    assert server.records("decided", kind="busy", method="update_key")
    assert not server.records("outcome", kind="busy")


def test_dry_runs_are_no_changes(serve: Serve, as_user: Callable[..., Any]) -> None:
    """One after the other, dry runs use nothing up."""
    server = serve(settings(changes=1, checks=1))
    assert as_many(server, as_user, ONE, [[change(dry_run=True)] * 20]) == (20, 0)


def test_a_uid_has_few_dry_runs_at_once(serve: Serve) -> None:
    """While two are under way a third is `busy`; when they are done there is room again."""
    shop = "[ui]\n" + "".join(f"theme{number} = {number}\n" for number in range(30_000))
    server = serve(settings(), {"shop/shop.ini": shop, "site/motd": "", "vhosts/shop-a.conf": ""})
    message = json.dumps(change(key="ui.theme9", dry_run=True)).encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(6)]
        for connection in connections:
            connection.send(message)
        found = [kind(connection.receive()) for connection in connections]
    assert set(found) == {None, "busy"}
    assert found.count(None) >= 2
    assert kind(server.raw(message)) is None


def test_who_has_no_grant_uses_up_nothing(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Without a grant there is nothing to count: every call is denied, and none is `busy`."""
    server = serve(settings(calls=5))
    found = as_user(STRANGER, STRANGER, [], partial(kinds, server.socket, [GET] * 50))
    assert found == ["denied"] * 50


def test_new_quotas_hold_at_once(serve: Serve, as_user: Callable[..., Any]) -> None:
    """A reload takes them for what comes; faults keep the old ones."""
    server = serve(settings(calls=5))
    assert as_many(server, as_user, ONE, [GET] * 20)[1] > 0
    server.configure(settings(calls=5000))
    assert server.reload()["verdict"] == "taken"
    assert as_many(server, as_user, OTHER, [GET] * 20) == (20, 0)
    server.configure(settings(calls=0))
    assert server.reload()["verdict"] == "kept"
    assert as_many(server, as_user, OTHER, [GET] * 20) == (20, 0)


def contents(path: str, count: int, size: int, message: dict[str, Any]) -> list[str | None]:
    """What becomes of so many requests at once, each with a content of this size."""
    descriptor = sealed(bytes(size))
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(path, 60)) for _ in range(count)]
        for connection in connections:
            connection.send(json.dumps(message).encode(), [descriptor])
        found = []
        for connection in connections:
            found.append(kind(connection.receive()))
            for received in connection.descriptors:
                os.close(received)
    os.close(descriptor)
    return found


@pytest.mark.slow
def test_memory_is_bounded_whatever_is_sent_at_once(serve: Serve, as_user: Callable[..., Any]) -> None:
    """64 callers with the largest content each: all are answered or refused, within MemoryMax."""
    server = serve(settings())
    message = {"jsonrpc": "2.0", "id": 1, "method": "replace_file", "params": {"target": "motd", "content": {"fd": 0}}}
    with server.nothing_leaks():
        for uid in (ONE, OTHER, ONE):
            found = as_user(uid, uid, [], partial(contents, server.socket, 64, 16 * MIB, message))
            assert set(found) <= {None, "busy"}
            assert found.count(None) >= 1
        assert as_many(server, as_user, OTHER, [GET]) == (1, 0)
    assert peak(server) < MEMORY_MAX


@pytest.mark.slow
def test_memory_is_bounded_whatever_is_read_at_once(serve: Serve, as_user: Callable[..., Any]) -> None:
    """64 callers that read a file of the largest size get it, or `busy`, within MemoryMax."""
    files: dict[str, str | bytes] = {
        "shop/shop.ini": "[ui]\ntheme = x\n",
        "site/motd": bytes(16 * MIB),
        "vhosts/shop-a.conf": "",
    }
    server = serve(settings(), files)
    message = {"jsonrpc": "2.0", "id": 1, "method": "read_file", "params": {"target": "motd", "as": "fd"}}
    with server.nothing_leaks():
        found = as_user(ONE, ONE, [], partial(contents, server.socket, 64, 1, message))
    assert set(found) <= {None, "busy"}
    assert found.count(None) >= 4
    assert peak(server) < MEMORY_MAX


def test_what_nobody_takes_is_still_in_memory(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Replies that carry a file count until their caller has let go of it, taken or not; then there is room again."""
    files: dict[str, str | bytes] = {"shop/shop.ini": "", "site/motd": bytes(MIB), "vhosts/shop-a.conf": ""}
    server = serve(f'max_content = "1 MiB"\n{settings(contents="16 MiB")}', files)
    message = json.dumps({
        "jsonrpc": "2.0", "id": 1, "method": "read_file", "params": {"target": "motd", "as": "fd"},
    }).encode()  # fmt: skip

    def hoard() -> tuple[int, str | None, str | None]:
        with ExitStack() as stack:
            connections = [stack.enter_context(Connection(server.socket)) for _ in range(3)]
            held: list[int] = []
            for connection in connections:
                for _ in range(20):
                    connection.send(message)
            for connection in connections:
                for _ in range(20):
                    connection.receive()
                    held += connection.descriptors
            again = kind(connections[0].raw(message))
            close_all(held)
            after = kind(connections[0].raw(message))
            close_all(connections[0].descriptors)
            return len(held), again, after

    with server.nothing_leaks():
        assert as_user(ONE, ONE, [], hoard) == (8, "busy", None)


@pytest.mark.slow
def test_memory_is_bounded_whatever_is_parsed_at_once(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Large messages that unfold in memory are answered or refused, also where they wait for a slow disk."""
    wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=100000"]
    server = serve(settings(), wrapper=wrapper)
    unfolding = json.dumps(change(value="X", dry_run=False)).replace('"X"', "[" + ",".join(["[]"] * 9_000) + "]")

    def many() -> list[str | None]:
        with ExitStack() as stack:
            connections = [stack.enter_context(Connection(server.socket, 60)) for _ in range(200)]
            for connection in connections:
                connection.send(unfolding.encode())
            return [kind(connection.receive()) for connection in connections]

    with server.nothing_leaks():
        found = as_user(ONE, ONE, [], many)
    assert set(found) <= {"busy", "not_editable", "denied", "invalid_params"}
    assert peak(server) < MEMORY_MAX


def peak(server: Rpcd) -> int:
    """The most memory that the server has had, in bytes (proc_pid_status(5), VmHWM)."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{server.pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024
