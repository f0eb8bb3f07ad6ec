"""One server follows another behind a socket that stays open, while clients call (CASE 42)."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.harness.manager import hand_over
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd, wait_until

LONGEST = 5.0
"""Seconds after which a client that has neither a reply nor the end of its connection hangs."""


@dataclass
class Client:
    """Counts a key of its own up, and notes what it was answered; whatever happens, it connects and goes on."""

    path: str
    key: str
    answered: int = 0
    sent: int = 0
    ends: int = 0
    longest: float = 0.0
    faults: list[object] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        """Call until it is told to stop."""
        while not stop.is_set():
            began = time.monotonic()
            try:
                with Connection(self.path, 4 * LONGEST) as connection:
                    while not stop.is_set():
                        self._call(connection)
                        self.longest = max(self.longest, time.monotonic() - began)
                        began = time.monotonic()
            except (ConnectionResetError, ConnectionRefusedError, BrokenPipeError):
                self.ends += 1
            except Exception as fault:  # noqa: BLE001 - nothing else may happen, and the test says what did
                self.faults.append(fault)
            self.longest = max(self.longest, time.monotonic() - began)

    def _call(self, connection: Connection) -> None:
        self.sent += 1
        request = (
            b'{"jsonrpc":"2.0","id":1,"method":"update_key",'
            b'"params":{"target":"shop","key":"count.%s","value":"%d"}}' % (self.key.encode(), self.sent)
        )
        reply = connection.raw(request)
        if reply is None:
            raise ConnectionResetError
        if b'"changed":true' not in reply:
            self.faults.append(reply)
        self.answered = self.sent


@pytest.fixture
def listener(scratch: Path) -> Iterator[socket.socket]:
    """What a socket unit holds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listener.bind(str(scratch / "rpcd.sock"))
        listener.listen(socket.SOMAXCONN)
        yield listener


def counted(server: Rpcd) -> dict[str, int]:
    """What the file says."""
    lines = (server.scratch / "shop/shop.ini").read_text().splitlines()
    return {
        name.strip(): int(value)
        for name, _, value in (line.partition("=") for line in lines)
        if value.strip().isdigit()
    }


def wait_until_answered(clients: list[Client]) -> None:
    """Wait until each client has been answered once more."""
    known = {client.key: client.answered for client in clients}
    wait_until(lambda: all(client.answered > known[client.key] for client in clients))


@pytest.mark.slow
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_under_load_loses_nothing_that_was_answered(serve: Serve, listener: socket.socket, end: str) -> None:
    """Over three restarts, in order or by a crash, each client has a reply or the end of its connection within 5 s.

    What was answered is in the file, and nothing is there that nobody asked for.
    """
    server = serve(start=False)
    hand_over(server, [listener.fileno()])
    server.start()
    clients = [Client(server.socket, f"c{number}") for number in range(8)]
    stop = threading.Event()
    running = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
    for thread in running:
        thread.start()
    for _ in range(3):
        wait_until_answered(clients)
        getattr(server, end)()
        server.start()
    wait_until_answered(clients)
    stop.set()
    for thread in running:
        thread.join()
    assert [client.faults for client in clients] == [[]] * len(clients)
    assert sum(client.ends for client in clients) >= 3
    assert max(client.longest for client in clients) < LONGEST
    found = counted(server)
    assert [client for client in clients if not client.answered <= found[client.key] <= client.sent] == []
