"""The commands with which a server is handled while it runs."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rpcd.cli.words import duration
from tests.conftest import SETTINGS
from tests.harness.server import REPOSITORY, Rpcd


def run(server: Rpcd | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command does; never a traceback."""
    path = server if isinstance(server, str) else server.socket
    done = subprocess.run(
        [sys.executable, "-m", "rpcd", *arguments], capture_output=True, check=False, cwd="/", timeout=60, text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "RPCD_SOCKET": path},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def seen(server: Rpcd, *arguments: str, keys: bytes = b"", wait_for: bytes = b"") -> tuple[int, str]:
    """Exit status and output of a command on a terminal, at which `keys` are typed once `wait_for` is to be seen."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir("/")
        os.environ |= {"PYTHONPATH": str(REPOSITORY), "RPCD_SOCKET": server.socket, "TERM": "xterm", "COLUMNS": "100"}
        os.execv(sys.executable, [sys.executable, "-m", "rpcd", *arguments])  # noqa: S606 - no shell is wanted
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # EIO: the other end has closed
                break
            if not part:
                break
            shown += part
        if keys and wait_for in shown:
            os.write(terminal, keys)
            keys = b""
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


def test_status_tells_programs_and_people(rpcd: Rpcd) -> None:
    """One line of JSON for programs, lines for people; its end is 0 where all is well."""
    done = run(rpcd, "status")
    assert done.returncode == 0
    assert json.loads(done.stdout)["pid"] == rpcd.pid
    status, shown = seen(rpcd, "status")
    assert status == 0
    for part in ("well", str(rpcd.pid), "3 targets", str(rpcd.config), "changes      taken"):
        assert part in shown, shown


def test_status_ends_with_how_it_is(rpcd: Rpcd, scratch: Path) -> None:
    """1 where settings were refused, also for people; 3 where nobody answers."""
    rpcd.config.write_text("[")
    rpcd.call("server.reload")
    rpcd.call("server.read_only", reason="Maintenance until noon")
    assert run(rpcd, "status").returncode == 1
    status, shown = seen(rpcd, "status")
    assert status == 1
    for part in ("degraded", "faults: 1", "refused: Maintenance until noon"):
        assert part in shown, shown
    assert run(str(scratch / "none.sock"), "status").returncode == 3


def test_reload_ends_with_what_came_of_it(rpcd: Rpcd) -> None:
    """0 where the settings are taken; 1 with every fault as a line on standard error where they are not."""
    done = run(rpcd, "reload")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["taken"] is True
    assert "taken: " in seen(rpcd, "reload")[1]
    rpcd.configure(SETTINGS + "\n[grunts]\n[[grants]]\nmethods = []\n")
    done = run(rpcd, "reload")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == len(json.loads(done.stdout)["faults"]) >= 2
    status, shown = seen(rpcd, "reload")
    assert (status, "refused; the old settings hold" in shown) == (1, True)


def test_reload_needs_a_grant_like_everything(rpcd: Rpcd) -> None:
    """Without a grant it is denied, to root as well."""
    rpcd.configure(SETTINGS.replace('"server.reload", ', ""))
    assert run(rpcd, "reload").returncode == 0
    assert run(rpcd, "reload").returncode == 20


def test_read_only_begins_shows_and_ends(rpcd: Rpcd) -> None:
    """`on` with its reason, nothing to show it, `off`; a refused change has the reason on standard error."""
    assert run(rpcd, "read-only").stdout == '{"read_only": null, "kept": true}\n'
    assert run(rpcd, "read-only", "on", "--reason", "Maintenance").returncode == 0
    done = run(rpcd, "call", "delete_file", "target=motd")
    assert done.returncode == 30
    assert "Maintenance" in done.stderr
    assert "on: Maintenance" in seen(rpcd, "read-only")[1]
    assert run(rpcd, "read-only", "off").returncode == 0
    assert seen(rpcd, "read-only")[1].strip() == "off"


@pytest.mark.parametrize(
    "mistake", [["on"], ["off", "--reason", "x"], ["--reason", "x"], ["maybe"], ["on", "--reason", ""]]
)
def test_read_only_explains_mistakes(rpcd: Rpcd, mistake: list[str]) -> None:
    """What does not go together is a sentence, and the status 2; nothing begins."""
    assert run(rpcd, "read-only", *mistake).returncode == 2
    assert rpcd.call("status")["read_only"] is None


def test_metrics_prints_the_text(rpcd: Rpcd) -> None:
    """The counters as they are, for a file that a collector reads."""
    done = run(rpcd, "metrics")
    assert done.returncode == 0
    assert done.stdout.startswith("# TYPE rpcd_build info\n")
    assert done.stdout.endswith("# EOF\n")


def test_top_prints_one_frame_for_scripts(rpcd: Rpcd) -> None:
    """`--once`, or an output that is no terminal: one frame with methods, callers and the state of the server."""
    rpcd.call("server.read_only", reason="Maintenance")
    done = run(rpcd, "top", "--once", "--interval", "0.3")
    assert done.returncode == 0
    for part in ("rpcd 0.1.0", "3 targets", "read-only: Maintenance", "method", "p99", "server.metrics", "caller"):
        assert part in done.stdout, done.stdout
    assert "\x1b" not in done.stdout
    assert run(rpcd, "top", "--interval", "0.1").returncode == 0
    assert run(rpcd, "top", "--interval", "0").returncode == 2


@pytest.mark.parametrize("keys", [b"q", b"\x03"], ids=["q", "Ctrl-C"])
def test_top_is_live_and_ends_with_a_key(rpcd: Rpcd, keys: bytes) -> None:
    """On a terminal frames follow each other until a key ends it, and the screen is given back."""
    status, shown = seen(rpcd, "top", "--interval", "0.2", keys=keys, wait_for=b"server.metrics")
    assert status == 0
    assert "calls/s" in shown
    assert shown.rstrip().endswith("\x1b[?25h") or "\x1b[?1049l" in shown


def test_durations_are_two_units_at_most() -> None:
    """Whoever reads it wants to know how long, not how many seconds."""
    assert [duration(seconds) for seconds in (0.4, 59, 60, 3661, 200_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h 1 min",
        "2 d 7 h",
    ]
