"""The commands that a person types."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rpcd.cli.options import EXIT_STATUS
from rpcd.errors import KINDS
from tests.conftest import SETTINGS, Serve
from tests.harness.server import REPOSITORY, Rpcd, settings_text


def run(*arguments: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """What `rpcd` does; never a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "rpcd", *arguments],
        input=given, capture_output=True, check=False, cwd="/", timeout=60,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def call(server: Rpcd, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`rpcd call` to a server."""
    return run("call", *arguments, given=given, RPCD_SOCKET=server.socket)


def test_every_kind_has_an_exit_status() -> None:
    """Scripts can tell every kind of refusal by its own exit status."""
    assert EXIT_STATUS.keys() == KINDS.keys()
    assert len(set(EXIT_STATUS.values())) == len(EXIT_STATUS)


def test_calls_from_the_shell(rpcd: Rpcd) -> None:
    """Text, typed values and standard input become parameters, and the result is JSON on standard output."""
    assert json.loads(call(rpcd, "get_key", "target=shop", "key=ui.theme").stdout)["value"] == "light"
    done = call(rpcd, "update_key", "target=shop", 'key:=["ui","theme"]', "value=dark", "dry_run:=true")
    assert json.loads(done.stdout)["diff"].endswith("[mail]\n")
    assert json.loads(call(rpcd, "replace_file", "target=motd", "content=-", given=b"\xff\x00").stdout)["changed"]
    assert json.loads(call(rpcd, "read_file", "target=motd").stdout)["content"] == {"base64": "/wA="}
    large = b"x" * 1_000_000
    assert json.loads(call(rpcd, "replace_file", "target=motd", "content=-", given=large).stdout)["changed"]
    assert json.loads(call(rpcd, "read_file", "target=motd").stdout)["size"] == len(large)
    assert json.loads(call(rpcd, "read_file", "target=shop").stdout)["content"].startswith("; the shop's")
    done = call(rpcd, "update_key", "target=shop", "key=ui.theme", "value:=-", given=b'"dark"')
    assert json.loads(done.stdout)["changed"] is True


REFUSED = [
    (["get_key", "target=shop", "key=no.such"], "no_such_key"),
    (["get_key", "target=nowhere", "key=a"], "no_such_target"),
    (["get_key", "target=shop"], "invalid_params"),
    (["nope"], "no_such_method"),
    (["update_key", "target=shop", "key=ui.theme", "value=x", "expect=y"], "conflict"),
    (["update_key", "target=shop", "key=ui.theme", "value:=5"], "not_editable"),
]


@pytest.mark.parametrize(("arguments", "kind"), REFUSED)
def test_a_refusal_is_an_exit_status_and_a_sentence(rpcd: Rpcd, arguments: list[str], kind: str) -> None:
    """A refusal ends with the status of its kind, says it on standard error, and nothing on standard output."""
    done = call(rpcd, *arguments)
    assert done.returncode == EXIT_STATUS[kind]
    assert done.stdout == b""
    assert KINDS[kind].message in done.stderr.decode()
    assert json.loads(done.stderr.splitlines()[-1])["kind"] == kind


def test_a_call_can_be_made_again(rpcd: Rpcd) -> None:
    """With `request_id=` the same call prints the same answer, and something else under it has a status of its own."""
    first, again = (call(rpcd, "replace_file", "target=motd", "content=x", "request_id=1") for _ in range(2))
    assert (first.returncode, first.stdout) == (0, again.stdout)
    assert call(rpcd, "replace_file", "target=motd", "content=y", "request_id=1").returncode == 32
    assert len(rpcd.records("outcome", changed=True)) == 1


MISTAKES = [
    (["call"], "METHOD"),
    (["call", "ping", "x"], "name=text"),
    (["call", "ping", "=x"], "name=text"),
    (["call", "ping", "a=1", "a=2"], "given twice"),
    (["call", "ping", "a:={"], "not JSON"),
    (["call", "ping", "--timeout", "soon"], "not a valid float"),
    (["nonsense"], "there is no command 'nonsense'"),
    (["relod"], "there is no command 'relod'; did you mean 'reload'?"),
    (["audit", "verfy"], "there is no command 'verfy'; did you mean 'verify'?"),
    (["serve", "--nonsense"], "No such option"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_mistake_is_one_clear_sentence(arguments: list[str], said: str) -> None:
    """What a person typed wrong is named, and ends with the status 2."""
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.decode()


def test_without_a_server_a_call_says_so(scratch: Path) -> None:
    """Where nobody listens the command ends with 3, and names the socket."""
    done = run("call", "ping", "--socket", str(scratch / "none.sock"))
    assert done.returncode == 3
    assert "none.sock" in done.stderr.decode()


def test_help_is_there_for_a_newcomer() -> None:
    """Every command explains itself, with an example of a call and the exit statuses."""
    assert b"rpcd check" in run("--help").stdout
    assert run("--version").stdout.startswith(b"rpcd, version ")
    text = run("call", "--help").stdout.decode()
    assert "rpcd call update_key target=shop key=mail.from value=a@b.c" in text
    assert "20 denied" in text


# check and serve


def written(scratch: Path, settings: str) -> str:
    """The path of settings in `scratch`."""
    path = scratch / "rpcd.toml"
    path.write_text(settings_text(scratch, settings))
    path.chmod(0o600)
    return str(path)


def test_check_finds_nothing_wrong_with_what_is_right(serve: Serve) -> None:
    """Settings, schemas and targets without a fault end with 0, and a count."""
    server = serve(start=False)
    done = run("check", "--config", str(server.config))
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"no faults, 1 warning: 3 targets, 2 grants" in done.stderr


def test_check_names_every_fault_at_once(scratch: Path) -> None:
    """Each fault is a line with its place, and the end is 1; a server does not start with them."""
    wrong = SETTINGS.replace("users   = [33]", 'users   = ["www-dta"]').replace('format = "ini"', 'format = "inni"')
    path = written(scratch, wrong + '\n[targets.x]\npath = "relative"\nformat = "text"\ncheck = ["true"]\n')
    done = run("check", "--config", path)
    said = done.stderr.decode()
    assert done.returncode == 1
    for fault in ("no user is named 'www-dta'", "inni", "targets.x.path", "does not carry out 'check'"):
        assert fault in said, said
    assert run("serve", "--config", path).returncode == 78


def test_check_names_targets_that_cannot_be_used(serve: Serve) -> None:
    """A target that does not parse, or is no plain file, is named with its reason."""
    server = serve(start=False)
    (server.scratch / "shop/shop.ini").write_text("[ui\n")
    motd = server.scratch / "site/motd"
    motd.unlink()
    os.mkfifo(motd)
    done = run("check", "--config", str(server.config))
    assert done.returncode == 1
    assert b"shop.ini: not_editable" in done.stderr
    assert b"motd: storage (reason not_regular)" in done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_settings_that_cannot_be_read_are_named(scratch: Path, command: str) -> None:
    """A file that is missing, or that others can write, is one sentence."""
    done = run(command, "--config", str(scratch / "missing.toml"))
    assert done.returncode in (1, 78)
    assert b"missing.toml" in done.stderr
    path = written(scratch, SETTINGS)
    os.chmod(path, 0o666)  # noqa: S103 - what must not be
    done = run(command, "--config", path)
    assert done.returncode in (1, 78)
    assert b"rpcd.toml" in done.stderr


def test_who_has_no_settings_yet_is_told_how_to_get_some(scratch: Path) -> None:
    """Where there is nothing to check, the command that writes first settings is named."""
    assert b"`rpcd init` writes first settings" in run("check", "--config", str(scratch / "missing.toml")).stderr
