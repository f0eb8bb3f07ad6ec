"""The units that an administrator installs."""

import configparser
import shutil
import subprocess
from pathlib import Path

from rpcd.server.listener import NAME
from tests.harness.server import REPOSITORY

UNITS = REPOSITORY / "contrib/systemd"


def read(name: str) -> configparser.RawConfigParser:
    """A unit's sections; of a setting that stands twice the last counts here."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNITS / name)
    return unit


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say about socket and service."""
    for name in ("rpcd.socket", "rpcd.service"):
        unit = (UNITS / name).read_text().replace("/usr/bin/rpcd", shutil.which("true") or "/bin/true")
        (tmp_path / name).write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "rpcd.socket"), str(tmp_path / "rpcd.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_service_has_little_to_lose() -> None:
    """`systemd-analyze security` scores it 1.5 at most, and it keeps the four capabilities that it needs."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNITS / "rpcd.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    service = read("rpcd.service")["Service"]
    assert service["CapabilityBoundingSet"].split() == ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID"]


def test_the_socket_tells_who_sends() -> None:
    """Messages that are sent before the server runs carry their sender, over the socket type that it takes."""
    socket = read("rpcd.socket")["Socket"]
    assert socket["PassCredentials"] == "yes"
    assert socket["ListenSequentialPacket"] == "/run/rpcd/rpcd.sock"


def test_the_service_is_watched_and_told_apart() -> None:
    """Systemd waits for readiness, hears from the main process alone, watches it, and reloads it with a signal."""
    service = read("rpcd.service")["Service"]
    assert service["Type"] == "notify"  # systemd 252 knows no notify-reload
    assert service["NotifyAccess"] == "main"
    assert service["WatchdogSec"].endswith("s")
    assert service["ExecReload"].endswith("kill -HUP $MAINPID")
    assert read("rpcd.socket")["Socket"]["FileDescriptorName"] == NAME
