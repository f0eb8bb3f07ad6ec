"""What is installed beside the program: each file is read by the program that it is for."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.harness.server import REPOSITORY, Rpcd

CONTRIB = REPOSITORY / "contrib"

SWITCHED_ON = Path("/sys/module/apparmor/parameters/enabled")


def run(*command: str | Path) -> str:
    """What a program says, and it succeeds without complaint."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_the_account_is_made(tmp_path: Path) -> None:
    """systemd-sysusers makes rpcd-check, which nobody can log in as, with a group of its own."""
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group"):
        (tmp_path / "etc" / name).touch()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", CONTRIB / "sysusers.d/rpcd.conf"], check=True, capture_output=True
    )
    name, _, uid, gid, _, home, shell = (tmp_path / "etc/passwd").read_text().strip().split(":")
    assert (name, home, shell) == ("rpcd-check", "/", "/usr/sbin/nologin")
    assert "0" not in (uid, gid)


def test_the_directories_are_made(tmp_path: Path) -> None:
    """systemd-tmpfiles makes them; state and log are root's alone, and all of them such as a server trusts."""
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", tmp_path / "etc")
    run("systemd-tmpfiles", f"--root={tmp_path}", "--create", CONTRIB / "tmpfiles.d/rpcd.conf")
    modes = {
        str(path.relative_to(tmp_path)): path.stat().st_mode & 0o7777
        for path in tmp_path.rglob("*rpcd*")
        if path.is_dir()
    }
    assert modes == {"etc/rpcd": 0o755, "etc/rpcd/rpcd.d": 0o755, "var/lib/rpcd": 0o700, "var/log/rpcd": 0o700}


def test_logs_are_rotated_under_the_server(rpcd: Rpcd, tmp_path: Path) -> None:
    """Logrotate renames and packs while changes go on, without a signal: every record is there, in one chain."""
    settings = tmp_path / "rotate"
    text = (CONTRIB / "logrotate/rpcd").read_text()
    settings.write_text(text.replace("/var/log/rpcd/audit.jsonl", str(rpcd.audit_log)))
    settings.chmod(0o644)
    for number in range(4):
        assert rpcd.call("update_key", target="shop", key="ui.theme", value=f"theme-{number}")["changed"]
        if number < 3:
            run("logrotate", "--force", "--state", tmp_path / "state", settings)
    logs = rpcd.audit_log.parent
    names = {path.name for path in logs.iterdir()}
    assert names == {"audit.jsonl", "audit.jsonl.1", "audit.jsonl.2.gz", "audit.jsonl.3.gz"}
    assert {path.stat().st_mode & 0o777 for path in logs.iterdir()} == {0o600}
    rpcd.stop()
    changes = [record["after"] for record in rpcd.audit() if record["event"] == "outcome"]
    assert len(changes) == len(set(changes)) == 4


def test_the_profile_is_one() -> None:
    """AppArmor's parser takes every line of the profile; where the kernel has AppArmor it is loaded, and taken back."""
    profile = CONTRIB / "apparmor/rpcd"
    done = subprocess.run(
        ["apparmor_parser", "--skip-kernel-load", "--skip-cache", profile], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Cache read/write disabled")]
    assert (done.returncode, complaints) == (0, [])
    if SWITCHED_ON.exists() and SWITCHED_ON.read_text().strip() == "Y" and os.geteuid() == 0:
        run("apparmor_parser", "--replace", "--skip-cache", profile)
        run("apparmor_parser", "--remove", profile)


def test_the_profile_and_the_unit_agree() -> None:
    """Both leave the same capabilities, but for the one by which AppArmor tells reading from overriding."""
    profile = (CONTRIB / "apparmor/rpcd").read_text()
    unit = (CONTRIB / "systemd/rpcd.service").read_text()
    kept = set(re.findall(r"^  capability (\w+),", profile, re.MULTILINE))
    (bounding,) = re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    assert kept - {"dac_read_search"} == {name.removeprefix("CAP_").lower() for name in bounding.split()}


INSTALLED = re.compile(r"contrib/[a-z.]+/rpcd(?:\.conf|\.\*)?(?= )")


def test_the_readme_names_what_there_is() -> None:
    """Every file that the README says to install is there, and every file that is there to install is named."""
    named = {
        path for word in INSTALLED.findall((REPOSITORY / "README.md").read_text()) for path in REPOSITORY.glob(word)
    }
    there = {
        path for name in ("sysusers.d", "tmpfiles.d", "logrotate", "systemd") for path in (CONTRIB / name).iterdir()
    }
    assert named == there
