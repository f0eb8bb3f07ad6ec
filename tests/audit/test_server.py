"""What the running server writes into its log (CASES, group J)."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from rpcd.audit import AuditLog, records_backwards
from tests.audit.conftest import SCHEMA, held, judged
from tests.conftest import SETTINGS, Serve
from tests.harness.faults import injected
from tests.harness.server import REPOSITORY, Rpcd, wait_until
from tests.harness.users import WWW_DATA


def test_every_record_is_what_the_schema_says(rpcd: Rpcd) -> None:
    """Each record of a server that was used and misused holds against schemas/audit.json."""
    rpcd.call("get_key", target="shop", key="ui.theme")
    rpcd.kind("get_key", target="nowhere", key="x")
    rpcd.raw(b"{")
    for params in ({"value": "dark", "actor": "alice", "note": "why"}, {"value": 5}, {"value": "x", "dry_run": True}):
        rpcd.kind("update_key", target="shop", key="ui.theme", **params)
    rpcd.configure("broken = [")
    rpcd.reload()
    rpcd.stop()
    events = set()
    for record in rpcd.audit():
        assert SCHEMA.faults(record) == []
        events.add(record["event"])
    assert events == {"started", "connected", "decided", "counted", "intent", "outcome", "settings", "stopped"}


def test_every_permitted_change_has_one_intent_and_one_outcome(rpcd: Rpcd) -> None:
    """Done, unchanged or failed: a change that policy allows has exactly one of each, with the same change id."""
    asked: list[tuple[str, dict[str, Any], str | None]] = [
        ("update_key", {"target": "shop", "key": "ui.theme", "value": "dark"}, None),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": "dark"}, None),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": "x", "expect": "y"}, "conflict"),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": 7}, "not_editable"),
        ("delete_key", {"target": "shop", "key": "no.such"}, "no_such_key"),
        ("replace_file", {"target": "motd", "content": {"fd": 3}}, "invalid_params"),
        ("replace_file", {"target": "missing", "content": "x"}, "no_such_target"),
        ("delete_file", {"target": "vhosts/none.conf"}, "no_such_file"),
        ("delete_file", {"target": "motd"}, None),
    ]
    for method, params, kind in asked:
        assert rpcd.kind(method, **params) == kind
    intents, outcomes = rpcd.records("intent"), rpcd.records("outcome")
    assert [record["change"] for record in intents] == [record["change"] for record in outcomes]
    assert [record["kind"] for record in outcomes] == [kind for *_, kind in asked]
    assert not rpcd.records("decided")


HOSTILE = [
    "two\nlines",
    "\x1b[31mred",
    "\u2028\u2029",
    "\u202eoverride",
    "\x7f\x80\x9f",
    "\0",
    '"}\n{"a":"',
    "\U0001f600",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_caller_writes_is_one_line_and_reads_back(rpcd: Rpcd, text: str) -> None:
    """Whatever an id holds, its record is one line of printable ASCII, and the same after (CASES, 148)."""
    with rpcd.connect() as connection:
        connection.ask({"jsonrpc": "2.0", "id": text, "method": "ping"})
    assert rpcd.records("decided", method="ping")[0]["id"] == text


def test_a_name_that_is_no_methods_is_not_repeated(rpcd: Rpcd) -> None:
    """What looks like a method is worth knowing; anything else may be a secret in the wrong place."""
    for name in ("rm_rf", "S3cr3t!", "deadbeef01", ""):
        rpcd.kind(name)
    assert [record["method"] for record in rpcd.records("decided")] == ["rm_rf", "?", ""]


def test_secrets_are_marked(rpcd: Rpcd) -> None:
    """What a target's `secret` names is marked where it is read or changed, also with all around it."""
    rpcd.call("get_key", target="shop", key="mail.from")
    rpcd.call("get_key", target="shop", key="mail.password")
    rpcd.kind("update_key", target="shop", key="mail", value={"a": 1})
    rpcd.call("read_file", target="shop")
    rpcd.call("read_file", target="motd")
    rpcd.stop()
    told = [(record["event"], record.get("secret"), record.get("owasp")) for record in rpcd.audit() if "id" in record]
    assert told == [
        ("decided", None, None),
        ("intent", True, None),
        ("outcome", True, "input_validation_fail:content,0"),
        ("decided", True, "sensitive_read:0,shop"),
        ("decided", None, None),
        ("counted", True, "sensitive_read:0,shop"),
    ]


def test_what_handles_the_server_is_never_counted(rpcd: Rpcd) -> None:
    """Each reload over the socket has a record of its own, with who asked."""
    for _ in range(3):
        rpcd.call("server.reload")
    assert len(rpcd.records("decided", method="server.reload")) == 3
    assert [record["peer"]["uid"] for record in rpcd.records("settings")] == [os.getuid()] * 3


def test_each_read_has_a_record_where_that_is_asked_for(serve: Serve) -> None:
    """`audit.reads = "all"`, which a reload can switch."""
    server = serve(SETTINGS)
    every = SETTINGS + '\n[audit]\nlog = "{scratch}/log/audit.jsonl"\nreads = "all"\n'
    for settings, count in ((SETTINGS, 1), (every, 6), (SETTINGS, 6)):
        server.configure(settings)
        server.reload()
        for _ in range(5):
            server.call("ping")
        assert len(server.records("decided", method="ping")) == count


def test_a_log_that_cannot_be_written_stops_changes_and_nothing_else(rpcd: Rpcd) -> None:
    """Changes are refused before anything is written, reads go on, health says so; then all is well (CASES, 144)."""
    key = {"target": "shop", "key": "ui.theme"}
    os.rename(rpcd.audit_log, rpcd.audit_log.with_name("audit.jsonl.1"))
    rpcd.audit_log.mkdir()
    for _ in range(3):
        assert rpcd.error("update_key", **key, value="dark")["data"]["kind"] == "unavailable"
        assert rpcd.call("get_key", **key)["value"] == "light"
    status = rpcd.call("status")
    assert (status["degraded"], status["audit"]["writable"]) == (True, False)
    rpcd.audit_log.rmdir()
    assert rpcd.call("update_key", **key, value="dark")["changed"] is True
    assert rpcd.call("status")["degraded"] is False
    (gap,) = rpcd.records("interrupted")
    assert gap["first"] <= gap["last"]
    rpcd.stop()
    assert sum(record.get("count", 1) for record in [*rpcd.records("decided"), *rpcd.records("counted")]) >= 5


def test_a_log_that_takes_records_again_is_noticed_without_a_caller(rpcd: Rpcd) -> None:
    """Within seconds after the way is free the gap is recorded, though nobody asks for anything."""
    os.rename(rpcd.audit_log, rpcd.audit_log.with_name("audit.jsonl.1"))
    rpcd.audit_log.mkdir()
    assert rpcd.kind("update_key", target="shop", key="ui.theme", value="dark") == "unavailable"
    rpcd.audit_log.rmdir()
    wait_until(lambda: rpcd.audit_log.exists() and rpcd.records("interrupted"), what="the gap")


def test_rotations_under_load_lose_no_record(rpcd: Rpcd) -> None:
    """The log is renamed away again and again while changes are made: one chain, each change once (CASES, 150)."""
    for number in range(50):
        rpcd.call("update_key", target="shop", key="ui.theme", value=f"v{number}")
        if number % 5 == 0:
            os.rename(rpcd.audit_log, f"{rpcd.audit_log}.{number}")
            rpcd.call("get_key", target="shop", key="ui.theme")
    rpcd.stop()
    outcomes = rpcd.records("outcome")
    assert len(outcomes) == len({record["change"] for record in outcomes}) == 50
    assert held(str(rpcd.audit_log)) == len(rpcd.audit())


def test_a_copy_that_is_truncated_is_recorded(rpcd: Rpcd) -> None:
    """copytruncate: the next record says what was cut, and whether anything is missing is told (CASES, 150)."""
    rpcd.call("update_key", target="shop", key="ui.theme", value="dark")
    shutil.copy(rpcd.audit_log, f"{rpcd.audit_log}.1")
    rpcd.call("update_key", target="shop", key="ui.theme", value="blue")
    os.truncate(rpcd.audit_log, 0)
    rpcd.call("update_key", target="shop", key="ui.theme", value="red")
    rpcd.kill()
    verdict = judged(str(rpcd.audit_log), str(rpcd.scratch / "state/audit.head"))
    assert verdict.problem is None
    assert [note.missing for note in verdict.notes] == [2]


def test_a_tail_that_was_cut_off_is_found_at_the_next_start(rpcd: Rpcd) -> None:
    """It is recorded, said on standard error by its name, and the server serves (CASES, 146)."""
    rpcd.call("update_key", target="shop", key="ui.theme", value="dark")
    rpcd.kill()
    lines = rpcd.audit_log.read_bytes().splitlines(keepends=True)
    rpcd.audit_log.write_bytes(b"".join(lines[:-2]))
    head = str(rpcd.scratch / "state/audit.head")
    assert not judged(str(rpcd.audit_log), head).holds
    rpcd.start()
    rpcd.call("ping")
    rpcd.kill()
    records = list(records_backwards(str(rpcd.audit_log)))[::-1]
    (missing,) = [record for record in records if record["event"] == "tail_missing"]
    assert (missing["from"], missing["to"], missing["crash"]) == (len(lines) - 1, len(lines), False)
    assert [SCHEMA.faults(record) for record in records] == [[]] * len(records)
    assert not judged(str(rpcd.audit_log), head).holds


def test_a_damaged_head_keeps_no_server_from_starting(rpcd: Rpcd) -> None:
    """Whatever stands in its place, the server starts, and records that the head is lost."""
    rpcd.stop()
    head = rpcd.scratch / "state/audit.head"
    for damage in (b"", b"\0" * 256, os.urandom(4096)):
        head.write_bytes(damage)
        rpcd.start()
        rpcd.call("ping")
        rpcd.stop()
    head.unlink()
    head.mkdir()
    rpcd.start()
    rpcd.call("ping")
    rpcd.stop()
    assert [record["why"] for record in rpcd.records("head_lost")] == ["damaged"] * 3 + ["unreadable"]


def test_a_clock_that_is_set_back_changes_no_order(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times go backwards, `seq` does not, and the chain holds (CASES, 151)."""
    log = AuditLog.open(path)
    log.write({"event": "decided"})
    now = time.time()
    with monkeypatch.context() as earlier:
        earlier.setattr("time.time", lambda: now - 86_400)
        log.write({"event": "decided"})
    log.write({"event": "decided"})
    log.close()
    records = list(records_backwards(path))[::-1]
    assert [record["seq"] for record in records] == [1, 2, 3]
    assert records[1]["ts"] < records[0]["ts"] < records[2]["ts"]
    assert held(path) == 3


BATCHES, ENTRIES = 3125, 32


def refused_often(server: Rpcd) -> int:
    """Ask a hundred thousand times for what is denied; how many refusals there were."""
    entry = {"jsonrpc": "2.0", "id": 1, "method": "get_key", "params": {"target": "shop", "key": "mail.password"}}
    refused = 0
    with server.connect() as connection:
        for number in range(BATCHES):
            entries = [{**entry, "id": number, "method": f"m{number % 7}"}, *[entry] * (ENTRIES - 1)]
            for reply in connection.ask(entries):
                refused += "error" in reply
    return refused


@pytest.mark.slow
@pytest.mark.parametrize("uid", [WWW_DATA, 1234])
def test_a_hundred_thousand_refusals_fill_no_disk(serve: Serve, as_user: Callable[..., Any], uid: int) -> None:
    """The first and the last stand there, the sum is exact, and the log is small (CASES, 149)."""
    server = serve()
    assert as_user(uid, uid, [], lambda: refused_often(server)) == BATCHES * ENTRIES
    server.stop()
    records = [record for record in server.audit() if record.get("peer", {}).get("uid") == uid]
    calls = [record for record in records if record.get("of", record["event"]) == "decided"]
    assert sum(record.get("count", 1) for record in calls) == BATCHES * ENTRIES
    assert calls[0]["id"] == 0
    assert server.audit_log.stat().st_size < 200_000
    assert held(str(server.audit_log)) == len(server.audit())


@pytest.mark.slow
def test_many_reads_and_connections_fill_no_disk(serve: Serve) -> None:
    """Thousands of connections, each with a read, leave a handful of records a minute, and the sum is exact."""
    server = serve()
    for _ in range(3000):
        with server.connect() as connection:
            connection.call("get_key", target="shop", key="ui.theme")
    server.stop()
    for event in ("decided", "connected"):
        records = server.records(event) + server.records("counted", of=event)
        assert sum(record.get("count", 1) for record in records) == 3000
        assert len(records) < 20


FULL_STANDARD_ERROR = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh")


def test_a_full_standard_error_stops_nothing(serve: Serve) -> None:
    """Where neither log takes anything, reads go on, changes are refused, and the server ends in order."""
    server = serve(wrapper=FULL_STANDARD_ERROR)
    os.rename(server.audit_log, server.audit_log.with_name("audit.jsonl.1"))
    server.audit_log.mkdir()
    for _ in range(3):
        assert server.kind("update_key", target="shop", key="ui.theme", value="dark") == "unavailable"
        assert server.call("get_key", target="shop", key="ui.theme")["value"] == "light"
        assert server.raw(b"{") is not None
    server.audit_log.rmdir()
    assert server.call("update_key", target="shop", key="ui.theme", value="dark")["changed"] is True


def test_a_reader_that_has_seen_enough_is_no_error(rpcd: Rpcd) -> None:
    """`rpcd audit | head -1` says one line, and nothing on standard error."""
    rpcd.call("ping")
    command = ["sh", "-c", '"$@" | head -1', "sh", sys.executable, "-m", "rpcd", "audit", "--config", str(rpcd.config)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")


@pytest.mark.slow
def test_status_says_that_the_disk_is_well_again(rpcd: Rpcd) -> None:
    """After a sync that failed the server is degraded until the disk keeps records again, also where nobody changes."""
    with injected(rpcd, "fdatasync", "error=EIO"):
        refused = rpcd.error("update_key", target="shop", key="ui.theme", value="dark")
        assert refused["data"] == {"kind": "unavailable", "reason": "audit"}
        assert rpcd.call("status")["audit"] == {"writable": False}
    wait_until(lambda: rpcd.call("status")["audit"] == {"writable": True}, what="a disk that is well again")
    assert rpcd.call("status")["degraded"] is False
    assert rpcd.records("interrupted")[-1]["why"] == "EIO"
