"""What a server does with the surroundings that it is started in, and what others can see of it."""

import ast
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FILES, SETTINGS, Serve
from tests.harness.server import REPOSITORY, Rpcd, wait_until

pytestmark = pytest.mark.usefixtures("unmeasured")

SOMEBODY = 1000
PTRACE_SEIZE = 0x4206

IGNORING = "import signal, os, sys; {}; os.execv(sys.argv[1], sys.argv[1:])"


def status(server: Rpcd) -> dict[str, str]:
    """/proc/PID/status, see proc(5)."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def works(server: Rpcd) -> None:
    """A change through the server is made, and has a record."""
    assert server.call("update_key", target="shop", key="ui.theme", value="dark")["changed"]
    assert "theme = dark" in (server.scratch / "shop/shop.ini").read_text()
    assert server.records("outcome")


def intruder(pid: int) -> Callable[[], dict[str, str]]:
    """What somebody else gets when looking into a process: for each way, the name of the error."""
    libc = ctypes.CDLL(None, use_errno=True)

    def look() -> dict[str, str]:
        seen = {}
        ways: dict[str, Callable[[], object]] = {
            "environ": lambda: Path(f"/proc/{pid}/environ").read_bytes(),
            "mem": lambda: os.open(f"/proc/{pid}/mem", os.O_RDONLY),
            "fd": lambda: os.listdir(f"/proc/{pid}/fd"),
            "exe": lambda: os.readlink(f"/proc/{pid}/exe"),
            "maps": lambda: Path(f"/proc/{pid}/maps").read_bytes(),
        }
        for name, way in ways.items():
            try:
                way()
                seen[name] = "seen"
            except OSError as error:
                seen[name] = type(error).__name__
        traced = libc.ptrace(PTRACE_SEIZE, pid, None, None)
        seen["ptrace"] = "seen" if traced == 0 else type(OSError(ctypes.get_errno(), "")).__name__
        return seen

    return look


@pytest.fixture
def serve_as_somebody(serve: Serve, scratch: Path) -> Rpcd:
    """A server that runs as an ordinary user, whose files it has; it may read an interpreter that only root can."""
    server = serve(
        SETTINGS.replace("users   = [0]", f"users = [{SOMEBODY}]"),
        wrapper=[
            "setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups",
            "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
        ],
        start=False,
    )  # fmt: skip
    for path in (scratch, *scratch.rglob("*")):
        os.chown(path, SOMEBODY, SOMEBODY)
    server.launch()  # it cannot tell root's socket that it is ready
    wait_until(partial(answers, server), what="an answer")  # its path is there before it can be stopped in order
    return server


def answers(server: Rpcd) -> bool:
    """Whether a server answers anybody, be it with a refusal."""
    with suppress(FileNotFoundError, ConnectionRefusedError):
        return server.raw(b"{}") is not None
    return False


def test_nobody_looks_into_it(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """An ordinary user can neither trace the server nor read its environment, memory and descriptors."""
    seen = as_user(SOMEBODY, SOMEBODY, (), intruder(rpcd.pid))
    assert set(seen.values()) == {"PermissionError"}, seen


def test_not_even_its_own_user_does(serve_as_somebody: Rpcd, as_user: Callable[..., Any]) -> None:
    """The server is not dumpable: root owns what is in /proc of it, and another process of its uid learns nothing."""
    assert Path(f"/proc/{serve_as_somebody.pid}/environ").stat().st_uid == 0
    seen = as_user(SOMEBODY, SOMEBODY, (), intruder(serve_as_somebody.pid))
    assert set(seen.values()) == {"PermissionError"}, seen


def test_no_core_is_dumped(rpcd: Rpcd) -> None:
    """The limit of core files is 0, and cannot be raised again."""
    assert resource.prlimit(rpcd.pid, resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)], ids=str)
def test_closed_standard_descriptors_are_occupied(closed: tuple[int, ...], serve: Serve) -> None:
    """Where 0, 1 or 2 are closed at start they become /dev/null: nothing is printed into a file of the server's."""
    closing = " ".join(f"{number}>&-" for number in closed)
    server = serve(wrapper=["sh", "-c", f'exec "$@" {closing}', "sh"])
    works(server)
    for number in closed:
        assert os.readlink(f"/proc/{server.pid}/fd/{number}") == "/dev/null"
    server.configure("nonsense")
    server.reload()
    assert server.records("settings", verdict="kept")


def test_nothing_is_said_into_a_descriptor_that_was_closed(serve: Serve, scratch: Path) -> None:
    """A server that ends with an error while 0, 1 and 2 are closed leaves settings, log and targets as they are."""
    server = serve("[nonsense]\n", wrapper=["sh", "-c", 'exec "$@" 0>&- 1>&- 2>&-', "sh"], start=False)
    before = {path: path.read_bytes() for path in scratch.rglob("*") if path.is_file() and path != server.stderr}
    assert server.refuses_to_start() == ""
    after = {path: path.read_bytes() for path in scratch.rglob("*") if path.is_file() and path != server.stderr}
    assert after == before


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("nofile=16", "16 open files"),
        ("fsize=1000", "1000 bytes in a file"),
        ("as=200000000", "200000000 bytes of address space"),
        ("data=50000000", "50000000 bytes of data"),
        ("stack=524288", "524288 bytes of stack"),
    ],
)
def test_too_little_is_said(limit: str, words: str, serve: Serve, scratch: Path) -> None:
    """Below what a server needs it does not start; one line says of what there is too little."""
    server = serve(wrapper=["prlimit", f"--{limit}"], start=False)
    said = server.refuses_to_start()
    assert said.startswith(f"rpcd: {words} are allowed at most, and ")
    assert said.count("\n") == 1
    assert (scratch / "shop/shop.ini").read_text() == FILES["shop/shop.ini"]
    assert not server.audit_log.exists()


@pytest.mark.parametrize("limit", ["nofile=24", "as=600000000", "stack=1048576", "fsize=1048576", "nproc=1"])
def test_little_is_enough(limit: str, serve: Serve) -> None:
    """With just what it needs it works."""
    works(serve(wrapper=["prlimit", f"--{limit}"]))


@pytest.mark.parametrize(
    "limit", ["nofile=16:4096", "fsize=1000:unlimited", "core=unlimited", "as=400000000:unlimited"]
)
def test_what_may_be_raised_is_raised(limit: str, serve: Serve) -> None:
    """A low limit that the server may raise does not keep it from anything."""
    works(serve(wrapper=["prlimit", f"--{limit}"]))


def test_too_few_processes_are_said(serve_as_somebody: Rpcd) -> None:
    """An ordinary user who may start nothing cannot start threads either; root is exempt."""
    serve_as_somebody.stop()
    serve_as_somebody.command = ["prlimit", "--nproc=8", *serve_as_somebody.command]
    assert "8 processes and threads are allowed" in serve_as_somebody.refuses_to_start()


def test_a_machine_without_another_thread_is_told(serve: Serve, scratch: Path) -> None:
    """Where none can be had at all (pids.max of a cgroup) it says so, and leaves no socket behind."""
    no_threads = ["-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN"]
    server = serve(wrapper=["strace", "-f", "-qq", "-o", "/dev/null", *no_threads], start=False)
    assert "no thread can be had" in server.refuses_to_start()
    assert not (scratch / "rpcd.sock").exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_any_umask_gives_the_same_modes(umask: int, serve: Serve) -> None:
    """Socket, log, state and what it writes have their modes whatever the umask was."""
    server = serve(
        SETTINGS, {name: FILES[name] for name in ("shop/shop.ini", "vhosts/shop-a.conf")} | {"site/x": ""},
        wrapper=["sh", "-c", f'umask {umask:o}; exec "$@"', "sh"],
    )  # fmt: skip
    works(server)
    server.call("replace_file", target="vhosts/shop-b.conf", content="new\n")
    modes = {
        path.relative_to(server.scratch).as_posix(): path.lstat().st_mode & 0o7777
        for path in (server.scratch / "vhosts/shop-b.conf", Path(server.socket), server.audit_log)
    }
    assert modes == {"vhosts/shop-b.conf": 0o600, "rpcd.sock": 0o666, "log/audit.jsonl": 0o600}
    assert {path.stat().st_mode & 0o077 for path in (server.scratch / "state").iterdir()} == {0}


@pytest.mark.parametrize(
    "before",
    [
        "[signal.signal(n, signal.SIG_IGN) for n in signal.valid_signals() - {9, 19}]",
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    ],
    ids=["ignored", "blocked"],
)
def test_signals_mean_what_they_mean(before: str, serve: Serve) -> None:
    """Signals that were ignored or blocked at start still reload and end the server; a hang-up does not."""
    server = serve(wrapper=[sys.executable, "-c", IGNORING.format(before)])
    assert status(server)["SigBlk"] == "0" * 16
    ignored = int(status(server)["SigIgn"], 16)
    assert {n for n in signal.valid_signals() if ignored >> (n - 1) & 1} == {signal.SIGPIPE, signal.SIGXFSZ}
    works(server)
    with server.connect() as connection:
        connection.send(b"{}")
    assert server.reload()["verdict"] == "taken"
    server.stop()  # by SIGTERM


def test_sigint_ends_it_like_sigterm(serve: Serve) -> None:
    """Also where a shell has started it in the background, with SIGINT ignored."""
    server = serve(wrapper=[sys.executable, "-c", IGNORING.format("signal.signal(2, signal.SIG_IGN)")])
    process = server.process
    assert process is not None
    server.signal(signal.SIGINT)
    assert process.wait(20) == 0


@pytest.mark.parametrize("module", sorted((REPOSITORY / "rpcd").rglob("*.py")), ids=lambda path: path.stem)
def test_no_assertion_does_work(module: Path) -> None:
    """`python -O` leaves assertions out: rpcd has none, and asks nowhere whether they are on."""
    tree = ast.parse(module.read_text())
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__debug__"]


def test_a_deep_text_is_read_on_a_small_stack(serve: Serve) -> None:
    """Threads have their own stacks: a small limit does not turn a deeply nested text into a crash."""
    deep = "[" * 5000 + "]" * 5000
    settings = SETTINGS + '[targets.deep]\npath = "{scratch}/deep/deep.json"\nformat = "json"\n'
    server = serve(settings, FILES | {"deep/deep.json": f'{{"a": {deep}}}'}, wrapper=["prlimit", "--stack=1048576"])
    assert server.kind("update_key", target="deep", key="b", value=1) in (None, "not_editable")
    works(server)
