"""What systemd is told, and what it hands over (CASES 40 and 41)."""

import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rpcd.operation.notify import Notifier
from rpcd.server.listener import ListenerFault, inherit
from tests.conftest import SETTINGS, Serve
from tests.harness.manager import HANDOVER, Manager, hand_over
from tests.harness.seqpacket import Connection
from tests.harness.server import wait_until
from tests.harness.users import WWW_DATA

SLOW_FSYNC = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=2000000"]
CHANGE = {"target": "shop", "key": "ui.theme", "value": "dark"}


def ask(connection: Connection, method: str, **params: object) -> None:
    """Send a request, and do not wait."""
    connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())


def answers(path: str) -> bool:
    """Whether a server accepts connections: there is a moment between its path and that."""
    with suppress(FileNotFoundError, ConnectionRefusedError), Connection(path) as connection:
        return bool(connection.call("ping") == "pong")
    return False


# How the server is


def test_the_status_line_follows_what_happens(serve: Serve, manager: Manager) -> None:
    """Ready with what is served; then read-only mode, refused settings and mended ones, in words for a person."""
    server = serve(start=False)
    manager.start(server)
    assert manager.status == "Serving 3 targets."
    server.call("server.read_only", reason="Maintenance until noon")
    assert manager.status == "Serving 3 targets. Read-only: Maintenance until noon."
    server.config.write_text("[")
    server.call("server.reload")
    assert "Settings refused" in manager.status
    assert "1 fault" in manager.status
    server.configure(SETTINGS)
    server.call("server.read_only", reason=None)
    server.call("server.reload")
    assert manager.status == "Serving 3 targets."


def test_a_reload_is_told_from_its_begin_to_its_end(serve: Serve, manager: Manager) -> None:
    """RELOADING with the time of a clock that nobody sets, then READY, in this order; also where it is refused."""
    server = serve(start=False)
    manager.start(server)
    for content in (None, "["):
        if content:
            server.config.write_text(content)
        before = time.monotonic_ns() // 1000
        server.signal(signal.SIGHUP)
        reloading = manager.wait("RELOADING", server)
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert manager.wait("READY", server)


@pytest.mark.slow
def test_the_end_is_told_and_given_time(serve: Serve, manager: Manager) -> None:
    """STOPPING at once; then more time is asked for, for as long as a slow disk takes."""
    server = serve(wrapper=SLOW_FSYNC, start=False)
    manager.start(server)
    with server.connect() as connection:
        ask(connection, "update_key", **CHANGE)
        wait_until(lambda: list(server.scratch.glob("shop/.rpcd-*~")), what="the candidate")
        os.kill(server.pid, signal.SIGTERM)
        manager.wait("STOPPING", server)
        assert int(manager.wait("EXTEND_TIMEOUT_USEC", server)["EXTEND_TIMEOUT_USEC"]) > 1e6
        assert json.loads(connection.receive() or b"")["result"]["changed"] is True


# The watchdog


WATCHDOG = {"WATCHDOG_USEC": "400000"}


def test_a_server_that_works_feeds_the_watchdog(serve: Serve, manager: Manager) -> None:
    """It is heard of more often than every 0.4 s, idle or not."""
    server = serve(start=False)
    manager.start(server, WATCHDOG)
    before = manager.count("WATCHDOG")
    manager.listen(2)
    assert manager.count("WATCHDOG") - before >= 5


def hold(path: str, method: str, times: int) -> None:
    """Have this many calls hold the server up for two seconds, and wait for them."""
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(path)) for _ in range(times)]
        for connection in connections:
            ask(connection, method, seconds=2)
        for connection in connections:
            connection.receive()


@pytest.mark.parametrize(
    ("method", "times", "uids", "hangs"),
    [
        ("hold_worker", 16, (0, WWW_DATA), True),
        ("hold_worker", 32, (WWW_DATA,), False),  # one uid gets no more than half of the workers
        ("hold_loop", 1, (WWW_DATA,), True),
    ],
)
def test_a_server_that_hangs_does_not(
    serve: Serve,
    manager: Manager,
    holding: str,
    as_user: Callable[..., Any],
    *,
    method: str,
    times: int,
    uids: tuple[int, ...],
    hangs: bool,
) -> None:
    """While no worker answers, or the loop does not turn, the watchdog hears nothing; afterwards it does again."""
    server = serve(holding, start=False)
    manager.start(server, WATCHDOG)
    with ThreadPoolExecutor(len(uids)) as threads:
        for uid in uids:
            threads.submit(as_user, uid, uid, [], partial(hold, server.socket, method, times))
        manager.listen(0.5)
        before = manager.count("WATCHDOG")
        manager.listen(1)
        assert (manager.count("WATCHDOG") == before) is hangs
    wait_until(lambda: manager.count("WATCHDOG") > before)


def test_a_server_without_threads_does_not_hang(serve: Serve, manager: Manager) -> None:
    """Where no thread can be had for any worker it reads, refuses changes, and feeds the watchdog; later it changes."""
    no_more = ["-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN:when=2..9"]
    server = serve(wrapper=["strace", "-f", "-qq", "-o", "/dev/null", *no_more], start=False)
    manager.start(server, WATCHDOG)
    refused = server.error("update_key", **CHANGE)
    assert refused["data"] == {"kind": "unavailable", "reason": "threads"}
    assert server.call("get_key", target="shop", key="ui.theme")["value"] == "light"
    fed = manager.count("WATCHDOG")
    wait_until(lambda: manager.count("WATCHDOG") > fed)
    wait_until(lambda: server.kind("update_key", **CHANGE) is None)
    assert "theme = dark" in (server.scratch / "shop/shop.ini").read_text()
    outcomes = server.records("outcome")
    assert {outcome["kind"] for outcome in outcomes[:-1]} == {"unavailable"}
    assert len(server.records("intent")) == len(outcomes)


@pytest.mark.parametrize(
    "environment", [{"WATCHDOG_PID": "1"} | WATCHDOG, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}]
)
def test_a_watchdog_that_is_not_ours_is_left_alone(serve: Serve, manager: Manager, environment: dict[str, str]) -> None:
    """Where another process is meant, or no time is set, nobody is told."""
    server = serve(start=False)
    manager.start(server, environment)
    manager.listen(1.5)
    assert manager.count("WATCHDOG") == 0


def test_a_manager_that_is_gone_harms_nothing(serve: Serve, scratch: Path) -> None:
    """Where nobody reads the notifications, or the address is nonsense, the server serves all the same."""
    with Manager(scratch / "manager.sock") as manager:
        server = serve(start=False)
        manager.start(server, WATCHDOG)
    assert server.call("server.reload")["taken"] is True
    server.stop()
    server.launch({"NOTIFY_SOCKET": "vsock:2:1234"})
    wait_until(lambda: answers(server.socket))
    assert server.call("ping") == "pong"


def test_a_manager_that_has_no_room_is_told_later(serve: Serve, manager: Manager) -> None:
    """Where its queue is full the server serves all the same, and its readiness arrives once there is room."""
    server = serve(start=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
        others.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                others.sendto(b"STATUS=Others.", manager.path)
    server.launch({"NOTIFY_SOCKET": manager.path})
    wait_until(lambda: answers(server.socket))
    assert server.call("ping") == "pong"
    assert manager.wait("READY", server)["STATUS"] == "Serving 3 targets."


@pytest.mark.parametrize("time", ["-5", "\u00b2", "9" * 5000, "1e9", "", "1 "])
def test_a_time_that_is_none_sets_no_watchdog(time: str) -> None:
    """Whatever stands there, the server starts, and feeds nobody."""
    assert Notifier({"WATCHDOG_USEC": time}).watchdog is None


@pytest.mark.parametrize(
    "address", ["@", "/" + "x" * 200, "@" + "x" * 200, "relative", "/dev/null", "/", "/\udcff\n", "\n", "/\u0416"]
)
def test_an_address_that_is_none_is_told_nothing(address: str) -> None:
    """Whatever stands there, nothing fails, and nothing waits."""
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.reloading()
    notifier.ready("Serving.")


def test_the_shortest_watchdog_leaves_time_for_callers(serve: Serve, manager: Manager) -> None:
    """A server that is to give a sign of life each microsecond does what it can, and serves."""
    server = serve(start=False)
    manager.start(server, {"WATCHDOG_USEC": "1"})
    assert server.call("ping") == "pong"
    fed = manager.count("WATCHDOG")
    manager.listen(1)
    assert manager.count("WATCHDOG") - fed <= 150


def test_an_abstract_address_is_understood() -> None:
    """`@` at its beginning stands for the zero byte of an abstract name (sd_notify(3))."""
    name = f"rpcd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready("Serving.")
        assert listening.recv(100) == b"READY=1\nSTATUS=Serving."


def test_variables_that_were_for_this_process_are_gone(serve: Serve, manager: Manager, holding: str) -> None:
    """Nothing that the server may start later takes itself for what systemd started."""
    with listening(Path(serve(holding, start=False).socket)) as listener:
        server = serve(holding, start=False)
        hand_over(server, [listener.fileno()])
        manager.start(server, WATCHDOG | {"WATCHDOG_PID": ""})
        assert not [name for name in server.call("environment") if name.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_"))]
        server.stop()


# Sockets that are handed over


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket as a socket unit has it, which outlives the servers that it is given to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listener.bind(str(path))
        listener.listen(socket.SOMAXCONN)
        yield listener
    path.unlink()


@pytest.fixture
def memory() -> Iterator[int]:
    """A descriptor such as the file descriptor store keeps."""
    descriptor = os.memfd_create("stored")
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("names", ["rpcd", "", "unknown", "rpcd.socket", "my-rpcd.socket"])
def test_one_socket_is_served_by_its_name_or_without(serve: Serve, scratch: Path, names: str) -> None:
    """A single socket is taken if it is called rpcd, or if nobody gave it a name of its own."""
    server = serve(start=False)
    with listening(scratch / "rpcd.sock") as listener:
        hand_over(server, [listener.fileno()], names)
        server.start()
        assert server.call("ping") == "pong"
        server.stop()
        assert (scratch / "rpcd.sock").exists()


@pytest.mark.parametrize("order", [0, 1])
def test_the_one_called_rpcd_is_served_and_others_are_closed(
    serve: Serve, scratch: Path, memory: int, order: int
) -> None:
    """Beside it, what has another name is closed and said, wherever it stands."""
    server = serve(start=False)
    with listening(scratch / "rpcd.sock") as listener, listening(scratch / "other.sock") as other:
        handed = [(listener.fileno(), "rpcd"), (memory, "stored"), (other.fileno(), "unknown")]
        handed = handed[order:] + handed[:order]
        hand_over(server, [descriptor for descriptor, _ in handed], ":".join(name for _, name in handed))
        server.start()
        assert server.call("ping") == "pong"
        assert "stored" in server.log()
        assert not [held for held in server.usage().descriptors if "memfd:stored" in held]
        server.stop()


def test_without_a_socket_of_its_name_it_makes_its_own(serve: Serve, memory: int) -> None:
    """Where only other things were kept for it, they are closed, and it listens where the settings say."""
    server = serve(start=False)
    hand_over(server, [memory], "stored")
    server.start()
    assert server.call("ping") == "pong"
    assert "stored" in server.log()


@pytest.mark.parametrize("names", ["rpcd:rpcd", "", "unknown:my.socket"])
def test_several_sockets_are_refused(serve: Serve, scratch: Path, names: str) -> None:
    """Which of two sockets is meant is not guessed: it says so, and does not start."""
    server = serve(start=False)
    with listening(scratch / "one.sock") as one, listening(scratch / "two.sock") as two:
        hand_over(server, [one.fileno(), two.fileno()], names)
        assert "FileDescriptorName=rpcd" in server.refuses_to_start()


def test_what_is_no_socket_is_refused(serve: Serve, memory: int) -> None:
    """A file, or a socket that does not listen, in the socket's place is a sentence; so is a count that is none."""
    for descriptor in (memory, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).detach()):
        server = serve(start=False)
        hand_over(server, [descriptor])
        assert "LISTEN_FDS names" in server.refuses_to_start()
    os.close(descriptor)
    server = serve(start=False, environment={"LISTEN_FDS": "x", "LISTEN_PID": "1"})
    assert "LISTEN_PID" in server.refuses_to_start()


HOSTILE = {
    "huge": "9" * 30,
    "a billion": "999999999",
    "negative": "-1",
    "too long": "1" * 5000,
    "no digits": "\u00b2",
    "": "",
}


@pytest.mark.parametrize("count", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_count_that_is_none_is_refused(count: str) -> None:
    """Whatever stands in LISTEN_FDS, nothing is looked at that many times, and it is said."""
    with pytest.raises(ListenerFault, match="LISTEN_FDS is no number"):
        inherit({"LISTEN_FDS": count, "LISTEN_PID": str(os.getpid())}, descriptors=True)


def test_a_count_beyond_what_is_handed_over_closes_nothing_of_ours(serve: Serve, memory: int) -> None:
    """Descriptors that the server has opened itself are not taken for others, whatever names they are given."""
    server = serve(start=False)
    hand_over(server, [memory], "stored:x:x:x:x:rpcd")
    server.command[server.command.index("-c") + 1] = HANDOVER.replace("str(len(aside))", "'6'")
    said = server.refuses_to_start()
    assert "LISTEN_FDS counts 6 descriptors, and fewer are handed over" in said


def test_a_name_with_line_ends_stays_on_its_line(serve: Serve, memory: int) -> None:
    """What is told of a descriptor that nobody wants is one line, whatever it is called."""
    server = serve(start=False)
    hand_over(server, [memory], "stored\nlevel=error event=forged \x1b[31m\u2028")
    server.start()
    assert server.call("ping") == "pong"
    assert not [line for line in server.log().splitlines() if line.startswith("level=error")]
    assert "\x1b" not in server.log()


# The end


@pytest.mark.slow
def test_sigterm_during_a_slow_fsync_finishes_the_change(serve: Serve, scratch: Path) -> None:
    """However often it comes while the disk takes its time: the change is made and answered, and nothing is left."""
    server = serve(wrapper=SLOW_FSYNC)
    with server.connect() as connection:
        ask(connection, "update_key", **CHANGE)
        wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            os.kill(server.pid, number)
            time.sleep(0.1)
        assert json.loads(connection.receive() or b"")["result"]["changed"] is True
    server.stop()
    assert "theme = dark" in (scratch / "shop/shop.ini").read_text()


@pytest.mark.slow
def test_who_was_not_begun_is_let_go_at_once(serve: Serve, scratch: Path) -> None:
    """While a change is still being written at the end, others need not wait for it: they can ask another server."""
    server = serve(wrapper=SLOW_FSYNC)
    with server.connect() as slow, server.connect() as idle, server.connect() as late:
        ask(slow, "update_key", **CHANGE)
        wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        os.kill(server.pid, signal.SIGTERM)
        assert idle.receive() is None
        with suppress(ConnectionError):
            ask(late, "delete_file", target="motd")
        assert late.receive() is None
        assert select.select([slow.socket], [], [], 0)[0] == []
        assert json.loads(slow.receive() or b"")["result"]["changed"] is True
    server.stop()
    assert (scratch / "site/motd").exists()


@pytest.mark.slow
def test_a_drain_that_takes_too_long_is_said(serve: Serve, scratch: Path) -> None:
    """After `server.drain` the connections are closed, what they asked for is finished, and the log says both."""
    settings = f'drain = "1 s"\n{SETTINGS}'
    before = serve(settings)
    before.call("update_key", **CHANGE)  # what a first change makes in the state is synced too, and is not what is slow
    before.stop()
    wrapper = [*SLOW_FSYNC[:-1], "inject=fsync:delay_enter=3000000"]
    server = serve(settings, wrapper=wrapper)
    with server.connect() as connection:
        ask(connection, "update_key", **CHANGE)
        wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        os.kill(server.pid, signal.SIGTERM)
        assert connection.receive() is None
        assert "theme = light" in (scratch / "shop/shop.ini").read_text()
    server.stop()
    assert "theme = dark" in (scratch / "shop/shop.ini").read_text()
    assert "server.drain" in server.log()
    assert "unanswered=1" in server.log()
    assert [outcome["changed"] for outcome in server.records("outcome")] == [True, True]


@pytest.mark.slow
def test_entries_that_have_not_begun_are_refused_at_the_end(serve: Serve, scratch: Path) -> None:
    """After `server.drain` the entry of a batch that is being carried out is finished, and no other one begins."""
    wrapper = [*SLOW_FSYNC[:-1], "inject=fsync:delay_enter=1500000"]
    server = serve(f'drain = "1 s"\n{SETTINGS}', wrapper=wrapper)
    methods = ["update_key", "update_key", "get_key", "delete_key"]
    entries: list[dict[str, object]] = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": {"target": "shop", "key": "ui.theme"}}
        for number, method in enumerate(methods)
    ]
    for number in (0, 1):
        entries[number]["params"] = CHANGE | {"value": f"v{number}", "request_id": f"r{number}"}
    with server.connect() as connection:
        connection.send(json.dumps(entries).encode())
        wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        os.kill(server.pid, signal.SIGTERM)
        assert connection.receive() is None
    server.stop()
    assert "theme = v0" in (scratch / "shop/shop.ini").read_text()
    told = [(r["event"], r["id"], r["kind"]) for r in server.audit() if r["event"] in {"outcome", "decided"}]
    refused = [("decided", number, "unavailable") for number in (1, 2, 3)]
    assert told == [("outcome", 0, None), *refused]


@pytest.mark.slow
def test_a_process_that_was_stopped_goes_on(serve: Serve, manager: Manager) -> None:
    """After five seconds without a turn of its loop everybody is answered, on connections that were open before."""
    server = serve(start=False)
    manager.start(server, {"WATCHDOG_USEC": "4000000"})
    answers: list[str | None] = []

    def client(number: int) -> None:
        with server.connect() as connection:
            for _ in range(20):
                key = f"many.k{number}"
                answers.append(connection.kind("update_key", target="shop", key=key, value="x"))
                answers.append(connection.kind("get_key", target="shop", key=key))
                time.sleep(0.05)

    server.call("update_key", target="shop", key="many.first", value="x")
    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for one in clients:
        one.start()
    time.sleep(0.3)
    server.signal(signal.SIGSTOP)
    time.sleep(5)  # the watchdog and every client wait meanwhile: time itself is what is tried
    server.signal(signal.SIGCONT)
    for one in clients:
        one.join()
    assert answers == [None] * 320
    fed = manager.count("WATCHDOG")
    wait_until(lambda: manager.count("WATCHDOG") > fed)
    assert server.call("ping") == "pong"
