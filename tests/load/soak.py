"""Mixed calls of several uids, for as long as one likes, with clients that fail, lie and vanish (CASES 158).

python -m tests.load.soak [CALLS]
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.conftest import FILES
from tests.harness.seqpacket import Connection, close_all
from tests.harness.server import Rpcd, Usage
from tests.harness.users import as_user
from tests.load.conftest import GET, ONE, OTHER, STRANGER, kind, sealed, settings

__all__ = ["Report", "soak"]

ROUND = 2000
"""Calls after which the callers are replaced by new ones."""

MOST_GROWTH = 24 * 1024
"""KiB that the server may hold more than after its first tenth: what it keeps to be faster is bounded."""


def message(method: str, **params: object) -> bytes:
    """One request."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def read(connection: Connection, _chance: random.Random) -> bytes | None:
    """A key that may be read."""
    return connection.raw(json.dumps(GET).encode())


def change(connection: Connection, chance: random.Random) -> bytes | None:
    """A key that may be changed, for good or for show."""
    dry = chance.random() < 0.2
    value = str(chance.random())
    return connection.raw(message("update_key", target="shop", key="ui.theme", value=value, dry_run=dry))


def replace(connection: Connection, chance: random.Random) -> bytes | None:
    """A file by a descriptor, and others that are no use."""
    descriptor = sealed(chance.randbytes(chance.choice((10, 10_000, 1_000_000))))
    other = os.open("/dev/null", os.O_RDONLY)
    try:
        content = {"fd": chance.choice((0, 0, 0, 1, 7))}
        return connection.raw(message("replace_file", target="motd", content=content), [descriptor, other])
    finally:
        close_all((descriptor, other))


def fetch(connection: Connection, _chance: random.Random) -> bytes | None:
    """A file, as a descriptor."""
    reply = connection.raw(message("read_file", target="motd", **{"as": "fd"}))
    close_all(connection.descriptors)
    return reply


def fail(connection: Connection, chance: random.Random) -> bytes | None:
    """What is refused: unknown, not granted, malformed, too large, too many."""
    return connection.raw(
        chance.choice((
            b"",
            b"{",
            b"\xff",
            chance.randbytes(200),
            b"[" * 5000,
            b" " * 200_000,
            message("no_such_method"),
            message("server.reload"),
            message("get_key", target="shop", key="none"),
            message("get_key", target=5),
            b"[" + b",".join([json.dumps(GET).encode()] * 40) + b"]",
        ))
    )  # fmt: skip


def batch(connection: Connection, chance: random.Random) -> bytes | None:
    """Several at once."""
    entries = [GET] * chance.randrange(1, 10) + [{"no": "request"}]
    reply = connection.raw(json.dumps(entries).encode())
    return b"{}" if reply is not None else None


def vanish(connection: Connection, chance: random.Random) -> bytes | None:
    """Ask, and leave before there is an answer."""
    connection.send(chance.choice((json.dumps(GET).encode(), message("update_key", target="shop", key="x", value=1))))
    connection.close()
    return b"{}"


STEPS: Mapping[Callable[[Connection, random.Random], bytes | None], int] = {
    read: 60,
    change: 5,
    replace: 2,
    fetch: 3,
    fail: 15,
    batch: 5,
    vanish: 10,
}
"""What callers do, and how often."""


def calls(path: str, seed: int, count: int) -> Counter[str]:
    """Make so many calls; how many ended how."""
    chance = random.Random(seed)  # noqa: S311 - so that a failure can be had again
    ended: Counter[str] = Counter()
    connection = Connection(path)
    for step in chance.choices(list(STEPS), list(STEPS.values()), k=count):
        try:
            reply = step(connection, chance)
        except (BrokenPipeError, ConnectionResetError):
            reply = None
        if reply is None or step is vanish:
            connection.close()
            connection = Connection(path)
        ended["vanished" if step is vanish else kind(reply) or "done"] += 1
    connection.close()
    return ended


@dataclass(frozen=True, slots=True)
class Report:
    """What a soak left: how its calls ended, and what the server held after its first tenth and at the end."""

    ended: Counter[str]
    killed: int
    seconds: float
    before: Usage
    after: Usage

    def judge(self) -> None:
        """AssertionError where anything is left or has grown."""
        assert len(self.after.descriptors) <= len(self.before.descriptors), (self.before, self.after)
        assert self.after.threads <= max(self.before.threads, 40), self.after
        assert not self.after.children, self.after
        assert self.after.resident - self.before.resident < MOST_GROWTH, (self.before, self.after)
        assert "internal" not in self.ended
        assert self.ended["done"] > self.ended.total() / 4

    def __str__(self) -> str:
        """For a person."""
        before, after = self.before, self.after
        return (
            f"{self.ended.total():,} calls in {self.seconds:.0f} s, {self.killed} clients killed in the middle\n"
            f"{', '.join(f'{name} {number:,}' for name, number in self.ended.most_common())}\n"
            f"descriptors {len(before.descriptors)} -> {len(after.descriptors)},"
            f" threads {before.threads} -> {after.threads},"
            f" memory {before.resident:,} -> {after.resident:,} KiB, children {len(after.children)}"
        )


def soak(server: Rpcd, count: int) -> Report:
    """Make `count` calls of three uids side by side, and kill some of those who make them."""
    began = time.monotonic()
    ended: Counter[str] = Counter()
    before, killed = server.usage(), 0
    for number in range(0, count, ROUND):
        threads = [
            threading.Thread(target=_run, args=(uid, partial(calls, server.socket, number + uid, share), ended))
            for uid, share in ((ONE, ROUND // 2), (OTHER, ROUND // 4), (STRANGER, ROUND // 4))
        ]
        for thread in threads:
            thread.start()
        killed += _kill_one(server, number)
        for thread in threads:
            thread.join()
        if number <= count // 10:
            before = _settled(server)
    return Report(ended, killed, time.monotonic() - began, before, _settled(server))


def _run(uid: int, work: Callable[[], Counter[str]], ended: Counter[str]) -> None:
    ended.update(as_user(uid, uid, [], work))


def _kill_one(server: Rpcd, seed: int) -> int:
    """Have a client killed while it calls."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.setresuid(ONE, ONE, ONE)
            calls(server.socket, seed, 10**6)
        os._exit(0)
    time.sleep(0.05 + seed % 7 / 50)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


def _settled(server: Rpcd) -> Usage:
    """What the server holds once it has let go of those who left."""
    end = time.monotonic() + 5
    usage = server.usage()
    while time.monotonic() < end and any(link.startswith("socket:") for link in usage.descriptors[8:]):
        time.sleep(0.1)
        usage = server.usage()
    return usage


def main() -> None:
    """Soak a server in a scratch directory, and say what came of it."""
    os.umask(0o022)
    scratch = Path(tempfile.mkdtemp(prefix="rpcd-soak-"))
    scratch.chmod(0o755)
    try:
        for name, content in FILES.items():
            path = scratch / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
            path.chmod(0o600)
        server = Rpcd(scratch, settings())
        server.start()
        try:
            report = soak(server, int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
        finally:
            server.stop()
        print(report)  # noqa: T201 - it is what was asked for
        report.judge()
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
