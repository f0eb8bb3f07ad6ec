"""What the methods do, and what their answers tell to whom."""

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SETTINGS, SHOP_INI, Serve
from tests.harness.seqpacket import Connection, Failure
from tests.harness.server import REPOSITORY, Rpcd

ALICE = 20001


def revision(path: Path) -> str:
    """The revision of a file's bytes, as who may read it is told."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def shop(rpcd: Rpcd) -> Path:
    """The shop's settings."""
    return rpcd.scratch / "shop/shop.ini"


def test_update_key_changes_one_value_and_nothing_else(rpcd: Rpcd, shop: Path) -> None:
    """Exactly the value's bytes change; the answer has the revisions before and after."""
    before = revision(shop)
    result = rpcd.call("update_key", target="shop", key="ui.theme", value="dark", actor="alice", note="darker")
    assert shop.read_text() == SHOP_INI.replace("theme = light", "theme = dark")
    assert result == {"target": "shop", "changed": True, "revision": revision(shop), "previous": before}
    for event in ("intent", "outcome"):
        (record,) = rpcd.records(event)
        assert (record["actor"], record["note"], record["keys"]) == ("alice", "darker", ["ui.theme"])
        assert record["grant"].startswith("rpcd.toml:")


def test_the_same_value_is_not_written(rpcd: Rpcd, shop: Path) -> None:
    """Who may read a key and sets it to what it is changes nothing, is told so, and is audited."""
    before = os.stat(shop)
    assert rpcd.call("update_key", target="shop", key="ui.theme", value="light")["changed"] is False
    after = os.stat(shop)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert rpcd.records("outcome")[0]["changed"] is False


def test_get_key_and_list_keys(rpcd: Rpcd, shop: Path) -> None:
    """A key has its value; a table has all of its; the list has every key with its type, in the file's order."""
    assert rpcd.call("get_key", target="shop", key="ui.theme") == {"value": "light", "revision": revision(shop)}
    assert rpcd.call("get_key", target="shop", key="ui")["value"] == {"theme": "light", "title": "A shop"}
    listed = rpcd.call("list_keys", target="shop")
    assert [(entry["key"], entry["type"]) for entry in listed["keys"]] == [
        ("ui", "object"), ("ui.theme", "string"), ("ui.title", "string"),
        ("mail", "object"), ("mail.from", "string"), ("mail.password", "string"),
    ]  # fmt: skip
    below = rpcd.call("list_keys", target="shop", prefix="mail")["keys"]
    assert [entry["key"] for entry in below] == ["mail", "mail.from", "mail.password"]


def test_lists_come_in_pages(rpcd: Rpcd) -> None:
    """What `limit` cuts off comes with `after`, without gaps and without repeats."""
    keys: list[str] = []
    page: dict[str, Any] = {"next": None}
    while "next" in page:
        after = {"after": page["next"]} if page["next"] else {}
        page = rpcd.call("list_keys", target="shop", limit=2, **after)
        keys += [entry["key"] for entry in page["keys"]]
    assert keys == ["ui", "ui.theme", "ui.title", "mail", "mail.from", "mail.password"]
    for name in "dcba":
        rpcd.call("replace_file", target=f"vhosts/{name}.conf", content=name)
    first = rpcd.call("list_files", target="vhosts", limit=3)
    assert [file["name"] for file in first["files"]] == ["a.conf", "b.conf", "c.conf"]
    rest = rpcd.call("list_files", target="vhosts", after=first["next"])
    assert [file["name"] for file in rest["files"]] == ["d.conf", "shop-a.conf"]
    assert rest["files"][0] == {"name": "d.conf", "revision": revision(rpcd.scratch / "vhosts/d.conf"), "size": 1}


def test_a_list_longer_than_a_reply_comes_in_pages(rpcd: Rpcd, shop: Path) -> None:
    """Keys that fit into no reply come in several, each within the limit."""
    shop.write_text("[s]\n" + "".join(f"key-{number:05}-{'x' * 150} = 1\n" for number in range(3000)))
    count, page = 0, rpcd.call("list_keys", target="shop")
    while "next" in page:
        count += len(page["keys"])
        page = rpcd.call("list_keys", target="shop", after=page["next"])
    assert count + len(page["keys"]) == 3001


def test_delete_key_takes_its_line(rpcd: Rpcd, shop: Path) -> None:
    """A key that is deleted takes its line along; one that is not there is `no_such_key`."""
    rpcd.call("delete_key", target="shop", key="ui.title")
    assert shop.read_text() == SHOP_INI.replace("title = A shop\n", "")
    assert rpcd.kind("delete_key", target="shop", key="ui.title") == "no_such_key"
    assert rpcd.kind("get_key", target="shop", key="ui.title") == "no_such_key"


def test_what_the_caller_expects_must_hold(rpcd: Rpcd, shop: Path) -> None:
    """With an `expect` or an `if_revision` that does not hold, nothing changes, and the current revision is told."""
    change: dict[str, Any] = {"target": "shop", "key": "ui.theme", "value": "dark"}
    now = revision(shop)
    stale = "sha256:" + "0" * 64
    for expectation in ({"expect": "dark"}, {"expect": None}, {"if_revision": stale}, {"if_revision": "absent"}):
        error = rpcd.error("update_key", **change, **expectation)
        assert error["data"] == {"kind": "conflict", "revision": now}
    assert shop.read_text() == SHOP_INI
    assert rpcd.call("update_key", **change, expect="light", if_revision=now)["changed"] is True


def test_a_file_is_read_replaced_and_deleted(rpcd: Rpcd) -> None:
    """A file has the content that it was given, in every form; once deleted it is absent."""
    path = rpcd.scratch / "site/motd"
    for content, sent in ((b"text\n", "text\n"), (b"\xff\x00", {"base64": "/wA="}), (b"", "")):
        rpcd.call("replace_file", target="motd", content=sent)
        assert path.read_bytes() == content
        assert rpcd.call("read_file", target="motd") == {
            "content": sent, "revision": revision(path), "size": len(content)}  # fmt: skip
    assert rpcd.kind("read_file", target="motd", **{"as": "text"}) is None
    gone = rpcd.call("delete_file", target="motd")
    assert (gone["revision"], path.exists()) == ("absent", False)
    assert rpcd.kind("read_file", target="motd") == "no_such_file"
    assert rpcd.kind("delete_file", target="motd") == "no_such_file"
    assert rpcd.call("replace_file", target="motd", content="new", if_revision="absent")["previous"] == "absent"
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, 0o600)


def test_a_structured_file_is_replaced_by_one_of_its_format_only(rpcd: Rpcd, shop: Path) -> None:
    """Content that is not in the target's format is `not_editable`, with the place; the file stays."""
    error = rpcd.error("replace_file", target="shop", content="[ui\ntheme")
    assert error["data"]["kind"] == "not_editable"
    assert shop.read_text() == SHOP_INI


def test_key_methods_are_nothing_for_a_text(rpcd: Rpcd) -> None:
    """A text has no keys: `not_editable`."""
    assert rpcd.kind("get_key", target="motd", key="a") == "not_editable"
    assert rpcd.kind("update_key", target="motd", key="a", value="b") == "not_editable"


def test_a_directory_is_no_file(rpcd: Rpcd) -> None:
    """A directory target is listed, and nothing else; a single file has no list."""
    assert rpcd.kind("read_file", target="vhosts") == "invalid_params"
    assert rpcd.kind("list_files", target="motd") == "invalid_params"
    assert rpcd.kind("read_file", target="vhosts/UPPER.conf") == "invalid_params"
    assert rpcd.kind("read_file", target="motd/below") == "no_such_target"


def test_many_targets_are_listed_too(serve: Serve) -> None:
    """More targets than are judged between two requests are listed all the same."""
    many = "".join(
        f'[targets.t{number:03}]\npath = "{{scratch}}/site/t{number}"\nformat = "text"\n' for number in range(200)
    )
    found = serve(SETTINGS + many).call("targets")["targets"]
    assert [one["target"] for one in found] == ["motd", "shop", *(f"t{number:03}" for number in range(200)), "vhosts"]


def test_status_and_targets(rpcd: Rpcd) -> None:
    """`status` tells version and counts, `targets` what the caller may call where."""
    status = rpcd.call("status")
    assert (status["targets"], status["queued"]) == (3, 0)
    assert {entry["target"]: entry["kind"] for entry in rpcd.call("targets")["targets"]} == {
        "motd": "file", "shop": "file", "vhosts": "directory"}  # fmt: skip


# Dry runs


def test_a_dry_run_tells_and_changes_nothing(rpcd: Rpcd, shop: Path) -> None:
    """A dry run answers what the change would, with a unified diff, writes nothing, and is audited as one."""
    before = os.stat(shop).st_mtime_ns
    result = rpcd.call("update_key", target="shop", key="ui.theme", value="dark", dry_run=True)
    assert result["diff"] == (
        "--- shop\n+++ shop\n@@ -1,6 +1,6 @@\n ; the shop's own settings\n [ui]\n-theme = light\n+theme = dark\n"
        " title = A shop\n \n [mail]\n"
    )
    assert result["previous"] == revision(shop)
    assert os.stat(shop).st_mtime_ns == before
    assert not rpcd.records("intent")
    assert rpcd.records("decided", method="update_key")[0]["dry_run"] is True


def test_a_diff_never_has_a_secret(rpcd: Rpcd) -> None:
    """Lines of secret keys are shown as changed, without their text, also to who may read the file."""
    content = SHOP_INI.replace("hunter2", "correct-horse").replace("light", "dark")
    for result in (
        rpcd.call("replace_file", target="shop", content=content, dry_run=True),
        rpcd.call("update_key", target="shop", key="mail.password", value="correct-horse", dry_run=True),
        rpcd.call("delete_key", target="shop", key="mail.password", dry_run=True),
    ):
        assert "[secret]" in result["diff"]
        assert "horse" not in json.dumps(result)
        assert "hunter" not in json.dumps(result)


def test_a_long_diff_is_cut_to_fit(rpcd: Rpcd) -> None:
    """A diff that the reply has no room for is cut, and says so."""
    (rpcd.scratch / "site/motd").write_text("".join(f"{number} {'x' * 90}\n" for number in range(5000)))
    result = rpcd.call("replace_file", target="motd", content="one line\n", dry_run=True)
    assert result["truncated"] is True
    assert 100_000 < len(result["diff"]) < 192 * 1024


def test_a_hostile_diff_is_bounded(rpcd: Rpcd) -> None:
    """Two large texts that differ everywhere are compared in bounded time, and others are answered meanwhile."""
    (rpcd.scratch / "site/motd").write_text("a\nb\n" * 40_000)
    with rpcd.connect() as slow, rpcd.connect() as other:
        params = {"target": "motd", "content": "b\nc\n" * 20_000, "dry_run": True}
        slow.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "replace_file", "params": params}).encode())
        assert other.call("ping") == "pong"
        assert json.loads(slow.receive() or b"")["result"]["truncated"] is True


# What an answer tells to whom

BLIND = f"""
[targets.shop]
path   = "{{scratch}}/shop/shop.ini"
format = "ini"
secret = ["mail.password"]

[[grants]]
users   = [{ALICE}]
methods = ["update_key", "delete_key"]
targets = ["shop"]

[[grants]]
users   = [{ALICE}]
methods = ["get_key", "list_keys"]
targets = ["shop"]
keys    = ["ui.*"]
"""


@pytest.fixture
def alice(serve: Serve, as_user: Callable[..., Any]) -> Callable[..., Any]:
    """`alice(method, **params)`: the reply to a caller who may change every key, and read those of `ui`."""
    server = serve(BLIND)

    def call(method: str, /, **params: Any) -> Any:
        return as_user(ALICE, ALICE, [], lambda: Connection(server.socket).request(method, **params))

    return call


def test_who_may_not_read_learns_nothing_by_writing(alice: Callable[..., Any], scratch: Path) -> None:
    """Without get_key: equal values are written and answered `changed`, `expect` is denied, a dry run has no diff."""
    inode = os.stat(scratch / "shop/shop.ini").st_ino
    same = alice("update_key", target="shop", key="mail.password", value="hunter2")["result"]
    assert same["changed"] is True
    assert os.stat(scratch / "shop/shop.ini").st_ino != inode
    for method, value in (("update_key", {"value": "x"}), ("delete_key", {})):
        reply = alice(method, target="shop", key="mail.password", expect="hunter2", **value)
        assert reply["error"]["data"] == {"kind": "denied"}
        told = alice(method, target="shop", key="mail.password", dry_run=True, **value)["result"]
        assert "diff" not in told


def test_revisions_of_who_may_not_read_cannot_be_searched(alice: Callable[..., Any], scratch: Path) -> None:
    """Who may not read the file gets revisions with a key, and both forms hold in `if_revision`."""
    told = alice("get_key", target="shop", key="ui.theme")["result"]["revision"]
    assert told.startswith("r1:")
    for held in (told, revision(scratch / "shop/shop.ini")):
        reply = alice("update_key", target="shop", key="ui.theme", value="light", if_revision=held)
        assert reply["result"]["revision"] == told
    conflict = alice("update_key", target="shop", key="ui.theme", value="x", if_revision="absent")["error"]["data"]
    assert conflict == {"kind": "conflict", "revision": told}


def test_a_partial_reader_sees_its_own_lines_only(alice: Callable[..., Any]) -> None:
    """Without read_file a diff has the lines of keys that the caller may get, and lists have the keys it may list."""
    told = alice("update_key", target="shop", key="ui.theme", value="dark", dry_run=True)["result"]
    assert told["diff"] == "-theme = light\n+theme = dark\n"
    listed = alice("list_keys", target="shop")["result"]["keys"]
    assert [entry["key"] for entry in listed] == ["ui", "ui.theme", "ui.title"]


def test_a_table_needs_a_grant_for_all_below(serve: Serve, as_user: Callable[..., Any]) -> None:
    """A grant for `ui.theme` neither reads nor writes the table `ui`, nor makes `ui.theme` a table."""
    files = {"app.json": '{"ui": {"theme": {"dark": true}, "x": 1}, "list": [1], "hosts": [{"a": 1}]}'}
    grant = f"""
[targets.app]
path = "{{scratch}}/app.json"
format = "json"

[[grants]]
users = [{ALICE}]
methods = ["get_key", "update_key", "delete_key"]
targets = ["app"]
keys = ["ui.theme", "ui.x", "list", "hosts"]
"""
    server = serve(grant, files)

    def kinds() -> list[str | None]:
        with Connection(server.socket) as connection:
            return [
                connection.kind("get_key", target="app", key="ui"),
                connection.kind("get_key", target="app", key="ui.theme"),
                connection.kind("get_key", target="app", key="hosts"),
                connection.kind("get_key", target="app", key="list"),
                connection.kind("get_key", target="app", key="ui.x"),
                connection.kind("update_key", target="app", key="ui.x", value={"a": 1}),
                connection.kind("update_key", target="app", key="ui.x", value=[{"a": 1}]),
                connection.kind("update_key", target="app", key="ui.theme", value=1),
                connection.kind("delete_key", target="app", key="ui.theme"),
                connection.kind("update_key", target="app", key="ui.x", value=[1, 2]),
            ]

    denied = "denied"
    assert as_user(ALICE, ALICE, [], kinds) == [
        denied, denied, denied, None, None, denied, denied, denied, denied, None]  # fmt: skip


def test_large_numbers_of_a_document_are_told_whole(serve: Serve) -> None:
    """An integer over 64 bits comes back with every digit; a number that JSON cannot say is refused."""
    grant = f"""
[targets.app]
path = "{{scratch}}/app.toml"
format = "toml"

[[grants]]
users = [{os.getuid()}]
methods = ["get_key"]
targets = ["app"]
"""
    server = serve(grant, {"app.toml": "big = 9223372036854775807\nnone = nan\nendless = -inf\n"})
    assert server.call("get_key", target="app", key="big")["value"] == 2**63 - 1
    assert server.kind("get_key", target="app", key="none") == "not_editable"
    assert server.kind("get_key", target="app", key="endless") == "not_editable"


# Settings that are read again


def test_new_settings_are_taken_whole(serve: Serve) -> None:
    """After SIGHUP new targets and grants hold, on connections that were open before."""
    rpcd = serve('landlock = "off"\n' + SETTINGS)  # the new target is in another directory
    assert rpcd.kind("get_key", target="second", key="ui.theme") == "no_such_target"
    shutil.copytree(rpcd.scratch / "shop", rpcd.scratch / "second")
    added = '\n[targets.second]\npath = "{scratch}/second/shop.ini"\nformat = "ini"\n'
    rpcd.configure('landlock = "off"\n' + SETTINGS + added)
    assert rpcd.reload()["verdict"] == "taken"
    assert rpcd.call("get_key", target="second", key="ui.theme")["value"] == "light"


BROKEN = {
    "no TOML": "[targets",
    "an unknown user": SETTINGS + '\n[[grants]]\nusers = ["nobody-here"]\nmethods = ["ping"]\n',
    "a setting that does not exist": SETTINGS + "\n[grunts]\n",
    "a socket elsewhere": '[server]\nsocket = "{scratch}/other.sock"\nstate = "{scratch}/state"\n' + SETTINGS,
    "methods that were not there": SETTINGS + '\n[methods]\npath = "{scratch}/methods"\nmodules = ["acme"]\n',
}


@pytest.mark.parametrize("settings", BROKEN.values(), ids=BROKEN.keys())
def test_settings_with_faults_are_not_taken(rpcd: Rpcd, settings: str) -> None:
    """After SIGHUP with broken settings the old ones hold, the audit says why, and a mended file is taken."""
    rpcd.configure(settings)
    record = rpcd.reload()
    assert record["verdict"] == "kept"
    assert record["faults"]
    assert rpcd.call("get_key", target="shop", key="ui.theme")["value"] == "light"
    rpcd.configure(SETTINGS)
    assert rpcd.reload()["verdict"] == "taken"


def test_many_reloads_at_once_end_with_the_last_settings(rpcd: Rpcd) -> None:
    """A storm of SIGHUPs leaves the newest settings, and a server that answers."""
    for number in range(20):
        rpcd.configure(SETTINGS.replace("[targets.motd]", f"# {number}\n[targets.motd]"))
        rpcd.signal(signal.SIGHUP)
        time.sleep(0.01)
    rpcd.configure(SETTINGS.replace("targets.motd", "targets.newest"))
    rpcd.reload()
    while rpcd.kind("read_file", target="newest") is not None:
        time.sleep(0.01)


# An administrator's own methods


def test_the_example_of_an_own_method_works(serve: Serve, scratch: Path, as_user: Callable[..., Any]) -> None:
    """The shipped example changes its file in its one way, for a caller that has no grant on the file itself."""
    shutil.copytree(REPOSITORY / "contrib/examples/methods", scratch / "methods")
    grant = f'\n[[grants]]\nusers = [{ALICE}]\nmethods = ["announce"]\n'
    server = serve('\n[methods]\npath = "{scratch}/methods"\nmodules = ["acme"]\n' + SETTINGS + grant)

    def calls() -> list[Any]:
        with Connection(server.socket) as connection:
            return [
                connection.call("announce", text="Open on Sunday")["changed"],
                connection.ask({"jsonrpc": "2.0", "id": 1, "method": "announce", "params": ["Closed"]})["result"][
                    "target"
                ],
                connection.kind("announce", text="two\nlines"),
                connection.kind("announce", text="x", actor="y"),
                connection.kind("replace_file", target="motd", content="x"),
            ]

    assert as_user(ALICE, ALICE, [], calls) == [True, "motd", "invalid_params", "invalid_params", "denied"]
    assert (scratch / "site/motd").read_text() == "Closed\n"
    assert [record["method"] for record in server.records("outcome")] == ["announce", "announce"]
    assert server.records("outcome")[0]["target"] == "motd"


MODULE_FAULTS = {
    "a name that exists": ("METHODS = {'ping': Method(handler=len)}", "a method named 'ping' exists already"),
    "no schemas": ("METHODS = {'mine': Method(handler=len)}", "mine.params.json is not beside it"),
    "no table": ("METHODS = 5", "METHODS is not a mapping"),
    "a row of something else": ("METHODS = {'mine': len}", "METHODS is not a mapping"),
    "an error": ("1 / 0", "ZeroDivisionError"),
    "an exit": ("raise SystemExit(3)", "SystemExit"),
    "a syntax error": ("def (", "SyntaxError"),
}


@pytest.mark.parametrize(("source", "said"), MODULE_FAULTS.values(), ids=MODULE_FAULTS.keys())
def test_a_module_with_faults_never_starts(serve: Serve, scratch: Path, source: str, said: str) -> None:
    """A module that cannot be used is a start-up error that says what is wrong."""
    shutil.copytree(REPOSITORY / "contrib/examples/methods", scratch / "methods")
    (scratch / "methods/acme.py").write_text(f"from rpcd.methods import Method\n{source}\n")
    server = serve('\n[methods]\npath = "{scratch}/methods"\nmodules = ["acme"]\n' + SETTINGS, start=False)
    assert said in server.refuses_to_start()


def test_a_module_that_others_can_write_is_not_loaded(serve: Serve, scratch: Path) -> None:
    """Modules and their directory are trusted, or the server does not start."""
    shutil.copytree(REPOSITORY / "contrib/examples/methods", scratch / "methods")
    os.chown(scratch / "methods/acme.py", ALICE, ALICE)
    server = serve('\n[methods]\npath = "{scratch}/methods"\nmodules = ["acme"]\n' + SETTINGS, start=False)
    assert f"is owned by uid {ALICE}" in server.refuses_to_start()


def test_failures_are_told_as_failures(rpcd: Rpcd) -> None:
    """A failed call raises with the error's kind and code, which no value can be taken for."""
    with pytest.raises(Failure) as failure:
        rpcd.call("get_key", target="shop", key="no.such")
    assert (failure.value.code, failure.value.kind) == (404, "no_such_key")
