"""`history`, `diff` and `restore`: what a caller sees of earlier revisions, and how it gets one back."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conftest import SETTINGS, SHOP_INI, Serve
from tests.harness.memory import memory_file
from tests.harness.server import Rpcd
from tests.harness.users import WWW_DATA

CHANGE: dict[str, Any] = {"target": "shop", "key": "ui.theme"}


@pytest.fixture
def changed(rpcd: Rpcd) -> Rpcd:
    """A server whose shop has been changed three times."""
    for value in ("dark", "blue", "green"):
        rpcd.call("update_key", **CHANGE, value=value, actor="anna", note=f"now {value}", request_id=value)
    return rpcd


def shop(server: Rpcd) -> str:
    return (server.scratch / "shop/shop.ini").read_text()


def test_it_says_who_made_what(changed: Rpcd) -> None:
    """The newest first, each with who, on whose behalf and why; what was there before rpcd is nobody's."""
    found = changed.call("history", target="shop")
    assert [one["number"] for one in found["revisions"]] == [4, 3, 2, 1]
    assert found["revision"] == found["revisions"][0]["revision"]
    assert found["revision"] == changed.call("read_file", target="shop")["revision"]
    newest, oldest = found["revisions"][0], found["revisions"][-1]
    assert newest["edits"] == [
        {"uid": os.getuid(), "method": "update_key", "keys": ["ui.theme"], "actor": "anna", "note": "now green",
         "request_id": "green"} | ({"user": newest["edits"][0]["user"]} if "user" in newest["edits"][0] else {})
    ]  # fmt: skip
    assert (oldest["external"], oldest["edits"], oldest["size"]) == (True, [], len(SHOP_INI))


def test_it_comes_in_pages(changed: Rpcd) -> None:
    """`next` leads on, as everywhere."""
    first = changed.call("history", target="shop", limit=3)
    rest = changed.call("history", target="shop", after=first["next"])
    assert [one["number"] for one in first["revisions"] + rest["revisions"]] == [4, 3, 2, 1]
    assert "next" not in rest


def test_what_nobody_has_seen_is_listed(changed: Rpcd) -> None:
    """An edit made past rpcd is a revision from the first look on; the next change keeps it under the same number."""
    (changed.scratch / "shop/shop.ini").write_text(SHOP_INI.replace("light", "by hand"))
    seen = changed.call("history", target="shop")["revisions"][0]
    assert (seen["number"], seen["external"]) == (5, True)
    changed.call("update_key", **CHANGE, value="red")
    after = changed.call("history", target="shop")["revisions"]
    assert (after[1]["number"], after[1]["revision"], after[1]["external"]) == (5, seen["revision"], True)


def test_a_file_that_never_changed_has_one_revision(rpcd: Rpcd) -> None:
    """What is there now is one; a file that is not there, and never was, has none."""
    assert [one["external"] for one in rpcd.call("history", target="motd")["revisions"]] == [True]
    assert rpcd.call("diff", target="motd")["diff"] == ""
    assert rpcd.call("history", target="vhosts/none.conf") == {"revisions": [], "revision": "absent"}


def test_a_diff_is_of_the_last_change_unless_told(changed: Rpcd) -> None:
    """Or of any two revisions, in either direction."""
    last = changed.call("diff", target="shop")["diff"]
    assert "-theme = blue\n+theme = green\n" in last
    revisions = [one["revision"] for one in changed.call("history", target="shop")["revisions"]]
    whole = changed.call("diff", target="shop", **{"from": revisions[-1]})
    assert "-theme = light\n+theme = green\n" in whole["diff"]
    back = changed.call("diff", target="shop", **{"from": revisions[0], "to": revisions[-1]})
    assert "-theme = green\n+theme = light\n" in back["diff"]
    assert changed.kind("diff", target="shop", to="sha256:" + "0" * 64) == "no_such_revision"


def test_restore_brings_every_byte_back(changed: Rpcd) -> None:
    """It is a change: recorded, a revision itself, and undone the same way; today's mode stays."""
    path = changed.scratch / "shop/shop.ini"
    path.chmod(0o640)
    first = changed.call("history", target="shop")["revisions"][-1]["revision"]
    before = shop(changed)
    done = changed.call("restore", target="shop", revision=first, note="as it was")
    assert (done["changed"], done["revision"], shop(changed)) == (True, first, SHOP_INI)
    assert path.stat().st_mode & 0o7777 == 0o640
    newest = changed.call("history", target="shop")["revisions"][0]
    assert (newest["number"], newest["edits"][0]["method"], newest["edits"][0]["note"]) == (5, "restore", "as it was")
    assert changed.call("restore", target="shop", revision=first)["changed"] is False
    changed.call("restore", target="shop", revision=done["previous"])
    assert shop(changed) == before


def test_restore_is_judged_as_any_change(changed: Rpcd) -> None:
    """`if_revision`, dry runs, `request_id`, and revisions that are not kept."""
    first = changed.call("history", target="shop")["revisions"][-1]["revision"]
    assert changed.kind("restore", target="shop", revision=first, if_revision="absent") == "conflict"
    assert "+theme = light" in changed.call("restore", target="shop", revision=first, dry_run=True)["diff"]
    assert "green" in shop(changed)
    assert changed.kind("restore", target="shop", revision="sha256:" + "0" * 64) == "no_such_revision"
    answer = changed.call("restore", target="shop", revision=first, request_id="1")
    changed.call("update_key", **CHANGE, value="red")
    assert changed.call("restore", target="shop", revision=first, request_id="1") == answer
    assert "red" in shop(changed)
    changed.call("server.read_only", reason="Maintenance")
    assert changed.kind("restore", target="shop", revision=first) == "unavailable"


def test_what_was_deleted_comes_back_and_goes_again(rpcd: Rpcd) -> None:
    """`absent` is a revision as well."""
    rpcd.call("delete_file", target="vhosts/shop-a.conf")
    was, before = rpcd.call("history", target="vhosts/shop-a.conf")["revisions"]
    assert (was["revision"], was["size"]) == ("absent", 0)
    rpcd.call("restore", target="vhosts/shop-a.conf", revision=before["revision"])
    assert (rpcd.scratch / "vhosts/shop-a.conf").read_text() == "server { listen 81; }\n"
    rpcd.call("restore", target="vhosts/shop-a.conf", revision="absent")
    assert not (rpcd.scratch / "vhosts/shop-a.conf").exists()
    assert rpcd.kind("restore", target="vhosts/shop-a.conf", revision="absent") == "no_such_file"
    assert rpcd.kind("restore", target="vhosts", revision="absent") == "invalid_params"


def test_a_restart_keeps_it(changed: Rpcd) -> None:
    """What is kept is kept on disk, and what a client holds stays a name for it."""
    before = changed.call("history", target="shop")
    changed.stop()
    changed.start()
    assert changed.call("history", target="shop") == before
    changed.call("restore", target="shop", revision=before["revisions"][2]["revision"])
    assert "dark" in shop(changed)


READER = f"""
[[grants]]
users   = [{WWW_DATA}]
methods = ["history", "diff", "get_key", "restore"]
targets = ["shop"]
"""


def test_who_may_not_read_the_file_sees_what_it_may(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Keyed names, which lead back all the same; of a diff the lines of keys that it may get, and never a secret."""
    server = serve(SETTINGS + READER)
    server.call("update_key", **CHANGE, value="dark")
    server.call("update_key", target="shop", key="mail.password", value="geheim")

    def look() -> tuple[list[str], str, bool]:
        with server.connect() as caller:
            names = [one["revision"] for one in caller.call("history", target="shop")["revisions"]]
            shown = caller.call("diff", target="shop", **{"from": names[-1]})["diff"]
            return names, shown, caller.call("restore", target="shop", revision=names[-1])["changed"]

    names, shown, changed = as_user(WWW_DATA, WWW_DATA, [], look)
    assert all(name.startswith("r1:") for name in names)
    assert "theme = dark" in shown
    assert "geheim" not in shown
    assert "hunter2" not in shown
    assert changed is True
    assert shop(server) == SHOP_INI


def test_nobody_reads_or_restores_without_a_grant(changed: Rpcd, as_user: Callable[..., Any]) -> None:
    """www-data, which may change keys of it, may not."""

    def look() -> list[str | None]:
        with changed.connect() as caller:
            asked = [caller.kind(method, target="shop") for method in ("history", "diff")]
            return [*asked, caller.kind("restore", target="shop", revision="absent")]

    assert as_user(WWW_DATA, WWW_DATA, [], look) == ["denied"] * 3


def test_as_few_are_compared_at_once_as_dry_runs_are_made(serve: Serve) -> None:
    """Of many at once a few are worked out, the others are `busy`; what has too many lines is cut short."""
    server = serve()
    with server.connect() as caller:
        for content in (b"\n" * 190_000, b"\n".join(b"%d" % number for number in range(190_000)), b"\n" * 300_000):
            descriptor = memory_file(content)
            caller.call("replace_file", target="motd", content={"fd": 0}, descriptors=[descriptor])
            os.close(descriptor)
        assert caller.call("diff", target="motd") | {"from": "", "to": ""} == {
            "from": "", "to": "", "diff": "", "truncated": True,
        }  # fmt: skip
        revisions = [one["revision"] for one in caller.call("history", target="motd")["revisions"]]
    asked: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "diff", "params": {"target": "motd"}}
    asked["params"] |= {"from": revisions[2], "to": revisions[1]}
    with ExitStack() as stack:
        callers = [stack.enter_context(server.connect()) for _ in range(8)]
        for caller in callers:
            caller.send(json.dumps(asked).encode())
        replies = [json.loads(caller.receive() or b"") for caller in callers]
    kinds = [reply["error"]["data"]["kind"] if "error" in reply else None for reply in replies]
    assert kinds.count(None) >= 2
    assert set(kinds) == {None, "busy"}
