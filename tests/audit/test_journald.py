"""The second sink: what arrives at the journal's socket, in its native protocol."""

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rpcd.audit import AuditLog
from rpcd.audit.journald import Journal
from tests.conftest import SETTINGS, Serve

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def parsed(datagram: bytes) -> dict[str, str]:
    """An entry, read as journald does: `NAME=value` lines, or a name, a length and so many bytes."""
    fields: dict[str, str] = {}
    while datagram:
        line, end, datagram = datagram.partition(b"\n")
        assert end, "a field has no end"
        name, equals, value = line.partition(b"=")
        assert equals, "a value with a length: a record has none"
        assert NAME.fullmatch(name.decode("ascii")), name
        assert name.decode() not in fields
        fields[name.decode()] = value.decode("ascii")
    return fields


@pytest.fixture
def journal(scratch: Path) -> Iterator[socket.socket]:
    """A socket that takes what the journal would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(scratch / "journal.sock"))
        listening.settimeout(10)
        yield listening


def test_each_record_arrives_with_its_fields(serve: Serve, journal: socket.socket) -> None:
    """Every record of a server is an entry, in order, with fields to search for and the whole record as in the log."""
    server = serve(SETTINGS + f'\n[audit]\nlog = "{{scratch}}/log/audit.jsonl"\njournal = "{journal.getsockname()}"\n')
    server.call("update_key", target="shop", key="mail.password", value="x", note="two\u00e9 \\ words")
    server.kind("get_key", target="nowhere", key="a")
    server.stop()
    lines = server.audit_log.read_text().splitlines()
    entries = [parsed(journal.recv(1 << 20)) for _ in lines]
    assert [entry["RPCD_RECORD"] for entry in entries] == lines
    for entry, line in zip(entries, lines, strict=True):
        record = json.loads(line)
        assert (entry["SYSLOG_IDENTIFIER"], entry["RPCD_EVENT"]) == ("rpcd", record["event"])
        assert entry["PRIORITY"] in "456"
        assert entry["MESSAGE"].startswith(record["event"])
        assert entry.get("RPCD_OWASP") == record.get("owasp")
        assert entry.get("RPCD_UID") == (str(record["peer"]["uid"]) if "peer" in record else None)
        for name in ("method", "target", "verdict", "kind", "change"):
            assert entry.get(f"RPCD_{name.upper()}") == record.get(name)
    (outcome,) = [entry for entry in entries if entry["RPCD_EVENT"] == "outcome"]
    assert (outcome["RPCD_OWASP"], outcome["PRIORITY"]) == ("sensitive_update:0,shop", "5")


def test_a_journal_that_takes_nothing_holds_up_nothing(path: str, scratch: Path) -> None:
    """Where nobody listens, or the queue is full, records are in the log all the same, and failures are counted."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
        full.bind(str(scratch / "journal.sock"))
        sink = Journal(str(scratch / "journal.sock"))
        log = AuditLog.open(path, sink=sink)
        for _ in range(500):  # more than a queue has room for (net.unix.max_dgram_qlen), and nobody reads
            log.write({"event": "decided"})
        assert 0 < sink.failures < 500
        before = sink.failures
    os.unlink(scratch / "journal.sock")
    log.write({"event": "decided"})
    assert sink.failures == before + 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:  # journald was restarted
        again.bind(str(scratch / "journal.sock"))
        log.write({"event": "decided"})
        assert parsed(again.recv(1 << 16))["RPCD_EVENT"] == "decided"
    log.close()
    assert len(Path(path).read_bytes().splitlines()) == 502


HOSTILE: list[Any] = ["two\nlines\n\nPRIORITY=0", "\x1b[31m", "\u2028", "é", "\ud800", "\0"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_caller_writes_fields_of_its_own(path: str, journal: socket.socket, text: str) -> None:
    """Whatever stands in a record, it ends no line and makes no field."""
    log = AuditLog.open(path, sink=Journal(journal.getsockname()))
    log.write(
        {"event": "decided", "method": text, "target": text, "peer": {"uid": 5, "gid": 5, "pid": 1, "unit": text}}
    )
    log.close()
    entry = parsed(journal.recv(1 << 16))
    assert entry["PRIORITY"] == "6"
    assert all(" " <= character <= "~" for value in entry.values() for character in value)
