"""The examples of the JSON-RPC 2.0 specification, section 7, against the server, through an administrator's module."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.server import Rpcd

MODULE = '''
"""The methods that the specification's examples call."""

from rpcd.methods import Method


def subtract(_call, params):
    return params["minuend"] - params["subtrahend"]


def add(_call, params):
    return sum(params["numbers"])


def heard(_call, _params):
    return None


def get_data(_call, _params):
    return ["hello", 5]


METHODS = {
    "subtract": Method(handler=subtract, params=("minuend", "subtrahend")),
    "sum": Method(handler=add, params=("*numbers",)),
    "update": Method(handler=heard, params=("*numbers",)),
    "notify_hello": Method(handler=heard, params=("*numbers",)),
    "notify_sum": Method(handler=heard, params=("*numbers",)),
    "get_data": Method(handler=get_data),
}
'''

NUMBERS = {"numbers": {"description": "What to take.", "type": "array", "items": {"type": "integer"}}}
PARAMS: dict[str, dict[str, Any]] = {
    "subtract": {
        "minuend": {"description": "From this.", "type": "integer"},
        "subtrahend": {"description": "This is taken.", "type": "integer"},
    },
    "sum": NUMBERS,
    "update": NUMBERS,
    "notify_hello": NUMBERS,
    "notify_sum": NUMBERS,
    "get_data": {},
}
RESULTS: dict[str, dict[str, Any]] = {"get_data": {"type": "array", "items": {"type": ["string", "integer"]}}}

SETTINGS = """
[methods]
path    = "{scratch}/methods"
modules = ["examples"]

[[grants]]
users   = [0]
methods = ["subtract", "sum", "update", "notify_hello", "notify_sum", "get_data"]
"""


def error(code: int, message: str) -> dict[str, Any]:
    """An error as the specification's examples have it; what stands in `data` is ours."""
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": None}


INVALID = error(-32600, "Invalid Request")

# What is sent, what comes back (None: nothing).
EXAMPLES: dict[str, tuple[str, Any]] = {
    "positional parameters": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
        {"jsonrpc": "2.0", "result": 19, "id": 1},
    ),
    "positional parameters, the other way round": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
        {"jsonrpc": "2.0", "result": -19, "id": 2},
    ),
    "named parameters": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
        {"jsonrpc": "2.0", "result": 19, "id": 3},
    ),
    "named parameters, the other way round": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
        {"jsonrpc": "2.0", "result": 19, "id": 4},
    ),
    "a notification": ('{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', None),
    "a notification of a method that is not there": ('{"jsonrpc": "2.0", "method": "foobar"}', None),
    "a method that is not there": (
        '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
        error(-32601, "Method not found") | {"id": "1"},
    ),
    "invalid JSON": (
        '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
        error(-32700, "Parse error"),
    ),
    "an invalid request object": ('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID),
    "a batch of invalid JSON": (
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
        error(-32700, "Parse error"),
    ),
    "an empty array": ("[]", INVALID),
    "an invalid batch, but not empty": ("[1]", [INVALID]),
    "an invalid batch": ("[1,2,3]", [INVALID, INVALID, INVALID]),
    "a batch": (
        """[
            {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
            {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
        ]""",
        [
            {"jsonrpc": "2.0", "result": 7, "id": "1"},
            {"jsonrpc": "2.0", "result": 19, "id": "2"},
            INVALID,
            error(-32601, "Method not found") | {"id": "5"},
            {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"},
        ],
    ),
    "a batch of notifications": (
        """[
            {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
        ]""",
        None,
    ),
}


@pytest.fixture
def examples(scratch: Path, serve: Serve) -> Rpcd:
    """A server with the examples' methods, all of which this user may call."""
    directory = scratch / "methods"
    directory.mkdir()
    (directory / "examples.py").write_text(MODULE)
    for name, properties in PARAMS.items():
        params = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
            "additionalProperties": False,
        }
        (directory / f"{name}.params.json").write_text(json.dumps(params))
        result = RESULTS.get(name, {"type": ["integer", "null"]})
        (directory / f"{name}.result.json").write_text(json.dumps(result))
    return serve(SETTINGS)


def without_data(reply: Any) -> Any:
    """A reply without `data`, which the specification leaves to the server."""
    if isinstance(reply, list):
        return [without_data(entry) for entry in reply]
    if "error" in reply:
        return reply | {"error": {name: reply["error"][name] for name in ("code", "message")}}
    return reply


def test_every_example_gets_the_specified_reply(examples: Rpcd) -> None:
    """Each example's reply is what the specification prints, and where it prints none, nothing is sent."""
    with examples.connect() as connection:
        for name, (sent, expected) in EXAMPLES.items():
            connection.send(sent.encode())
            if expected is None:  # whatever came now would be taken for the reply to this
                connection.send(json.dumps({"jsonrpc": "2.0", "method": "ping", "id": name}).encode())
            reply = connection.receive()
            assert reply is not None, name
            assert without_data(json.loads(reply)) == (expected or {"jsonrpc": "2.0", "result": "pong", "id": name}), (
                name
            )
