"""Mutated datagrams against the running server, from several users, with descriptors and disconnects (CASES, 134)."""

import json
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs
import pytest

from tests.conftest import SETTINGS, Serve
from tests.fuzz.mutate import mutated
from tests.fuzz.reference import answered
from tests.fuzz.seeds import corpus, seeds
from tests.harness.memory import memory_file
from tests.harness.seqpacket import Connection, read_json
from tests.harness.server import REPOSITORY, Rpcd
from tests.harness.users import WWW_DATA

STRANGER = 12345

TARGETS = {b'"ini"': b'"shop"', b'"toml"': b'"vhosts"'}
"""What the seeds call targets, and what this server does."""

OPEN = "\n[quotas]\ncalls = 1000000\nchanges = 1000000\n"

LIMIT = 192 * 1024
LIGHT = 4096
"""Bytes of a datagram, and of a stranger's, beyond which it is refused unread: in one reply, whatever it says."""

AHEAD = 16
"""Datagrams that wait for their replies at most."""

GROWTH = 10 * 1024
"""KiB that the server may grow by, once it has seen a part of it all."""

ERROR = jsonschema_rs.Draft202012Validator(json.loads((REPOSITORY / "schemas/error.json").read_text()))


class Attacker:
    """One user's connections, one after the other, and the replies that are still to come."""

    def __init__(self, path: str, random: Random) -> None:
        self.read = LIGHT if os.getuid() == STRANGER else LIMIT
        self.path = path
        self.random = random
        self.connection = Connection(path)
        self.waiting: deque[bytes] = deque()
        usual = [os.open(os.devnull, os.O_RDONLY), *os.pipe()]
        self.open = [*usual, memory_file(b"x\n"), memory_file(b"x\n", seals=0)]

    def send(self, data: bytes) -> None:
        """One datagram, sometimes with descriptors; now and then the connection ends, and nobody takes its replies.

        No descriptors come with a notification: too many of them are refused in a reply, whatever they come with.
        """
        chance = self.random.random()
        descriptors: list[int] = []
        if len(data) > self.read or answered(data):
            self.waiting.append(data)
            if chance < 0.05:
                descriptors = self.random.choices(self.open, k=self.random.choice((1, 1, 2, 16, 17)))
        self.connection.send(data, descriptors)
        if chance > 0.99:
            self.leave()
        elif len(self.waiting) > AHEAD:
            self.hear()

    def leave(self) -> None:
        """End the connection without a look at what it still brings, and begin another."""
        self.connection.close()
        self.waiting.clear()
        self.connection = Connection(self.path)

    def hear(self) -> None:
        """Every reply that is still to come, in order, one for each datagram that gets one; and then no other."""
        while self.waiting:
            data = self.waiting.popleft()
            reply = self.connection.receive()
            assert reply is not None, f"no reply to {data!r}"
            for descriptor in self.connection.descriptors:
                os.close(descriptor)
            _judge(data, reply)
        self.connection.socket.setblocking(False)
        with suppress(BlockingIOError):
            raise AssertionError(f"a reply too many: {self.connection.receive()!r}")
        self.connection.socket.settimeout(20)

    def close(self) -> None:
        """Leave nothing."""
        self.connection.close()
        for descriptor in self.open:
            os.close(descriptor)


def _judge(data: bytes, reply: bytes) -> None:
    """Strict JSON, and errors of the closed vocabulary."""
    answers = read_json(reply)
    for answer in answers if isinstance(answers, list) else [answers]:
        assert answer["jsonrpc"] == "2.0"
        if "error" in answer:
            assert ERROR.is_valid(answer["error"]), answer
            assert answer["error"]["data"]["kind"] != "internal", data


def _sources() -> list[bytes]:
    """What is mutated."""
    sources = [*corpus("gate").values(), *seeds("gate"), *corpus("wire").values()]
    for ours, theirs in TARGETS.items():
        sources = [source.replace(ours, theirs) for source in sources]
    return sources


def _attack(path: str, sources: list[bytes], seed: str, count: int) -> None:
    """Send `count` datagrams that nobody has seen before."""
    random = Random(seed)  # noqa: S311 - repeatable
    attacker = Attacker(path, random)
    for _ in range(count):
        attacker.send(mutated(random.choice(sources), sources, random))
    attacker.hear()
    attacker.close()


@pytest.mark.usefixtures("unmeasured")  # what measures coverage grows with what it has seen
@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_mutated_datagrams_do_no_harm(serve: Serve, as_user: Callable[..., Any], count: int) -> None:
    """At most one strict reply each; no crash, no growth; the audit chain verifies, and honest requests succeed."""
    rpcd = serve(OPEN + SETTINGS.replace(', "server.read_only"', ""))  # in that mode there would be no changes any more
    sources = _sources()  # read here: another user may not be able to
    seed = secrets.token_hex(4)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails

    def attack(part: int) -> None:
        failures: list[BaseException] = []

        def run(uid: int) -> None:
            try:
                as_user(uid, uid, [], partial(_attack, rpcd.socket, sources, f"{seed}-{uid}-{part}", part // 3))
            except BaseException as error:  # noqa: BLE001 - raised where the test sees it
                failures.append(error)

        threads = [threading.Thread(target=run, args=(uid,)) for uid in (os.getuid(), WWW_DATA, STRANGER)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    attack(count // 10)
    before = rpcd.usage().resident
    with rpcd.nothing_leaks():
        attack(count - count // 10)
    grown = rpcd.usage().resident - before
    assert grown < GROWTH, f"{grown} KiB more"
    _honest(rpcd)


def _honest(rpcd: Rpcd) -> None:
    """An honest change is made, and is in the file."""
    (rpcd.scratch / "shop/shop.ini").write_text("[ui]\ntheme = light\n")
    assert rpcd.call("update_key", target="shop", key="ui.theme", value="honest")["changed"] is True
    assert Path(rpcd.scratch / "shop/shop.ini").read_text() == "[ui]\ntheme = honest\n"
    assert not rpcd.records("decided", kind="internal")
