"""Passed descriptors: what is taken, what is refused, and that none is ever kept (CASES, group C)."""

import array
import fcntl
import hashlib
import json
import mmap
import os
import select
import socket
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import SETTINGS, Serve
from tests.harness.memory import ALL_SEALS, memory_file
from tests.harness.server import Rpcd

MIB = 1024 * 1024
F_SEAL_FUTURE_WRITE = 0x10


def sparse_memory_file(size: int) -> int:
    """A sealed memory file of `size` bytes that takes no memory."""
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, ALL_SEALS)
    return descriptor


def replace(server: Rpcd, descriptor: int, **content: Any) -> dict[str, Any]:
    """The reply to replacing the message of the day by a descriptor, which is closed here."""
    try:
        with server.connect() as connection:
            return connection.request(
                "replace_file", descriptors=[descriptor], target="motd", content={"fd": 0, **content}
            )
    finally:
        os.close(descriptor)


def test_a_sealed_memory_file_becomes_the_content(rpcd: Rpcd) -> None:
    """A sealed memory file, with its size and hash declared, is what the target has afterwards."""
    content = os.urandom(3 * MIB)
    sha256 = hashlib.sha256(content).hexdigest()
    with rpcd.nothing_leaks():
        reply = replace(rpcd, memory_file(content), size=len(content), sha256=sha256)
        assert reply["result"]["revision"] == f"sha256:{sha256}"
    assert (rpcd.scratch / "site/motd").read_bytes() == content


def test_its_offset_does_not_matter(rpcd: Rpcd) -> None:
    """A memory file whose offset stands at its end is taken from its start."""
    descriptor = memory_file(b"whole")
    os.lseek(descriptor, 0, os.SEEK_END)
    assert replace(rpcd, descriptor)["result"]["changed"] is True
    assert (rpcd.scratch / "site/motd").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("declared", "at"),
    [({"size": 4}, "/content/size"), ({"sha256": "0" * 64}, "/content/sha256")],
)
def test_what_is_declared_must_hold(rpcd: Rpcd, declared: dict[str, Any], at: str) -> None:
    """A size or a hash that is not the content's refuses the call, which says which of them."""
    error = replace(rpcd, memory_file(b"12345"), **declared)["error"]
    assert error["data"]["kind"] == "invalid_params"
    assert error["data"]["faults"][0]["at"] == at


def tmpfs_file() -> int:
    descriptor, path = tempfile.mkstemp(dir="/dev/shm")
    os.unlink(path)
    return descriptor


def pipe_end() -> int:
    reading, writing = os.pipe()
    os.close(writing)
    return reading


def socket_end() -> int:
    one, other = socket.socketpair()
    other.close()
    return one.detach()


def epoll() -> int:
    with select.epoll() as polled:
        return os.dup(polled.fileno())


UNSUITABLE: dict[str, Callable[[], int]] = {
    "without seals": lambda: memory_file(b"x", 0),
    "sealed only against sealing": lambda: memory_file(b"x", fcntl.F_SEAL_SEAL),
    "sealed only against later writing": lambda: memory_file(b"x", F_SEAL_FUTURE_WRITE),
    "without the seal against growing": lambda: memory_file(b"x", ALL_SEALS & ~fcntl.F_SEAL_GROW),
    "without the seal against shrinking": lambda: memory_file(b"x", ALL_SEALS & ~fcntl.F_SEAL_SHRINK),
    "a file on a tmpfs": tmpfs_file,
    "a regular file": lambda: os.open(__file__, os.O_RDONLY),
    "a directory": lambda: os.open("/", os.O_RDONLY),
    "a path only": lambda: os.open("/etc/passwd", os.O_PATH),
    "a pipe": pipe_end,
    "a socket": socket_end,
    "/dev/zero": lambda: os.open("/dev/zero", os.O_RDONLY),
    "/proc/kmsg": lambda: os.open("/proc/kmsg", os.O_RDONLY | os.O_NONBLOCK),
    "an epoll": epoll,
    "a pidfd": lambda: os.pidfd_open(os.getpid()),
}


@pytest.mark.parametrize("make", UNSUITABLE.values(), ids=UNSUITABLE.keys())
def test_everything_else_is_refused_at_once(rpcd: Rpcd, make: Callable[[], int]) -> None:
    """What is not a memory file sealed against every change is `invalid_params`, unread, and is closed."""
    before = (rpcd.scratch / "site/motd").read_bytes()
    with rpcd.nothing_leaks():
        error = replace(rpcd, make())["error"]
        assert error["data"] == {"kind": "invalid_params", "faults": [{"at": "/content/fd", "rule": "sealed"}]}
    assert (rpcd.scratch / "site/motd").read_bytes() == before


def test_a_sparse_terabyte_is_too_large(rpcd: Rpcd) -> None:
    """A sealed memory file of a terabyte is refused by its size, and no memory is spent on it."""
    before = rpcd.usage().resident
    assert replace(rpcd, sparse_memory_file(1 << 40))["error"]["data"] == {"kind": "too_large", "limit": 16 * MIB}
    assert rpcd.usage().resident - before < 4096


@pytest.mark.parametrize("over", [0, 1])
def test_a_content_has_at_most_the_limit(rpcd: Rpcd, over: int) -> None:
    """A content of 16 MiB is written; one byte more is `too_large`."""
    reply = replace(rpcd, sparse_memory_file(16 * MIB + over))
    assert ("error" in reply) == bool(over)


def test_a_shared_mapping_cannot_change_what_was_judged(rpcd: Rpcd) -> None:
    """While a writable mapping exists nobody can seal a memory file, so what is written is what was hashed."""
    stop = threading.Event()
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, 4096)
    mapping = mmap.mmap(descriptor, 4096)

    def flip() -> None:
        while not stop.is_set():
            mapping[:8] = os.urandom(8)

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        with rpcd.connect() as connection:
            for _ in range(200):
                with pytest.raises(OSError, match="busy"):
                    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
                kind = connection.kind("replace_file", descriptors=[descriptor], target="motd", content={"fd": 0})
                assert kind == "invalid_params"
    finally:
        stop.set()
        thread.join()
        mapping.close()
        os.close(descriptor)
    for record in rpcd.records("outcome", changed=True):
        assert record["after"] == "sha256:" + hashlib.sha256((rpcd.scratch / "site/motd").read_bytes()).hexdigest()


def test_a_large_file_comes_back_as_a_sealed_memory_file(rpcd: Rpcd) -> None:
    """A file that fits into no reply arrives as a descriptor of a memory file that nobody can change."""
    content = os.urandom(MIB)
    assert "result" in replace(rpcd, memory_file(content))
    with rpcd.nothing_leaks(), rpcd.connect() as connection:
        result = connection.call("read_file", target="motd")
        assert result["content"] == {"fd": 0}
        (descriptor,) = connection.descriptors
        sealed = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW
        assert fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & sealed == sealed
        assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        assert os.pread(descriptor, 2 * MIB, 0) == content
        os.close(descriptor)


def test_a_notification_leaves_no_descriptor(rpcd: Rpcd) -> None:
    """A notification that reads a large file gets no reply, and leaves no memory file in the server."""
    assert "result" in replace(rpcd, memory_file(os.urandom(MIB)))
    with rpcd.nothing_leaks(), rpcd.connect() as connection:
        for _ in range(20):
            connection.send(b'{"jsonrpc":"2.0","method":"read_file","params":{"target":"motd"}}')
        assert connection.call("ping") == "pong"


# What comes with a message that does not want it


def requests_that_take_none() -> dict[str, bytes]:
    """Messages with which a descriptor has no business."""

    def call(method: str, **params: Any) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()

    return {
        "a method that takes none": call("ping"),
        "a denied call": call("get_key", target="nowhere", key="a"),
        "invalid parameters": call("get_key", target=1),
        "no JSON": b"{",
        "nothing": b"",
        "a batch": b"[" + call("ping") + b"," + call("ping") + b"]",
        "a notification": b'{"jsonrpc":"2.0","method":"ping"}',
        "a message that is too large": b" " * (200 * 1024),
        "an index that is not there": call("replace_file", target="motd", content={"fd": 7}),
    }


@pytest.mark.parametrize("data", requests_that_take_none().values(), ids=requests_that_take_none().keys())
@pytest.mark.parametrize("count", [1, 16, 17, 253])
def test_descriptors_nobody_wants_are_closed(rpcd: Rpcd, data: bytes, count: int) -> None:
    """Whatever message they come with, and however many they are, no descriptor stays open in the server."""
    descriptor = os.open("/dev/null", os.O_RDONLY)
    with rpcd.nothing_leaks(), rpcd.connect() as connection:
        for _ in range(10):
            connection.send(data, [descriptor] * count)
        connection.socket.shutdown(socket.SHUT_WR)
        while connection.receive() is not None:
            pass
    os.close(descriptor)
    assert rpcd.kind("ping") is None


def test_more_than_sixteen_are_refused(rpcd: Rpcd) -> None:
    """A message with 17 descriptors is not executed: `too_large`, with the limit."""
    descriptor = os.open("/dev/null", os.O_RDONLY)
    with rpcd.connect() as connection:
        connection.send(b'{"jsonrpc":"2.0","id":1,"method":"ping"}', [descriptor] * 17)
        reply = json.loads(connection.receive() or b"")
    os.close(descriptor)
    assert reply["error"]["data"] == {"kind": "too_large", "limit": 16}


def test_in_a_batch_each_is_used_once(rpcd: Rpcd) -> None:
    """Two entries of a batch cannot take the same descriptor: the second is `invalid_params`."""
    descriptor = memory_file(b"once\n")
    params = {"target": "motd", "content": {"fd": 0}}
    entry = {"jsonrpc": "2.0", "method": "replace_file", "params": params}
    with rpcd.connect() as connection:
        first, second = connection.ask([{**entry, "id": 1}, {**entry, "id": 2}], [descriptor])
    os.close(descriptor)
    assert first["result"]["changed"] is True
    assert second["error"]["data"]["kind"] == "invalid_params"


def test_switched_off_nobody_can_send_any(serve: Serve) -> None:
    """With `descriptors = false` the kernel refuses to send them (Linux 6.16), and contents still travel inline."""
    server = serve("descriptors = false\n" + SETTINGS)
    with server.connect() as connection, open(os.devnull, "rb") as null:
        with pytest.raises(PermissionError):
            connection.send(b"{}", [null.fileno()])
        assert connection.call("replace_file", target="motd", content="inline\n")["changed"] is True


def test_at_the_limit_of_descriptors_nothing_partial_is_used(serve: Serve) -> None:
    """Where the server has no descriptor left for those that came, the message is `busy`, and served again later."""
    server = serve(wrapper=["prlimit", "--nofile=24"])
    descriptor = memory_file(b"x")
    with server.nothing_leaks():
        held = [server.connect() for _ in range(4)]
        reply = None
        with server.connect() as connection:
            connection.send(b'{"jsonrpc":"2.0","id":1,"method":"ping"}', [descriptor] * 16)
            reply = json.loads(connection.receive() or b"")
        for one in held:
            one.close()
    os.close(descriptor)
    assert reply["error"]["data"] == {"kind": "busy", "retry_after": 1}


def test_cycles_of_sockets_leave_nothing(rpcd: Rpcd) -> None:
    """A connection that is sent into itself, or a pair sent into each other, is closed and collected."""
    with rpcd.nothing_leaks():
        for _ in range(200):
            with rpcd.connect() as connection:
                connection.send(b"{}", [connection.socket.fileno()])
                one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                packed = array.array("i", [other.fileno()])
                one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)])
                connection.send(b"{}", [one.fileno(), other.fileno()])
                one.close()
                other.close()
