"""Connections: how many, for how long, and what is told to one too many (CASES 30, 32, 33, 35, 152 and 154)."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import wait_until
from tests.load.conftest import ONE, OTHER, PING, PONG, STRANGER, Flood, beside, kind, settings

BUSY = (
    b'{"jsonrpc":"2.0","error":{"code":429,"message":"A quota is used up","data":{"kind":"busy","retry_after":1}}'
    b',"id":null}'
)


def told(path: str, count: int) -> list[bytes | None]:
    """What each of `count` connections, all open at once, is answered when it asks."""
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(path)) for _ in range(count)]
        return [ask(connection) for connection in connections]


def ask(connection: Connection) -> bytes | None:
    """The reply to a ping, also to one that could not be sent any more."""
    with suppress(BrokenPipeError):
        connection.send(PING)
    return connection.receive()


def test_a_uid_has_its_connections_and_no_more(serve: Serve, as_user: Callable[..., Any]) -> None:
    """What is over the quota is told `busy` at once and closed; other uids and root do not notice."""
    server = serve(settings(connections_of_uid=20))
    with server.nothing_leaks():
        assert as_user(ONE, ONE, [], partial(told, server.socket, 50)) == [PONG] * 20 + [BUSY] * 30
        assert as_user(OTHER, OTHER, [], partial(told, server.socket, 20)) == [PONG] * 20
        assert server.raw(PING) == PONG
    refusals = server.records("connection_refused", why="connections_of_uid")
    assert refusals
    assert {record["sender"]["uid"] for record in refusals} == {ONE}


def test_a_refused_peer_learns_it_before_it_asks(serve: Serve) -> None:
    """The refusal is there without a request; then the connection ends."""
    server = serve(settings(connections_of_uid=8))
    with ExitStack() as stack:
        for _ in range(8):
            assert ask(stack.enter_context(server.connect())) == PONG
        refused = stack.enter_context(server.connect())
        assert refused.receive() == BUSY
        assert refused.receive() is None


def connect_as(path: str, uids: range, held: Path) -> None:
    """One connection of each uid, held until the file is gone; the kernel notes the effective uid of who connects."""
    with ExitStack() as stack:
        for uid in uids:
            os.seteuid(uid)
            stack.enter_context(Connection(path))
            os.seteuid(0)
        held.touch()
        wait_until(lambda: not held.exists())


def test_root_finds_a_seat_when_all_others_are_taken(serve: Serve, scratch: Path, as_user: Callable[..., Any]) -> None:
    """200 uids have every connection that there is: root still gets those that are kept for it, others are refused."""
    server = serve(settings(connections=60, connections_for_root=8))
    held = scratch / "held"

    with beside(partial(as_user, 0, 0, [], partial(connect_as, server.socket, range(ONE, ONE + 200), held))):
        wait_until(held.exists)
        assert told(server.socket, 9) == [PONG] * 8 + [BUSY]
        held.unlink()
    wait_until(lambda: server.raw(PING) == PONG)
    assert server.records("connection_refused", why="connections")


@pytest.mark.slow
def test_strangers_share_a_few_connections(serve: Serve, scratch: Path, as_user: Callable[..., Any]) -> None:
    """Uids that no grant names have a few connections together, which end soon; a grant makes all the difference."""
    server = serve(settings(connections_of_strangers=4, idle_of_strangers="1 s"))
    held = scratch / "held"
    with beside(partial(as_user, 0, 0, [], partial(connect_as, server.socket, range(3000, 3004), held))):
        wait_until(held.exists)
        assert as_user(STRANGER, STRANGER, [], partial(told, server.socket, 1)) == [BUSY]
        assert as_user(ONE, ONE, [], partial(told, server.socket, 1)) == [PONG]
        wait_until(lambda: as_user(STRANGER, STRANGER, [], partial(told, server.socket, 1)) != [BUSY], 10)
        held.unlink()
    (answer,) = as_user(STRANGER, STRANGER, [], partial(told, server.socket, 1))
    assert kind(answer) == "denied"


@pytest.mark.slow
def test_a_reload_makes_a_stranger_known(serve: Serve, scratch: Path, as_user: Callable[..., Any]) -> None:
    """Who is named by a grant from now on stays as long as others do, on the connection that it has."""
    server = serve(settings(idle_of_strangers="2 s"))
    reloaded = scratch / "reloaded"

    def stay() -> list[str | None]:
        with Connection(server.socket) as connection:
            answers = [kind(connection.raw(PING))]
            (scratch / "connected" / "stranger").touch()
            wait_until(reloaded.exists)
            return [*answers, kind(connection.raw(PING))]

    def be_sent_away() -> None:
        with Connection(server.socket) as connection:
            assert connection.receive() is None

    (scratch / "connected").mkdir()
    (scratch / "connected").chmod(0o777)
    with beside(partial(as_user, STRANGER, STRANGER, [], stay)) as answers:
        wait_until((scratch / "connected" / "stranger").exists)
        server.configure(settings(idle_of_strangers="2 s").replace("users   = [2001", f"users   = [{STRANGER}, 2001"))
        assert server.reload()["verdict"] == "taken"
        as_user(STRANGER + 1, STRANGER + 1, [], be_sent_away)  # who came later, and is a stranger, has had its time
        reloaded.touch()
    assert answers.result() == ["denied", None]


def has_ended(connection: Connection) -> bool:
    """Whether the server has closed a connection of which nothing is to be read."""
    try:
        return connection.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


@pytest.mark.slow
def test_idle_connections_end(serve: Serve) -> None:
    """A connection without requests ends after its time; one that is used, or whose request takes longer, does not."""
    wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=1200000"]
    server = serve(settings(idle="1 s"), wrapper=wrapper)
    with server.connect() as idle, server.connect() as used, server.connect() as slow:
        assert idle.raw(PING) == PONG
        slow.send(
            b'{"jsonrpc":"2.0","id":1,"method":"update_key","params":{"target":"shop","key":"ui.theme","value":"x"}}'
        )
        wait_until(lambda: used.raw(PING) == PONG and has_ended(idle))
        assert kind(slow.receive()) is None


@pytest.mark.slow
def test_who_does_not_take_its_replies_is_cut_off(serve: Serve) -> None:
    """A client that pipelines until nothing fits and never reads, as a stopped one does, loses its connection."""
    server = serve(settings(stall="1 s"))
    with server.nothing_leaks(), server.connect() as deaf:
        deaf.socket.setblocking(False)

        def send() -> bool:
            with suppress(BlockingIOError):
                while True:
                    deaf.send(PING)
            return bool(server.records("connection_refused", why="stall"))

        with suppress(ConnectionError):
            wait_until(send)
        wait_until(lambda: server.records("connection_refused", why="stall"))
        assert server.raw(PING) == PONG
        with pytest.raises(ConnectionError):
            deaf.send(PING)


@pytest.mark.slow
def test_a_stopped_client_loses_its_place(serve: Serve, scratch: Path, as_user: Callable[..., Any]) -> None:
    """SIGSTOP in the middle of a conversation: after the idle time the connection is somebody else's to have."""
    server = serve(settings(idle="1 s", connections_of_uid=1))
    marks = scratch / "marks"
    marks.mkdir()
    marks.chmod(0o777)

    def converse() -> None:
        with Connection(server.socket) as connection:
            assert connection.raw(PING) == PONG
            (marks / str(os.getpid())).touch()
            signal.pause()

    def until_killed() -> None:
        with suppress(RuntimeError):  # it ends without an answer
            as_user(ONE, ONE, [], converse)

    with beside(until_killed):
        wait_until(lambda: list(marks.iterdir()))
        stopped = int(next(marks.iterdir()).name)
        os.kill(stopped, signal.SIGSTOP)
        try:
            assert as_user(ONE, ONE, [], partial(told, server.socket, 1)) == [BUSY]
            wait_until(lambda: as_user(ONE, ONE, [], partial(told, server.socket, 1)) == [PONG], 10)
        finally:
            os.kill(stopped, signal.SIGKILL)


@pytest.mark.slow
def test_root_gets_through_a_storm_of_connects(serve: Serve, flood: Flood) -> None:
    """While a uid connects as fast as it can without a word, root connects and is answered, each time."""
    server = serve(settings())

    def storm() -> Callable[[], object]:
        held: list[socket.socket] = []

        def connect() -> None:
            for _ in range(100):
                client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                client.settimeout(5)
                client.connect(server.socket)
                held.append(client)
            if len(held) > 800:
                for client in held:
                    client.close()
                held.clear()

        return connect

    with flood(ONE, storm):
        for _ in range(20):
            assert server.raw(PING) == PONG


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_running_out_of_descriptors_is_no_spin(serve: Serve) -> None:
    """With 64 descriptors and 300 callers it neither spins nor ends, and serves everybody once they have left."""
    server = serve(settings(), wrapper=["prlimit", "--nofile=64:64"])
    with server.nothing_leaks():
        with ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(server.connect()).send(PING)
            wait_until(lambda: server.records("accept_paused"))
            before = cpu(server.pid)
            time.sleep(2)  # the time in which it may not spin: nothing happens that could be waited for
            assert cpu(server.pid) - before < 0.2 * 2
        wait_until(lambda: server.raw(PING) == PONG, what="an answer after they have left")
    assert server.records("accept_paused", why="EMFILE")
