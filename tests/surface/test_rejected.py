"""A target's schema, and its `refuse` patterns, judge every change before anything is written."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd
from tests.harness.users import WWW_DATA

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mail": {
            "type": "object",
            "properties": {
                "host": {"type": "string", "format": "hostname"},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                "password": {"type": "string", "minLength": 8},
            },
            "required": ["host"],
            "additionalProperties": False,
        },
        "limits": {"type": "array", "items": {"type": "integer", "maximum": 9}, "uniqueItems": True},
        "since": {"type": "string", "format": "date"},
    },
    "required": ["mail"],
    "additionalProperties": False,
    "if": {"properties": {"mail": {"properties": {"port": {"const": 25}}, "required": ["port"]}}, "required": ["mail"]},
    "then": {"properties": {"limits": {"maxItems": 1}}},
}

GOOD = 'since = 2026-01-01\nlimits = [1, 2]\n[mail]\nhost = "a.example"\nport = 587\npassword = "hunter2hunter2"\n'
BAD = 'since = 2026-01-01\nlimits = [1, 99]\n[mail]\nhost = "a.example"\nport = 0\npassword = "short"\n'

SETTINGS = f"""
[targets.shop]
path   = "{{scratch}}/shop/shop.toml"
format = "toml"
schema = "shop.schema.json"

[targets.more]
directory = "{{scratch}}/more"
names     = '[a-z]+\\.toml'
format    = "toml"
schema    = "shop.schema.json"

[targets.site]
path   = "{{scratch}}/site/site.conf"
format = "text"
refuse = ['^\\s*load_module\\b', 'evil\\s+thing']

[[grants]]
users   = [{os.getuid()}]
methods = ["get_key", "update_key", "delete_key", "read_file", "replace_file", "delete_file"]
targets = ["*"]

[[grants]]
users   = [{WWW_DATA}]
methods = ["update_key", "delete_key"]
targets = ["shop"]

[[grants]]
users   = [{WWW_DATA}]
methods = ["get_key"]
targets = ["shop"]
keys    = ["mail.port"]

[[grants]]
users   = [{WWW_DATA}]
methods = ["replace_file"]
targets = ["more/blind.toml", "site"]
"""

FILES: dict[str, str | bytes] = {
    "shop.schema.json": json.dumps(SCHEMA),
    "shop/shop.toml": GOOD,
    "more/blind.toml": BAD,
    "site/site.conf": "listen 80;\n  load_module old;\n",
}


@pytest.fixture
def shop(serve: Serve) -> Rpcd:
    """A server whose targets have rules."""
    return serve(SETTINGS, FILES)


def faults(connection: Rpcd | Connection, method: str, **params: Any) -> list[tuple[str, str]]:
    """Where a change is rejected by which rule; it must be, by a dry run as well."""
    error = connection.error(method, **params)
    assert error["code"] == 422
    assert error["data"].keys() == {"kind", "faults"}
    assert error["data"]["kind"] == "rejected"
    assert connection.error(method, **params, dry_run=True) == error
    return sorted((fault["at"], fault["rule"]) for fault in error["data"]["faults"])


@pytest.mark.parametrize(
    ("method", "params", "found"),
    [
        ("update_key", {"key": "mail.port", "value": 70000}, [("/mail/port", "maximum")]),
        ("update_key", {"key": "mail.port", "value": "587"}, [("/mail/port", "type")]),
        ("update_key", {"key": "mail.host", "value": "a b"}, [("/mail/host", "format")]),
        ("update_key", {"key": "mail.x", "value": 1}, [("/mail/x", "additionalProperties")]),
        ("update_key", {"key": "mail", "value": {}}, [("/mail/host", "required")]),
        ("update_key", {"key": "mail.port", "value": 25}, [("/limits", "maxItems")]),
        ("update_key", {"key": "limits.1", "value": 1}, [("/limits", "uniqueItems")]),
        ("delete_key", {"key": "mail.host"}, [("/mail/host", "required")]),
        ("delete_key", {"key": "mail"}, [("/mail", "required")]),
        ("replace_file", {"content": "[mail]\nhost = 5\n"}, [("/mail/host", "type")]),
        ("replace_file", {"content": "x = nan\n"}, [("/mail", "required"), ("/x", "additionalProperties")]),
    ],
)
def test_what_breaks_the_schema_is_rejected(
    shop: Rpcd, method: str, params: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    """Keys as well as whole files: the answer says where and which rule, and nothing is written."""
    before = (shop.scratch / "shop/shop.toml").stat()
    assert faults(shop, method, target="shop", **params) == found
    after = (shop.scratch / "shop/shop.toml").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    (record,) = shop.records("outcome", kind="rejected")
    known = [re.sub("/(x|[0-9]+)$", "/*", at) for at, _ in found]
    assert sorted(record["faults"]) == sorted(f"{at}: {rule}" for at, (_, rule) in zip(known, found, strict=True))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("update_key", {"key": "mail.port", "value": 465}),
        ("update_key", {"key": "since", "value": "2027-02-03"}),
        ("delete_key", {"key": "limits"}),
        ("replace_file", {"content": '[mail]\nhost = "b.example"\n'}),
        ("delete_file", {}),
    ],
)
def test_what_holds_is_written(shop: Rpcd, method: str, params: dict[str, Any]) -> None:
    """A document that satisfies its schema is changed as ever."""
    assert shop.call(method, target="shop", **params)["changed"]


def test_what_was_broken_before_refuses_nobody(shop: Rpcd) -> None:
    """A document that breaks its schema already can be changed, put right, and made no worse."""
    path = shop.scratch / "shop/shop.toml"
    path.write_text(BAD, encoding="ascii")
    assert shop.call("update_key", target="shop", key="mail.host", value="b.example")["changed"]
    assert faults(shop, "update_key", target="shop", key="mail.port", value="x") == [("/mail/port", "type")]
    assert faults(shop, "update_key", target="shop", key="limits.0", value=100) == [("/limits/0", "maximum")]
    assert shop.call("delete_key", target="shop", key="limits.0")["changed"]
    assert shop.call("update_key", target="shop", key="mail.port", value=1)["changed"]
    assert shop.call("replace_file", target="shop", content=path.read_text() + "\n")["changed"]
    worse = path.read_text().replace('"short"', '"shorter"')
    assert faults(shop, "replace_file", target="shop", content=worse) == [("/mail/password", "minLength")]


def test_new_files_have_to_hold(shop: Rpcd) -> None:
    """Where nothing was there, everything that is wrong counts."""
    assert faults(shop, "replace_file", target="more/new.toml", content=BAD) == [
        ("/limits/1", "maximum"),
        ("/mail/password", "minLength"),
        ("/mail/port", "minimum"),
    ]
    assert not (shop.scratch / "more/new.toml").exists()


def as_www_data(shop: Rpcd, as_user: Callable[..., Any], *calls: tuple[str, dict[str, Any]]) -> Any:
    """What www-data is answered: an error's data, or None."""

    def call() -> list[dict[str, Any] | None]:
        with Connection(shop.socket) as connection:
            replies = [connection.request(method, **params) for method, params in calls]
        return [reply["error"]["data"] if "error" in reply else None for reply in replies]

    return as_user(WWW_DATA, WWW_DATA, [], call)


def rejected(*places: tuple[str, str]) -> dict[str, Any]:
    """The data of a rejection."""
    return {"kind": "rejected", "faults": [{"at": at, "rule": rule} for at, rule in places]}


def test_places_are_told_to_who_may_know_them(shop: Rpcd, as_user: Callable[..., Any]) -> None:
    """Who may not read a key is told of it only where it wrote it; the audit log has everything."""
    answers = as_www_data(
        shop,
        as_user,
        ("update_key", {"target": "shop", "key": "mail.password", "value": "x"}),
        ("update_key", {"target": "shop", "key": "mail", "value": {"host": "a", "port": 0}}),
        ("update_key", {"target": "shop", "key": "mail.port", "value": 25}),
        ("delete_key", {"target": "shop", "key": "mail.host"}),
    )
    assert answers == [
        rejected(("/mail/password", "minLength")),
        rejected(("/mail/port", "minimum")),
        rejected(),
        rejected(),
    ]
    assert [record["faults"] for record in shop.records("outcome", kind="rejected")] == [
        ["/mail/password: minLength"],
        ["/mail/port: minimum"],
        ["/limits: maxItems"],
        ["/mail/host: required"],
    ]


def test_what_a_hidden_key_holds_cannot_be_searched(shop: Rpcd, as_user: Callable[..., Any]) -> None:
    """A value that breaks a rule is rejected whether or not it is there already, by key and as a whole file."""
    (shop.scratch / "shop/shop.toml").write_text(BAD, encoding="ascii")
    answers = as_www_data(
        shop,
        as_user,
        *(("update_key", {"target": "shop", "key": "mail.password", "value": guess}) for guess in ("short", "wrong")),
        *(("replace_file", {"target": "more/blind.toml", "content": text}) for text in (BAD, BAD.replace("99", "98"))),
    )
    assert answers[0] == answers[1] == rejected(("/mail/password", "minLength"))
    assert answers[2] == answers[3]
    assert answers[2]["kind"] == "rejected"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("listen 80;\nload_module x;\n", [("refuse[0]", 2)]),
        ("listen 80;\n\tload_module x;\nan evil  thing", [("refuse[0]", 2), ("refuse[1]", 3)]),
        ("  load_module old;\n  load_module old;\n", [("refuse[0]", 2)]),
        ("listen 80;\r\nload_module x;\r\n", [("refuse[0]", 2)]),
        ("listen 80;\rload_module x;", [("refuse[0]", 1)]),
        ("  load_module old;\nevil\nthing\n", [("refuse[1]", None)]),
        ({"base64": "bG9hZF9tb2R1bGUg/w=="}, [("refuse[0]", 1)]),
    ],
)
def test_refused_lines_are_rejected(shop: Rpcd, content: object, found: list[tuple[str, int | None]]) -> None:
    """A line that a pattern is found in, and that was not there before, is named to who may read the file."""
    error = shop.error("replace_file", target="site", content=content)
    lines = [{"at": "", "rule": rule} | ({"line": line} if line else {}) for rule, line in found]
    assert error["data"] == {"kind": "rejected", "faults": lines}


def test_refused_lines_that_were_there_may_stay(shop: Rpcd, as_user: Callable[..., Any]) -> None:
    """Unless who writes the file may not read it: such a caller answers for all of it, and is told no line."""
    content = "  load_module old;\nlisten 81;\nour load_module is none\n"
    assert shop.call("replace_file", target="site", content=content)["changed"]
    (answer,) = as_www_data(shop, as_user, ("replace_file", {"target": "site", "content": content}))
    assert answer == rejected(("", "refuse[0]"))


def test_refused_lines_of_documents_are_rejected(serve: Serve) -> None:
    """Patterns look at the text, also where the target has keys."""
    server = serve(SETTINGS.replace('schema = "shop.schema.json"', "refuse = ['99']", 1), FILES)
    assert faults(server, "update_key", target="shop", key="mail.port", value=1990) == [("", "refuse[0]")]


def test_refused_values_cannot_be_searched(serve: Serve, as_user: Callable[..., Any]) -> None:
    """A value with a pattern is rejected whether or not its line is there already."""
    server = serve(SETTINGS.replace('schema = "shop.schema.json"', "refuse = ['hunter']", 1), FILES)
    answers = as_www_data(
        server,
        as_user,
        *(
            ("update_key", {"target": "shop", "key": "mail.password", "value": f"hunter2hunter{number}"})
            for number in (1, 2)
        ),
        ("update_key", {"target": "shop", "key": "mail.port", "value": 1}),
    )
    assert answers == [rejected(("", "refuse[0]")), rejected(("", "refuse[0]")), None]


BAD_SCHEMAS = (
    ('{"$ref": "http://127.0.0.1:9/x.json"}', "http://127.0.0.1:9/x.json: references lead into the same document"),
    ('{"$ref": "file:///etc/passwd"}', "file:///etc/passwd: references lead into the same document"),
    ('{"type": "object", "additionalProperties": {"type": "string", "maxlength": 5}}', "did you mean 'maxLength'?"),
    ('{"type": "object"}', "it takes any property"),
    ('{"type": "array", "items": {"$ref": "#"}, "anyOf": [{"items": {"$ref": "#"}}]}', "twice as long"),
    ('{"type": "string", "pattern": "^(?=a)$"}', "no regular expression that takes linear time"),
    ("{", "Expecting property name"),
)


@pytest.mark.parametrize(("text", "fault"), BAD_SCHEMAS)
def test_bad_schemas_are_faults(serve: Serve, text: str, fault: str) -> None:
    """Nothing is served with a schema that is wrong, fetches, or would take for ever; its place is told."""
    server = serve(SETTINGS, FILES | {"shop.schema.json": text}, start=False)
    said = server.refuses_to_start()
    assert f"rpcd.toml: targets.shop.schema: {server.scratch}/shop.schema.json: " in said
    assert fault in said


def test_a_schema_that_others_can_write_is_not_read(serve: Serve, scratch: Path) -> None:
    """Whoever could write it would decide what may be written."""
    server = serve(SETTINGS, FILES, start=False)
    (scratch / "shop.schema.json").chmod(0o666)
    assert "targets.shop.schema: " in (said := server.refuses_to_start())
    assert "others than its owner can write it" in said


def test_new_rules_take_their_place_at_a_reload(shop: Rpcd) -> None:
    """The schema is read again with the settings; one that has faults keeps the old ones."""
    path = shop.scratch / "shop.schema.json"
    narrow = json.loads(json.dumps(SCHEMA))
    narrow["properties"]["mail"]["properties"]["port"]["maximum"] = 500
    path.write_text(json.dumps(narrow), encoding="ascii")
    assert shop.call("update_key", target="shop", key="mail.port", value=501)["changed"]
    assert shop.reload()["verdict"] == "taken"
    assert faults(shop, "update_key", target="shop", key="mail.port", value=502) == [("/mail/port", "maximum")]
    path.write_text(json.dumps(narrow).replace("maximum", "maximun"), encoding="ascii")
    record = shop.reload()
    assert record["verdict"] == "kept"
    assert len(record["faults"]) == 4
    where = f"rpcd.toml: targets.shop.schema: {path}: $.properties.limits.items"
    assert f"{where}: there is no keyword 'maximun'; did you mean 'maximum'?" in record["faults"]


def test_a_broken_document_is_no_measure(shop: Rpcd) -> None:
    """What takes the place of a file that nobody can parse has to hold."""
    (shop.scratch / "shop/shop.toml").write_text("= x", encoding="ascii")
    assert faults(shop, "replace_file", target="shop", content="") == [("/mail", "required")]
    assert shop.call("replace_file", target="shop", content=GOOD)["changed"]


def hostile(number: int) -> str:
    """A document that is made to take long."""
    return (
        "limits = [" + ",".join(map(str, range(number))) + "]\n",
        "limits = [" + "'x'," * number + "]\n",
        "".join(f"k{key} = 1\n" for key in range(number // 2)),
        "[mail]\nhost = '" + "a." * number + "'\n",
        "[mail]\n" + "".join(f"h{key}.a = 1\n" for key in range(number // 3)),
    )[number % 5]


@pytest.mark.slow
def test_hostile_documents_hold_up_nobody(shop: Rpcd) -> None:
    """Some 100 KiB that break as many rules as they can are rejected within a moment, and others are served."""
    for number in range(20_000, 20_005):
        with shop.connect() as other:
            message = {"jsonrpc": "2.0", "id": 1, "method": "replace_file"}
            shop.connection.send(
                json.dumps({**message, "params": {"target": "shop", "content": hostile(number)}}).encode()
            )
            assert other.call("ping") == "pong"
            reply = shop.connection.receive()
            assert reply is not None
            assert json.loads(reply)["error"]["data"]["kind"] == "rejected"


def test_the_schema_itself_is_nobodys_target(serve: Serve, scratch: Path) -> None:
    """Who could write what judges a target could write the target."""
    server = serve(SETTINGS, FILES, start=False)
    server.configure(SETTINGS + f'[targets.own]\npath = "{scratch}/shop.schema.json"\nformat = "json"\n')
    assert "targets.own: it is among rpcd's own files: schemas" in server.refuses_to_start()
