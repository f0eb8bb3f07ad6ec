"""`describe`: the part of a target's schema that a peer may see, and the values that it may get."""

import json
import os
from collections.abc import Callable
from typing import Any

from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd
from tests.harness.users import WWW_DATA

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "db": {
            "type": "object",
            "properties": {
                "host": {"type": "string"},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                "tls": {"type": "boolean"},
                "password": {"type": "string", "writeOnly": True},
            },
            "required": ["host"],
            "additionalProperties": False,
        },
        "peers": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}

SETTINGS = f"""
[targets.shop]
path   = "{{scratch}}/shop/shop.ini"
format = "ini"
schema = "shop.schema.json"
secret = ["db.host"]

[targets.more]
directory = "{{scratch}}/more"
names     = '[a-z]+\\.ini'
format    = "ini"
schema    = "shop.schema.json"

[targets.app]
path   = "{{scratch}}/app/app.json"
format = "json"
secret = ["login.password", "tokens"]

[targets.env]
path   = "{{scratch}}/app/app.env"
format = "env"

[targets.dates]
path   = "{{scratch}}/app/dates.toml"
format = "toml"

[targets.motd]
path   = "{{scratch}}/app/motd"
format = "text"

[[grants]]
users   = [{os.getuid()}]
methods = ["describe", "get_key", "update_key", "replace_file"]
targets = ["*"]

[[grants]]
users   = [{WWW_DATA}]
methods = ["describe", "update_key"]
targets = ["shop", "app"]
keys    = ["db.port", "db.tls", "db.password", "login.*"]

[[grants]]
users   = [{WWW_DATA}]
methods = ["get_key"]
targets = ["shop", "app"]
keys    = ["db.port", "login.user"]
"""

FILES: dict[str, str | bytes] = {
    "shop.schema.json": json.dumps(SCHEMA),
    "shop/shop.ini": "peers = a\n[db]\nhost = localhost\nport = 3306\ntls = on\npassword = hunter2\n",
    "more/empty.ini": "",
    "app/app.json": json.dumps(
        {
            "login": {"user": "u", "password": "p", "more": [1, 2]},
            "tokens": ["t"],
            "list": [{"a": 1}, {"a": 2}],
            "mixed": [1, "a"],
            "none": None,
            "ratio": 0.5,
            "nothing": {},
            "on": True,
        }
    ),
    "app/app.env": b'A=1\nB="$(hostname)"\nC="\xff"\n',
    "app/dates.toml": "since = 2026-01-01\nbeyond = inf\n",
    "app/motd": "Welcome.\n",
}


def described(server: Rpcd, as_user: Callable[..., Any], target: str) -> Any:
    """What www-data is told."""

    def call() -> Any:
        with Connection(server.socket) as connection:
            return connection.call("describe", target=target)

    return as_user(WWW_DATA, WWW_DATA, [], call)


def test_who_may_see_everything_sees_the_schema_and_the_values(serve: Serve) -> None:
    """Values are typed by the schema; what is secret is not among them, and is marked."""
    server = serve(SETTINGS, FILES)
    told = server.call("describe", target="shop")
    schema = json.loads(json.dumps(SCHEMA))
    schema["properties"]["db"]["properties"]["host"]["writeOnly"] = True
    assert told == {
        "schema": schema,
        "values": {"peers": ["a"], "db": {"port": 3306, "tls": True}},
        "revision": server.call("get_key", target="shop", key="db.port")["revision"],
    }


def test_a_narrow_grant_sees_its_keys(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Only granted keys, and of their values those that the peer may get."""
    server = serve(SETTINGS, FILES)
    told = described(server, as_user, "shop")
    members = SCHEMA["properties"]["db"]["properties"]
    assert told["schema"] == {
        "type": "object",
        "properties": {
            "db": {
                "type": "object",
                "properties": {name: members[name] for name in ("port", "tls", "password")},
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    }
    assert told["values"] == {"db": {"port": 3306}}
    told = described(server, as_user, "app")
    assert told["schema"]["properties"].keys() == {"login"}
    assert told["values"] == {"login": {"user": "u"}}


def test_without_a_schema_the_document_tells(serve: Serve) -> None:
    """Keys and types are those of the document; what cannot be told, or is secret, has no value."""
    server = serve(SETTINGS, FILES)
    told = server.call("describe", target="app")
    integers = {"type": "array", "items": {"type": "integer"}}
    assert told["schema"] == {
        "type": "object",
        "properties": {
            "login": {
                "type": "object",
                "properties": {
                    "user": {"type": "string"},
                    "password": {"type": "string", "writeOnly": True},
                    "more": integers,
                },
            },
            "tokens": {"type": "array", "items": {"type": "string"}, "writeOnly": True},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}},
            "mixed": {"type": "array"},
            "none": {"type": "null"},
            "ratio": {"type": "number"},
            "nothing": {"type": "object", "properties": {}},
            "on": {"type": "boolean"},
        },
    }
    expected = json.loads(FILES["app/app.json"])
    del expected["tokens"], expected["login"]["password"]
    assert told["values"] == expected
    told = server.call("describe", target="env")
    assert told["schema"]["properties"] == {key: {"type": "string"} for key in "ABC"}
    assert told["values"] == {"A": "1"}
    told = server.call("describe", target="dates")
    assert told["schema"]["properties"] == {"since": {"type": "string"}, "beyond": {"type": "number"}}
    assert told["values"] == {"since": "2026-01-01"}


def test_there_need_be_no_file(serve: Serve) -> None:
    """A form for a new file of a directory has the schema and no values; a text is described as what it is."""
    server = serve(SETTINGS, FILES)
    assert server.call("describe", target="more/new.ini") == {"schema": SCHEMA, "revision": "absent"}
    assert server.call("describe", target="more/empty.ini").keys() == {"schema", "revision"}
    told = server.call("describe", target="motd")
    assert told["schema"] == {"type": "string"}
    assert "values" not in told
    assert server.kind("describe", target="more") == "invalid_params"
    assert server.kind("describe", target="none") == "no_such_target"
    (server.scratch / "app/app.json").write_text("{")
    assert server.kind("describe", target="app") == "not_editable"


def test_values_that_do_not_fit_are_left_out(serve: Serve) -> None:
    """A schema without values is of more use than none."""
    large = json.dumps({"text": "x" * 150_000, "more": "y" * 60_000})
    server = serve(SETTINGS, {**FILES, "app/app.json": large})
    told = server.call("describe", target="app")
    assert told.keys() == {"schema", "revision"}
    assert told["schema"]["properties"].keys() == {"text", "more"}


def test_what_a_form_sends_is_written_as_the_file_has_it(serve: Serve) -> None:
    """A number that the schema knows is written as digits, and what is no number is refused."""
    server = serve(SETTINGS, FILES)
    server.call("update_key", target="shop", key="db.port", value=3307)
    server.call("update_key", target="shop", key="db.tls", value=False)
    text = (server.scratch / "shop/shop.ini").read_text()
    assert text == "peers = a\n[db]\nhost = localhost\nport = 3307\ntls = off\npassword = hunter2\n"
    error = server.error("update_key", target="shop", key="db.port", value=70000)
    assert error["data"] == {"kind": "rejected", "faults": [{"at": "/db/port", "rule": "maximum"}]}
    assert server.kind("update_key", target="shop", key="db.port", value="many") == "rejected"
    assert server.kind("replace_file", target="shop", content="[db]\nhost=a\nport=many\n") == "rejected"
