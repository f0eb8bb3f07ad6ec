"""The real server process, in a directory of its own, and the look at it that ends every test."""

import gzip
import hashlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tests.harness.seqpacket import PATIENCE, Connection
from tests.harness.users import FORKING

__all__ = ["PREFIX", "REPOSITORY", "Rpcd", "Usage", "settings_text", "verify_chain", "wait_until"]

REPOSITORY = Path(__file__).resolve().parents[2]

PREFIX = os.environ.get("RPCD_TEST_PREFIX", "").split()
FLAGS = os.environ.get("RPCD_TEST_FLAGS", "").split()
"""What stands before the interpreter of every server, and behind it: see `.ci/confined`."""

MOST_THREADS = 40
"""Workers, and the few threads that have a task of their own."""

SIGNS_OF_A_BUG = (
    "Traceback",
    "was never awaited",
    "was never retrieved",
    "ResourceWarning",
    "Exception ignored",
    "logger=asyncio",  # something was raised into the event loop
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds; `resident` is in KiB."""

    descriptors: tuple[str, ...]
    threads: int
    resident: int
    children: tuple[int, ...]


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE, what: str = "what was waited for") -> None:
    """Look again and again until `condition` holds; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.005)


def settings_text(scratch: Path, settings: str) -> str:
    """The whole of rpcd.toml: `[server]` and `[audit]` inside `scratch`, then `settings`.

    `{scratch}` in `settings` becomes the directory. Members before the first table of `settings` go on with
    `[server]`; a `[server]` or `[audit]` table in `settings` replaces ours altogether. Where coverage is measured,
    Landlock is off unless `settings` say otherwise: a process writes what it has gathered where it could not any more.
    """
    settings = settings.replace("{scratch}", str(scratch))
    lines = settings.splitlines()
    server = "" if "[server]" in lines else f'[server]\nsocket = "{scratch}/rpcd.sock"\nstate = "{scratch}/state"\n'
    audit = "" if "[audit]" in lines else f'\n[audit]\nlog = "{scratch}/log/audit.jsonl"\n'
    text = server + settings + audit
    if "COVERAGE_FILE" in os.environ and "landlock" not in text:
        text = text.replace("[server]\n", '[server]\nlandlock = "off"\n', 1)
    return text


def verify_chain(log: Path) -> list[dict[str, Any]]:
    """The records of an audit log, and of what was rotated away from it before.

    AssertionError where `seq` or `prev` does not follow from the line before.
    """
    records: list[dict[str, Any]] = []
    before = "0" * 64
    files = {}
    for path in log.parent.glob(f"{log.name}*"):
        content = path.read_bytes()
        if lines := (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines():
            files[json.loads(lines[0])["seq"]] = lines
    for line in chain.from_iterable(files[first] for first in sorted(files)):
        assert all(0x20 <= byte < 0x7F for byte in line), f"not plain ASCII: {line!r}"
        record = json.loads(line)
        assert record["prev"] == before, f"the chain breaks at {record}"
        if records:
            assert record["seq"] == records[-1]["seq"] + 1, f"seq jumps at {record}"
        before = hashlib.sha256(line).hexdigest()
        records.append(record)
    return records


class Rpcd:
    """`python -m rpcd serve` with settings in `scratch`.

    `wrapper` stands before the interpreter (`["strace", …]`), `flags` behind it (`["-O"]`); `python` is another
    interpreter, which has rpcd installed; `command` is another way to start rpcd altogether, and `directory` where it
    is started; `exit_code` is what the end has to be.
    """

    def __init__(
        self,
        scratch: Path,
        settings: str,
        *,
        wrapper: Sequence[str] = (),
        flags: Sequence[str] = (),
        python: str | None = None,
        command: Sequence[str] | None = None,
        directory: str = "/",
        environment: Mapping[str, str] | None = None,
        exit_code: int = 0,
    ) -> None:
        self.scratch = scratch
        self.config = scratch / "rpcd.toml"
        self.socket = str(scratch / "rpcd.sock")
        self.audit_log = scratch / "log" / "audit.jsonl"
        self.stderr = scratch / "stderr"
        self.exit_code = exit_code
        interpreter = python or sys.executable
        command = command or [interpreter, *FLAGS, *flags, "-m", "rpcd"]
        self.command = [*wrapper, *PREFIX, *command, "serve", "--config", str(self.config)]
        self.directory = directory
        self.environment = dict(os.environ) | ({} if python else {"PYTHONPATH": str(REPOSITORY)})
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed server need not compile itself either
        self.environment |= environment or {}
        self.passed: Sequence[int] = ()  # descriptors that the process inherits
        self.process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._connection: Connection | None = None
        for name in ("state", "log"):
            (scratch / name).mkdir(mode=0o700, exist_ok=True)
        self.configure(settings)

    def configure(self, settings: str) -> None:
        """Write rpcd.toml anew; see `settings_text`. Takes effect at the next start or reload."""
        self.config.write_text(settings_text(self.scratch, settings))
        self.config.chmod(0o600)

    # The process

    @property
    def pid(self) -> int:
        """The server's own process, also behind a wrapper, once it is ready."""
        assert self._pid is not None, "it has not been started"
        return self._pid

    def is_process(self, pid: int) -> None:
        """Say which process said that it is ready, where somebody else was told."""
        self._pid = pid

    def start(self) -> None:
        """Start, and wait until it is ready."""
        notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with notifications:
            notifications.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            address = str(self.scratch / "notify.sock")
            notifications.bind(address)
            try:
                self.launch({"NOTIFY_SOCKET": address})
                self._wait_ready(notifications)
            finally:
                os.unlink(address)

    def launch(self, environment: Mapping[str, str] | None = None) -> None:
        """Start without waiting for anything."""
        assert self.process is None or self.process.poll() is not None, "it runs"
        with self.stderr.open("ab") as stderr, FORKING:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=self.environment | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
                pass_fds=self.passed,
            )
        self._pid = self.process.pid

    def _wait_ready(self, notifications: socket.socket) -> None:
        assert self.process is not None
        end = time.monotonic() + PATIENCE
        while True:
            if select.select([notifications], [], [], 0.02)[0]:
                said, ancillary, _, _ = notifications.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("iII")))
                if b"READY=1" in said:
                    ((_, _, sender),) = ancillary
                    self._pid, _, _ = struct.unpack("iII", sender)
                    return
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log()}"
            assert time.monotonic() < end, f"not ready within {PATIENCE} s: {self.log()}"

    def refuses_to_start(self) -> str:
        """Start it where it must not start: what it says on standard error, without a traceback."""
        self.launch()
        assert self.process is not None
        status = self.process.wait(PATIENCE)
        self.process = None
        said = self.log()
        assert status not in (0, -signal.SIGABRT, -signal.SIGSEGV), f"exit status {status}: {said}"
        assert not any(sign in said for sign in SIGNS_OF_A_BUG), said
        return said

    def log(self) -> str:
        """What it has written to standard output and error so far."""
        return self.stderr.read_text(errors="replace")

    def signal(self, number: int) -> None:
        """Send a signal to the server's own process: a wrapper may have its own ideas about signals."""
        os.kill(self.pid, number)

    def reload(self) -> dict[str, Any]:
        """SIGHUP, and the `settings` record that says what became of it."""
        known = len(self.records("settings"))
        self.signal(signal.SIGHUP)
        wait_until(lambda: len(self.records("settings")) > known, what="a settings record")
        return self.records("settings")[-1]

    def kill(self) -> None:
        """SIGKILL to everything of it, as a crash would end it."""
        self._hang_up()
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
            self.process = None

    def stop(self) -> None:
        """SIGTERM, then the look that ends every test; harmless when it has been stopped or killed."""
        self._hang_up()
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended by itself: the exit status tells
                self.signal(signal.SIGTERM)
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"SIGTERM did not end it within {PATIENCE} s: {self.log()}") from None
        survivors = members_of_session(process.pid)
        for survivor in survivors:
            os.kill(survivor, signal.SIGKILL)
        assert status == self.exit_code, f"exit status {status}: {self.log()}"
        assert not survivors, f"processes are left: {survivors}"
        self.look()

    def look(self) -> None:
        """What must hold whatever happened: no sign of a bug in the log, a whole audit chain, nothing left over."""
        said = self.log()
        assert not any(sign in said for sign in SIGNS_OF_A_BUG), said
        if self.audit_log.exists():
            assert self.audit_log.stat().st_mode & 0o7777 == 0o600
            verify_chain(self.audit_log)
        leftovers = [str(path) for path in self.scratch.rglob(".rpcd-*~")]
        assert not leftovers, f"files are left: {leftovers}"

    # Talking to it

    def connect(self, timeout: float = PATIENCE) -> Connection:
        """A new connection, which the caller closes."""
        return Connection(self.socket, timeout)

    @property
    def connection(self) -> Connection:
        """One connection that stays open from call to call."""
        if self._connection is None:
            self._connection = self.connect()
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, /, **params: Any) -> Any:
        """The result of a call; raises `Failure` for an error reply."""
        return self.connection.call(method, **params)

    def error(self, method: str, /, **params: Any) -> dict[str, Any]:
        """The error object of a call that must fail."""
        return self.connection.error(method, **params)

    def kind(self, method: str, /, **params: Any) -> str | None:
        """The kind of a call's error, or None where it succeeded."""
        return self.connection.kind(method, **params)

    def raw(self, data: bytes, descriptors: Sequence[int] = ()) -> bytes | None:
        """The reply to one datagram on a connection of its own, or None where that was closed."""
        with self.connect() as connection:
            return connection.raw(data, descriptors)

    def audit(self) -> list[dict[str, Any]]:
        """Every audit record so far; the chain has been verified."""
        return verify_chain(self.audit_log)

    def records(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """The audit records of one event whose fields have these values."""
        return [
            record
            for record in self.audit()
            if record["event"] == event and all(record.get(name) == value for name, value in fields.items())
        ]

    # Looking at it from outside

    def usage(self) -> Usage:
        """What the process holds now."""
        return usage(self.pid)

    @contextmanager
    def nothing_leaks(self, seconds: float = 5.0) -> Iterator[None]:
        """Afterwards, within `seconds`: the same process, with no more descriptors and children than before.

        Worker threads are made when they are first needed, and stay: there is a bound of them.
        """
        self._hang_up()
        pid, before = self.pid, self._settled()
        yield
        self._hang_up()
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        assert self.pid == pid
        end = time.monotonic() + seconds
        while (now := self.usage()) and (
            len(now.descriptors) > len(before.descriptors)
            or now.threads > max(before.threads, MOST_THREADS)
            or now.children
        ):
            assert time.monotonic() < end, f"held before: {before}; after: {now}"
            time.sleep(0.02)

    def _settled(self) -> Usage:
        """What it holds once nothing changes any more: a connection that was just closed is still being let go."""
        before = self.usage()
        while True:
            time.sleep(0.05)
            now = self.usage()
            if (now.descriptors, now.threads) == (before.descriptors, before.threads):
                return now
            before = now


def usage(pid: int) -> Usage:
    """What a process holds, from /proc (proc(5))."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    links = []
    for descriptor in (process / "fd").iterdir():
        try:
            links.append(os.readlink(descriptor))
        except FileNotFoundError:  # closed since the directory was read
            continue
    return Usage(
        descriptors=tuple(sorted(links)),
        threads=int(status["Threads"]),
        resident=int(status["VmRSS"].split()[0]),
        children=tuple(map(int, (process / "task" / str(pid) / "children").read_text().split())),
    )


def members_of_session(session: int) -> list[int]:
    """The live processes of a session (proc(5), stat)."""
    members = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                state, _, _, number = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:4]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(number) == session and state != "Z":
                members.append(int(entry))
    return members
