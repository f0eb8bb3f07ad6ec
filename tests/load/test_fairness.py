"""While one uid floods, what another notices of it (CASES 30, 31, 155, 156 and 160).

The ratio of the 99th percentiles, flooded to unloaded, is printed; no test fails by it, since machines that run tests
have other things to do.
"""

import json
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
from tests.load.conftest import GET, ONE, OTHER, PING, PONG, Flood, beside, latencies, p99, sealed, settings

pytestmark = pytest.mark.slow

SECONDS = 2.0

SO_SNDBUFFORCE = 32  # asm-generic/socket.h; Python has no name for it


def pipelining(path: str, count: int, message: bytes) -> Callable[[], object]:
    """`count` connections whose queues are kept full; replies are taken, or the server would stop reading."""
    connections = [Connection(path) for _ in range(count)]
    for connection in connections:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        connection.socket.setblocking(False)

    def step() -> None:
        for connection in connections:
            with suppress(BlockingIOError):
                while True:
                    connection.send(message)
            with suppress(BlockingIOError):
                while connection.receive():
                    pass

    return step


def changing(path: str, count: int) -> Callable[[], object]:
    """`count` connections that each change the same file, as often as they are answered."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "update_key"}
    connections = [Connection(path) for _ in range(count)]
    numbers = iter(range(10**9))

    def step() -> None:
        for connection in connections:
            params = {"target": "shop", "key": "ui.title", "value": str(next(numbers))}
            connection.send(json.dumps({**message, "params": params}).encode())
        for connection in connections:
            connection.receive()

    return step


def replacing(path: str, size: int) -> Callable[[], object]:
    """Eight connections that replace a file with a content of this size."""
    descriptor = sealed(os.urandom(size))
    params = {"target": "motd", "content": {"fd": 0}}
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "replace_file", "params": params}).encode()
    connections = [Connection(path, 60) for _ in range(8)]

    def step() -> None:
        for connection in connections:
            connection.send(message, [descriptor])
        for connection in connections:
            connection.receive()

    return step


def vanishing(path: str) -> Callable[[], object]:
    """Callers that ask and leave, and callers that leave descriptors behind."""
    descriptor = os.open("/dev/null", os.O_RDONLY)

    def step() -> None:
        for _ in range(20):
            # Too many descriptors of one uid under way at once are the kernel's to refuse (ETOOMANYREFS, unix(7)).
            with Connection(path) as connection, suppress(OSError):
                connection.send(json.dumps(GET).encode(), [descriptor] * 8)

    return step


BATCH = json.dumps([GET] * 32).encode()
UNFOLDING = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[' + b",".join([b"[]"] * 50_000) + b"]}"
LARGE = PING + b" " * (150 * 1024)

FLOODS: dict[str, Callable[[str], Callable[[], object]]] = {
    "278 requests on each of 8 connections": partial(pipelining, count=8, message=json.dumps(GET).encode()),
    "as many on each of 200": partial(pipelining, count=200, message=json.dumps(GET).encode()),
    "batches": partial(pipelining, count=50, message=BATCH),
    "large messages": partial(pipelining, count=8, message=LARGE),
    "messages that unfold": partial(pipelining, count=8, message=UNFOLDING),
    "changes by 64": partial(changing, count=64),
    "contents of 16 MiB": partial(replacing, size=16 * 1024 * 1024),
    "connections that vanish": vanishing,
}


@pytest.mark.parametrize("name", FLOODS)
def test_another_uid_hardly_notices(
    serve: Serve, flood: Flood, as_user: Callable[..., Any], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Every call of another uid is answered, each before the flood has an end."""
    server = serve(settings())
    measure = partial(as_user, OTHER, OTHER, [], partial(latencies, server.socket, SECONDS))
    with server.nothing_leaks():
        unloaded = measure()
        with flood(ONE, partial(FLOODS[name], server.socket)):
            flooded = measure()
    with capsys.disabled():
        ratio = p99(flooded) / p99(unloaded)
        times = f"p99 {p99(unloaded) * 1e3:.2f} ms, flooded {p99(flooded) * 1e3:.2f} ms"
        print(f"\n{name}: {times}: {ratio:.1f} times")  # noqa: T201 - a figure for who runs it


def told(path: str, count: int) -> list[bytes | None]:
    """What so many calls are answered, one after the other."""
    with Connection(path) as connection:
        return [connection.raw(PING) for _ in range(count)]


def test_ten_thousand_queued_requests_are_served_in_turn(
    serve: Serve, scratch: Path, as_user: Callable[..., Any]
) -> None:
    """However many requests one connection has queued, another uid's is answered next, and in the end all are."""
    server = serve(settings(calls=1_000_000))
    full = scratch / "full"

    def queue() -> tuple[int, int]:
        with Connection(server.socket, 60) as connection:
            connection.socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 24)
            connection.socket.setblocking(False)
            sent = answered = 0
            while answered < 20_000:
                with suppress(BlockingIOError):
                    while sent < 20_000:
                        connection.send(PING)
                        sent += 1
                full.touch()
                with suppress(BlockingIOError):
                    while connection.receive():
                        answered += 1
            return sent, answered

    with beside(partial(as_user, 0, 0, [], queue)) as queued:
        wait_until(full.exists)
        assert as_user(OTHER, OTHER, [], partial(told, server.socket, 50)) == [PONG] * 50
        assert not queued.done()
    assert queued.result() == (20_000, 20_000)


def test_a_server_that_was_stopped_goes_on(serve: Serve) -> None:
    """SIGSTOP for longer than every time limit, then SIGCONT: nobody who waited is cut off, no reply is lost."""
    server = serve(settings(idle="1 s", stall="1 s", idle_of_strangers="1 s"))
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in connections:
            assert connection.raw(PING) == PONG
        server.signal(signal.SIGSTOP)
        for connection in connections:
            connection.send(PING)
        time.sleep(4)  # every limit passes meanwhile: time itself is what is tried
        server.signal(signal.SIGCONT)
        assert [connection.receive() for connection in connections] == [PONG] * 20
