"""`Client` against the server: every method, every kind of refusal, contents of every size."""

import json
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rpcd.client import (
    Client,
    ConflictError,
    DeniedError,
    NoSuchRevisionError,
    RefusalError,
    TooLargeError,
    errors,
    prepare,
)
from rpcd.errors import KINDS
from rpcd.methods import METHODS
from tests.conftest import SETTINGS, Serve
from tests.harness.server import Rpcd
from tests.harness.users import WWW_DATA

pytestmark = pytest.mark.usefixtures("no_descriptor_stays")

MIB = 1 << 20


@pytest.fixture
def client(server: Rpcd) -> Iterator[Client]:
    """A client of the server."""
    with Client(server.socket) as client:
        yield client


@pytest.fixture
def shared_client(shared_server: Rpcd) -> Iterator[Client]:
    """A client for tests that change nothing."""
    with Client(shared_server.socket) as client:
        yield client


def test_what_a_caller_can_ask_about_itself(shared_client: Client) -> None:
    """ping, whoami, may, targets and status answer with what the server says."""
    assert shared_client.ping() == "pong"
    me = shared_client.whoami()
    assert (me.uid, me.gid) == (os.getuid(), os.getgid())
    assert shared_client.may("update_key", "shop", "ui.theme") is True
    assert shared_client.may("no_such_thing") is False
    shop = {target.target: target for target in shared_client.targets()}["shop"]
    assert (shop.format, shop.kind) == ("ini", "file")
    assert "update_key" in shop.methods
    assert isinstance(shared_client.status()["version"], str)


def test_what_a_caller_may_call(shared_client: Client) -> None:
    """`discover` is the OpenRPC document, which has every method that the caller may call."""
    document = shared_client.discover()
    assert document["openrpc"] == "1.3.2"
    assert '"update_key"' in json.dumps(document["methods"])


def test_a_document_in_a_descriptor_is_the_same(serve: Serve) -> None:
    """Where it does not fit into a reply, `discover` reads what was passed."""
    with Client(serve('max_message = "16 KiB"\n' + SETTINGS).socket) as client:
        assert '"update_key"' in json.dumps(client.discover()["methods"])


def test_keys(client: Client) -> None:
    """A key is read, changed under an expectation, listed and deleted."""
    assert client.get_key("shop", "ui.theme").value == "light"
    preview = client.update_key("shop", "ui.theme", "dark", dry_run=True)
    assert preview.diff is not None
    assert "+theme = dark" in preview.diff
    change = client.update_key("shop", ["ui", "theme"], "dark", expect="light", actor="alice", note="why not")
    assert (change.target, change.changed, change.diff) == ("shop", True, None)
    held = client.get_key("shop", "ui.theme")
    assert (held.value, held.revision) == ("dark", change.revision)
    assert client.update_key("shop", "ui.theme", "dark", if_revision=change.revision).changed is False
    client.delete_key("shop", "ui.title")
    keys = client.list_keys("shop", "ui")
    assert [(key.key, key.type) for key in keys.keys] == [("ui", "object"), ("ui.theme", "string")]
    assert [key.comment for key in keys.keys] == ["the shop's own settings", None]
    client.update_key("shop", "ui.size", "5", use_commented=True)
    client.delete_key("shop", "ui.size", comments="with")
    described = client.describe("shop")
    assert described.schema["type"] == "object"
    assert described.values == {"ui": {"theme": "dark"}, "mail": {"from": "shop@example.org"}}
    assert client.describe("motd").values is None
    first = client.list_keys("shop", limit=1)
    assert first.next == first.keys[0].key
    assert client.list_keys("shop", after=first.next).keys[0] not in first.keys


def test_actor_and_note_are_recorded(client: Client, server: Rpcd) -> None:
    """`actor` and `note` arrive in the audit record of the change."""
    client.update_key("shop", "ui.theme", "dark", actor="alice", note="why not")
    (intent,) = server.records("intent")
    assert (intent["actor"], intent["note"]) == ("alice", "why not")


def test_values_stay_what_they_are(client: Client) -> None:
    """Null, floats, large integers, empty objects and odd text arrive as they stand in the file."""
    expected: dict[str, object] = {
        "empty": {},
        "list": [],
        "float": 1.0,
        "int": 1,
        "null": None,
        "true": True,
        "text": "Grüße \0 😀",
        "greatest": 2**63 - 1,
        "beyond": 2**63,
        "nested": {"1": [{}, [], ""]},
    }
    held = {key: client.get_key("doc", key).value for key in expected}
    assert held == expected
    assert [type(value) for value in held.values()] == [type(value) for value in expected.values()]
    values: tuple[object, ...] = (None, 2.0, 2, False, {}, [], {"a": {"": 1.5}}, "ü\u2028")
    for value in values:
        client.update_key("doc", "int", value)
        assert repr(client.get_key("doc", "int").value) == repr(value)


def test_expecting_null(client: Client) -> None:
    """`expect=None` expects null, and leaving it out expects nothing."""
    with pytest.raises(ConflictError):
        client.update_key("doc", "int", 2, expect=None)
    assert client.update_key("doc", "null", 2, expect=None).changed is True
    assert client.update_key("doc", "null", 3).changed is True


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param("Grüße\r\n".encode(), id="text"),
        pytest.param(b"\xff\x00\xfe", id="bytes"),
        pytest.param(b"\x01" * 60_000, id="many escapes"),
        pytest.param(os.urandom(150_000), id="too long for base64"),
        pytest.param(b"x" * 300_000, id="longer than a datagram"),
        pytest.param(os.urandom(16 * MIB), id="16 MiB"),
    ],
)
def test_files_of_every_size(client: Client, content: bytes) -> None:
    """Whatever its size and bytes, a file that was written is read back the same, by whichever way it travels."""
    change = client.replace_file("big", content)
    read = client.read_file("big")
    assert read.content == content
    assert (read.revision, read.size) == (change.revision, len(content))


@pytest.mark.parametrize("as_", ["text", "base64", "fd"])
def test_how_a_file_travels_does_not_show(shared_client: Client, as_: Any) -> None:
    """A content is the same bytes as text, as base64 and in a descriptor."""
    assert shared_client.read_file("motd", as_).text == "Welcome.\n"


def test_a_file_above_the_limit(shared_client: Client) -> None:
    """A content above the server's limit is refused with the limit, not with a broken connection."""
    with pytest.raises(TooLargeError) as raised:
        shared_client.replace_file("big", bytes(16 * MIB + 1))
    assert raised.value.data["limit"] == 16 * MIB
    assert shared_client.ping() == "pong"


def test_earlier_revisions(client: Client) -> None:
    """They are listed with who made them and when, compared, and brought back."""
    first = client.replace_file("vhosts/b.conf", "one\n")
    client.replace_file("vhosts/b.conf", "two\n", actor="anna", note="better")
    found = client.history("vhosts/b.conf")
    newest = found.revisions[0]
    assert [one.external for one in found.revisions] == [False, False, True]
    assert (newest.edits[0].actor, newest.edits[0].note, newest.ts.tzinfo is None) == ("anna", "better", False)
    assert client.history("vhosts/b.conf", limit=1).next == newest.number
    shown = client.diff("vhosts/b.conf")
    assert ("-one\n+two\n" in shown.diff, shown.from_, shown.truncated) == (True, first.revision, False)
    assert client.restore("vhosts/b.conf", first.revision).revision == first.revision
    with pytest.raises(NoSuchRevisionError):
        client.restore("vhosts/b.conf", "sha256:" + "0" * 64)


def test_files_of_a_directory(client: Client) -> None:
    """Files of a directory target are made, listed page by page, and removed."""
    for name in ("b", "c"):
        assert client.replace_file(f"vhosts/{name}.conf", "server {}\n", if_revision="absent").changed is True
    listed = client.list_files("vhosts")
    assert [file.name for file in listed.files] == ["b.conf", "c.conf", "shop-a.conf"]
    assert listed.files[0].size == len("server {}\n")
    assert listed.next is None
    page = client.list_files("vhosts", limit=2)
    assert page.next is not None
    assert [file.name for file in client.list_files("vhosts", after=page.next).files] == ["shop-a.conf"]
    assert client.delete_file("vhosts/b.conf").revision == "absent"


REFUSED: list[tuple[str, Callable[[Client], object]]] = [
    ("no_such_method", lambda client: client.call("no_such_thing")),
    ("no_such_target", lambda client: client.get_key("nowhere", "a")),
    ("no_such_key", lambda client: client.get_key("shop", "ui.nothing")),
    ("no_such_file", lambda client: client.read_file("vhosts/nothing.conf")),
    ("invalid_params", lambda client: client.update_key("shop", "ui.theme", "dark", actor="\x1b[31m")),
    ("conflict", lambda client: client.update_key("shop", "ui.theme", "dark", expect="green")),
    ("conflict", lambda client: client.delete_key("shop", "ui.theme", if_revision="absent")),
    ("not_editable", lambda client: client.update_key("shop", "ui.theme", "x\n[root]\nadmin = yes")),
    ("storage", lambda client: client.read_file("linked")),
    ("too_large", lambda client: client.batch([prepare.ping()] * 33)),
]


@pytest.mark.parametrize(("kind", "call"), REFUSED)
def test_what_is_refused(shared_client: Client, kind: str, call: Callable[[Client], object]) -> None:
    """A refused call raises the class of its kind, and the connection goes on."""
    with pytest.raises(RefusalError) as raised:
        call(shared_client)
    assert raised.value.kind == kind
    assert shared_client.ping() == "pong"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_refusal(shared_client: Client, kind: str) -> None:
    """Each kind that the server can answer arrives as its class, with code, sentence and data, and can be pickled."""
    with pytest.raises(RefusalError) as raised:
        shared_client.call("lab_refuse", kind=kind)
    error = raised.value
    assert (error.kind, error.code, error.message) == (kind, *KINDS[kind])
    assert type(error) is type(errors.refusal(error.code, error.message, error.data)) is not RefusalError
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), str(copy)) == (type(error), str(error))


def test_a_caller_without_a_grant(shared_server: Rpcd, as_user: Callable[..., Any]) -> None:
    """Who has no grant on a key is denied it, and goes on with what is granted."""

    def act() -> tuple[object, str]:
        with Client(shared_server.socket) as client:
            try:
                client.get_key("shop", "mail.password")
            except DeniedError as error:
                return client.get_key("shop", "mail.from").value, error.kind
        raise AssertionError("it got the password")

    assert as_user(WWW_DATA, WWW_DATA, [], act) == ("shop@example.org", "denied")


def test_a_batch(client: Client) -> None:
    """A batch answers each entry for itself, in order, with descriptors in both directions."""
    big, other = os.urandom(200_000), os.urandom(200_000)
    results = client.batch(
        [
            prepare.replace_file("big", big),
            prepare.read_file("big"),
            prepare.get_key("shop", "nothing"),
            prepare.replace_file("motd", other),
            prepare.read_file("motd"),
            prepare.get_key("shop", "ui.theme"),
        ]
    )
    assert results[1].content == big
    assert isinstance(results[2], errors.NoSuchKeyError)
    assert results[4].content == other
    assert results[5].value == "light"


def test_an_empty_batch(shared_client: Client) -> None:
    """A batch of nothing is refused as a whole."""
    with pytest.raises(errors.InvalidRequestError):
        shared_client.batch([])


def test_a_method_of_an_administrator(shared_client: Client) -> None:
    """`call` makes any call, and returns its result as it is."""
    assert shared_client.call("lab_pause", seconds=0) == "rested"
    assert shared_client.call("get_key", target="shop", key="ui.theme")["value"] == "light"


def test_where_the_server_is(shared_server: Rpcd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path the client goes where RPCD_SOCKET says."""
    monkeypatch.setenv("RPCD_SOCKET", shared_server.socket)
    with Client() as client:
        assert client.ping() == "pong"


def test_what_only_reads_is_known() -> None:
    """What the client takes for a change, by name too, is what changes something over there."""
    for name, row in METHODS.items():
        assert prepare.call(name).changes == (row.changes or row.administers)
    assert prepare.call("acme.announce").changes
