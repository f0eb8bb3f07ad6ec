"""`rpc.discover`: an OpenRPC document of exactly what a caller may call."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rpcd.errors import KINDS
from rpcd.methods import METHODS
from rpcd.methods.openrpc import kinds
from rpcd.schemas import shipped
from tests.conftest import SETTINGS, Serve
from tests.harness import openrpc
from tests.harness.seqpacket import Connection, close_all
from tests.harness.server import REPOSITORY, Rpcd
from tests.harness.users import WWW_DATA

EXAMPLES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (REPOSITORY / "schemas" / "examples").iterdir()
}


def described(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The methods of a document, by name."""
    return {method["name"]: method for method in document["methods"]}


def schema_of(document: dict[str, Any], method: dict[str, Any], part: str) -> Draft202012Validator:
    """What a client that knows nothing but the document makes of a method's parameters, or of its result."""
    if part == "result":
        schema = dict(method["result"]["schema"])
    else:
        schema = {
            "type": "object",
            "properties": {param["name"]: param["schema"] for param in method["params"]},
            "required": [param["name"] for param in method["params"] if param["required"]],
            "additionalProperties": False,
        }
    return Draft202012Validator({**schema, "components": document["components"]})


def discover(server: Rpcd) -> dict[str, Any]:
    """What the tests' own user may call."""
    document: dict[str, Any] = server.call("rpc.discover")
    return document


def test_it_says_what_the_schemas_say(rpcd: Rpcd) -> None:
    """Parameters and results of every method, put together from the document, take and refuse the schemas' examples."""
    document = discover(rpcd)
    for name, method in described(document).items():
        for part in ("params", "result"):
            validator = schema_of(document, method, part)
            for verdict in ("valid", "invalid"):
                for instance in EXAMPLES[f"{name}.{part}"][verdict]:
                    assert validator.is_valid(instance) == (verdict == "valid"), (name, part, instance)


def test_it_names_positions_and_changes(rpcd: Rpcd) -> None:
    """Parameters begin in the order of the method's row, with what they mean; and it is told what changes something."""
    for name, method in described(discover(rpcd)).items():
        row = METHODS[name]
        assert tuple(param["name"] for param in method["params"])[: len(row.params)] == row.params
        assert all(param["description"] for param in method["params"])
        assert method["summary"].endswith((".", "?"))
        assert method["x-changes"] == (row.changes or row.administers)
        assert ("x-targets" in method) == (row.target is not None)
        assert [error["$ref"].rpartition("/")[2] for error in method["errors"]] == list(kinds(row))


def test_every_reference_leads_somewhere(rpcd: Rpcd) -> None:
    """Methods refer to components that are there, and no component is written down for nothing but `error`."""
    document = discover(rpcd)
    text = json.dumps(document)
    for group, components in document["components"].items():
        for name in components:
            assert f'"#/components/{group}/{name}"' in text or name == "error", name
    for reference in (part.partition('"')[0] for part in text.split('"$ref": "#/components/')[1:]):
        group, name = reference.split("/")
        assert name in document["components"][group]


@pytest.mark.parametrize("uid", [os.getuid(), WWW_DATA])
def test_it_has_what_this_peer_may_call(uid: int, rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """Each method that `may` grants is there and no other, with the targets that `targets` tells."""

    def ask() -> tuple[dict[str, Any], list[str], dict[str, list[str]]]:
        with Connection(rpcd.socket) as connection:
            allowed = [name for name in METHODS if connection.call("may", method=name)["allowed"]]
            targets = connection.call("targets")["targets"]
            return connection.call("rpc.discover"), allowed, {one["target"]: one["methods"] for one in targets}

    document, allowed, targets = as_user(uid, uid, [], ask)
    methods = described(document)
    assert list(methods) == allowed
    for name, method in methods.items():
        if "x-targets" in method:
            assert method["x-targets"] == sorted(target for target, granted in targets.items() if name in granted)
    assert ("read_file" in methods) == (uid != WWW_DATA)
    assert ("vhosts" in json.dumps(document)) == (uid != WWW_DATA)


def test_strangers_are_denied(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """Whom no grant names learns nothing from it."""

    def ask() -> str | None:
        with Connection(rpcd.socket) as connection:
            return connection.kind("rpc.discover")

    assert as_user(4711, 4711, [], ask) == "denied"


# how it travels

AS_JSON: dict[str, Any] = {"as": "json"}
AS_DESCRIPTOR: dict[str, Any] = {"as": "fd"}


def test_what_is_too_large_is_a_descriptor(serve: Serve) -> None:
    """Where the document does not fit into a reply it comes in a sealed memory file; who insists on JSON is refused."""
    small = serve('max_message = "16 KiB"\n' + SETTINGS)
    with small.connect() as connection:
        found = connection.call("rpc.discover")
        assert found.keys() == {"content", "size"}
        content = os.pread(connection.descriptors[found["content"]["fd"]], found["size"] + 1, 0)
        close_all(connection.descriptors)
        assert len(content) == found["size"]
        assert list(described(json.loads(content))) == list(METHODS)
        assert connection.kind("rpc.discover", **AS_JSON) == "too_large"
    small.configure('max_message = "16 KiB"\ndescriptors = false\n' + SETTINGS)
    small.stop()
    small.start()
    assert small.kind("rpc.discover") == "too_large"


def test_both_ways_carry_the_same(rpcd: Rpcd) -> None:
    """`as` chooses: in the reply, or as a descriptor; a notification sends nothing, and leaves nothing behind."""
    with rpcd.nothing_leaks():
        inline = rpcd.call("rpc.discover", **AS_JSON)
        with rpcd.connect() as connection:
            found = connection.call("rpc.discover", **AS_DESCRIPTOR)
            content = os.pread(connection.descriptors[0], found["size"], 0)
            close_all(connection.descriptors)
            assert json.loads(content) == inline
            connection.send(b'{"jsonrpc": "2.0", "method": "rpc.discover", "params": {"as": "fd"}}')
            assert connection.call("ping") == "pong"


# an administrator's methods

MODULE = '''
from rpcd.methods import Method


def tell(_call, params):
    """Tell what is wanted."""
    return params


METHODS = {"acme.tell": Method(handler=tell, params=("a/b", "~c")), "acme.pair": Method(handler=tell)}
'''

TELL: dict[str, Any] = {
    "type": "object",
    "properties": {"a/b": {"$ref": "#/$defs/word"}, "~c": {"type": "array", "items": {"$ref": "#/$defs/word"}}},
    "required": ["a/b"],
    "additionalProperties": False,
    "$defs": {"word": {"description": "A word.", "type": "string", "pattern": "^[a-z]+$"}},
}
PAIR: dict[str, Any] = {
    "type": "object",
    "properties": {"one": {"type": "string"}, "other": {"type": "string"}},
    "dependentRequired": {"one": ["other"]},
    "additionalProperties": False,
}


@pytest.fixture
def acme(serve: Serve, scratch: Path) -> Rpcd:
    """A server with methods whose schemas have references, and rules about several parameters."""
    directory = scratch / "methods"
    directory.mkdir()
    (directory / "acme.py").write_text(MODULE)
    for name, document in {"acme.tell": TELL, "acme.pair": PAIR}.items():
        for part in ("params", "result"):
            (directory / f"{name}.{part}.json").write_text(json.dumps(document))
    modules = f'[methods]\npath = "{directory}"\nmodules = ["acme"]\n'
    grant = f'\n[[grants]]\nusers = [{os.getuid()}]\nmethods = ["acme.tell", "acme.pair"]\n'
    return serve(modules + SETTINGS + grant)


def test_references_of_other_schemas_go_along(acme: Rpcd) -> None:
    """An administrator's schema with references says in the document what it says in its file."""
    document = discover(acme)
    method = described(document)["acme.tell"]
    assert method["summary"] == "Tell what is wanted."
    for part in ("params", "result"):
        validator = schema_of(document, method, part)
        assert validator.is_valid({"a/b": "x", "~c": ["y"]})
        refused: list[Any] = [{"a/b": "X"}, {"a/b": "x", "~c": ["Y"]}, {"~c": []}, {"a/b": "x", "d": 1}]
        for wrong in refused:
            assert not validator.is_valid(wrong), (part, wrong)


def test_rules_about_several_parameters_are_told(acme: Rpcd) -> None:
    """What a list of parameters cannot say stands in a schema beside it."""
    document = discover(acme)
    assert [param["name"] for param in described(document)["acme.pair"]["params"]] == ["one", "other"]
    whole = Draft202012Validator(document["components"]["schemas"]["acme.pair.params"])
    assert not whole.is_valid({"one": "x"})


def test_names_with_rpc_are_not_for_others(serve: Serve, scratch: Path) -> None:
    """JSON-RPC 2.0 keeps names that begin with rpc. for itself: a module that has one is a fault."""
    directory = scratch / "methods"
    directory.mkdir()
    (directory / "acme.py").write_text(MODULE.replace("acme.", "rpc."))
    server = serve(f'[methods]\npath = "{directory}"\nmodules = ["acme"]\n' + SETTINGS, start=False)
    assert "acme.py: 'rpc.tell': JSON-RPC keeps names with rpc. for itself" in server.refuses_to_start()


# the vocabulary


def test_every_kind_has_its_methods() -> None:
    """Each kind of refusal is told of some method, but for those that are about no method."""
    told = {kind for row in METHODS.values() for kind in kinds(row)}
    assert told == KINDS.keys() - {"parse_error", "no_such_method"}


@pytest.mark.slow
def test_it_holds_against_the_meta_schema(acme: Rpcd, tmp_path: Path) -> None:
    """OpenRPC's own meta-schema takes the document, and would not take any."""
    judge = openrpc.validator(tmp_path)
    document = discover(acme)
    assert [error.message for error in judge.iter_errors(document)] == []
    assert not judge.is_valid({**document, "methods": [{"name": "x"}]})
    document["methods"][0]["params"] = [{"name": "x", "schema": {"type": "nonsense"}}]
    assert not judge.is_valid(document)
    assert document["components"]["schemas"]["error"] == {
        name: part for name, part in shipped()["error"].document.items() if name not in {"$schema", "title"}
    }
