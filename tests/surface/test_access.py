"""Grants by callers by calls: who may do what, as one truth table, against the server and real uids."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection

ALICE, BOB, CAROL, DAVE, EVE = 20001, 20002, 20003, 20004, 20005
SHOPKEEPERS, AUDITORS = 30001, 30002

SETTINGS = f"""
[targets.shop]
path   = "{{scratch}}/shop.ini"
format = "ini"

[targets.other]
path   = "{{scratch}}/other.ini"
format = "ini"

[targets.vhosts]
directory = "{{scratch}}/vhosts"
names     = '[a-z-]+\\.conf'
format    = "text"

[[grants]]
users   = [{ALICE}]
methods = ["get_key", "update_key", "delete_key", "list_keys", "describe"]
targets = ["shop"]
keys    = ["ui.*", "mail.from"]

[[grants]]
users   = [{BOB}]
methods = ["read_file", "replace_file", "list_files"]
targets = ["vhosts/shop-*.conf"]

[[grants]]
groups  = [{SHOPKEEPERS}]
methods = ["get_key"]
targets = ["*"]

[[grants]]
users   = [{DAVE}]
groups  = [{AUDITORS}]
methods = ["status"]
"""

FILES = {
    "shop.ini": "[ui]\ntheme = light\n\n[mail]\nfrom = a@b.c\npassword = hunter2\n",
    "other.ini": "[ui]\ntheme = dark\n",
    "vhosts/shop-a.conf": "a\n",
    "vhosts/blog.conf": "b\n",
}

# uid, primary gid, supplementary groups
CALLERS: dict[str, tuple[int, int, list[int]]] = {
    "alice": (ALICE, ALICE, []),
    "bob": (BOB, BOB, []),
    "carol": (CAROL, CAROL, [SHOPKEEPERS]),
    "carol with her group as the primary one": (CAROL, SHOPKEEPERS, []),
    "dave": (DAVE, DAVE, []),
    "an auditor": (EVE, AUDITORS, []),
    "eve": (EVE, EVE, []),
    "root": (0, 0, []),
}

# The call, and who may make it. Everybody else gets `denied`.
EVERYBODY_NAMED = set(CALLERS) - {"eve", "root"}
CAROL_TWICE = {"carol", "carol with her group as the primary one"}
CALLS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("ping", {}, EVERYBODY_NAMED),
    ("whoami", {}, EVERYBODY_NAMED),
    ("targets", {}, EVERYBODY_NAMED),
    ("may", {"method": "ping"}, EVERYBODY_NAMED),
    ("status", {}, {"dave", "an auditor"}),
    ("get_key", {"target": "shop", "key": "ui.theme"}, {"alice", *CAROL_TWICE}),
    ("get_key", {"target": "shop", "key": ["ui", "theme"]}, {"alice", *CAROL_TWICE}),
    ("get_key", {"target": "shop", "key": "ui"}, {"alice", *CAROL_TWICE}),
    ("get_key", {"target": "shop", "key": "mail.from"}, {"alice", *CAROL_TWICE}),
    ("get_key", {"target": "shop", "key": "mail.password"}, CAROL_TWICE),
    ("get_key", {"target": "shop", "key": "mail"}, CAROL_TWICE),
    ("get_key", {"target": "other", "key": "ui.theme"}, CAROL_TWICE),
    ("list_keys", {"target": "shop"}, {"alice"}),
    ("list_keys", {"target": "other"}, set()),
    ("describe", {"target": "shop"}, {"alice"}),
    ("describe", {"target": "other"}, set()),
    ("describe", {"target": "none"}, set()),
    ("update_key", {"target": "shop", "key": "ui.theme", "value": "dark", "dry_run": True}, {"alice"}),
    ("update_key", {"target": "shop", "key": "ui.new", "value": "x", "dry_run": True}, {"alice"}),
    ("update_key", {"target": "shop", "key": "mail.password", "value": "x", "dry_run": True}, set()),
    ("update_key", {"target": "other", "key": "ui.theme", "value": "x", "dry_run": True}, set()),
    ("delete_key", {"target": "shop", "key": "ui.theme", "dry_run": True}, {"alice"}),
    ("read_file", {"target": "shop"}, set()),
    ("read_file", {"target": "vhosts/shop-a.conf"}, {"bob"}),
    ("read_file", {"target": "vhosts/blog.conf"}, set()),
    ("replace_file", {"target": "vhosts/shop-b.conf", "content": "c\n", "dry_run": True}, {"bob"}),
    ("replace_file", {"target": "vhosts/blog.conf", "content": "c\n", "dry_run": True}, set()),
    ("delete_file", {"target": "vhosts/shop-a.conf", "dry_run": True}, set()),
]


@pytest.fixture
def socket(serve: Serve) -> str:
    """The socket of a server with these grants."""
    return serve(SETTINGS, FILES).socket


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_may_do_exactly_what_grants_say(caller: str, socket: str, as_user: Callable[..., Any]) -> None:
    """Every call of the table succeeds for whom the grants name, and is `denied` to everybody else."""

    def outcomes() -> list[str | None]:
        with Connection(socket) as connection:
            return [connection.kind(method, **params) for method, params, _ in CALLS]

    expected = [None if caller in allowed else "denied" for _, _, allowed in CALLS]
    found = as_user(*CALLERS[caller], outcomes)
    assert [(*call[:2], kind) for call, kind in zip(CALLS, found, strict=True)] == [
        (*call[:2], kind) for call, kind in zip(CALLS, expected, strict=True)
    ]


@pytest.mark.parametrize("caller", CALLERS)
def test_may_says_what_the_gate_does(caller: str, socket: str, as_user: Callable[..., Any]) -> None:
    """`may` answers each call of the table as the call itself is answered."""

    def answers() -> list[bool]:
        with Connection(socket) as connection:
            asked = [
                {"method": method} | {name: params[name] for name in ("target", "key") if name in params}
                for method, params, _ in CALLS
            ]
            return [connection.call("may", **params)["allowed"] for params in asked]

    if caller in EVERYBODY_NAMED:
        assert as_user(*CALLERS[caller], answers) == [caller in allowed for _, _, allowed in CALLS]


# To alice these must look the same, byte for byte: nothing is there, something forbidden is there.
ALIKE = [
    [("get_key", {"target": "nowhere", "key": "a.b"}), ("get_key", {"target": "other", "key": "ui.theme"})],
    [("get_key", {"target": "shop", "key": "no.such"}), ("get_key", {"target": "shop", "key": "mail.password"})],
    [("read_file", {"target": "nowhere"}), ("read_file", {"target": "shop"})],
]

# To eve, whom no grant names, everything looks like this one.
UNKNOWN_TO_ALL: list[tuple[str, Any]] = [
    ("get_key", {"target": "shop", "key": "ui.theme"}),
    ("get_key", {"target": "nowhere", "key": "ui.theme"}),
    ("get_key", {"nonsense": True}),
    ("get_key", [1, 2, 3, 4, 5]),
    ("no_such_method", {}),
    ("ping", {}),
    ("rpc.discover", {}),
    ("__init__", {"self": 1}),
]


def replies(socket: str, calls: list[tuple[str, Any]]) -> set[bytes]:
    """The distinct replies to these calls."""
    with Connection(socket) as connection:
        found = set()
        for method, params in calls:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            reply = connection.raw(json.dumps(message).encode())
            assert reply is not None
            found.add(reply)
        return found


@pytest.mark.parametrize("calls", ALIKE)
def test_what_is_forbidden_looks_like_what_is_not_there(
    calls: list[tuple[str, Any]], socket: str, as_user: Callable[..., Any]
) -> None:
    """A caller whose grants cover neither cannot tell a forbidden target or key from one that does not exist."""
    assert len(as_user(ALICE, ALICE, [], lambda: replies(socket, calls))) == 1


def test_a_stranger_learns_nothing(socket: str, as_user: Callable[..., Any]) -> None:
    """Whom no grant names gets the same reply whatever it asks, well formed or not."""
    assert as_user(EVE, EVE, [], lambda: replies(socket, UNKNOWN_TO_ALL)) == {
        b'{"jsonrpc":"2.0","error":{"code":403,"message":"No grant covers this call","data":{"kind":"denied"}},"id":1}'
    }


def test_what_a_stranger_sends_is_not_even_called_malformed(socket: str, as_user: Callable[..., Any]) -> None:
    """Whom no grant names is denied where others would be told that this is no request."""

    def kinds() -> set[str]:
        found = set()
        for sent in (b"", b"{", b"[]", b"[1]", b"{}", b"\xff", b'{"jsonrpc":"2.0","method":1,"id":1}', b"[" * 5000):
            with Connection(socket) as connection:
                reply = connection.raw(sent)
                assert reply is not None
                found.add(reply.strip(b"[]"))
        return {reply.decode() for reply in found}

    assert as_user(EVE, EVE, [], kinds) == {
        (
            '{"jsonrpc":"2.0","error":{"code":403,"message":"No grant covers this call",'
            '"data":{"kind":"denied"}},"id":null}'
        )
    }


def test_a_denied_call_opens_nothing(scratch: Path, serve: Serve, as_user: Callable[..., Any]) -> None:
    """A denied call does not touch the target: strace sees no open of it."""
    trace = scratch / "trace"
    wrapper = ["strace", "-f", "-qq", "-e", "trace=open,openat,openat2,stat,newfstatat,statx", "-o", str(trace)]
    server = serve(SETTINGS, FILES, wrapper=wrapper)
    before = trace.read_text().count("shop.ini")
    for uid in (EVE, BOB):
        assert as_user(uid, uid, [], lambda: Connection(server.socket).kind("get_key", target="shop", key="ui.theme"))
    assert trace.read_text().count("shop.ini") == before
