"""Contents that travel as descriptors (CASES, group C): what is taken for one, and what is not."""

import errno
import fcntl
import hashlib
import mmap
import os
import resource
import socket
import subprocess
from collections.abc import Callable
from functools import partial

import pytest

from rpcd.errors import Refused
from rpcd.store.memfd import FROZEN, give, receive
from tests.harness.users import as_user

FUTURE_WRITE = 0x10  # F_SEAL_FUTURE_WRITE, which Python does not name
CONTENT = b"content\0\xff" * 100


def hold(_size: int) -> None:
    """There is always room here."""


def sealed(content: bytes = CONTENT, seals: int = FROZEN) -> int:
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def test_a_content_is_received() -> None:
    """The content is all there, wherever the offset stands, and whatever else is sealed."""
    for descriptor in (sealed(), sealed(seals=FROZEN | fcntl.F_SEAL_SEAL)):
        os.lseek(descriptor, 0, os.SEEK_END)
        digest = hashlib.sha256(CONTENT).hexdigest()
        assert receive(descriptor, hold, limit=len(CONTENT), size=len(CONTENT), sha256=digest) == CONTENT
        os.close(descriptor)
    empty = sealed(b"")
    assert receive(empty, hold, limit=0) == b""
    os.close(empty)


def test_what_is_given_nobody_can_change() -> None:
    """It can neither be written, nor shrunk, nor grown, nor unsealed."""
    descriptor, is_back = give(CONTENT)
    for change in (
        lambda: os.pwrite(descriptor, b"x", 0),
        lambda: os.ftruncate(descriptor, 0),
        lambda: os.ftruncate(descriptor, 1 << 20),
        lambda: fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, FUTURE_WRITE),
        lambda: as_user(1000, 1000, [], lambda: os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)),
    ):
        with pytest.raises(OSError, match=r"Operation not permitted|Bad file|Invalid argument|Permission denied"):
            change()
    assert os.pread(descriptor, len(CONTENT) + 1, 0) == CONTENT
    os.close(descriptor)
    assert is_back()


def in_flight(descriptor: int) -> Callable[[], None]:
    """It waits in the queue of a socket that nobody reads."""
    one, other = socket.socketpair()
    socket.send_fds(one, [b"x"], [descriptor])
    one.close()
    return other.close


def mapped(descriptor: int) -> Callable[[], None]:
    """It is mapped into the memory of somebody."""
    return mmap.mmap(descriptor, len(CONTENT), prot=mmap.PROT_READ).close


def opened_again(descriptor: int) -> Callable[[], None]:
    """It was opened once more."""
    again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
    return partial(os.close, again)


def in_a_child(descriptor: int) -> Callable[[], None]:
    """Another process has it."""
    child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])

    def end() -> None:
        child.kill()
        child.wait()

    return end


@pytest.mark.parametrize("hold", [in_flight, mapped, opened_again, in_a_child])
def test_what_is_given_is_ours_until_everybody_lets_go_of_it(hold: Callable[[int], Callable[[], None]]) -> None:
    """As long as anybody holds it in any way it is not back; then it is, and no descriptor of ours is left."""
    before = len(os.listdir("/proc/self/fd"))
    descriptor, is_back = give(CONTENT)
    let_go = hold(descriptor)
    assert not is_back()
    os.close(descriptor)
    assert not is_back()
    let_go()
    assert is_back()
    assert len(os.listdir("/proc/self/fd")) == before


def test_who_only_names_it_does_not_keep_the_memory() -> None:
    """A descriptor without access (O_PATH), which nobody can see, has nothing behind it once it is back."""
    descriptor, is_back = give(CONTENT)
    path = os.open(f"/proc/self/fd/{descriptor}", os.O_PATH)
    os.close(descriptor)
    assert is_back()
    assert os.stat(f"/proc/self/fd/{path}").st_size == 0
    os.close(path)


def test_to_take_it_back_no_descriptor_need_be_left() -> None:
    """Where every descriptor is in use, what is back is emptied and closed all the same: it is one of them."""
    given, is_back = give(CONTENT)
    path = os.open(f"/proc/self/fd/{given}", os.O_PATH)
    os.close(given)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        assert is_back()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert os.fstat(path).st_size == 0
    os.close(path)


def test_where_there_are_no_leases_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel gives no leases (fs.leases-enable) what was given is as good as back, and whole."""
    real = fcntl.fcntl

    def refuse(descriptor: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETLEASE:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(descriptor, command, argument)

    descriptor, is_back = give(CONTENT)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "fcntl", refuse)
        assert is_back()
    assert os.pread(descriptor, len(CONTENT) + 1, 0) == CONTENT
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
