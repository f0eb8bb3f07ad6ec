"""Who is calling: what peers do to be taken for somebody else (CASES, group A)."""

import ctypes
import json
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rpcd.peer import unit_of
from tests.conftest import SETTINGS, Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import PREFIX, Rpcd
from tests.harness.users import WWW_DATA
from tests.harness.users import as_user as become

STRANGER = 12345
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def kind(reply: bytes | None) -> str | None:
    """What became of a request: the kind of its error, or None where it succeeded."""
    message = json.loads(reply or b"")
    return message["error"]["data"]["kind"] if "error" in message else None


def test_whoami_says_what_the_kernel_says(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """uid, primary gid and all supplementary groups are the caller's own, and the name is the settings'."""
    server = rpcd
    found = as_user(WWW_DATA, 34567, [WWW_DATA, 40001, 4_000_000_000], lambda: Connection(server.socket).call("whoami"))
    assert found["uid"] == WWW_DATA
    assert found["gid"] == 34567
    assert found["groups"] == [WWW_DATA, 40001, 4_000_000_000]


@pytest.mark.parametrize("count", [256, 257, 5000])
def test_a_caller_may_have_many_groups(serve: Serve, as_user: Callable[..., Any], count: int) -> None:
    """A grant for the last of thousands of supplementary groups holds."""
    groups = list(range(50_000, 50_000 + count))
    server = serve(f'\n[[grants]]\ngroups = [{groups[-1]}]\nmethods = ["status"]\n')
    assert as_user(STRANGER, STRANGER, groups, lambda: Connection(server.socket).call("whoami"))["groups"] == groups
    assert as_user(STRANGER, STRANGER, groups[:-1], lambda: Connection(server.socket).kind("ping")) == "denied"


def test_a_large_uid_stays_what_it_is(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Uid 4,000,000,000 is neither negative nor anybody else."""
    uid = 4_000_000_000
    server = serve(f'\n[[grants]]\nusers = [{uid}]\nmethods = ["status"]\n')
    assert as_user(uid, uid, [], lambda: Connection(server.socket).call("whoami"))["uid"] == uid


def test_the_effective_uid_of_the_connect_decides(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """Who connects with real uid 0 and effective uid 12345 is 12345, and is refused: its messages say uid 0."""

    def half() -> str | None:
        os.setresuid(0, STRANGER, 0)
        with Connection(rpcd.socket) as connection:
            return kind(connection.raw(PING))

    assert as_user(0, 0, [], half) == "denied"
    assert rpcd.records("decided")[-1]["peer"]["uid"] == STRANGER


def test_who_drops_privileges_after_connecting_is_refused(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """Root connects, becomes 12345, writes: refused, audited with both, and the connection ends."""

    def drops() -> tuple[str | None, bytes | None]:
        with Connection(rpcd.socket) as connection:
            os.setresgid(STRANGER, STRANGER, STRANGER)
            os.setresuid(STRANGER, STRANGER, STRANGER)
            return kind(connection.raw(PING)), connection.receive()

    assert as_user(0, 0, [], drops) == ("denied", None)
    (record,) = rpcd.records("decided", verdict="denied")
    assert record["peer"]["uid"] == 0
    assert (record["sender"]["uid"], record["sender"]["gid"]) == (STRANGER, STRANGER)


def test_a_connection_may_pass_to_a_child_but_not_to_another_uid(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """A child of the same uid goes on with its parent's connection; one of another uid is refused."""

    def passes(uid: int) -> str | None:
        with Connection(rpcd.socket) as connection:
            return as_user(uid, 0, [], lambda: kind(connection.raw(PING)))  # type: ignore[no-any-return]

    assert passes(0) is None
    assert passes(STRANGER) == "denied"


def test_credentials_that_a_client_sends_are_not_believed(rpcd: Rpcd) -> None:
    """Root may claim any pid and uid in a message: another uid is refused, another pid is not told as fact."""
    with rpcd.connect() as connection:
        for uid, expected in ((0, None), (1000, "denied")):
            claimed = struct.pack("iII", 1, uid, uid)
            ancillary = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, claimed)]
            connection.socket.sendmsg([PING], ancillary)
            assert kind(connection.receive()) == expected
    assert {record["peer"]["pid"] for record in rpcd.records("decided")} == {os.getpid()}


def test_the_name_of_a_client_socket_means_nothing(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """A client bound to an abstract name that looks like an identity is who the kernel says."""

    def bound() -> str | None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.bind(b"\0;uid=0;\ngid=0;")
            client.connect(rpcd.socket)
            client.send(PING)
            return kind(client.recv(4096))

    assert as_user(STRANGER, STRANGER, [], bound) == "denied"


def unshare_user(mapping: str) -> None:
    """Become root of a user namespace of one's own."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(4, 1)  # PR_SET_DUMPABLE: setuid(2) made /proc/self root's
    if libc.unshare(0x10000000):  # CLONE_NEWUSER
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(mapping.format(uid))
    Path("/proc/self/gid_map").write_text(mapping.format(gid))


def test_root_of_a_namespace_is_who_it_is_outside(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """Who is root in a user namespace of its own is its own uid here, and not root."""

    def inside() -> tuple[int, str | None]:
        unshare_user("0 {} 1")
        with Connection(rpcd.socket) as connection:
            return os.getuid(), kind(connection.raw(PING))

    assert as_user(STRANGER, STRANGER, [], inside) == (0, "denied")


def test_a_uid_that_cannot_be_mapped_is_nobody(serve: Serve) -> None:
    """A server in a user namespace sees strangers as 65534: it closes their connections, whatever is granted."""
    server = serve(wrapper=["unshare", "--user", "--map-root-user"])
    with server.connect() as connection:
        assert kind(connection.raw(PING)) is None
    assert _ask_as(70000, server.socket) is None
    assert server.records("connection_refused")


def _ask_as(uid: int, path: str) -> bytes | None:
    def ask() -> bytes | None:
        try:
            with Connection(path) as connection:
                return connection.raw(PING)
        except (BrokenPipeError, ConnectionResetError):
            return None

    return become(uid, uid, [], ask)


def test_a_revoked_grant_ends_with_the_next_request(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """A connection that is open when the settings lose its grant is denied at its next request."""
    ready, go = os.pipe(), os.pipe()

    def holds_on() -> list[str | None]:
        with Connection(rpcd.socket) as connection:
            before = connection.kind("get_key", target="shop", key="ui.theme")
            os.write(ready[1], b"x")
            os.read(go[0], 1)
            return [before, connection.kind("get_key", target="shop", key="ui.theme")]

    found: list[list[str | None]] = []
    thread = threading.Thread(target=lambda: found.append(as_user(WWW_DATA, WWW_DATA, [], holds_on)))
    thread.start()
    os.read(ready[0], 1)
    rpcd.configure(SETTINGS.replace(f"users   = [{WWW_DATA}]", "users   = [54321]"))
    assert rpcd.reload()["verdict"] == "taken"
    os.write(go[1], b"x")
    thread.join()
    for descriptor in (*ready, *go):
        os.close(descriptor)
    assert found == [[None, "denied"]]


# /proc/PID/cgroup, and the unit that it stands for
CGROUPS = [
    ("0::/system.slice/php8.2-fpm.service\n", "php8.2-fpm.service"),
    ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
    ("0::/system.slice/shop.service/workers/rpcd.service\n", "shop.service"),
    ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/php8.2-fpm.service\n", "user@1000.service"),
    ("0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"),
    ("12:pids:/x.service\n1:name=systemd:/system.slice/cron.service\n0::/\n", "cron.service"),
    ("0::/init.scope\n", "init.scope"),
    ("0::/system.slice/shop.service (deleted)\n", None),
    ("0::/docker/0123456789abcdef/system.slice/php8.2-fpm.service\n", None),
    ("0::/\n", None),
    ("", None),
    ("nonsense", None),
]


@pytest.mark.parametrize(("cgroups", "unit"), CGROUPS)
def test_a_unit_is_the_first_below_the_slices(cgroups: str, unit: str | None) -> None:
    """Only what the system's own manager named is a unit, never what a unit or a user made below it."""
    assert unit_of(cgroups) == unit


def cgroup_mount() -> Path:
    """Where the hierarchy is mounted that units are read from."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, kind_of_mount, options, *_ = line.split()
        if kind_of_mount == "cgroup" and "name=systemd" in options.split(","):
            return Path(mount)
    return next(
        Path(line.split()[1]) for line in Path("/proc/self/mounts").read_text().splitlines() if " cgroup2 " in line
    )


def test_a_grant_for_a_unit_holds_in_that_unit_only(serve: Serve, as_user: Callable[..., Any]) -> None:
    """A grant with `units` covers the same uid inside the unit's cgroup, and not outside."""
    server = serve(f'\n[[grants]]\nusers = [{STRANGER}]\nunits = ["rpcd-test.service"]\nmethods = ["status"]\n')
    cgroup = cgroup_mount() / "system.slice" / "rpcd-test.service"
    cgroup.mkdir(parents=True)
    try:

        def within() -> tuple[str | None, dict[str, Any]]:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()))
            os.setresuid(STRANGER, STRANGER, STRANGER)
            with Connection(server.socket) as connection:
                return connection.kind("status"), connection.call("whoami")

        found, me = as_user(0, STRANGER, [], within)
        assert (found, me["unit"]) == (None, "rpcd-test.service")
        assert as_user(STRANGER, STRANGER, [], lambda: Connection(server.socket).kind("status")) == "denied"
    finally:
        cgroup.rmdir()
        cgroup.parent.rmdir() if not list(cgroup.parent.glob("*/")) else None


def test_a_process_is_named_for_good(serve: Serve) -> None:
    """The audit tells pid, start time and executable of who connected, as they are in /proc.

    Landlock hides the executables of other processes from one that has confined itself (landlock(7), ptrace).
    """
    rpcd = serve('landlock = "off"\n' + SETTINGS)
    rpcd.call("ping")
    peer = rpcd.records("decided", method="ping")[0]["peer"]
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    assert (peer["pid"], peer["started"]) == (os.getpid(), int(fields[19]))
    assert peer["exe"] == (None if PREFIX else os.readlink("/proc/self/exe")), "who has fewer capabilities sees none"


def test_a_process_that_has_gone_is_not_looked_up(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Nothing is read about a pid whose process ended before the server looked: it may be somebody else by now."""
    server = serve()
    server.signal(19)  # SIGSTOP: the connection waits in the backlog

    def connects_and_leaves() -> int:
        kept = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept.connect(server.socket)
        kept.send(PING)
        return os.getpid()

    gone = as_user(0, 0, [], connects_and_leaves)
    server.signal(18)
    server.call("ping")
    (peer,) = [record["peer"] for record in server.records("connected") if record["peer"]["pid"] == gone]
    assert (peer["exe"], peer["unit"], peer["started"]) == (None, None, None)


def test_senders_are_known_before_anybody_can_connect(serve: Serve, scratch: Path) -> None:
    """SO_PASSCRED is set before listen(2), so that whatever waits for accept(2) carries its sender."""
    trace = scratch / "trace"
    server = serve(wrapper=["strace", "-f", "-qq", "-e", "trace=setsockopt,listen", "-o", str(trace)])
    server.stop()
    text = trace.read_text()
    assert 0 < text.index("SO_PASSCRED") < text.index("listen(")
