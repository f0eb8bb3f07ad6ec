"""What can be wrong with a request, and what a caller is told of it (CASES, group H)."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpcd.errors import KINDS
from tests.conftest import SETTINGS, Serve
from tests.harness.seqpacket import read_json
from tests.harness.server import REPOSITORY, Rpcd

ERROR = json.loads((REPOSITORY / "schemas/error.json").read_text())

MODULE = '''
"""Methods that do what no method should."""

import asyncio
import sys

from rpcd.methods import Method

SECRET = "canary-4711 /etc/shadow"


def fail(_call, params):
    raise {
        "OSError": OSError(2, SECRET, "/etc/shadow"), "KeyError": KeyError(SECRET), "MemoryError": MemoryError(SECRET),
        "SystemExit": SystemExit(SECRET), "KeyboardInterrupt": KeyboardInterrupt(SECRET),
        "RecursionError": RecursionError(SECRET), "AssertionError": AssertionError(SECRET),
        "GeneratorExit": GeneratorExit(SECRET), "UnicodeError": UnicodeError(SECRET),
        "CancelledError": asyncio.CancelledError(SECRET),
    }[params["with"]]


async def fail_later(call, params):
    await asyncio.sleep(0)
    fail(call, params)


def fail_in_a_worker(call, params):
    return call.work(lambda: fail(call, params))


def answer(_call, params):
    return {
        "set": {1, 2}, "bytes": b"x", "surrogate": "\\ud800", "object": object(), "nan": float("nan"),
        "huge": "x" * 300_000, "wrong type": 17,
    }[params["with"]]


def stop(_call, _params):
    sys.exit(1)


METHODS = {
    "fail": Method(handler=fail), "fail_later": Method(handler=fail_later),
    "fail_in_a_worker": Method(handler=fail_in_a_worker), "answer": Method(handler=answer),
}
'''

WITH = {
    "type": "object",
    "properties": {"with": {"description": "What.", "type": "string"}},
    "required": ["with"],
    "additionalProperties": False,
}


@pytest.fixture
def faulty(scratch: Path, serve: Serve) -> Rpcd:
    """A server with methods that fail in every way."""
    directory = scratch / "methods"
    directory.mkdir()
    (directory / "faulty.py").write_text(MODULE)
    for name in ("fail", "fail_later", "fail_in_a_worker", "answer"):
        (directory / f"{name}.params.json").write_text(json.dumps(WITH))
        (directory / f"{name}.result.json").write_text(json.dumps({"type": "string"}))
    methods = '\n[methods]\npath = "{scratch}/methods"\nmodules = ["faulty"]\n'
    grant = f'\n[[grants]]\nusers = [{os.getuid()}]\nmethods = ["fail", "fail_later", "fail_in_a_worker", "answer"]\n'
    return serve(methods + SETTINGS + grant)


EXCEPTIONS = ["OSError", "KeyError", "MemoryError", "SystemExit", "KeyboardInterrupt", "RecursionError",
              "AssertionError", "GeneratorExit", "UnicodeError", "CancelledError"]  # fmt: skip


def test_a_bug_is_an_incident_and_nothing_more(faulty: Rpcd) -> None:
    """Whatever a handler raises, wherever it runs: the caller gets an id that the audit has too, the server lives."""
    with faulty.nothing_leaks():
        for method in ("fail", "fail_later", "fail_in_a_worker"):
            for exception in EXCEPTIONS:
                error = faulty.error(method, **{"with": exception})
                incident = error["data"].pop("incident")
                assert error == {"code": -32603, "message": "Internal error", "data": {"kind": "internal"}}
                assert faulty.records("decided", incident=incident)[0]["method"] == method
                assert incident in faulty.log()
    assert "canary" not in faulty.log()
    assert "canary" not in faulty.audit_log.read_text()


@pytest.mark.parametrize("what", ["set", "bytes", "surrogate", "object", "huge"])
def test_an_answer_that_cannot_be_sent_is_an_error(faulty: Rpcd, what: str) -> None:
    """A result that is no JSON is an incident, one that is too long is `too_large`; neither is half sent."""
    assert faulty.kind("answer", **{"with": what}) == ("too_large" if what == "huge" else "internal")
    assert faulty.kind("ping") is None


INVALID_REQUESTS: list[Any] = [
    1,
    "ping",
    None,
    True,
    {},
    {"method": "ping", "id": 1},
    {"jsonrpc": "1.0", "method": "ping", "id": 1},
    {"jsonrpc": 2.0, "method": "ping", "id": 1},
    {"jsonrpc": "2.0", "id": 1},
    {"jsonrpc": "2.0", "method": None, "id": 1},
    {"jsonrpc": "2.0", "method": ["ping"], "id": 1},
    {"jsonrpc": "2.0", "method": "ping", "id": 1.5},
    {"jsonrpc": "2.0", "method": "ping", "id": True},
    {"jsonrpc": "2.0", "method": "ping", "id": [1]},
    {"jsonrpc": "2.0", "method": "ping", "id": {"a": 1}},
    {"jsonrpc": "2.0", "method": "ping", "id": "x" * 129},
    {"jsonrpc": "2.0", "method": "ping", "id": "x" * 100_000},
    {"jsonrpc": "2.0", "method": "ping", "id": 1, "params": None},
    {"jsonrpc": "2.0", "method": "ping", "id": 1, "params": "text"},
    {"jsonrpc": "2.0", "method": "ping", "id": 1, "params": 7},
    {"jsonrpc": "2.0", "method": "ping", "id": 1, "extra": 1},
    {"jsonrpc": "2.0", "result": "pong", "id": 1},
]


@pytest.mark.parametrize("request_", INVALID_REQUESTS, ids=lambda request: json.dumps(request)[:60])
def test_what_is_no_request_is_invalid(rpcd: Rpcd, request_: Any) -> None:
    """What is no request object of JSON-RPC 2.0 is `invalid_request`, with the id null."""
    reply = read_json(rpcd.raw(json.dumps(request_).encode()) or b"")
    assert reply == {"jsonrpc": "2.0", "id": None, "error": {
        "code": -32600, "message": "Invalid Request", "data": {"kind": "invalid_request"}}}  # fmt: skip


@pytest.mark.parametrize("identifier", [0, -1, 2**63, "", "a", "\u2028\x1b[31m", "é" * 128, None])
def test_an_id_comes_back_as_it_was(rpcd: Rpcd, identifier: Any) -> None:
    """An id that is a short string, an integer or null is the reply's id."""
    message = {"jsonrpc": "2.0", "method": "ping", "id": identifier}
    assert read_json(rpcd.raw(json.dumps(message).encode()) or b"") == {
        "jsonrpc": "2.0", "result": "pong", "id": identifier}  # fmt: skip


# Parameters of methods of this server that must not be taken: where it is said to be wrong
INVALID_PARAMS: list[tuple[str, Any, str]] = [
    ("ping", {"x": 1}, ""),
    ("ping", [1], "/0"),
    ("get_key", {}, ""),
    ("get_key", ["shop"], ""),
    ("get_key", ["shop", "ui.theme", "more"], "/2"),
    ("get_key", {"target": "shop", "key": "ui.theme", "self": 1}, ""),
    ("get_key", {"target": "shop", "key": "ui.theme", "call": 1, "peer": 0, "_as_uid": 0}, ""),
    ("get_key", {"target": 1, "key": "ui.theme"}, "/target"),
    ("get_key", {"target": "shop", "key": ""}, "/key"),
    ("get_key", {"target": "shop", "key": []}, "/key"),
    ("get_key", {"target": "shop", "key": "ui..theme"}, "/key"),
    ("get_key", {"target": "shop", "key": ".ui"}, "/key"),
    ("get_key", {"target": "shop", "key": "ui\ntheme"}, "/key"),
    ("get_key", {"target": "shop", "key": ["ui", "a\u2028b"]}, "/key"),
    ("get_key", {"target": "shop", "key": ["ui", 1.5]}, "/key"),
    ("get_key", {"target": "shop", "key": ["ui", True]}, "/key"),
    ("get_key", {"target": "shop", "key": ["a"] * 1000}, "/key"),
    ("read_file", {"target": "motd", "as": "hex"}, "/as"),
    ("list_keys", {"target": "shop", "limit": 0}, "/limit"),
    ("list_keys", {"target": "shop", "limit": 1.5}, "/limit"),
    ("replace_file", {"target": "motd", "content": 1}, "/content"),
    ("replace_file", {"target": "motd", "content": {"base64": "%%%"}}, "/content/base64"),
    ("replace_file", {"target": "motd", "content": {"base64": "QQ==", "fd": 0}}, "/content"),
    ("replace_file", {"target": "motd", "content": {"fd": 0}}, "/content/fd"),
    ("update_key", {"target": "shop", "key": "ui.theme"}, ""),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "x", "if_revision": "latest"}, "/if_revision"),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "x", "dry_run": "no"}, "/dry_run"),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "x", "actor": "a\nb"}, "/actor"),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "x", "note": "x" * 257}, "/note"),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "x", "confirm_within": 5}, ""),
]

PATHS = ["..", "../shop", "/etc/shadow", "shop\0", "", "a" * 5000, "shop/", "vhosts/..", "vhosts/../shop", ".",
         "vhosts/", "/proc/self/root/etc/shadow", "vhosts/a/b", "vhosts/.hidden", "vhosts/a~", "vhosts/\x1b[31m",
         "shop\n", "vhosts/\u2028", "vhosts//a.conf"]  # fmt: skip


@pytest.mark.parametrize(("method", "params", "at"), INVALID_PARAMS)
def test_what_breaks_the_schema_is_named_by_its_place(rpcd: Rpcd, method: str, params: Any, at: str) -> None:
    """Parameters that break a schema are `invalid_params`, with the place and the rule, and without the value."""
    with rpcd.connect() as connection:
        error = connection.ask({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})["error"]
    assert error["data"]["kind"] == "invalid_params"
    assert any(fault["at"].startswith(at) for fault in error["data"]["faults"]), error
    jsonschema.validate(error, ERROR)


@pytest.mark.parametrize("target", PATHS)
def test_a_path_is_no_target(rpcd: Rpcd, target: str) -> None:
    """What looks like a path, or could become one, is refused before anything is opened, for root too."""
    assert rpcd.kind("read_file", target=target) in {"invalid_params", "no_such_target"}
    assert rpcd.kind("replace_file", target=target, content="x") in {"invalid_params", "no_such_target"}


def test_a_changing_notification_is_refused_and_audited(rpcd: Rpcd) -> None:
    """A notification that would change something changes nothing, gets no reply, and leaves a record."""
    message = {"jsonrpc": "2.0", "method": "update_key", "params": ["shop", "ui.theme", "dark"]}
    with rpcd.connect() as connection:
        connection.send(json.dumps(message).encode())
        assert connection.call("ping") == "pong"
    assert "theme = light" in (rpcd.scratch / "shop/shop.ini").read_text()
    (record,) = rpcd.records("decided", method="update_key")
    assert (record["verdict"], record["kind"]) == ("refused", "invalid_request")


# Batches


def ping(number: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "ping"}


def test_a_batch_has_at_most_32_entries(rpcd: Rpcd) -> None:
    """32 entries are answered in order; with 33 nothing is run, and there is one error."""
    with rpcd.connect() as connection:
        assert [entry["id"] for entry in connection.ask([ping(number) for number in range(32)])] == list(range(32))
        error = connection.ask([ping(number) for number in range(33)])["error"]
    assert error["data"] == {"kind": "too_large", "limit": 32}


def test_one_bad_entry_fails_alone(rpcd: Rpcd) -> None:
    """Each entry of a batch has its own outcome, in the order of the batch."""
    key = {"target": "shop", "key": "ui.theme"}
    batch: list[Any] = [
        {"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": {**key, "value": "dark"}},
        {"jsonrpc": "2.0", "id": 2, "method": "nope"},
        3,
        {"jsonrpc": "2.0", "id": 4, "method": "update_key", "params": {**key, "value": 5}},
        {"jsonrpc": "2.0", "id": 5, "method": "get_key", "params": key},
        {"jsonrpc": "2.0", "method": "update_key", "params": {**key, "value": "forged"}},
    ]
    with rpcd.connect() as connection:
        replies = connection.ask(batch)
    kinds = [reply.get("error", {}).get("data", {}).get("kind") for reply in replies]
    assert kinds == [None, "no_such_method", "invalid_request", "not_editable", None]
    assert replies[4]["result"]["value"] == "dark"


def test_the_replies_of_a_batch_share_the_room(rpcd: Rpcd) -> None:
    """What no longer fits is `too_large`, and a change that could not be answered is not begun."""
    (rpcd.scratch / "site/motd").write_text("x" * 100_000)
    read = {"jsonrpc": "2.0", "method": "read_file", "params": {"target": "motd", "as": "text"}}
    batch = [{**read, "id": number} for number in range(31)]
    batch.append({"jsonrpc": "2.0", "id": 31, "method": "update_key", "params": ["shop", "ui.theme", "dark"]})
    with rpcd.connect() as connection:
        replies = connection.ask(batch)
    assert [reply["id"] for reply in replies] == list(range(32))
    assert "result" in replies[0]
    assert {reply["error"]["data"]["kind"] for reply in replies[1:31]} == {"too_large"}
    assert replies[31]["result"]["changed"] is True


# Anything at all

names = st.sampled_from(
    ["ping", "get_key", "update_key", "read_file", "replace_file", "list_keys", "list_files", "may"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
params = st.dictionaries(
    st.sampled_from(["target", "key", "value", "content", "as", "expect", "if_revision", "dry_run", "limit", "after"]),
    anything | st.sampled_from(["shop", "motd", "vhosts", "vhosts/shop-a.conf", "ui.theme", "mail", "text"]),
)
requests = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": names | st.text(), "params": params | st.lists(anything)},
    optional={"id": st.integers() | st.text(max_size=10) | anything},
)
messages = st.one_of(
    st.binary(max_size=300),
    requests.map(lambda request: json.dumps(request).encode()),
    st.lists(requests | anything, max_size=5).map(lambda batch: json.dumps(batch).encode()),
)


def test_any_message_gets_at_most_one_strict_reply(rpcd: Rpcd) -> None:
    """Whatever is sent: at most one reply, strict JSON, errors of the closed vocabulary and of at most 4 KiB."""
    with rpcd.nothing_leaks(), rpcd.connect() as connection:

        @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
        @given(messages)
        def send(message: bytes) -> None:
            connection.send(message)
            connection.send(b'{"jsonrpc":"2.0","id":"end","method":"ping"}')
            replies: list[bytes] = []
            while not replies or replies[-1] != b'{"jsonrpc":"2.0","result":"pong","id":"end"}':
                replies.append(connection.receive() or b"")
                for descriptor in connection.descriptors:
                    os.close(descriptor)
            assert len(replies) <= 2
            for reply in replies[:-1]:
                answers = read_json(reply)
                for answer in answers if isinstance(answers, list) else [answers]:
                    if "error" in answer:
                        jsonschema.validate(answer["error"], ERROR)
                        assert len(json.dumps(answer)) <= 4096
                        assert answer["error"]["data"]["kind"] in KINDS
                        assert answer["error"]["data"]["kind"] != "internal", message

        send()
    assert not rpcd.records("decided", kind="internal")
