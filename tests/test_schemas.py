"""The schemas: what they take and refuse, that both validators agree, and that they describe what rpcd really says."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from rpcd.errors import KINDS
from rpcd.methods import METHODS
from rpcd.schemas import MAX_FAULTS, Schema, SchemaFault, load_directory, schema_directory, shipped
from rpcd.schemas.lint import FORMATS as CHECKED_FORMATS
from tests.conftest import Serve
from tests.harness.server import REPOSITORY
from tests.harness.timing import cost, costs_what_its_size_does

SCHEMAS = shipped()
EXAMPLES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (REPOSITORY / "schemas" / "examples").iterdir()
}


def cases(verdict: str) -> list[Any]:
    """Every example of one verdict, with the schema that it belongs to."""
    return [
        pytest.param(name, instance, id=f"{name}-{number}")
        for name, examples in sorted(EXAMPLES.items())
        for number, instance in enumerate(examples[verdict])
    ]


def python_says(name: str, instance: object) -> bool:
    """What jsonschema says of an instance."""
    return Draft202012Validator(SCHEMAS[name].document, format_checker=FormatChecker()).is_valid(instance)


def below(schema: object, at: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema, wherever it is, with its place."""
    if isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from below(part, f"{at}[{number}]")
    if isinstance(schema, dict):
        for keyword, part in schema.items():
            if keyword == "properties":
                yield from ((f"{at}.{name}", one) for name, one in part.items())
            yield from below(part, f"{at}.{keyword}")


def test_methods_and_schemas_agree_one_to_one() -> None:
    """Each method has its two schemas, and there are no others but those of errors, records and settings."""
    assert set(SCHEMAS) == {f"{name}.{part}" for name in METHODS for part in ("params", "result")} | {
        "audit",
        "error",
        "rpcd",
    }


def test_every_schema_has_examples() -> None:
    """Valid and invalid ones."""
    assert set(EXAMPLES) == set(SCHEMAS)
    assert all(examples["valid"] and examples["invalid"] for examples in EXAMPLES.values())


@pytest.mark.parametrize(("name", "instance"), cases("valid"))
def test_valid_examples_hold(name: str, instance: object) -> None:
    """Both validators take it, and there is no fault to tell."""
    assert SCHEMAS[name].is_valid(instance)
    assert SCHEMAS[name].faults(instance) == []
    assert python_says(name, instance)


@pytest.mark.parametrize(("name", "instance"), cases("invalid"))
def test_invalid_examples_do_not_hold(name: str, instance: object) -> None:
    """Both validators refuse it, and there is a fault to tell."""
    assert not SCHEMAS[name].is_valid(instance)
    assert SCHEMAS[name].faults(instance)
    assert not python_says(name, instance)


@pytest.mark.parametrize("name", SCHEMAS)
def test_shipped_schemas_pass_the_lint_for_others(name: str, scratch: Path) -> None:
    """What is asked of an administrator's schemas holds for ours."""
    (scratch / f"{name}.json").write_text(json.dumps(SCHEMAS[name].document), encoding="utf-8")
    assert load_directory(str(scratch))[name].document == SCHEMAS[name].document


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_property_is_described(name: str) -> None:
    """Whoever generates a form or a client from it has something to show."""
    assert [at for at, schema in below(SCHEMAS[name].document) if not schema.get("description")] == []


@pytest.mark.parametrize("name", METHODS)
def test_rows_name_parameters_that_exist(name: str) -> None:
    """Positional order, target, key and what needs another grant are parameters of the schema."""
    row, document = METHODS[name], SCHEMAS[f"{name}.params"].document
    named = {*row.params, *row.needs, *filter(None, (row.target, row.key))}
    assert named <= document["properties"].keys()
    assert set(row.params) >= set(document.get("required", ()))
    common = {"if_revision", "dry_run", "request_id", "actor", "note"}
    assert (common <= document["properties"].keys()) == row.changes


def test_every_kind_of_refusal_is_in_the_schema() -> None:
    """Codes and kinds are those of errors.py; a record's kind may be null as well."""
    properties = SCHEMAS["error"].document["properties"]
    assert set(properties["code"]["enum"]) == {kind.code for kind in KINDS.values()}
    assert set(properties["data"]["properties"]["kind"]["enum"]) == set(KINDS)
    assert set(SCHEMAS["audit"].document["properties"]["kind"]["enum"]) == {None, *KINDS}


@pytest.mark.parametrize(
    ("instance", "faults"),
    [
        ({}, [("", "required")]),
        ([], [("", "type")]),
        ({"target": "shop", "key": "", "value": 1}, [("/key", "minLength")]),
        ({"target": "shop", "key": ["a", -1], "value": 1}, [("/key/1", "minimum")]),
        ({"target": "shop", "key": 5, "value": 1}, [("/key", "oneOf")]),
        ({"target": "../x", "key": "a", "value": 1}, [("/target", "pattern")]),
        ({"target": "shop", "key": "a", "value": 1, "hunter2": 1}, [("", "additionalProperties")]),
        ({"target": "shop", "key": "a", "value": 1, "actor": "x" * 257}, [("/actor", "maxLength")]),
        ({"target": "shop", "key": "a", "value": 1, "dry_run": "yes"}, [("/dry_run", "type")]),
    ],
)
def test_faults_name_place_and_rule(instance: object, faults: list[tuple[str, str]]) -> None:
    """A fault is the place and the keyword; of alternatives it is the one that was meant."""
    found = SCHEMAS["update_key.params"].faults(instance)
    assert set(faults) <= {(fault["at"], fault["rule"]) for fault in found}
    assert all(fault.keys() == {"at", "rule"} for fault in found)


def test_faults_never_have_a_value() -> None:
    """Neither a value nor the name of a property that nobody knows is repeated."""
    instance = {"target": "hunter2/../hunter2", "key": ["hunter2\n"], "hunter2": "hunter2", "actor": "hunter2\n"}
    assert "hunter2" not in json.dumps(SCHEMAS["update_key.params"].faults(instance))


def test_faults_are_at_most_sixteen() -> None:
    """However much is wrong, an answer stays short."""
    schema = Schema("x", {"type": "array", "items": {"type": "integer"}})
    assert len(schema.faults(["x"] * 1000)) == MAX_FAULTS


BIG = 60_000
"""Members of what still fits into one message."""


@pytest.mark.parametrize(
    ("instance", "faults"),
    [
        ({"target": "shop", "value": 1, "key": [{}] * BIG}, [("/key", "maxItems")]),
        ({"target": "shop", "value": 1, "key": [-1] * BIG}, [("/key", "maxItems")]),
        ({"target": "shop", "value": 1, "key": [["a"]] * BIG}, [("/key", "maxItems")]),
        ({str(number): 1 for number in range(BIG)}, [("", "additionalProperties")]),
        ([{}] * BIG, [("", "type")]),
        # what a sample leaves out is not told to be missing
        (
            {"x": [[]] * 64, "y": [[]] * 64, "z": [[]] * 64, "key": ["a"]},
            [("", "required"), ("", "additionalProperties")],
        ),
    ],
    ids=["objects", "numbers", "arrays", "names", "no object", "many arrays"],
)
def test_to_explain_takes_no_time(instance: object, faults: list[tuple[str, str]]) -> None:
    """However many values are wrong, finding what to tell costs as much as a small request."""
    explain = SCHEMAS["update_key.params"].faults
    small = min(cost(partial(explain, {"target": "../x", "key": 5})) for _ in range(100))
    assert min(cost(partial(explain, instance)) for _ in range(10)) < 200 * small  # without a bound some 10,000 times
    found = explain(instance)
    assert {(fault["at"], fault["rule"]) for fault in found} == set(faults)


def test_what_a_sample_leaves_out_is_not_told() -> None:
    """It is refused, but nothing false is said of it: neither that a member is missing, nor that there are too few."""
    items = {"type": "array", "minItems": 100, "items": {"type": "integer"}}
    schema = Schema("x", {"type": "object", "properties": {"last": items}, "required": ["last"]})
    assert schema.faults({"last": [*range(1000), "x"]}) == []
    assert schema.faults({str(number): 0 for number in range(1000)}) == []
    assert schema.faults({"last": ["x", *range(1000)]}) == [{"at": "/last/0", "rule": "type"}]


def test_unique_items_take_no_time() -> None:
    """Eight times as many objects are compared in some eight times the time."""
    schema = Schema("x", {"type": "array", "uniqueItems": True})

    def compare(count: int) -> float:
        members = [{"a": number, "b": [number]} for number in range(count)]
        assert not schema.is_valid([*members, {"b": [count - 1], "a": count - 1}])
        return cost(partial(schema.is_valid, members))

    assert costs_what_its_size_does(compare, 10_000)


def test_refused_parameters_hold_up_nobody_else(serve: Serve) -> None:
    """While many wrong values are explained to one client, another one is answered."""
    server = serve()
    request = {"jsonrpc": "2.0", "id": 1, "method": "get_key", "params": {"target": "shop", "key": [{}] * 9_900}}
    with server.connect() as hostile:
        hostile.send(json.dumps(request, separators=(",", ":")).encode())
        before = time.monotonic()
        assert server.call("ping") == "pong"
        assert time.monotonic() - before < 1
        assert json.loads(hostile.receive() or b"")["error"]["data"] == {
            "kind": "invalid_params",
            "faults": [{"at": "/key", "rule": "maxItems"}],
        }


FORMATS = (
    ("date-time", "2030-02-28T12:00:00Z", "2030-02-30T12:00:00Z"),
    ("date", "2030-02-28", "2030-02-30"),
    ("time", "12:00:00Z", "25:00:00Z"),
    ("duration", "P1D", "1 day"),
    ("email", "a@example.org", "a"),
    ("idn-email", "ü@example.org", "ü"),
    ("hostname", "example.org", "-a-"),
    ("idn-hostname", "bücher.example", "-a-"),
    ("ipv4", "127.0.0.1", "127.0.0.256"),
    ("ipv6", "::1", "g::"),
    ("uri", "https://example.org/", "example"),
    ("uri-reference", "/a", "\\a"),
    ("iri", "https://example.org/ü", "ü"),
    ("iri-reference", "/ü", "\\a"),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
    ("uri-template", "/{a}", "/{a"),
    ("json-pointer", "/a~0", "a"),
    ("relative-json-pointer", "1/a", "/a"),
    ("regex", "^a$", "("),
)


@pytest.mark.parametrize(("name", "right", "wrong"), FORMATS)
def test_formats_are_enforced(name: str, right: str, wrong: str) -> None:
    """A format that a schema may name is one that is checked."""
    schema = Schema("x", {"type": "string", "format": name})
    assert schema.is_valid(right)
    assert schema.faults(wrong) == [{"at": "", "rule": "format"}]


def test_every_format_is_tried() -> None:
    """The lint lets no other through."""
    assert {name for name, _, _ in FORMATS} == CHECKED_FORMATS


def test_the_rule_of_a_member_that_may_not_be_is_no_name() -> None:
    """Where a member may not be there, the rule is the keyword that says so, not the name."""
    schema = Schema("x", {"type": "object", "properties": {"secret": False}, "additionalProperties": {"type": "null"}})
    assert schema.faults({"secret": 1}) == [{"at": "/secret", "rule": "properties"}]


def test_pointers_are_escaped() -> None:
    """A place is a JSON Pointer (RFC 6901), whatever a property is called."""
    schema = Schema("x", {"type": "object", "additionalProperties": {"type": "integer"}})
    assert schema.faults({"a/b~c": "x"}) == [{"at": "/a~1b~0c", "rule": "type"}]


GOOD: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}

FAULTY: tuple[tuple[object, str], ...] = (
    (5, "a schema is an object"),
    ({"type": "strin"}, "strin"),
    ({"type": "string", "maxlength": 5}, "no keyword 'maxlength'; did you mean 'maxLength'?"),
    ({"type": "string", "format": "e-mail"}, "no format 'e-mail'"),
    ({"type": "object", "properties": {}}, "takes any property"),
    ({"type": "object", "additionalProperties": True}, "takes any property"),
    ({"type": "object", "additionalProperties": {}}, "takes any property"),
    ({"properties": {"a": {"type": "null"}}, "additionalProperties": False}, "takes what is no object"),
    ({**GOOD, "properties": {"a": {}}}, "$.properties.a: it has no type"),
    ({**GOOD, "properties": {"a": {"oneOf": [{}, {"type": "null"}]}}}, "oneOf[0]: it has no type"),
    ({"type": "array", "items": {"type": "object"}}, "$.items: it takes any property"),
    ({**GOOD, "if": {"propertees": {}}}, "no keyword 'propertees'"),
    ({"$ref": "https://example.org/schema.json"}, "lead into the same document"),
    ({"$ref": "file:///etc/passwd"}, "lead into the same document"),
    ({"$ref": "other.json"}, "lead into the same document"),
    ({"$ref": "#/$defs/gone"}, "gone"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"$id": "a", "type": "null"}}}, "'$id' is for the whole schema"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "never ends"),
    ({"const": 1, "default": float("nan")}, "NaN is no number"),
    ({"type": "string", "pattern": "(?=a)b"}, "linear time"),
    ({"type": "string", "pattern": r"(a)\1"}, "linear time"),
    ({"type": "string", "pattern": "("}, "linear time"),
    ({"type": "object", "patternProperties": {"(?!x)": {"type": "null"}}, "additionalProperties": False}, "linear"),
    ({"type": ["object", "string"]}, "takes any property"),
    ({"type": "string", "pattern": "[a-z]+"}, "'[a-z]+' is found anywhere in a text: write it as '^(?:[a-z]+)$'"),
    *(
        ({"type": "string", "pattern": pattern}, "is found anywhere")
        for pattern in ("", "^a", "a$", r"^a\$", "^a|b$", "^a$|b", "^[|]a$|b", r"^a\|b$|c", "(^a$)")
    ),
    ({"type": "object", "patternProperties": {"x-": {"type": "null"}}, "additionalProperties": False}, "anywhere"),
    ({**GOOD, "propertyNames": {"pattern": "[a-z]"}}, "found anywhere"),
    ({"type": "null", "$schema": "http://json-schema.org/draft-07/schema#"}, "this is not https://json-schema.org"),
)

FAULTLESS: tuple[dict[str, Any], ...] = (
    GOOD,
    {"type": ["object", "null"], "properties": {"a": {"type": "null"}}, "additionalProperties": False},
    {"type": ["null", "boolean", "number", "string", "array", "object"]},
    {"type": "object", "additionalProperties": {"type": "string"}},
    {"type": "object", "allOf": [{"properties": {"a": {"type": "string"}}}], "unevaluatedProperties": False},
    {"type": "string", "not": {"pattern": "x"}, "allOf": [{"pattern": "[a-z]"}, {"pattern": "[0-9]"}]},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string", "format": "ipv4"}}},
    *({"type": "string", "pattern": pattern} for pattern in ("^$", "^(a|b)$", "^a$|^b$", r"^[|]\|[]|]$", r"^\$$")),
)


@pytest.mark.parametrize(("document", "fault"), FAULTY)
def test_faulty_schemas_are_refused(document: object, fault: str, scratch: Path) -> None:
    """What would not do what its author thinks is refused, with its file, place and reason."""
    (scratch / "acme.params.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SchemaFault) as caught:
        load_directory(str(scratch))
    assert all(line.startswith("acme.params.json: ") for line in caught.value.faults)
    assert fault in str(caught.value)


@pytest.mark.parametrize("document", FAULTLESS)
def test_strict_schemas_are_taken(document: dict[str, Any], scratch: Path) -> None:
    """What does what it says is no fault: what narrows another schema may search, and be open."""
    (scratch / "acme.params.json").write_text(json.dumps(document), encoding="utf-8")
    assert load_directory(str(scratch))["acme.params"].document == document


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"type": "string", "maxLength": 5, "maxLength": 500}', "'maxLength' is there twice"),
        ('{"type": "array", "items": ' * 900 + '{"type": "null"}' + "}" * 900, "recursion"),
        ("[" * 100_000, "recursion"),
        ('{"type": "null"', "delimiter"),
        ("\ufeff{}", "BOM"),
        (" " * 1_048_577, "larger than 1048576 bytes"),
    ],
)
def test_what_is_no_schema_is_a_fault(text: str, fault: str, scratch: Path) -> None:
    """Whatever the file holds, what comes is a fault that names it."""
    (scratch / "acme.params.json").write_text(text, encoding="utf-8")
    with pytest.raises(SchemaFault, match=f"acme.params.json: .*{fault}"):
        load_directory(str(scratch))


@pytest.mark.slow
def test_references_fetch_nothing(scratch: Path) -> None:
    """Refusing a reference that leads elsewhere opens no file and no connection."""
    (scratch / "secret.json").write_text('{"type": "null"}', encoding="utf-8")
    (scratch / "schemas").mkdir()
    for number, reference in enumerate(
        ("http://127.0.0.1:9/x.json", f"file://{scratch}/secret.json", "../secret.json")
    ):
        (scratch / "schemas" / f"{number}.json").write_text(json.dumps({"$ref": reference}), encoding="utf-8")
    program = (
        "import json, os, sys\n"
        "from rpcd.schemas import Schema, SchemaFault, load_directory\n"
        "for name in sorted(os.listdir(sys.argv[1])):\n"
        "    try:\n"
        "        Schema('', json.load(open(os.path.join(sys.argv[1], name)))).is_valid(None)\n"
        "    except ValueError:\n"
        "        print('refused')\n"
        "try:\n"
        "    load_directory(sys.argv[1])\n"
        "except SchemaFault as fault:\n"
        "    print(len(fault.faults))\n"
    )
    trace = scratch / "trace"
    command = ["strace", "-f", "-o", str(trace), "-e", "trace=socket,open,openat", sys.executable, "-c", program]
    done = subprocess.run(
        [*command, str(scratch / "schemas")], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["refused"] * 3 + ["3"]
    assert "schemas" in trace.read_text(encoding="utf-8")
    assert not re.search("secret|AF_INET", trace.read_text(encoding="utf-8"))


def test_all_faulty_schemas_are_told_at_once(scratch: Path) -> None:
    """One round of mending is enough."""
    (scratch / "a.json").write_text("{", encoding="utf-8")
    (scratch / "b.json").write_text('{"type": "string", "maxlength": 1, "format": "x"}', encoding="utf-8")
    (scratch / "c.json").write_text('{"type": "string"}', encoding="utf-8")
    (scratch / "c.json").chmod(0o666)
    with pytest.raises(SchemaFault) as caught:
        load_directory(str(scratch))
    assert [re.sub(r"^.*/", "", fault)[:6] for fault in caught.value.faults] == ["a.json", "b.json", "b.json", "c.json"]


@pytest.mark.parametrize("number", [1, 2**63, 10**30])
def test_hostile_patterns_take_no_time(number: int) -> None:
    """What makes a backtracking engine hang is one pass here, and no number is too large to be judged."""
    schema = Schema("x", {"type": ["string", "integer"], "pattern": "^(a+)+$"})
    assert not schema.is_valid("a" * 100_000 + "!")
    assert schema.is_valid(number)


def test_a_schema_is_compiled_when_it_is_used() -> None:
    """Loading all schemas costs reading them, and reads nothing but them."""
    program = (
        "from rpcd.schemas import shipped\n"
        "schemas = shipped()\n"
        "assert not any('_compiled' in vars(schema) for schema in schemas.values())\n"
        "schemas['get_key.params'].is_valid({})\n"
        "assert [name for name, schema in schemas.items() if '_compiled' in vars(schema)] == ['get_key.params']\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


def test_the_schemas_of_the_checkout_are_used() -> None:
    """Beside the package in a checkout; test_packaging.py looks at a wheel."""
    assert os.path.samefile(schema_directory(), REPOSITORY / "schemas")


CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ping", {}),
    ("whoami", {}),
    ("status", {}),
    ("rpc.discover", {}),
    ("rpc.discover", {"as": "fd"}),
    ("targets", {}),
    ("may", {"method": "get_key", "target": "shop", "key": "ui.theme"}),
    ("get_key", {"target": "shop", "key": "ui.theme"}),
    ("list_keys", {"target": "shop", "limit": 1}),
    ("describe", {"target": "shop"}),
    ("describe", {"target": "motd"}),
    ("describe", {"target": "vhosts/new.conf"}),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "dark", "dry_run": True}),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "dark", "actor": "anna", "note": "nicer"}),
    ("delete_key", {"target": "shop", "key": "ui.title"}),
    ("read_file", {"target": "motd"}),
    ("read_file", {"target": "motd", "as": "base64"}),
    ("list_files", {"target": "vhosts"}),
    ("replace_file", {"target": "vhosts/shop-b.conf", "content": {"base64": "AA=="}}),
    ("history", {"target": "shop"}),
    ("diff", {"target": "shop"}),
    ("restore", {"target": "vhosts/shop-b.conf", "revision": "absent"}),
    ("replace_file", {"target": "vhosts/shop-b.conf", "content": "server {}\n"}),
    ("delete_file", {"target": "vhosts/shop-b.conf"}),
    ("server.metrics", {}),
    ("server.reload", {}),
    ("server.read_only", {"reason": "Maintenance until noon"}),
)

REFUSED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("delete_key", {"target": "shop", "key": "ui.theme"}),  # in read-only mode
    ("server.read_only", {"reason": None, "actor": "anna"}),
    ("server.read_only", {"reason": "x" * 257}),
    ("nothing", {}),
    ("get_key", {}),
    ("get_key", {"target": "none", "key": "a"}),
    ("get_key", {"target": "shop", "key": "no.such"}),
    ("get_key", {"target": "shop", "key": "a..b"}),
    ("read_file", {"target": "vhosts/none.conf"}),
    ("restore", {"target": "shop", "revision": "sha256:" + "0" * 64}),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "x", "if_revision": "absent"}),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "a\nb"}),
    ("get_key", {"target": "motd", "key": "a"}),
    ("replace_file", {"target": "motd", "content": {"fd": 3}}),
)


def test_what_the_server_says_is_as_the_schemas_say(serve: Serve) -> None:
    """Results, errors and audit records of a real server hold against their schemas, for every method."""
    server = serve()
    assert {method for method, _ in CALLS} == set(METHODS)
    for method, params in CALLS:
        assert SCHEMAS[f"{method}.result"].is_valid(server.call(method, **params)), method
    told = set()
    for method, params in REFUSED:
        error = server.error(method, **params)
        assert SCHEMAS["error"].faults(error) == [], (method, error)
        told.add(error["data"]["kind"])
    assert len(told) >= 5
    server.call("server.read_only", reason=None)
    server.stop()
    records = server.audit()
    assert {"started", "connected", "decided", "intent", "outcome", "stopped"} <= {one["event"] for one in records}
    assert [(record, faults) for record in records if (faults := SCHEMAS["audit"].faults(record))] == []
