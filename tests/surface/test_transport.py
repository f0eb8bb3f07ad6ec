"""Datagrams, connections and the socket's path: what peers and leftovers can do to them (CASES, group B)."""

import json
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd, wait_until

LIMIT = 192 * 1024
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
PONG = b'{"jsonrpc":"2.0","result":"pong","id":1}'


def padded(size: int) -> bytes:
    """A ping of exactly `size` bytes."""
    return PING + b" " * (size - len(PING))


@pytest.mark.parametrize(("size", "kind"), [(LIMIT, None), (LIMIT + 1, "too_large"), (LIMIT + 5000, "too_large")])
def test_a_message_has_at_most_the_limit(rpcd: Rpcd, size: int, kind: str | None) -> None:
    """A datagram of exactly the limit is answered; one byte more is `too_large` with the limit, and is not executed."""
    reply = json.loads(rpcd.raw(padded(size)) or b"")
    if kind is None:
        assert reply["result"] == "pong"
    else:
        assert reply["error"]["data"] == {"kind": kind, "limit": LIMIT}
        assert not rpcd.records("decided", method="ping")


def test_a_connection_survives_what_it_is_told_is_wrong(rpcd: Rpcd) -> None:
    """After a message that is too large, empty, or no JSON, the same connection still answers."""
    with rpcd.connect() as connection:
        for sent, kind in ((padded(LIMIT + 1), "too_large"), (b"", "parse_error"), (b"\xff", "parse_error")):
            reply = connection.raw(sent)
            assert json.loads(reply or b"")["error"]["data"]["kind"] == kind
        assert connection.raw(PING) == PONG


def test_a_request_is_answered_after_the_end_of_sending(rpcd: Rpcd) -> None:
    """Who sends a request and shuts down its sending side still gets the reply."""
    with rpcd.connect() as connection:
        connection.send(PING)
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.receive() == PONG
        assert connection.receive() is None


def test_requests_sent_ahead_are_answered_in_order(rpcd: Rpcd) -> None:
    """Requests that are sent without waiting are answered one after the other, in their order."""
    with rpcd.connect() as connection:
        for number in range(100):
            connection.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}).encode())
        assert [json.loads(connection.receive() or b"")["id"] for _ in range(100)] == list(range(100))


def test_who_asks_and_leaves_does_no_harm(rpcd: Rpcd) -> None:
    """Requests whose sender is gone at once are done and audited whole, or not at all, and nothing is held after."""
    with rpcd.nothing_leaks():
        for number in range(1000):
            with rpcd.connect() as connection:
                params = {"target": "shop", "key": "ui.theme", "value": f"v{number}"}
                connection.send(
                    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": params}).encode()
                )
        wait_until(lambda: len(rpcd.records("outcome")) == len(rpcd.records("intent")))
    outcomes = {record["change"] for record in rpcd.records("outcome")}
    assert {record["change"] for record in rpcd.records("intent")} == outcomes


def test_who_never_reads_is_not_read_from(rpcd: Rpcd) -> None:
    """Replies that nobody takes stay in the peer's queue, its requests in ours; others are answered meanwhile."""
    with rpcd.nothing_leaks(), rpcd.connect() as deaf:
        deaf.socket.setblocking(False)
        sent = 0
        with suppress(BlockingIOError):
            while sent < 100_000:
                deaf.send(PING)
                sent += 1
        assert sent < 100_000
        assert rpcd.raw(PING) == PONG
        deaf.socket.settimeout(20)
        assert [deaf.receive() for _ in range(sent)] == [PONG] * sent


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_other_socket_types_cannot_connect(rpcd: Rpcd, kind: int) -> None:
    """A stream or datagram socket gets EPROTOTYPE, and the server does not notice."""
    with socket.socket(socket.AF_UNIX, kind) as other, pytest.raises(OSError, match="wrong type"):
        other.connect(rpcd.socket)
    assert rpcd.raw(PING) == PONG


def test_there_is_no_abstract_socket(rpcd: Rpcd) -> None:
    """The server listens at its path only: nothing abstract, which every network namespace mate could reach."""
    inodes = {link[8:-1] for link in rpcd.usage().descriptors if link.startswith("socket:[")}
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    assert [row[7] for row in rows if row[6] in inodes and len(row) > 7] == [rpcd.socket]


@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize("mode", ["0666", "0600", "0660"])
def test_the_socket_has_the_mode_of_the_settings(serve: Serve, mode: str, umask: int) -> None:
    """Whatever the umask at start, the socket's file has exactly the mode that was set."""
    before = os.umask(umask)
    try:
        server = serve(f'socket_mode = "{mode}"\n')
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(server.socket).st_mode) == int(mode, 8)


def test_everybody_reaches_a_socket_whose_directory_was_made(serve: Serve) -> None:
    """Where no systemd has made the socket's directory, the server makes it with mode 0755, whatever its umask."""
    server = serve(
        '[server]\nsocket = "{scratch}/run/rpcd.sock"\nstate = "{scratch}/state"\n'
        '[audit]\nlog = "{scratch}/log/audit.jsonl"\n'
    )
    modes = {name: stat.S_IMODE((server.scratch / name).stat().st_mode) for name in ("run", "state", "log")}
    assert modes == {"run": 0o755, "state": 0o700, "log": 0o700}


def test_nobody_gets_in_while_it_starts(serve: Serve, as_user: Callable[..., Any], scratch: Path) -> None:
    """A socket of mode 0600 is never connectable for others, at no moment of many starts."""
    server = serve('socket_mode = "0600"\n', start=False)
    stop = scratch / "stop"

    def hammer() -> int:
        entered = 0
        while not stop.exists():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as knocking:
                entered += knocking.connect_ex(server.socket) == 0
        return entered

    entered: list[int] = []
    thread = threading.Thread(target=lambda: entered.append(as_user(12345, 12345, [], hammer)))
    thread.start()
    for _ in range(10):
        server.start()
        server.stop()
    stop.touch()
    thread.join()
    assert entered == [0]


# The socket's path


def test_a_stale_socket_is_cleaned_up(serve: Serve) -> None:
    """After a crash left its socket behind, the server simply starts again."""
    server = serve()
    server.kill()
    assert Path(server.socket).is_socket()
    server.start()
    assert server.raw(PING) == PONG


def test_a_second_server_does_not_take_over(rpcd: Rpcd, tmp_path: Path) -> None:
    """A second server with the same state refuses to start, and the first one's socket stays."""
    first = os.stat(rpcd.socket).st_ino
    second = Rpcd.__new__(Rpcd)
    second.__dict__.update(rpcd.__dict__, process=None, stderr=tmp_path / "stderr", _connection=None)
    assert "another server" in second.refuses_to_start()
    assert os.stat(rpcd.socket).st_ino == first
    assert rpcd.raw(PING) == PONG


def test_a_living_socket_of_another_state_is_left_alone(rpcd: Rpcd, tmp_path: Path) -> None:
    """A server with a state of its own does not take a socket that another one listens on."""
    second = Rpcd.__new__(Rpcd)
    second.__dict__.update(rpcd.__dict__, process=None, stderr=tmp_path / "stderr", _connection=None)
    second.config = rpcd.scratch / "second.toml"
    second.command = [*rpcd.command[:-1], str(second.config)]
    second.config.write_text(rpcd.config.read_text().replace("/state", "/state2").replace("/log", "/log2"))
    assert "another server listens there" in second.refuses_to_start()
    assert rpcd.raw(PING) == PONG


def occupy_with_file(path: Path) -> None:
    path.write_text("mine")


def occupy_with_directory(path: Path) -> None:
    path.mkdir()


def occupy_with_link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


def occupy_with_pipe(path: Path) -> None:
    os.mkfifo(path)


def occupy_with_stream(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize(
    "occupy",
    [occupy_with_file, occupy_with_directory, occupy_with_link, occupy_with_pipe, occupy_with_stream],
)
def test_what_is_not_ours_at_the_path_stays(serve: Serve, occupy: Callable[[Path], None]) -> None:
    """A file, directory, link, pipe or foreign socket at the path is an error, and is still there after."""
    server = serve(start=False)
    path = Path(server.socket)
    occupy(path)
    before = os.lstat(path)
    assert str(path) in server.refuses_to_start()
    after = os.lstat(path)
    assert (before.st_ino, before.st_mode, before.st_size) == (after.st_ino, after.st_mode, after.st_size)


def test_a_path_that_is_too_long_is_named(serve: Serve) -> None:
    """A socket path that no sockaddr_un can hold is an error that says how long it may be."""
    server = serve('[server]\nsocket = "{scratch}/' + "s" * 120 + '"\nstate = "{scratch}/state"\n', start=False)
    assert "107" in server.refuses_to_start()


# Ends


def test_sigterm_removes_the_socket(rpcd: Rpcd) -> None:
    """After an orderly end the path is gone."""
    rpcd.stop()
    assert not Path(rpcd.socket).exists()


def test_sigterm_finishes_a_change_that_has_begun(serve: Serve, scratch: Path) -> None:
    """SIGTERM while a change waits for a slow disk: the change is made, answered and audited, and the server ends."""
    wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=700000"]
    server = serve(wrapper=wrapper)
    with server.connect() as connection:
        params = {"target": "shop", "key": "ui.theme", "value": "dark"}
        connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": params}).encode())
        wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        os.kill(server.pid, signal.SIGTERM)
        assert json.loads(connection.receive() or b"")["result"]["changed"] is True
    assert server.process is not None
    assert server.process.wait(20) == 0
    assert "theme = dark" in (scratch / "shop/shop.ini").read_text()
    assert server.records("outcome")[0]["changed"] is True


def test_requests_after_sigterm_are_not_begun(rpcd: Rpcd) -> None:
    """Whoever is connected when the server ends sees the end of the connection, at once."""
    with rpcd.connect() as connection:
        assert connection.raw(PING) == PONG
        began = time.monotonic()
        rpcd.stop()
        assert connection.receive() is None
        assert time.monotonic() - began < 5


# Socket activation


def activated(server: Rpcd, *options: str) -> list[str]:
    """The command that hands the server a socket as systemd does."""
    return [
        "systemd-socket-activate",
        "-E",
        "PYTHONPATH",
        *options,
        "-l",
        server.socket,
        "--fdname=rpcd",
        *server.command,
    ]


def test_a_socket_from_systemd_is_served(serve: Serve, as_user: Callable[..., Any]) -> None:
    """A listening SEQPACKET socket that systemd hands over is served, and its path is left alone at the end."""
    server = serve(start=False)
    server.command = activated(server, "--seqpacket")
    server.launch()
    wait_until(lambda: Path(server.socket).exists())
    os.chmod(server.socket, 0o666)  # noqa: S103 - as SocketMode= of the unit does
    wait_until(lambda: _answers(server))
    assert as_user(33, 33, [], lambda: Connection(server.socket).call("get_key", target="shop", key="ui.theme"))
    server.signal(signal.SIGTERM)
    assert server.process is not None
    server.process.wait(20)
    server.process = None
    assert Path(server.socket).exists()


def _answers(server: Rpcd) -> bool:
    """Whether the server answers; what was queued before it set SO_PASSCRED carries no sender, and is closed."""
    with suppress(ConnectionRefusedError):  # between its path and its queue
        return server.raw(PING) == PONG
    return False


def test_a_stream_socket_from_systemd_is_refused(serve: Serve) -> None:
    """A socket of another type is refused with a sentence that says what is expected."""
    server = serve(start=False)
    server.command = activated(server)
    server.launch()
    wait_until(lambda: Path(server.socket).exists())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first:
        wait_until(lambda: first.connect_ex(server.socket) == 0)
        assert server.process is not None
        assert server.process.wait(20) != 0
        server.process = None
    assert "SOCK_SEQPACKET" in server.log()


HANDOVER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
listener.bind(sys.argv[1])
listener.listen()
listener.fileno() == 3 or os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execvp(sys.argv[2], sys.argv[2:])
"""


def test_a_socket_that_no_reply_fits_into_is_refused(serve: Serve) -> None:
    """Where the largest reply would not fit into the send buffer the server does not start: it could not answer."""
    server = serve(start=False)
    server.command = [sys.executable, "-c", HANDOVER, server.socket, *server.command]
    assert "max_message" in server.refuses_to_start()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LISTEN_FDS": "1", "LISTEN_PID": "1"}, "LISTEN_PID"),
        ({"LISTEN_FDS": "1"}, "LISTEN_PID"),
    ],
)
def test_a_handover_to_somebody_else_is_refused(serve: Serve, environment: dict[str, str], said: str) -> None:
    """LISTEN_FDS that was meant for another process is an error, not ours to use."""
    server = serve(start=False, environment=environment)
    assert said in server.refuses_to_start()
