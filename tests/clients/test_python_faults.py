"""`Client` where something is wrong on the way: no server, a silent one, one that restarts or dies."""

import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rpcd.client import (
    AnswerLostError,
    Client,
    ConnectionFailedError,
    OutcomeUnknownError,
    ProtocolError,
    RequestIdReusedError,
    TimedOutError,
    UnavailableError,
)
from rpcd.client.errors import UnknownError
from tests.clients.conftest import CLIENTS_SETTINGS, full_backlog, stopped
from tests.harness.server import Rpcd, wait_until

pytestmark = pytest.mark.usefixtures("no_descriptor_stays")


@pytest.mark.parametrize("path", ["/nonexistent/rpcd.sock", "/dev/null", "/" + "x" * 200, "/dev/\0rpcd.sock"])
def test_no_server(path: str) -> None:
    """Where nobody listens, a call says so, in words and not in numbers of errors."""
    with Client(path) as client, pytest.raises(ConnectionFailedError, match=r"^(?!.*Errno)") as raised:
        client.ping()
    assert str(raised.value).startswith(f"{path}: ")


def test_a_server_that_does_not_accept(server: Rpcd) -> None:
    """Where no connection comes about in time, a call, even a change, has timed out and nothing was done."""
    with full_backlog(server), Client(server.socket, connect_timeout=0.2) as client:
        began = time.monotonic()
        with pytest.raises(TimedOutError):
            client.update_key("shop", "ui.theme", "dark")
        assert 0.2 <= time.monotonic() - began < 2


def test_a_read_that_is_not_answered(server: Rpcd) -> None:
    """A read has timed out after its time; its late answer is nobody's, and the next call gets its own."""
    with Client(server.socket, timeout=0.3) as client:
        assert client.ping() == "pong"
        with stopped(server):
            began = time.monotonic()
            with pytest.raises(TimedOutError):
                client.get_key("shop", "ui.title")
            assert 0.3 <= time.monotonic() - began < 2
        assert client.get_key("shop", "ui.theme").value == "light"


def test_a_change_that_is_not_answered(server: Rpcd) -> None:
    """Of a change that was sent and not answered the client says that its outcome is not known; it sent it once."""
    with Client(server.socket, timeout=0.3) as client:
        with stopped(server), pytest.raises(AnswerLostError) as raised:
            client.update_key("shop", "ui.theme", "dark")
        assert isinstance(raised.value.__cause__, TimedOutError)
        wait_until(lambda: server.records("outcome"), what="the change that was waiting")
        assert client.get_key("shop", "ui.theme").value == "dark"
    assert len(server.records("intent")) == 1


def test_a_change_whose_answer_was_lost_is_asked_for_again(server: Rpcd) -> None:
    """Under its `request_id` the same call gets the answer that was lost, of the one change that was made."""
    with Client(server.socket, timeout=0.3) as client:
        with stopped(server), pytest.raises(AnswerLostError):
            client.update_key("shop", "ui.theme", "dark", request_id="form 17")
        wait_until(lambda: server.records("outcome"), what="the change that was waiting")
        change = client.update_key("shop", "ui.theme", "dark", request_id="form 17")
        assert (change.changed, change.revision) == (True, client.get_key("shop", "ui.theme").revision)
        with pytest.raises(RequestIdReusedError):
            client.update_key("shop", "ui.theme", "blue", request_id="form 17")
    assert len(server.records("outcome", changed=True)) == 1


def test_the_server_crashes_over_a_change_that_is_asked_for_again(server: Rpcd) -> None:
    """Over a new connection to the next server, a content that travels as a descriptor is the same content."""
    content = os.urandom(300_000)
    with Client(server.socket) as client:
        change = client.replace_file("big", content, request_id="1")
        server.kill()
        server.start()
        (server.scratch / "site/big").write_text("since")
        assert client.replace_file("big", content, request_id="1") == change
    assert (server.scratch / "site/big").read_text() == "since"


def test_a_dry_run_that_is_not_answered(server: Rpcd) -> None:
    """A dry run changes nothing: unanswered, it has timed out, and nothing about it is unknown."""
    with Client(server.socket, timeout=0.3) as client, stopped(server), pytest.raises(TimedOutError):
        client.update_key("shop", "ui.theme", "dark", dry_run=True)


def test_the_server_dies_over_a_change(server: Rpcd) -> None:
    """Where the connection breaks between a change and its answer, the outcome is not known."""
    with Client(server.socket) as client:
        killer = threading.Timer(0.3, server.kill)
        killer.start()
        with pytest.raises(AnswerLostError) as raised:
            client.call("lab_pause", seconds=30)
        killer.join()
    assert isinstance(raised.value.__cause__, ConnectionFailedError)


def test_the_server_dies_over_a_read(server: Rpcd) -> None:
    """Where the connection breaks between a first read and its answer, a call says so."""
    with Client(server.socket) as client:
        server.signal(signal.SIGSTOP)
        killer = threading.Timer(0.3, server.kill)
        killer.start()
        with pytest.raises(ConnectionFailedError):
            client.get_key("shop", "ui.theme")
        killer.join()


def test_no_room_for_a_descriptor(server: Rpcd, as_user: Callable[..., Any]) -> None:
    """A descriptor that did not arrive, since this process may have no more, is a protocol error."""
    (server.scratch / "site" / "big").write_bytes(os.urandom(300_000))

    def act() -> str:
        with Client(server.socket) as client:
            client.ping()
            most = max(int(name) for name in os.listdir("/proc/self/fd"))
            held = [os.dup(0) for _ in range(most)]
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, max(held) + 1))
            try:
                client.read_file("big")
            except ProtocolError as error:
                return str(error)
        return "it arrived"

    assert "did not arrive whole" in as_user(os.getuid(), os.getgid(), [], act)


def test_a_server_that_takes_no_descriptors(server: Rpcd) -> None:
    """Where descriptors are switched off, what needs one is unavailable, and the client goes on."""
    server.stop()
    server.configure("descriptors = false\n" + CLIENTS_SETTINGS)
    server.start()
    with Client(server.socket) as client:
        with pytest.raises(UnavailableError) as raised:
            client.replace_file("big", os.urandom(300_000))
        assert raised.value.data["reason"] == "descriptors"
        assert client.ping() == "pong"


def test_lost_and_unknown_are_caught_together() -> None:
    """Whoever has to handle an unknown outcome catches one class, whoever lost it."""
    assert issubclass(AnswerLostError, OutcomeUnknownError)
    assert issubclass(UnknownError, OutcomeUnknownError)


@pytest.mark.parametrize("end", [Rpcd.stop, Rpcd.kill])
def test_a_server_that_was_started_again(server: Rpcd, end: Callable[[Rpcd], None]) -> None:
    """A connection that has gone is made again, for reads, and for changes that the kernel did not take."""
    with Client(server.socket) as client:
        assert client.get_key("shop", "ui.theme").value == "light"
        end(server)
        server.start()
        assert client.update_key("shop", "ui.theme", "dark").changed is True
        end(server)
        server.start()
        assert client.get_key("shop", "ui.theme").value == "dark"
    assert len(server.records("intent")) == 1


def test_a_server_that_stays_away(server: Rpcd) -> None:
    """Where the connection has gone and cannot be made again, a call says so, and a later one succeeds."""
    with Client(server.socket) as client:
        client.ping()
        server.stop()
        with pytest.raises(ConnectionFailedError):
            client.ping()
        server.start()
        assert client.ping() == "pong"


def test_after_a_fork(server: Rpcd, as_user: Callable[..., Any]) -> None:
    """A process forked from one that is connected makes its own connection, and leaves the other's alone."""
    with Client(server.socket) as client:
        for _ in range(3):
            assert client.whoami().uid == os.getuid()
            assert as_user(os.getuid(), os.getgid(), [], client.whoami).uid == os.getuid()


def test_threads_share_a_client(server: Rpcd) -> None:
    """Calls of several threads wait for each other, and each gets its own answer."""
    wrong: list[str] = []

    def act(key: str, value: str) -> None:
        held = [client.get_key("shop", key).value for _ in range(50)]
        wrong.extend(key for found in held if found != value)

    with Client(server.socket) as client:
        expected = {"ui.theme": "light", "ui.title": "A shop", "mail.from": "shop@example.org"}
        threads = [threading.Thread(target=act, args=pair) for pair in expected.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_an_interrupted_call(server: Rpcd) -> None:
    """A call that an exception of a signal handler ends leaves a client that goes on with a new connection."""

    class InterruptedCall(Exception):
        pass

    def interrupt(_number: int, _frame: object) -> None:
        raise InterruptedCall

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Client(server.socket) as client:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(InterruptedCall):
                client.call("lab_pause", seconds=5)
            assert client.ping() == "pong"
    finally:
        signal.signal(signal.SIGALRM, before)
