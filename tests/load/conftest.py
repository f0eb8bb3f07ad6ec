"""What the tests under load stand on: callers of several uids, in processes of their own."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from tests.conftest import SETTINGS
from tests.harness.seqpacket import Connection

Result = TypeVar("Result")

ONE, OTHER, STRANGER = 2001, 2002, 2999
"""Two callers with grants, and one without."""

CALLERS = f"""
[[grants]]
users   = [{", ".join(str(uid) for uid in range(ONE, ONE + 300) if uid != STRANGER)}]
methods = ["get_key", "update_key", "read_file", "replace_file"]
targets = ["*"]
"""

GET = {"jsonrpc": "2.0", "id": 1, "method": "get_key", "params": {"target": "shop", "key": "ui.theme"}}
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
PONG = b'{"jsonrpc":"2.0","result":"pong","id":1}'


def settings(**quotas: object) -> str:
    """The usual settings, with the callers above and these quotas."""
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in quotas.items())
    return f"{SETTINGS}{CALLERS}\n[quotas]\n{lines}"


def kind(reply: bytes | None) -> str | None:
    """What became of a request: the kind of its error, None where it succeeded, `closed` where nothing came back."""
    if reply is None:
        return "closed"
    message = json.loads(reply)
    return message["error"]["data"]["kind"] if "error" in message else None


def sealed(content: bytes) -> int:
    """A sealed memory file."""
    descriptor = os.memfd_create("content", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return descriptor


def latencies(path: str, seconds: float) -> list[float]:
    """Seconds that each of many calls took, one after the other, in ascending order."""
    taken = []
    with Connection(path) as connection:
        end = time.monotonic() + seconds
        while (start := time.monotonic()) < end:
            reply = connection.ask(GET)
            assert "result" in reply, reply
            taken.append(time.monotonic() - start)
    return sorted(taken)


def p99(taken: list[float]) -> float:
    """The 99th percentile."""
    return taken[len(taken) * 99 // 100]


@contextmanager
def beside(function: Callable[[], Result]) -> Iterator["Future[Result]"]:
    """Have a function run in a thread while a block runs, and wait for its end after."""
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(function)
        yield done
    done.result()


class Flood(Protocol):
    """Has a uid do something again and again, in a process of its own, while a block runs."""

    def __call__(self, uid: int, work: Callable[[], Callable[[], object]]) -> AbstractContextManager[None]:
        """`work()` is called once there; what it returns again and again."""


@pytest.fixture
def flood(scratch: Path, as_user: Callable[..., Any]) -> Flood:
    """See `Flood`."""

    @contextmanager
    def flood(uid: int, work: Callable[[], Callable[[], object]]) -> Iterator[None]:
        stop, begun = scratch / f"stop-{uid}", scratch / "begun"
        begun.mkdir(exist_ok=True)
        begun.chmod(0o777)
        thread = threading.Thread(target=partial(as_user, uid, uid, [], partial(_again, work, stop, begun / str(uid))))
        thread.start()
        try:
            while not (begun / str(uid)).exists():
                assert thread.is_alive(), "the flood ended before it began"
                time.sleep(0.01)
            yield
        finally:
            stop.touch()
            thread.join()

    return flood


def _again(work: Callable[[], Callable[[], object]], stop: Path, begun: Path) -> None:
    step = work()
    step()
    begun.touch()
    while not os.path.exists(stop):
        with suppress(ConnectionError, TimeoutError, BlockingIOError):  # the last: the backlog is full (connect(2))
            step()
