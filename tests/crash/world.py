"""A server on a disk of its own, killed at one system call of a change or of its start, and what must hold after it.

A point is a system call and how many of its kind one thread has made: strace counts for each thread by itself.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.conftest import SETTINGS
from tests.crash.changes import WORLD, Interrupted
from tests.crash.disk import KINDS, Disk
from tests.harness.seqpacket import Connection
from tests.harness.server import REPOSITORY, Rpcd, wait_until

__all__ = ["Point", "World"]

CALLS: Final = (
    "openat2,openat,mkdir,write,writev,ftruncate,fchmod,fchown,fsetxattr,fsync,fdatasync,rename,renameat,renameat2,"
    "link,linkat,unlink,unlinkat,flock,sendmsg,sendto"
)
"""All that a change does to a disk, and to its caller."""

OF_A_START: Final = "write,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir"
"""What a start does to a disk: to open what it reads changes nothing."""


BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
"""What tells one run of the machine from another (random(4)): a cut changes it, for the server that starts after it."""


class Point(NamedTuple):
    """The `number`-th `call` of a thread."""

    call: str
    number: int


class World:
    """A server's world on a disk: its files, settings, state and log. Each `visit` begins with the same one."""

    def __init__(self, kind: str, scratch: Path) -> None:
        self._scratch = scratch
        self._boot()
        self._base = Disk(KINDS[kind], scratch / "base.img", scratch / "disk")
        self._base.make()
        with self._base.mounted():
            self._base.at.chmod(0o755)
            for name, content in WORLD.items():
                path = self._base.at / name
                path.parent.mkdir(mode=0o755, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
                path.chmod(0o600)
            server = self._server()
            server.start()
            server.call("update_key", target="shop", key="ui.theme", value="dark")
            server.stop()

    def points(self, change: Interrupted) -> list[Point]:
        """Every point of a change."""
        trace = ""
        while "sync(" not in trace:  # on a busy machine strace may come too late
            with self._fresh():
                server = self._server()
                server.start()
                params = change.params(server)
                trace = _traced(server, CALLS, "", partial(server.call, change.method, **params))
                server.stop()
        made = Counter(re.findall(r"^(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed)", trace, re.MULTILINE))
        most: dict[str, int] = {}
        for (_, call), count in made.items():
            most[call] = max(most.get(call, 0), count)
        return [Point(call, number) for call, count in sorted(most.items()) for number in range(1, count + 1)]

    def visit(self, change: Interrupted, point: Point, *, cut: bool) -> bool:
        """Kill the server there, cut the power too where `cut`, start it again and look; whether it came there."""
        with self._fresh() as disk:
            killed, answered = self._interrupt(change, point)
            if killed:
                if cut:
                    self._cut(disk)
                self._look(change, answered=answered)
            return killed

    def visit_start(self, change: Interrupted, at: Point, point: Point, *, cut: bool) -> bool:
        """Kill the server `at` that point of a change, and the start after it at another; the next one must do."""
        with self._fresh() as disk:
            killed, answered = self._interrupt(change, at)
            assert killed, f"there is no {at}"
            inject = f"inject={point.call}:signal=SIGKILL:when={point.number}"
            server = self._server("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={OF_A_START}", "-e", inject)
            server.launch()
            process = server.process
            assert process is not None
            wait_until(lambda: process.poll() is not None or _answers(server), what="its end, or an answer")
            killed = process.poll() is not None
            _end(server)
            if killed:
                if cut:
                    self._cut(disk)
                self._look(change, answered=answered)
            return killed

    def _interrupt(self, change: Interrupted, point: Point) -> tuple[bool, bool]:
        """Whether the server was killed there, and whether its caller was answered before."""
        server = self._server()
        server.start()
        params = change.params(server)
        answers: list[object] = []

        def ask() -> None:
            with suppress(OSError, AssertionError, TypeError):  # no reply: the connection ended
                answers.append(server.call(change.method, **params))
            end = time.monotonic() + 0.2  # what comes after the reply
            while _runs(server) and time.monotonic() < end:
                time.sleep(0.01)

        _traced(server, point.call, f"inject={point.call}:signal=SIGKILL:when={point.number}", ask)
        killed = not _runs(server)
        _end(server)
        return killed, bool(answers)

    def _look(self, change: Interrupted, *, answered: bool) -> None:
        """The file is the old or the new one, and what was answered is there; log and history tell the same."""
        server = self._server()
        server.start()
        try:
            self._judge(server, change, answered=answered)
        finally:
            _end(server)

    def _judge(self, server: Rpcd, change: Interrupted, *, answered: bool) -> None:
        path = server.scratch / change.file
        content = path.read_text() if path.exists() else None
        assert content in ({change.after} if answered else {change.before, change.after}), "neither old nor new"
        target = {"shop/shop.ini": "shop", "site/motd": "motd"}.get(change.file, change.file.replace("//", "/"))
        found = server.call("history", target=target)
        newest = found["revisions"][0] if found["revisions"] else None
        if newest is not None:
            assert newest["revision"] == found["revision"]
            assert newest["external"] == (content == change.before and change.file != "shop/shop.ini")
        assert content != change.after or newest is not None, "a change without history"
        changes = [(record["event"], record["change"]) for record in server.audit() if "change" in record]
        intents = [change for event, change in changes if event == "intent"]
        assert sorted(intents) == sorted(change for event, change in changes if event == "outcome")
        kept = [edit for one in found["revisions"] for edit in one["edits"]]
        assert len(kept) <= len(intents)
        server.call("update_key", target="shop", key="ui.title", value="after it")
        server.stop()
        verified = subprocess.run(
            [*_RPCD, "audit", "--config", str(server.config), "verify"],
            capture_output=True,
            check=False,
            text=True,
            cwd=REPOSITORY,
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def _server(self, *wrapper: str) -> Rpcd:
        (self._base.at / "notify.sock").unlink(missing_ok=True)  # the harness's own, which a cut brings back
        boot = self._scratch / "boot_id"
        wrapper = ("unshare", "--mount", "sh", "-c", f'mount --bind {boot} {BOOT_ID}; exec "$0" "$@"', *wrapper)
        return Rpcd(self._base.at, 'landlock = "off"\n' + SETTINGS, wrapper=wrapper)

    def _cut(self, disk: Disk) -> None:
        """Cut the power."""
        disk.cut()
        self._boot()

    def _boot(self) -> None:
        """From now on it is another run of the machine."""
        (self._scratch / "boot_id").write_text(f"{uuid.uuid4()}\n")

    @contextmanager
    def _fresh(self) -> Iterator[Disk]:
        """A copy of the disk, mounted; it is thrown away."""
        disk = self._base.copy(self._scratch / "work.img")
        with disk.mounted():
            yield disk


_RPCD: Final = (sys.executable, "-m", "rpcd")


def _traced(server: Rpcd, calls: str, inject: str, act: Callable[[], object]) -> str:
    """What strace(1) tells of all threads of a running server while `act` acts."""
    tasks = Path(f"/proc/{server.pid}/task")
    with tempfile.NamedTemporaryFile("r") as trace:
        options = ["-e", f"trace={calls}", "-o", trace.name, *(["-e", inject] if inject else [])]
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-p", str(server.pid), *options])
        try:
            wait_until(lambda: all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks.iterdir()))
            time.sleep(0.1)  # seized, they still run until strace has stopped each and let it go on (ptrace(2))
            act()
        finally:
            with suppress(ProcessLookupError):
                tracer.send_signal(signal.SIGINT)
            tracer.wait()
        return trace.read()


def _runs(server: Rpcd) -> bool:
    return server.process is not None and server.process.poll() is None


def _end(server: Rpcd) -> None:
    """Have nothing of a server left, which may have been killed already."""
    with suppress(ProcessLookupError):
        server.kill()


def _answers(server: Rpcd) -> bool:
    try:
        with Connection(server.socket, 1) as connection:
            return bool(connection.call("ping") == "pong")
    except (OSError, AssertionError):
        return False
