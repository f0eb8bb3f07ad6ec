"""What a schema marks `"writeOnly": true` is as secret as what the settings name."""

import json
import os
from typing import Any

import pytest

from rpcd.schemas.document import DocumentSchema
from tests.conftest import Serve

HIDDEN = {"writeOnly": True}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "login": {
            "type": "object",
            "properties": {"user": {"type": "string"}, "password": {"$ref": "#/$defs/password"}},
        },
        "vault": {"type": "object", "writeOnly": True, "additionalProperties": {"type": "string"}},
        "hosts": {"type": "array", "prefixItems": [{"type": "string"}, HIDDEN], "items": {"$ref": "#/$defs/host"}},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string", **HIDDEN}]},
        "sometimes": {"if": {"type": "string"}, "then": HIDDEN},
        "shown": {"not": HIDDEN, "writeOnly": False},
    },
    "patternProperties": {"^key-[a-z]+$": HIDDEN},
    "$defs": {
        "password": {"type": "string", **HIDDEN},
        "host": {
            "type": "object",
            "properties": {"token": {"$ref": "#/$defs/password"}, "below": {"$ref": "#/$defs/host"}},
        },
    },
}
SCHEMA["properties"]["login"]["additionalProperties"] = False

DOCUMENT = DocumentSchema(SCHEMA)


@pytest.mark.parametrize(
    ("key", "hidden"),
    [
        ((), False),
        (("name",), False),
        (("login",), False),
        (("login", "user"), False),
        (("login", "password"), True),
        (("login", "password", "0"), True),
        (("vault",), True),
        (("vault", "any", "where"), True),
        (("hosts", "0"), False),
        (("hosts", "1"), True),
        (("hosts", "2", "token"), True),
        (("hosts", "2", "below", "below", "token"), True),
        (("hosts", "2", "below", "name"), False),
        (("either",), True),
        (("sometimes",), True),
        (("shown",), False),
        (("key-a",), True),
        (("key-1",), False),
    ],
)
def test_what_is_write_only(key: tuple[str, ...], *, hidden: bool) -> None:
    """Whatever may apply to a key, or to what it is in, counts; what must not hold does not."""
    assert DOCUMENT.is_write_only(key) is hidden


@pytest.mark.parametrize(
    ("along", "found"),
    [
        (
            (),
            ["login.password", "vault", "hosts.1", "hosts.*.token", "either", "sometimes", "*"],
        ),
        (("name",), []),
        (("login",), ["login.password"]),
        (("login", None), ["login.password"]),
        (("login", "user"), []),
        (("vault", "x"), ["vault"]),
        (("hosts", None, "token"), ["hosts.1", "hosts.*.token"]),
        (("hosts", "5", "below"), ["hosts.5.below.token"]),
        (("key-x",), ["key-x"]),
        (("key-x", "y"), ["key-x"]),
    ],
)
def test_what_is_write_only_along_a_way(along: tuple[str | None, ...], found: list[str]) -> None:
    """What a pattern of keys leads past, or down to; a schema that leads to itself is followed once."""
    assert list(map(str, DOCUMENT.write_only(along))) == found


SETTINGS = f"""
[targets.app]
path   = "{{scratch}}/app/app.json"
format = "json"
schema = "app.schema.json"

[targets.vault]
path   = "{{scratch}}/app/vault.json"
format = "json"
secret = ["box"]

[[grants]]
users   = [{os.getuid()}]
methods = ["get_key", "update_key", "read_file", "replace_file"]
targets = ["*"]
"""

APP = {"name": "shop", "login": {"user": "u", "password": "old"}}

CLOSED = {**SCHEMA, "additionalProperties": False}


def test_no_diff_shows_it(serve: Serve) -> None:
    """Not even to who may read it, and the audit log says that something secret was changed."""
    document = json.dumps(APP, indent=1)
    server = serve(
        SETTINGS,
        {
            "app/app.json": document,
            "app/vault.json": '{\n"box": {\n"a": {\n"b": "old"\n}\n},\n"c": 1\n}',
            "app.schema.json": json.dumps(
                {
                    **CLOSED,
                    "properties": {
                        **SCHEMA["properties"],
                        "either": {"type": "null"},
                        "sometimes": {"type": "null"},
                        "shown": {"type": "null"},
                        "hosts": {"type": "null"},
                    },
                    "patternProperties": {},
                    "$defs": {"password": SCHEMA["$defs"]["password"]},
                }
            ),
        },
    )
    told = server.call("update_key", target="app", key="login.password", value="new", dry_run=True)
    assert "-[secret]\n+[secret]\n" in told["diff"]
    assert "old" not in told["diff"]
    assert "new" not in told["diff"]
    told = server.call("replace_file", target="app", content=document.replace("shop", "SHOP"), dry_run=True)
    assert '+ "name": "SHOP"' in told["diff"]
    assert "old" not in told["diff"]
    told = server.call("update_key", target="vault", key="box.a.b", value="new", dry_run=True)
    assert told["diff"].count("[secret]") >= 2
    assert "old" not in told["diff"]
    server.call("update_key", target="app", key="login", value={"user": "v", "password": "new"})
    server.call("update_key", target="app", key="name", value="Shop")
    assert [record.get("secret") for record in server.records("outcome")] == [True, None]
