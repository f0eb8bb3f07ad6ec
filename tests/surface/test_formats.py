"""A target of each format, as callers meet it: read, changed, refused, and byte for byte what it was otherwise."""

import os
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Serve


@dataclass(frozen=True)
class Case:
    """A file, and what is done with it: a key and its value, what it is changed to, and the lines that this gives."""

    format: str
    text: str
    key: str
    value: Any
    new: Any
    after: str
    gone: str
    """The file without the key."""
    keys: tuple[tuple[str, str], ...]
    """What is listed: keys and types."""
    refused: tuple[str, Any, str]
    """A key, a value that it cannot have, and why."""
    broken: str
    """A file that is none of this format."""


CASES = [
    Case(
        format="jsonc",
        text='{\n  // how large\n  "size": 12, // points\n  "on": true,\n}\n',
        key="size",
        value=12,
        new="x */ //",
        after='{\n  // how large\n  "size": "x */ //", // points\n  "on": true,\n}\n',
        gone='{\n  // how large\n  "on": true,\n}\n',
        keys=(("size", "integer"), ("on", "boolean")),
        refused=("size.x", 1, "structure"),
        broken='{"a": 1,,}',
    ),
    Case(
        format="properties",
        text="# the server\nserver.port = 8080\nserver.host = a\n",
        key="server.port",
        value="8080",
        new="é\nadmin = yes",
        after="# the server\nserver.port = \\u00e9\\nadmin = yes\nserver.host = a\n",
        gone="# the server\nserver.host = a\n",
        keys=(("server", "object"), ("server.port", "string"), ("server.host", "string")),
        refused=("server.port", 8080, "type"),
        broken="a = \\u00",
    ),
    Case(
        format="yaml",
        text="# shop\nservices:\n  web:\n    image: nginx:1.25  # pinned\n    ports:\n    - 80\nx: !secret y\n",
        key="services.web.image",
        value="nginx:1.25",
        new="x: #\n[root]",
        after='# shop\nservices:\n  web:\n    image: "x: #\\n[root]"  # pinned\n    ports:\n    - 80\nx: !secret y\n',
        gone="# shop\nservices:\n  web:\n    ports:\n    - 80\nx: !secret y\n",
        keys=(
            ("services", "object"),
            ("services.web", "object"),
            ("services.web.image", "string"),
            ("services.web.ports", "array"),
            ("services.web.ports.0", "integer"),
            ("x", "string"),
        ),
        refused=("x", 1, "tag"),
        broken="a: b: c\n",
    ),
    Case(
        format="augeas:hosts",
        text="# ours\n127.0.0.1\tlocalhost lo # loop\n\n10.0.0.1 a b c\n",
        key="2.alias.1",
        value="c",
        new="x",
        after="# ours\n127.0.0.1\tlocalhost lo # loop\n\n10.0.0.1 a b x\n",
        gone="# ours\n127.0.0.1\tlocalhost lo # loop\n\n10.0.0.1 a b\n",
        keys=(
            ('"#comment"', "string"),
            ("1", "object"),
            ("1.ipaddr", "string"),
            ("1.canonical", "string"),
            ("1.alias", "string"),
            ('1."#comment"', "string"),
            ("2", "object"),
            ("2.ipaddr", "string"),
            ("2.canonical", "string"),
            ("2.alias", "array"),
            ("2.alias.0", "string"),
            ("2.alias.1", "string"),
        ),
        refused=("2.canonical", "x\n6.6.6.6 evil", "characters"),
        broken="localhost\n",
    ),
    Case(
        format="xml",
        text='<server>\n  <!-- where -->\n  <port proto="tcp">80</port>\n  <name>x</name>\n</server>\n',
        key="server.name",
        value="x",
        new="</name><admin/>",
        after='<server>\n  <!-- where -->\n  <port proto="tcp">80</port>\n'
        "  <name>&lt;/name&gt;&lt;admin/&gt;</name>\n</server>\n",
        gone='<server>\n  <!-- where -->\n  <port proto="tcp">80</port>\n</server>\n',
        keys=(
            ("server", "object"),
            ("server.port", "object"),
            ('server.port."@proto"', "string"),
            ('server.port."#text"', "string"),
            ("server.name", "string"),
        ),
        refused=("server.port", "80", "structure"),
        broken='<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.format for case in CASES])
def test_keys_are_read_changed_and_refused(case: Case, serve: Serve) -> None:
    """A key is told, listed, changed and taken away; what the format cannot hold is refused, and so is another file."""
    settings = f"""
[targets.app]
path = "{{scratch}}/app"
format = "{case.format}"

[targets.broken]
path = "{{scratch}}/broken"
format = "{case.format}"

[[grants]]
users = [{os.getuid()}]
methods = ["get_key", "update_key", "delete_key", "list_keys", "read_file"]
targets = ["*"]
"""
    server = serve(settings, {"app": case.text, "broken": case.broken})
    path = server.scratch / "app"
    assert server.call("get_key", target="app", key=case.key)["value"] == case.value
    listed = server.call("list_keys", target="app")["keys"]
    assert [(entry["key"], entry["type"]) for entry in listed] == list(case.keys)
    key, value, reason = case.refused
    error = server.error("update_key", target="app", key=key, value=value)
    assert (error["data"]["kind"], error["data"]["reason"]) == ("not_editable", reason)
    assert server.kind("get_key", target="broken", key=case.key) == "not_editable"
    assert path.read_text() == case.text
    server.call("update_key", target="app", key=case.key, value=case.new)
    assert path.read_text() == case.after
    assert server.call("get_key", target="app", key=case.key)["value"] == case.new
    server.call("delete_key", target="app", key=case.key)
    assert path.read_text() == case.gone
    assert server.kind("get_key", target="app", key=case.key) == "no_such_key"
