"""`request_id`: who asks again gets the same answer, and nothing is done twice."""

import base64
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SETTINGS, SHOP_INI, Serve
from tests.harness.faults import injected
from tests.harness.seqpacket import Connection, Failure
from tests.harness.server import REPOSITORY, Rpcd, wait_until
from tests.harness.users import WWW_DATA

ME = os.getuid()
CHANGE: dict[str, Any] = {"target": "shop", "key": "ui.theme", "value": "dark", "request_id": "form 17"}


def shop(server: Rpcd) -> str:
    return (server.scratch / "shop/shop.ini").read_text()


def somebody_writes(server: Rpcd) -> None:
    """Somebody changes the file past rpcd: what is then there shows whether anything was done again."""
    (server.scratch / "shop/shop.ini").write_text(SHOP_INI.replace("light", "since"))


def changes(server: Rpcd) -> int:
    """How many changes were made."""
    return sum(record["kind"] is None for record in server.records("outcome"))


# Each method's call under one id, and another body for the same id
CALLS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "update_key": ("update_key", CHANGE, {"value": "blue"}),
    "delete_key": ("delete_key", {"target": "shop", "key": "ui.title", "request_id": "1"}, {"key": "ui.theme"}),
    "replace_file": ("replace_file", {"target": "shop", "content": "[a]\n", "request_id": "1"}, {"content": "[b]\n"}),
    "delete_file": ("delete_file", {"target": "shop", "request_id": "1"}, {"target": "motd"}),
}


@pytest.mark.parametrize("case", CALLS)
def test_the_same_again_is_answered_and_not_done(rpcd: Rpcd, case: str) -> None:
    """The answer is the first one's, byte for byte, whatever the file holds by then; a restart changes nothing."""
    method, params, other = CALLS[case]
    answer = rpcd.call(method, **params)
    assert answer["changed"] is True
    for _ in range(2):
        somebody_writes(rpcd)
        assert rpcd.call(method, **params) == answer
        assert rpcd.call(method, **params, dry_run=False) == answer
        assert "since" in shop(rpcd)
        assert rpcd.kind(method, **{**params, **other}) == "request_id_reused"
        assert rpcd.kind(method, **params, note="why") == "request_id_reused"
        assert rpcd.kind(method, **params, actor="alice") == "request_id_reused"
        assert rpcd.kind(method, **params, if_revision="absent") == "request_id_reused"
        rpcd.stop()
        rpcd.start()
    assert changes(rpcd) == 1
    assert set(os.listdir(rpcd.scratch / "state")) == {
        "audit.head", "history", "lock", "replies", "revision.key", "version",
    }  # fmt: skip


def test_another_method_is_another_body(rpcd: Rpcd) -> None:
    """The same id and parameters under another method's name are refused, with 409."""
    rpcd.call("delete_key", target="shop", key="ui.title", request_id="1")
    error = rpcd.error("delete_file", target="shop", request_id="1")
    assert (error["code"], error["data"]) == (409, {"kind": "request_id_reused"})
    assert rpcd.records("outcome")[-1]["kind"] == "request_id_reused"


def test_what_counts_is_what_was_asked_and_not_how(rpcd: Rpcd) -> None:
    """Positional parameters, another order, another JSON-RPC id and another connection are the same call."""
    answer = rpcd.call("update_key", **CHANGE)
    reordered = dict(reversed(CHANGE.items()))
    with rpcd.connect() as connection:
        reply = connection.ask({"jsonrpc": "2.0", "id": "other", "method": "update_key", "params": reordered})
    assert reply["result"] == answer
    assert rpcd.kind("update_key", **{**CHANGE, "key": ["ui", "theme"]}) == "request_id_reused"


def test_the_same_value_is_an_answer_too(rpcd: Rpcd) -> None:
    """What changed nothing is kept as well: asked again it still does nothing, though it would now."""
    params = {**CHANGE, "value": "light"}
    answer = rpcd.call("update_key", **params)
    assert answer["changed"] is False
    somebody_writes(rpcd)
    assert rpcd.call("update_key", **params) == answer
    assert "since" in shop(rpcd)


def test_another_uid_has_ids_of_its_own(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """The same id and the same call of somebody else are a change of their own, and tell nothing about the first."""
    rpcd.call("update_key", **CHANGE)

    def act() -> tuple[Any, str | None]:
        with Connection(rpcd.socket) as connection:
            return connection.call("update_key", **{**CHANGE, "value": "blue"}), connection.kind("update_key", **CHANGE)

    theirs, kind = as_user(WWW_DATA, WWW_DATA, [], act)
    assert theirs["changed"] is True
    assert kind == "request_id_reused"
    assert "theme = blue" in shop(rpcd)
    assert rpcd.call("update_key", **CHANGE)["changed"] is True
    assert "theme = blue" in shop(rpcd)


def test_the_same_uid_in_another_group_has_the_same_ids(serve: Serve, as_user: Callable[..., Any]) -> None:
    """Ids belong to the uid; whether the peer may call at all is asked of each."""
    server = serve(SETTINGS.replace(f"users   = [{WWW_DATA}]", "groups  = [4711]"))

    def act() -> Any:
        with Connection(server.socket) as connection:
            reply = connection.request("update_key", **CHANGE)
            return reply.get("result", reply.get("error", {}).get("data"))

    first = as_user(WWW_DATA, WWW_DATA, [4711], act)
    assert first["changed"] is True
    assert as_user(WWW_DATA, WWW_DATA, [], act) == {"kind": "denied"}
    assert as_user(WWW_DATA, WWW_DATA, [4711, 4712], act) == first


def test_a_revoked_grant_is_revoked_for_replays(rpcd: Rpcd) -> None:
    """Permission comes first: without the grant an old id is denied like any call, and tells nothing."""
    rpcd.call("update_key", **CHANGE)
    rpcd.configure(
        SETTINGS.replace('"update_key", "delete_key", ', "").replace('targets = ["*"]', 'targets = ["motd"]')
    )
    assert rpcd.reload()["verdict"] == "taken"
    known, unknown = (rpcd.error("update_key", **{**CHANGE, "request_id": name}) for name in ("form 17", "new"))
    assert known == unknown
    assert known["data"] == {"kind": "denied"}


def test_parameters_are_judged_first(rpcd: Rpcd) -> None:
    """A replay with parameters that the schema refuses is refused as ever."""
    rpcd.call("update_key", **CHANGE)
    assert rpcd.kind("update_key", **{**CHANGE, "value": "x\ny"}) in {"request_id_reused", "not_editable"}
    assert rpcd.kind("update_key", **CHANGE, dryrun=True) == "invalid_params"
    for bad in ("", "x" * 129, "a\nb", "a\x9b", 1, None, ["a"]):
        assert rpcd.kind("update_key", **{**CHANGE, "request_id": bad}) == "invalid_params"
    assert rpcd.kind("update_key", **{**CHANGE, "request_id": "x" * 128, "value": "blue"}) is None


def test_a_replay_tells_only_what_the_peer_may_see_now(rpcd: Rpcd) -> None:
    """Who may no longer read the file is told keyed revisions, and nothing of whether anything was different."""
    params = {**CHANGE, "value": "light"}
    answer = rpcd.call("update_key", **params)
    assert answer["changed"] is False
    assert answer["revision"].startswith("sha256:")
    settings = SETTINGS.replace('"get_key", ', "", 1).replace('"read_file", ', "", 1)
    rpcd.configure(settings)
    assert rpcd.reload()["verdict"] == "taken"
    replayed = rpcd.call("update_key", **params)
    assert replayed["changed"] is True
    assert replayed["revision"].startswith("r1:")
    assert replayed["previous"].startswith("r1:")


def test_a_refusal_is_not_kept(rpcd: Rpcd) -> None:
    """A conflict, mended by reading again, goes through under the same id, with another body or the same."""
    for refused in ({"expect": "green"}, {"if_revision": "absent"}, {"value": "x\n[root]\n"}, {"key": "ui.a.b.c.[x"}):
        assert rpcd.kind("update_key", **{**CHANGE, **refused}) is not None
    params = {**CHANGE, "expect": "since"}
    assert rpcd.kind("update_key", **params) == "conflict"
    somebody_writes(rpcd)
    answer = rpcd.call("update_key", **params)
    assert rpcd.call("update_key", **params) == answer, "the expectation held when the change was made"


def test_a_dry_run_is_neither_kept_nor_a_replay(rpcd: Rpcd) -> None:
    """It says what would happen now, before the change and after it, and the id stays free."""
    assert "+theme = dark" in rpcd.call("update_key", **CHANGE, dry_run=True)["diff"]
    answer = rpcd.call("update_key", **CHANGE)
    assert answer["changed"] is True
    somebody_writes(rpcd)
    assert "-theme = since" in rpcd.call("update_key", **CHANGE, dry_run=True)["diff"]
    assert rpcd.call("update_key", **CHANGE) == answer


def test_what_the_audit_log_says(rpcd: Rpcd) -> None:
    """Intent and outcome have the id; replays are counted, in records that name the change that they repeat."""
    for _ in range(3):
        rpcd.call("update_key", **CHANGE, note="why")
    (intent,), (outcome,) = rpcd.records("intent"), rpcd.records("outcome")
    assert intent["request_id"] == outcome["request_id"] == "form 17"
    assert len(intent["body"]) == 32
    rpcd.stop()
    replays = rpcd.records("decided", method="update_key") + rpcd.records("counted", method="update_key")
    assert [record.get("count", 1) for record in replays] == [1, 1]
    for record in replays:
        assert (record["replayed"], record["change"], record["verdict"]) == (True, intent["change"], "allowed")
        assert (record["kind"], record["request_id"], record["note"]) == (None, "form 17", "why")
        assert "before" not in record


def test_no_secret_is_kept(rpcd: Rpcd) -> None:
    """Nothing of what was sent stands in the kept answers, and neither values nor contents in the log."""
    rpcd.call("update_key", target="shop", key="mail.password", value="canary-value", request_id="1")
    rpcd.call("replace_file", target="motd", content="canary-content", request_id="2")
    rpcd.call("update_key", target="shop", key="ui.canary-key", value="x", request_id="canary-id")
    rpcd.call("update_key", target="shop", key="ui.canary-key", value="x", request_id="canary-id")
    rpcd.stop()
    for path in (rpcd.scratch / "state").iterdir():
        assert path.name == "history" or b"canary" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    log = rpcd.audit_log.read_bytes()
    assert b"canary-value" not in log
    assert b"canary-content" not in log


def memory_file(content: bytes) -> int:
    """A sealed memory file."""
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return descriptor


@pytest.mark.parametrize("size", [7, 200_000])
def test_of_a_content_its_bytes_count(rpcd: Rpcd, size: int) -> None:
    """As text, as base64 or as a descriptor of any number it is the same content; other bytes are another body."""
    content = b"x" * size
    files = [memory_file(other) for other in (b"unused", content, b"y" * size)]
    try:
        with rpcd.nothing_leaks(), rpcd.connect() as connection:

            def replace(form: Any, descriptors: list[int]) -> Any:
                reply = connection.request(
                    "replace_file", descriptors=descriptors, target="motd", content=form, request_id="1"
                )
                return reply.get("result", reply.get("error", {}).get("data", {}).get("kind"))

            answer = replace({"fd": 1}, files)
            assert answer["changed"] is True
            assert replace({"fd": 0, "size": size}, [files[1]]) == answer
            if size < 100_000:
                assert replace(content.decode(), []) == answer
                assert replace({"base64": base64.b64encode(content).decode()}, []) == answer
            assert replace({"fd": 2}, files) == "request_id_reused"
            assert replace({"fd": 3}, files) == "invalid_params"
    finally:
        for descriptor in files:
            os.close(descriptor)
    assert changes(rpcd) == 1


def test_two_in_one_batch_are_one_change(rpcd: Rpcd) -> None:
    """The second entry under an id gets the first one's answer, or is refused where it asks for something else."""
    requests = [
        {"jsonrpc": "2.0", "id": number, "method": "update_key", "params": {**CHANGE, **other}}
        for number, other in enumerate([{}, {}, {"value": "blue"}, {"request_id": "2", "value": "red"}, {}])
    ]
    replies = [reply.get("result") or reply["error"]["data"]["kind"] for reply in rpcd.connection.ask(requests)]
    assert replies[0] == replies[1] == replies[4]
    assert replies[2] == "request_id_reused"
    assert "theme = red" in shop(rpcd)
    assert changes(rpcd) == 2


def test_twins_wait_for_the_first(rpcd: Rpcd) -> None:
    """Fifty connections that ask for the same while the disk is slow get one answer, of one change."""
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": CHANGE}).encode()
    connections = [rpcd.connect() for _ in range(50)]
    with injected(rpcd, "fsync", "delay_enter=200000"):
        for connection in connections:
            connection.send(call)
        replies = {connection.receive() for connection in connections}
    assert len(replies) == 1
    assert b'"changed":true' in (replies.pop() or b"")
    for connection in connections:
        connection.close()
    assert changes(rpcd) == 1
    assert len(rpcd.records("decided", replayed=True)) == 1
    rpcd.stop()
    assert [record["count"] for record in rpcd.records("counted", replayed=True)] == [48]


def test_who_hangs_up_and_comes_back_finds_the_change_under_way(rpcd: Rpcd) -> None:
    """A caller that lost patience asks again over a new connection while the first attempt still runs: one change."""
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": CHANGE}).encode()
    with injected(rpcd, "fsync", "delay_enter=200000"):
        for _ in range(3):
            with rpcd.connect() as connection:
                connection.send(call)
        assert rpcd.call("update_key", **CHANGE)["changed"] is True
    assert changes(rpcd) == 1


def test_a_flood_of_ids_changes_as_often_as_there_are_ids(rpcd: Rpcd) -> None:
    """Eight clients in no order: each id is one change, and all answers to it are the same."""
    answers: dict[int, list[Any]] = {number: [] for number in range(25)}

    def client(step: int) -> None:
        with rpcd.connect() as connection:
            for turn in range(25):
                number = turn * step % 25
                params = {**CHANGE, "value": f"v{number}", "request_id": str(number)}
                answers[number].append(connection.call("update_key", **params))

    threads = [threading.Thread(target=client, args=(step,)) for step in (1, 2, 3, 4, 6, 7, 8, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(given) == 8 and all(one == given[0] for one in given) for given in answers.values())
    assert changes(rpcd) == 25


def test_of_another_file_nobody_hears_that_it_was_done(rpcd: Rpcd) -> None:
    """Where a reload has given the name to another file, or another format, the same id is not answered from before."""
    answer = rpcd.call("update_key", **CHANGE)
    moved = rpcd.scratch / "site/shop.ini"
    moved.write_text(SHOP_INI)
    for settings in (
        SETTINGS.replace("{scratch}/shop/shop.ini", "{scratch}/site/shop.ini"),
        SETTINGS.replace('format = "ini"', 'format = "env"'),
    ):
        rpcd.configure(settings)
        assert rpcd.reload()["verdict"] == "taken"
        assert rpcd.kind("update_key", **CHANGE) == "request_id_reused"
        assert moved.read_text() == SHOP_INI
    rpcd.configure(SETTINGS)
    assert rpcd.reload()["verdict"] == "taken"
    assert rpcd.call("update_key", **CHANGE) == answer
    assert changes(rpcd) == 1


def test_who_waits_while_the_target_moves_has_to_ask_again(serve: Serve, scratch: Path) -> None:
    """A change under an id that waits while its target becomes another file is refused, and can be asked for again."""
    server = serve()
    (scratch / "site/shop.ini").write_text(SHOP_INI)
    (scratch / "site/shop.ini").chmod(0o600)
    with injected(server, "fsync", "delay_enter=1500000"), server.connect() as first, server.connect() as second:
        for number, connection in enumerate((first, second)):
            params = CHANGE | {"value": f"v{number}", "request_id": f"r{number}"}
            ask = {"jsonrpc": "2.0", "id": 1, "method": "update_key", "params": params}
            connection.send(json.dumps(ask).encode())
            wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        wait_until(lambda: server.call("status")["queued"] == 1)
        server.configure(SETTINGS.replace("{scratch}/shop/shop.ini", "{scratch}/site/shop.ini"))
        assert server.call("server.reload")["taken"] is True
        assert json.loads(first.receive() or b"")["result"]["changed"] is True
        assert json.loads(second.receive() or b"")["error"]["data"] == {"kind": "unavailable", "reason": "moved"}
    assert "light" in (scratch / "site/shop.ini").read_text()
    again = CHANGE | {"value": "v1", "request_id": "r1"}
    assert server.call("update_key", **again)["changed"] is True
    assert "v1" in (scratch / "site/shop.ini").read_text()


def test_a_damaged_file_keeps_nobody_from_starting(rpcd: Rpcd) -> None:
    """It is set aside with a line in the log, and the next change is kept again."""
    rpcd.call("update_key", **CHANGE)
    rpcd.stop()
    file = rpcd.scratch / "state/replies"
    file.write_bytes(b"\xff" * 1000)
    rpcd.start()
    assert "set aside" in rpcd.log()
    assert (rpcd.scratch / "state/replies.damaged").read_bytes() == b"\xff" * 1000
    assert rpcd.call("update_key", **CHANGE)["changed"] is False
    rpcd.stop()
    rpcd.start()
    assert rpcd.call("update_key", **CHANGE)["changed"] is False
    assert len(rpcd.records("decided", replayed=True)) == 1


def test_an_administrators_own_method_has_it_for_nothing(serve: Serve, scratch: Path) -> None:
    """A method that changes something through `change`, and has `request_id` in its schema, is safe to repeat."""
    shutil.copytree(REPOSITORY / "contrib/examples/methods", scratch / "methods")
    grant = f'\n[[grants]]\nusers = [{ME}]\nmethods = ["announce"]\n'
    server = serve('\n[methods]\npath = "{scratch}/methods"\nmodules = ["acme"]\n' + SETTINGS + grant)
    answer = server.call("announce", text="Sale!", request_id="1")
    (scratch / "site/motd").write_text("Since.\n")
    assert server.call("announce", text="Sale!", request_id="1") == answer
    assert (scratch / "site/motd").read_text() == "Since.\n"
    with pytest.raises(Failure, match="request_id_reused"):
        server.call("announce", text="No sale.", request_id="1")
