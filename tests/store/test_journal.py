"""What a start does with what a crash left."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from rpcd.audit import AuditLog
from tests.conftest import SHOP_INI, Serve
from tests.harness.server import Rpcd

NEW = SHOP_INI.replace("light", "dark")
CANDIDATE = ".rpcd-0123456789abcdef~"


def named(content: str) -> str:
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def crashed(server: Rpcd, **fields: Any) -> None:
    """Leave an intent without an outcome, as a crash does."""
    server.stop()
    log = AuditLog.open(str(server.audit_log))
    peer = {"uid": 0, "gid": 0, "groups": [], "pid": 1, "started": 1, "exe": None, "unit": None}
    log.write({"event": "started"})
    intent = {"event": "intent", "peer": peer, "id": 1, "method": "update_key", "target": "shop", "change": "c1",
              "before": named(SHOP_INI), "after": named(NEW), "candidate": CANDIDATE}  # fmt: skip
    log.write({**intent, **fields})
    log.close()


# What the file holds, what the temporary file holds; then: kind and changed of the outcome, whether the latter is gone
CASES: dict[str, tuple[str, str | None, str | None, bool, bool]] = {
    "before the rename": (SHOP_INI, NEW, "unavailable", False, True),
    "before the candidate": (SHOP_INI, None, "unavailable", False, True),
    "after the rename": (NEW, SHOP_INI, None, True, True),
    "after everything but the outcome": (NEW, None, None, True, True),
    "somebody wrote since": ("[else]\n", NEW, "unknown", False, True),
    "somebody's version was displaced": (NEW, "[somebody]\n", None, True, False),
}


@pytest.mark.parametrize(("file", "leftover", "kind", "changed", "gone"), CASES.values(), ids=CASES.keys())
def test_an_intent_is_settled_by_looking_at_the_file(
    serve: Serve,
    file: str,
    leftover: str | None,
    kind: str | None,
    *,
    changed: bool,
    gone: bool,
) -> None:
    """The outcome says what is on disk; a temporary file goes if it is known, and is never taken for something else."""
    server = serve()
    crashed(server)
    directory = server.scratch / "shop"
    (directory / "shop.ini").write_text(file)
    if leftover is not None:
        (directory / CANDIDATE).write_text(leftover)
    for _ in range(2):  # settling twice is the same as once
        server.start()
        (outcome,) = server.records("outcome", change="c1")
        assert (outcome["kind"], outcome["changed"], outcome["recovered"]) == (kind, changed, True)
        assert (directory / "shop.ini").read_text() == file
        kept = [directory / record["candidate"] for record in server.records("leftover")]
        assert [path.read_text() for path in kept] == ([] if gone else [leftover])
        assert len(os.listdir(directory)) == 1 + len(kept)
        server.stop() if gone else server.kill()
    for path in kept:
        path.unlink()


def test_a_candidate_that_no_intent_names_goes(serve: Serve) -> None:
    """A temporary file from before its intent never took effect: it is removed."""
    server = serve()
    server.kill()
    path = server.scratch / "shop" / CANDIDATE
    path.write_text("half")
    server.start()
    assert not path.exists()


def test_without_the_whole_log_nothing_unknown_goes(serve: Serve) -> None:
    """Where the log was renamed away a temporary file may be somebody's version: it stays, and is recorded."""
    server = serve()
    server.call("ping")
    os.rename(server.audit_log, str(server.audit_log) + ".1")
    server.call("update_key", target="shop", key="ui.theme", value="dark")
    server.kill()
    lines = Path(server.audit_log).read_bytes().splitlines()
    Path(server.audit_log).write_bytes(lines[0] + b"\n")  # the intent alone
    path = server.scratch / "shop" / "x"
    path = path.with_name(".rpcd-fedcba9876543210~")
    path.write_text("whose?")
    assert json.loads(lines[0])["event"] == "intent"
    server.start()
    (kept,) = path.parent.glob(".rpcd-kept-*~")
    assert kept.read_text() == "whose?"
    assert kept.name in server.audit_log.read_text()
    kept.unlink()
    server.audit_log = server.scratch / "cut"  # whose chain has lost its beginning here
