"""`rpcd audit`: a table for people, lines for programs, and a verdict on the chain."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rpcd.audit import AuditLog
from tests.conftest import Serve
from tests.harness.server import REPOSITORY, Rpcd

RECORDS: list[dict[str, Any]] = [
    {"event": "started", "version": "1"},
    {"event": "decided", "peer": {"uid": 0}, "method": "get_key", "target": "shop", "verdict": "allowed", "kind": None},
    {"event": "decided", "peer": {"uid": 33}, "method": "get_key", "target": "vhosts/a.conf", "verdict": "denied",
     "kind": "denied", "keys": ["a"]},
    {"event": "counted", "of": "decided", "peer": {"uid": 33}, "method": "get_key", "target": "shop", "count": 1234,
     "verdict": "refused", "kind": "invalid_params", "first": "2030-01-01T00:00:00.000000Z",
     "last": "2030-01-01T00:00:59.000000Z"},
    {"event": "intent", "peer": {"uid": 33}, "method": "update_key", "target": "shop", "note": "\x1b[31m\u202e\n\x07"},
    {"event": "outcome", "peer": {"uid": 33}, "method": "update_key", "target": "shop", "changed": True, "kind": None},
    {"event": "connection_refused", "peer": {"uid": 4000000000}, "why": "busy"},
]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log with some records."""
    path = str(tmp_path / "audit.jsonl")
    opened = AuditLog.open(path)
    opened.write(*RECORDS)
    opened.close()
    return path


def run(*arguments: str, status: int = 0) -> str:
    """What `rpcd audit` says to a program."""
    command = [sys.executable, "-m", "rpcd", "audit", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stdout + done.stderr


def seqs(*arguments: str) -> list[int]:
    """The numbers of the records that it prints."""
    return [json.loads(line)["seq"] for line in run(*arguments).splitlines()]


def on_a_terminal(*arguments: str, columns: int = 100) -> str:
    """What it shows on a terminal that wide."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "TZ": "UTC"}
    command = [sys.executable, "-m", "rpcd", "audit", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # EIO: it has ended (pty(7))
                break
            shown += data
        process.wait(60)
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_programs_get_the_lines_as_they_stand(log: str) -> None:
    """In a pipe every line is byte for byte that of the log, and the chain could be followed there."""
    assert run("--file", log) == Path(log).read_text()
    assert run("--json", "--file", log) == Path(log).read_text()


CHOICES: list[tuple[list[str], list[int]]] = [
    (["--user", "www-data"], [3, 4, 5, 6]),
    (["--user", "33", "--method", "get_key"], [3, 4]),
    (["--user", "4000000000"], [7]),
    (["--target", "vhosts"], [3]),
    (["--target", "vhosts/a.conf"], [3]),
    (["--target", "shop", "--changes"], [5, 6]),
    (["--denied"], [3, 4, 7]),
    (["-n", "2"], [6, 7]),
    (["-n", "1", "--user", "root"], [2]),
    (["--since", "1h"], [1, 2, 3, 4, 5, 6, 7]),
    (["--until", "2001-02-03"], []),
    (["--since", "2001-02-03T04:05:06Z", "--until", "2999-01-01", "-n", "99"], [1, 2, 3, 4, 5, 6, 7]),
]


@pytest.mark.parametrize(("arguments", "wanted"), CHOICES)
def test_one_can_choose(log: str, arguments: list[str], wanted: list[int]) -> None:
    """By user, method, target, time, refusals, changes, and how many."""
    assert seqs("--file", log, *arguments) == wanted


MISTAKES = [
    (["--since", "soon"], "is no time"),
    (["--since", "9999999w"], "is no time"),
    (["--user", "nobody-here"], "no user is named"),
    (["--user", "ww-data"], "no user is named 'ww-data'; did you mean 'www-data'?"),
    (["-n", "0"], "0 is not in the range"),
    (["-f", "--file", "x"], "not with --file"),
    (["--file", "/nowhere/x"], "No such file"),
    (["--config", "/nowhere/rpcd.toml"], "name its files"),
    (["verify", "/nowhere/x"], "No such file"),
    (["verify", "--config", "/nowhere/rpcd.toml"], "name its files"),
    (["verify", "--head", "/nowhere/x", "/dev/null"], "/nowhere/x"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_mistake_is_one_clear_sentence(arguments: list[str], said: str) -> None:
    """What cannot be done is named, with the status 2."""
    assert said in run(*arguments, status=2)


@pytest.mark.parametrize("columns", [70, 100, 140])
def test_a_person_gets_a_table(log: str, columns: int) -> None:
    """One line a record, with names, in any terminal; colours, and no other control character of anybody's."""
    shown = on_a_terminal("--file", log, columns=columns)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    lines = plain.splitlines()
    assert all(one.isprintable() for one in lines)
    assert "\x1b[1;31mdenied" in shown
    assert len(lines) == 1 + len(RECORDS)
    assert all(len(line) <= columns for line in lines)
    assert [word in lines[0] for word in ("time", "user", "result", "what")] == [True] * 4
    assert "www-data" in lines[3]
    assert "changed" in lines[6]
    if columns >= 100:
        assert "get_key vhosts/a.conf a" in lines[3]
        assert "1234 more until 00:00:59" in lines[4]
        assert r"\u001b[31m\u202e\u000a" in lines[5]
        assert "busy" in lines[7]


def test_in_a_narrow_terminal_a_record_has_lines_of_its_own(log: str) -> None:
    """When, who and what became of it, and below that what it was about, as a whole."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal("--file", log, columns=40)).splitlines()
    assert all(one.isprintable() for one in lines)
    assert all(len(line) <= 40 for line in lines)
    assert lines[4].endswith(" www-data denied")
    assert lines[5] == "  get_key vhosts/a.conf a"
    assert lines[7] == "  get_key shop  1234 more until 00:00:59"


def test_where_there_is_nothing_it_says_so(serve: Serve) -> None:
    """Silence is no answer to a name that nobody knows: it is said that there is no such target, and which one is."""
    server = serve()
    server.call("get_key", target="shop", key="ui.theme")
    for target, said in (
        ("shpo", "there is no target 'shpo', neither in the settings nor in the log; did you mean 'shop'?"),
        ("motd", "the log has nothing of that"),
        ("shop", ""),
    ):
        command = [sys.executable, "-m", "rpcd", "audit", "--config", str(server.config), "--target", target]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr == (f"rpcd: {said}\n" if said else "")
        assert bool(done.stdout) is not bool(said)


def test_a_log_that_was_tampered_with_cannot_reach_the_terminal(log: str) -> None:
    """Raw control characters, wrong types and noise in the file are shown as text, or not at all."""
    with Path(log).open("ab") as file:
        file.writelines(
            line + b"\n"
            for line in (
                b'{"ts":"2030-01-01T00:00:00.000000Z","event":"\x1b]0;x\x07decided","method":"\xc2\x9b31m"}',
                b'{"ts":"2030-01-01T00:00:00.000000Z","event":"decided","method":["a"],"peer":5,"keys":5,"kind":{}}',
                b'{"ts":"2030-01-01T00:00:00.000000Z","event":7,"peer":{"uid":"\\u001b[2J"},"last":[],"note":["x"]}',
                b'{"ts":"2030-01-01T00:00:00.000000Z\x1b[2J',
                b"\x1b[2J\xff",
            )
        )
    for arguments in ([], ["--json"]):
        shown = on_a_terminal("--file", log, *arguments)
        assert "Traceback" not in shown
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        assert all(line.isprintable() for line in plain.splitlines()), plain


def test_what_became_of_the_server_is_told(tmp_path: Path) -> None:
    """Whether changes are refused and in whose words, and why settings were kept, also where a caller asked for it."""
    path = str(tmp_path / "audit.jsonl")
    opened = AuditLog.open(path)
    asked = {"peer": {"uid": 0, "pid": 7}}
    opened.write(
        {"event": "read_only", "reason": "Until noon", "kept": True, **asked},
        {"event": "read_only", "reason": None, "kept": True, **asked},
        {"event": "settings", "verdict": "kept", "faults": ["rpcd.toml: no"], **asked},
    )
    opened.close()
    lines = on_a_terminal("--file", path).splitlines()[1:]
    for line, told in zip(lines, ("read only on: Until noon", "read only off", "rpcd.toml: no"), strict=True):
        assert told in line


def test_without_a_choice_a_person_gets_the_last_ones(tmp_path: Path) -> None:
    """A hundred, of a log of many files; with a time everything since then."""
    path = str(tmp_path / "audit.jsonl")
    for number in range(3):
        opened = AuditLog.open(path)
        for _ in range(60):
            opened.write({"event": "decided", "method": f"m{number}", "peer": {"uid": 0}})
        opened.close()
        os.rename(path, f"{path}.{9 - number}")
    every = [argument for number in range(3) for argument in ("--file", f"{path}.{9 - number}")]
    lines = on_a_terminal(*every).splitlines()
    assert len(lines) == 101
    assert ("m1" in lines[1], "m2" in lines[-1]) == (True, True)
    assert len(on_a_terminal(*every, "--since", "1d").splitlines()) == 181


def test_a_clock_that_was_set_back_hides_nothing(tmp_path: Path) -> None:
    """What was written since a time is found wherever it stands; `seq` is the order (CASES, 151)."""
    path = tmp_path / "audit.jsonl"
    times = ["2030-01-02T12:00:00", "2030-01-03T12:00:00", "2030-01-02T13:00:00", "2030-01-01T00:00:00",
             "2030-01-03T13:00:00"]  # fmt: skip
    path.write_text("".join(
        f'{{"ts":"{ts}.000000Z","seq":{seq},"event":"decided","prev":"{"0" * 64}"}}\n'
        for seq, ts in enumerate(times, 1)
    ))  # fmt: skip
    assert seqs("--file", str(path), "--since", "2030-01-03T00:00:00Z") == [2, 5]
    assert seqs("--file", str(path), "--since", "2030-01-02T00:00:00Z", "-n", "3") == [2, 3, 5]


@contextmanager
def following(server: Rpcd, *arguments: str) -> Iterator["Lines"]:
    """`rpcd audit -f` while it runs."""
    command = [sys.executable, "-m", "rpcd", "audit", "-f", "--config", str(server.config), *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield Lines(process.stdout.fileno())
        finally:
            process.terminate()


class Lines:
    """Lines that come one after the other."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.data = b""

    def until(self, count: int) -> list[dict[str, Any]]:
        """The records so far, once there are `count`."""
        end = time.monotonic() + 30
        while self.data.count(b"\n") < count:
            assert select.select([self.descriptor], [], [], end - time.monotonic())[0], self.data
            self.data += os.read(self.descriptor, 65536)
        return [json.loads(line) for line in self.data.splitlines()]


def test_it_follows_the_log_across_rotations(serve: Serve) -> None:
    """What is written after a rename, and after the log was emptied, comes too; each record once, in order."""
    server = serve()
    server.call("update_key", target="shop", key="ui.theme", value="a")
    with following(server, "--changes") as lines:
        lines.until(2)
        os.rename(server.audit_log, f"{server.audit_log}.1")
        server.call("update_key", target="shop", key="ui.theme", value="b")
        lines.until(4)
        os.truncate(server.audit_log, 0)
        server.call("update_key", target="shop", key="ui.theme", value="c")
        records = lines.until(6)
    assert [record["event"] for record in records] == ["intent", "outcome"] * 3
    assert [record["seq"] for record in records] == sorted({record["seq"] for record in records})
    server.kill()  # the look at the end would find what was cut off


def tampered(server: Rpcd) -> Sequence[str]:
    server.audit_log.write_bytes(server.audit_log.read_bytes().replace(b'"ui.theme"', b'"ui.title"'))
    return ("record 3 was changed", "the 2 records before hold")


def cut(server: Rpcd) -> Sequence[str]:
    lines = server.audit_log.read_bytes().splitlines(keepends=True)
    server.audit_log.write_bytes(b"".join(lines[:-2]))
    return ("records 4 to 5 were cut off at the end",)


@pytest.mark.parametrize("harm", [tampered, cut])
def test_verify_says_what_became_of_the_log(serve: Serve, harm: Any) -> None:
    """A server's log holds, with 0; one that was tampered with, or cut off, does not, with 1."""
    server = serve()
    server.call("get_key", target="shop", key="ui.theme")
    server.kind("get_key", target="shop", key="no.such")
    server.stop()
    config = ("--config", str(server.config))
    assert json.loads(run("verify", *config))["holds"]
    assert "holds: 5 records in 1 file, up to 5" in run("verify", "--table", *config)
    said = harm(server)
    found = json.loads(run("verify", *config, status=1))
    assert not found["holds"]
    assert found["problem"]["path"] == str(server.audit_log)
    told = run(*config, "verify", "--table", status=1)
    assert all(words in told for words in said), told


def test_a_head_can_be_given(serve: Serve) -> None:
    """The head that the journal was told finds a tail that was cut off though the state directory is gone."""
    server = serve()
    server.call("ping")
    server.stop()
    (seq, digest) = re.findall(r"audit head.* seq=(\d+) hash=([0-9a-f]{64})", server.log())[-1]
    log = str(server.audit_log)
    assert "holds" in run("verify", "--table", "--head", f"{seq}:{digest}", log)
    (server.scratch / "state/audit.head").rename(server.scratch / "head")
    cut(server)
    assert json.loads(run("verify", log))["holds"]
    assert "no head to compare with" in run("verify", "--table", "--config", str(server.config))
    for head in (f"{seq}:{digest}", str(server.scratch / "head")):
        assert "were cut off at the end" in run("verify", "--table", "--head", head, log, status=1)


def test_the_reader_loads_nothing_of_the_server() -> None:
    """Neither reading nor verifying imports what serves."""
    program = (
        "import sys; from rpcd.cli.audit import audit; import rpcd.cli.verdict, rpcd.audit.choose, rpcd.audit.follow;"
        "from rpcd.settings import read; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    parts = ("daemon", "server", "connection", "gate", "guard", "methods", "store")
    assert not {f"rpcd.{part}" for part in parts} & set(done.stdout.split())
    assert "jsonrpcserver" not in done.stdout
