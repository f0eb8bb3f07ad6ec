"""Logs to write, to tamper with and to follow."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from rpcd.audit import AuditLog
from rpcd.audit.chain import Verdict, verify
from rpcd.audit.files import Files
from rpcd.audit.head import read_head
from rpcd.schemas import shipped

SCHEMA = shipped()["audit"]
"""What a record is."""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a log is to be."""
    return str(tmp_path / "audit.jsonl")


def filled(path: str, count: int = 10, head: str | None = None) -> list[bytes]:
    """The lines of a log with some records more."""
    log = AuditLog.open(path, head=head)
    for number in range(count):
        log.write({"event": "decided", "method": f"m{number}"})
    log.close()
    return Path(path).read_bytes().splitlines()


def judged(path: str, head: str | None = None) -> Verdict:
    """What `verify` says of a log and of what was rotated away from it."""
    kept = read_head(head) if head is not None else None
    with Files.of(path) as files:
        return verify(files.parts, kept)


def held(path: str) -> int:
    """How many records hold; AssertionError where one does not."""
    verdict = judged(path)
    assert verdict.holds, verdict
    return verdict.records


@pytest.fixture
def full() -> Iterator[Callable[[int], AbstractContextManager[None]]]:
    """Within `full(size)` no file of this process can grow beyond `size` bytes: a write is cut off there."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    yield limited
    signal.signal(signal.SIGXFSZ, ignored)
