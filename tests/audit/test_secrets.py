"""No value ever stands in the log, the journal, standard error, the state, or others' replies (CASES, 147)."""

import base64
import itertools
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rpcd.methods import METHODS
from rpcd.schemas import shipped
from tests.conftest import Serve
from tests.harness.memory import memory_file
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd
from tests.harness.targets import MOTD, SHOP, VHOSTS
from tests.harness.users import WWW_DATA

MARK = b"kAnArY"
"""Stands in every canary; nothing else has it."""

_numbers = itertools.count()

MINE = os.getuid()


def canary() -> str:
    """A secret."""
    return f"{MARK.decode()}{next(_numbers)}"


def encoded(mark: bytes) -> Iterator[bytes]:
    """How a canary may look elsewhere: as it is, in base64 (whatever stands before it), in hexadecimal."""
    yield mark
    yield mark.hex().encode()
    for before in range(3):
        whole = base64.b64encode(b"x" * before + mark + b"x" * 3)
        yield whole[4 if before else 0 : 8 + 4 * (before > 0)]


LOOKS = tuple(encoded(MARK))

FILES: dict[str, str | bytes] = {
    "shop/shop.ini": f"[ui]\ntheme = {canary()}\ntitle = {canary()}\n[mail]\npassword = {canary()}\n",
    "site/motd": canary(),
    "site/binary": b"\xff" + canary().encode(),
    "vhosts/shop-a.conf": canary(),
    "app/app.json": json.dumps({"a": {"b": canary()}, "list": [canary()]}),
    "guarded/guarded.json": json.dumps({"name": canary(), "login": {"password": canary()}, "tokens": [canary()]}),
    "guarded.schema.json": json.dumps(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 20},
                "login": {"$ref": "#/$defs/login"},
                "tokens": {"type": "array", "writeOnly": True, "items": {"type": "string", "maxLength": 20}},
            },
            "additionalProperties": False,
            "$defs": {
                "login": {
                    "type": "object",
                    "properties": {"password": {"type": "string", "pattern": "^[a-zA-Z0-9]{6,20}$", "writeOnly": True}},
                    "additionalProperties": False,
                }
            },
        }
    ),
}

SETTINGS = f"""
[audit]
log = "{{scratch}}/log/audit.jsonl"
reads = "READS"
journal = "{{scratch}}/journal.sock"
{SHOP}
[targets.app]
path   = "{{scratch}}/app/app.json"
format = "json"

[targets.guarded]
path   = "{{scratch}}/guarded/guarded.json"
format = "json"
schema = "guarded.schema.json"
refuse = ["evil"]
{MOTD}secret = true

[targets.binary]
path   = "{{scratch}}/site/binary"
format = "text"
{VHOSTS}
[[grants]]
users   = [{MINE}]
methods = {json.dumps(sorted(name for name, row in METHODS.items() if not row.open))}
targets = ["*"]

[[grants]]
users   = [{WWW_DATA}]
methods = ["update_key", "delete_key", "replace_file", "delete_file", "list_keys", "list_files", "describe", "status"]
targets = ["*"]
"""

Calls = list[tuple[str, dict[str, Any]]]


def calls() -> Calls:
    """Calls that are well formed, each with a secret wherever a value may stand; at least one of each method."""
    content = canary()
    return [
        ("ping", {}),
        ("whoami", {}),
        ("targets", {}),
        ("status", {}),
        ("rpc.discover", {}),
        ("server.metrics", {}),
        ("server.reload", {}),
        ("server.read_only", {}),
        ("may", {"method": canary(), "target": canary(), "key": canary()}),
        ("get_key", {"target": "shop", "key": "ui.theme"}),
        ("get_key", {"target": "shop", "key": "mail.password"}),
        ("list_keys", {"target": "shop", "after": canary()}),
        ("list_keys", {"target": "shop", "prefix": canary()}),
        ("list_files", {"target": "vhosts", "after": canary()}),
        ("read_file", {"target": "motd"}),
        ("read_file", {"target": "binary", "as": "fd"}),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": canary(), "expect": canary()}),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": canary(), "dry_run": True}),
        ("update_key", {"target": "shop", "key": "mail.password", "value": canary(), "request_id": "one"}),
        ("update_key", {"target": "shop", "key": "mail.password", "value": canary(), "request_id": "one"}),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": canary() + "\n[x]"}),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": {canary(): canary()}}),
        ("update_key", {"target": "shop", "key": "ui.theme", "value": canary(), "if_revision": "absent"}),
        ("update_key", {"target": "app", "key": "a", "value": {"c": canary()}}),
        ("update_key", {"target": "app", "key": "list.0", "value": canary(), "request_id": "two"}),
        ("update_key", {"target": "none", "key": "a", "value": canary()}),
        ("list_keys", {"target": "guarded"}),
        *(
            ("describe", {"target": target})
            for target in ("shop", "app", "guarded", "motd", "binary", "vhosts/shop-a.conf")
        ),
        ("update_key", {"target": "guarded", "key": "name", "value": canary()}),
        ("update_key", {"target": "guarded", "key": "name", "value": canary() * 9}),
        ("update_key", {"target": "guarded", "key": "login.password", "value": canary()}),
        ("update_key", {"target": "guarded", "key": "login.password", "value": canary(), "dry_run": True}),
        ("update_key", {"target": "guarded", "key": "login.password", "value": canary() + "!"}),
        ("update_key", {"target": "guarded", "key": "login.password", "value": canary() + "evil"}),
        ("update_key", {"target": "guarded", "key": "login", "value": {"password": [canary()]}}),
        ("update_key", {"target": "guarded", "key": "tokens.0", "value": canary() * 9}),
        ("update_key", {"target": "guarded", "key": "tokens", "value": canary(), "dry_run": True}),
        ("replace_file", {"target": "guarded", "content": json.dumps({"name": canary() * 9, "tokens": canary()})}),
        ("replace_file", {"target": "guarded", "content": json.dumps({"tokens": [canary()]}), "dry_run": True}),
        ("delete_key", {"target": "shop", "key": "ui.title", "expect": canary()}),
        ("delete_key", {"target": "shop", "key": "ui.title", "dry_run": True}),
        ("delete_key", {"target": "shop", "key": "ui.title"}),
        ("replace_file", {"target": "app", "content": canary()}),
        ("replace_file", {"target": "motd", "content": content, "dry_run": True}),
        ("replace_file", {"target": "motd", "content": content}),
        ("replace_file", {"target": "binary", "content": {"base64": base64.b64encode(canary().encode()).decode()}}),
        ("replace_file", {"target": "vhosts/shop-b.conf", "content": {"fd": 0}}),
        ("replace_file", {"target": "vhosts/shop-c.conf", "content": {"fd": 0, "sha256": "0" * 64}}),
        ("history", {"target": "shop"}),
        ("diff", {"target": "shop"}),
        ("diff", {"target": "motd", "from": "absent", "to": "r1:" + "0" * 64}),
        ("restore", {"target": "shop", "revision": "r1:" + "0" * 64}),
        ("restore", {"target": "motd", "revision": "absent", "dry_run": True}),
        ("delete_file", {"target": "vhosts/shop-a.conf"}),
        ("delete_file", {"target": "motd"}),
    ]


WRONG: tuple[Callable[[], Any], ...] = (
    lambda: f"{canary()}\n",
    lambda: f"..{canary()}..",
    lambda: {canary(): canary()},
    lambda: [[canary()]],
    lambda: {"base64": f"{canary()}!"},
    lambda: {"fd": canary()},
)
"""What no parameter takes, with a secret in it."""

TAKES_ANYTHING = {"value", "expect", "content", "after"}

WORDS = {"actor", "note", "reason", "request_id"}
"""What is made to be recorded: text is taken as it is."""


def malformed(method: str, params: dict[str, Any]) -> Iterator[Any]:
    """Parameters that the schema refuses, with a secret in each place."""
    for name in shipped()[f"{method}.params"].document["properties"]:
        if name not in TAKES_ANYTHING:
            yield from ({**params, name: wrong()} for wrong in WRONG[2 * (name in WORDS) :])
    yield {**params, canary(): canary()}
    yield [canary()] * 9
    yield canary()


def requests() -> Iterator[bytes]:
    """Every call and every malformed one; ids, methods and whole messages that a secret was mistaken for."""
    for method, params in calls():
        yield json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        for wrong in malformed(method, params):
            yield json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": wrong}).encode()
        for identifier in ({"a": canary()}, [canary()], canary() * 100):
            yield json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}).encode()
        yield json.dumps({"jsonrpc": "2.0", "method": method, "params": params, canary(): canary()}).encode()
        yield json.dumps({"jsonrpc": "2.0", "id": 1, "method": f"{method} {canary()}", "params": params}).encode()
    for method in (canary(), canary().upper(), canary() * 50, f"{canary()}\n\x1b", f"rpc.{canary()}"):
        yield json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode()
    yield json.dumps([{"jsonrpc": canary(), "id": 1, "method": "ping"}, canary(), {canary(): 1}] * 3).encode()
    yield canary().encode()
    yield json.dumps(canary()).encode()
    yield f'{{"jsonrpc":"2.0","id":1,"method":"ping","method":"{canary()}"}}'.encode()


def asked(server: Rpcd) -> list[bytes]:
    """What a peer is answered to all of it."""
    descriptor = memory_file(canary().encode())
    with server.connect() as connection:
        replies = [_asked(connection, request, descriptor) for request in requests()]
    os.close(descriptor)
    return replies


def _asked(connection: Connection, request: bytes, descriptor: int) -> bytes:
    if b'"id"' not in request and not request.startswith((b"[", MARK)):
        connection.send(request, [descriptor])
        return b""
    reply = connection.raw(request, [descriptor])
    for received in connection.descriptors:
        os.close(received)
    return reply or b""


@pytest.fixture
def journal(scratch: Path) -> Iterator[socket.socket]:
    """A socket that takes what the journal would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(scratch / "journal.sock"))
        listening.setblocking(False)
        yield listening


def received(journal: socket.socket) -> bytes:
    """Everything that came to the journal so far."""
    found = []
    while True:
        try:
            found.append(journal.recv(1 << 20))
        except BlockingIOError:
            return b"".join(found)


def test_every_method_is_tried() -> None:
    """A new method has a call here."""
    assert {method for method, _ in calls()} == set(METHODS)


@pytest.mark.parametrize("reads", ["all", "counted"])
def test_a_secret_stands_nowhere_but_in_its_file(
    serve: Serve, as_user: Callable[..., Any], journal: socket.socket, reads: str
) -> None:
    """Old and new values, contents, malformed parameters, ids and methods are in no record, and told to nobody else."""
    server = serve(SETTINGS.replace("READS", reads), FILES)
    told = as_user(WWW_DATA, WWW_DATA, [], lambda: asked(server))
    entries = received(journal)
    own = asked(server)
    entries += received(journal)
    server.reload()
    server.stop()
    entries += received(journal)
    places = {
        "log": server.audit_log.read_bytes(),
        "journal": entries,
        "standard error": server.log().encode(),
        **{str(path): path.read_bytes() for path in (server.scratch / "state").rglob("*") if path.is_file()},
        **{f"reply {number}": reply for number, reply in enumerate(told)},
        "replies to refusals": b"".join(reply for reply in own if b'"error"' in reply),
    }
    assert MARK in b"".join(own)  # who may read is answered
    assert len(places["log"]) > 10_000
    assert b"RPCD_EVENT=decided" in entries
    found = [(place, look) for place, content in places.items() for look in LOOKS if look in content]
    assert not found, found
