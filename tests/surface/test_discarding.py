"""Closing what was passed and nobody wants: whoever passed it may make that take long."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest

from rpcd.server.discard import Discarder
from tests.conftest import SETTINGS, Serve
from tests.harness.memory import memory_file
from tests.harness.server import Rpcd, wait_until

LINGERS = 8
"""Seconds that close(2) of a socket waits (SO_LINGER, socket(7)) for a peer that takes nothing."""


@contextmanager
def lingers() -> Iterator[socket.socket]:
    """A connection whose last close(2) takes `LINGERS` seconds: what was sent is never taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        with listener.accept()[0]:
            one.setblocking(False)
            try:
                while True:
                    one.send(bytes(65536))
            except BlockingIOError:
                one.setblocking(True)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGERS))
            with one:
                yield one


@pytest.fixture
def lingering() -> Iterator[socket.socket]:
    """One of them."""
    with lingers() as one:
        yield one


@contextmanager
def stopped(server: Rpcd) -> Iterator[None]:
    """While this lasts the server reads nothing."""
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


def test_one_descriptor_too_many_holds_up_nobody(rpcd: Rpcd, lingering: socket.socket) -> None:
    """Of a message with too many descriptors none is closed where others wait for it, however long that takes."""
    null = os.open(os.devnull, os.O_RDONLY)
    with rpcd.connect() as connection, rpcd.connect() as other:
        assert other.call("ping") == "pong"
        began = time.monotonic()
        connection.send(b"{}", [*[null] * 16, lingering.fileno()])
        lingering.close()
        connection.receive()
        assert other.call("ping") == "pong"
        assert time.monotonic() - began < LINGERS / 2
    os.close(null)


def test_who_hangs_up_holds_up_nobody(rpcd: Rpcd, lingering: socket.socket) -> None:
    """What a peer has sent and nobody has read is closed with its connection, and nobody waits for that."""
    with rpcd.connect() as other, rpcd.connect() as connection:
        assert other.call("ping") == connection.call("ping") == "pong"
        began = time.monotonic()
        with stopped(rpcd):
            connection.send(b"{}")
            connection.send(b"{}", [lingering.fileno()])
            lingering.close()
            connection.close()
        assert other.call("ping") == "pong"
        assert time.monotonic() - began < LINGERS / 2


def test_who_finds_no_seat_holds_up_nobody(serve: Serve, lingering: socket.socket) -> None:
    """The same for what comes with the first message of a connection that is refused."""
    server = serve(SETTINGS + "\n[quotas]\nconnections_of_uid = 2\nconnections_for_root = 1\n")
    with server.connect() as other, server.connect() as second:
        assert other.call("ping") == second.call("ping") == "pong"
        began = time.monotonic()
        with stopped(server), server.connect() as refused:
            refused.send(b"{}", [lingering.fileno()])
            lingering.close()
        assert other.call("ping") == "pong"
        assert time.monotonic() - began < LINGERS / 2


def test_a_descriptor_without_room_holds_up_nobody(serve: Serve, lingering: socket.socket) -> None:
    """What comes where the server has no descriptor left is `busy`, and closed with its connection, aside."""
    server = serve(wrapper=["prlimit", "--nofile=64"])
    null = os.open(os.devnull, os.O_RDONLY)
    with server.connect() as connection, server.connect() as other:
        assert other.call("ping") == connection.call("ping") == "pong"
        began = time.monotonic()
        with stopped(server):
            connection.send(b"{}", [*[null] * 80, lingering.fileno()])
            lingering.close()
        assert b'"busy"' in (connection.receive() or b"")
        assert connection.receive() is None
        assert other.call("ping") == "pong"
        assert time.monotonic() - began < LINGERS / 2
    os.close(null)


def test_few_descriptors_are_enough_for_who_passes_one(serve: Serve) -> None:
    """Where descriptors may run out a message is looked at before it is taken, and what it brings arrives as ever."""
    server = serve(wrapper=["prlimit", "--nofile=64"])
    descriptor = memory_file(b"few\n")
    with server.nothing_leaks(), server.connect() as connection:
        for _ in range(30):
            message = {"target": "motd", "content": {"fd": 0}}
            assert connection.call("replace_file", descriptors=[descriptor], **message)["target"] == "motd"
    assert (server.scratch / "site/motd").read_text() == "few\n"
    os.close(descriptor)


def test_where_no_thread_can_be_had_descriptors_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be closed for want of a thread is closed with the next message of the same uid; nothing is raised."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    discarder = Discarder()
    read, write = os.pipe()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        discarder.discard(1, [write])
    os.set_blocking(read, False)
    with pytest.raises(BlockingIOError):
        os.read(read, 1)
    discarder.discard(1, [])
    wait_until(lambda: _ended(read), what="the other end is closed")
    os.close(read)


def test_strangers_cost_no_more_than_one_uid(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """However many uids without a grant leave descriptors behind, there is one thread for all of them."""

    def leave(lingering: socket.socket) -> None:
        with rpcd.connect() as connection:
            connection.send(b"{}", [lingering.fileno()])

    before = rpcd.usage().threads
    with ExitStack() as stack:
        with stopped(rpcd):
            for uid in range(3000, 3005):
                lingering = stack.enter_context(lingers())
                as_user(uid, uid, [], partial(leave, lingering))
                lingering.close()
        assert rpcd.call("ping") == "pong"
        wait_until(lambda: rpcd.usage().threads > before, what="a thread that closes")
        assert rpcd.raw(b"{}") is not None
        assert rpcd.usage().threads == before + 1


def _ended(descriptor: int) -> bool:
    try:
        return not os.read(descriptor, 1)
    except BlockingIOError:
        return False
