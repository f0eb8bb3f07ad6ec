"""Contents that travel as descriptors (CASES, group C): what is taken for one, and what is not."""

import errno
import fcntl
import hashlib
import os
import resource
from collections.abc import Callable

import pytest

from rpcd.errors import Refused
from rpcd.store.memfd import FROZEN, give, receive

FUTURE_WRITE = 0x10  # F_SEAL_FUTURE_WRITE, which Python does not name
CONTENT = b"content\0\xff" * 100


def hold(_size: int) -> None:
    """There is always room here."""


def sealed(content: bytes = CONTENT, seals: int = FROZEN) -> int:
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def test_what_is_given_can_be_received() -> None:
    """The content is all there, wherever the offset stands, and whatever else is sealed."""
    for descriptor in (give(CONTENT), sealed(), sealed(seals=FROZEN | fcntl.F_SEAL_SEAL)):
        os.lseek(descriptor, 0, os.SEEK_END)
        digest = hashlib.sha256(CONTENT).hexdigest()
        assert receive(descriptor, hold, limit=len(CONTENT), size=len(CONTENT), sha256=digest) == CONTENT
        os.close(descriptor)
    empty = give(b"")
    assert receive(empty, hold, limit=0) == b""
    os.close(empty)


def test_what_is_given_nobody_can_change() -> None:
    """It can neither be written, nor shrunk, nor grown, nor unsealed."""
    descriptor = give(CONTENT)
    for change in (
        lambda: os.pwrite(descriptor, b"x", 0),
        lambda: os.ftruncate(descriptor, 0),
        lambda: os.ftruncate(descriptor, 1 << 20),
        lambda: fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, FUTURE_WRITE),
    ):
        with pytest.raises(PermissionError):
            change()
    os.close(descriptor)


def pipe() -> int:
    reading, writing = os.pipe()
    os.close(writing)
    return reading


NO_CONTENTS: dict[str, Callable[[], int]] = {
    "unsealed": lambda: sealed(seals=0),
    "only seals sealed": lambda: sealed(seals=fcntl.F_SEAL_SEAL),
    "can be written": lambda: sealed(seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW),
    "can shrink": lambda: sealed(seals=fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW),
    "can be written where it is mapped": lambda: sealed(seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | FUTURE_WRITE),
    "a pipe": pipe,
    "a directory": lambda: os.open("/", os.O_RDONLY),
    "a device": lambda: os.open("/dev/zero", os.O_RDONLY),
    "a path only": lambda: os.open("/etc/passwd", os.O_PATH),
    "a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "a file on tmpfs": lambda: os.open("/dev/shm", os.O_RDWR | os.O_TMPFILE, 0o600),  # noqa: S108
}


@pytest.mark.parametrize("make", NO_CONTENTS.values(), ids=NO_CONTENTS.keys())
def test_what_somebody_could_still_change_is_refused(make: Callable[[], int]) -> None:
    """Anything but a memory file sealed against every change is `invalid_params`, at once."""
    descriptor = make()
    with pytest.raises(Refused) as refused:
        receive(descriptor, hold, limit=1 << 20)
    assert refused.value.data == {"faults": [{"at": "/content/fd", "rule": "sealed"}]}
    os.close(descriptor)


def test_a_content_is_what_its_sender_says() -> None:
    """A size or hash that differs, and a content above the limit, are refused; a terabyte before it is read."""
    descriptor = sealed()
    for said, rule in (({"size": 1}, "size"), ({"sha256": "0" * 64}, "sha256")):
        with pytest.raises(Refused) as refused:
            receive(descriptor, hold, limit=1 << 20, **{"size": None, "sha256": None, **said})  # type: ignore[arg-type]
        assert refused.value.data == {"faults": [{"at": f"/content/{rule}", "rule": "const"}]}
    with pytest.raises(Refused, match="too_large"):
        receive(descriptor, hold, limit=len(CONTENT) - 1)
    os.close(descriptor)
    huge = os.memfd_create("huge", os.MFD_ALLOW_SEALING)
    os.ftruncate(huge, 1 << 40)
    fcntl.fcntl(huge, fcntl.F_ADD_SEALS, FROZEN)
    with pytest.raises(Refused, match="too_large"):
        receive(huge, hold, limit=1 << 24)
    os.close(huge)


def test_without_room_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no descriptor or no memory is left that is `busy`, and no descriptor leaks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(Refused, match="busy"):
            give(CONTENT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr("os.write", refuse)
        with pytest.raises(Refused, match="busy"):
            give(CONTENT)
    again = os.dup(0)
    os.close(again)
    assert again == free
