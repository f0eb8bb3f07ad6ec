"""Settings that are read again while the server runs (CASES 14 and 21)."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rpcd.daemon import load
from rpcd.operation.reload import Reload
from tests.conftest import SETTINGS, Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd, wait_until
from tests.harness.users import WWW_DATA

MINE = f"users   = [{os.getuid()}]"
WITHOUT_WWW_DATA = SETTINGS.replace(f"users   = [{WWW_DATA}]", "users   = [4242]")
GET = {"target": "shop", "key": "ui.theme"}


def test_who_asks_hears_what_came_of_it(rpcd: Rpcd) -> None:
    """The method answers once the new settings hold, with the files that they come from; the audit says who asked."""
    drop_in = rpcd.scratch / "rpcd.d" / "more.toml"
    drop_in.parent.mkdir(mode=0o755)
    drop_in.write_text(f'[targets.more]\npath = "{rpcd.scratch}/site/more"\nformat = "text"\n')
    done = rpcd.call("server.reload")
    assert done == {"taken": True, "sources": [str(rpcd.config), str(drop_in)], "faults": []}
    assert rpcd.kind("read_file", target="more") == "no_such_file"
    (record,) = rpcd.records("settings")
    assert record["verdict"] == "taken"
    assert record["peer"]["pid"] == os.getpid()
    assert record["grant"].startswith("rpcd.toml:")
    rpcd.signal(signal.SIGHUP)
    wait_until(lambda: len(rpcd.records("settings")) == 2)
    assert "peer" not in rpcd.records("settings")[1]


def test_a_grant_that_is_revoked_ends_at_the_next_request(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """A connection that was open before is judged by the new grants from its next request on."""
    socket = rpcd.socket
    reading, writing = os.pipe()

    def until_denied() -> int:
        calls = 0
        with Connection(socket) as connection:
            while (kind := connection.kind("get_key", target="shop", key="ui.theme")) is None:
                calls += 1
                if calls == 1:
                    os.write(writing, b".")
            assert kind == "denied"
            assert connection.kind("ping") == "denied"
        return calls

    def revoke() -> None:
        os.read(reading, 1)
        rpcd.configure(WITHOUT_WWW_DATA)
        rpcd.signal(signal.SIGHUP)

    revoking = threading.Thread(target=revoke)
    revoking.start()
    assert as_user(WWW_DATA, WWW_DATA, [], until_denied) >= 1
    revoking.join()
    os.close(reading)
    os.close(writing)


def test_who_revokes_itself_still_hears_it(rpcd: Rpcd) -> None:
    """The reply of a reload that takes away the caller's own grant arrives; the next call is denied."""
    rpcd.configure(SETTINGS.replace(MINE, "users   = [4242]"))
    assert rpcd.call("server.reload")["taken"] is True
    assert rpcd.kind("server.reload") == "denied"


def test_edits_that_wait_are_judged_again(serve: Serve, scratch: Path) -> None:
    """An edit that is queued when its grant goes is denied; the one that was being written is finished."""
    wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=2500000"]
    server = serve(wrapper=wrapper)
    with server.connect() as first, server.connect() as second:
        for connection, value in ((first, "dark"), (second, "blue")):
            params = GET | {"value": value}
            message = {"jsonrpc": "2.0", "id": value, "method": "update_key", "params": params}
            connection.send(json.dumps(message).encode())
            wait_until(lambda: list(scratch.glob("shop/.rpcd-*~")), what="the candidate")
        wait_until(lambda: server.call("status")["queued"] == 1)
        server.configure(SETTINGS.replace('"update_key", "delete_key", "list_keys"', '"delete_key"'))
        assert server.call("server.reload")["taken"] is True
        assert json.loads(first.receive() or b"")["result"]["changed"] is True
        assert json.loads(second.receive() or b"")["error"]["data"] == {"kind": "denied"}
    assert server.call("get_key", **GET)["value"] == "dark"


FIXED = {
    "socket": "server.socket",
    "socket_mode": "server.socket_mode",
    "max_message": "server.max_message",
    "descriptors": "server.descriptors",
}


def test_what_cannot_change_is_named_beside_everything_else(rpcd: Rpcd) -> None:
    """Each setting that needs a restart is a fault with its place, and of the rest nothing is taken either."""
    changed = (
        f'[server]\nsocket = "{rpcd.scratch}/other.sock"\nsocket_mode = "0600"\nmax_message = "64 KiB"\n'
        f'descriptors = false\nstate = "{rpcd.scratch}/state"\n'
    )
    rpcd.configure(changed + SETTINGS.replace("targets.motd", "targets.renamed"))
    done = rpcd.call("server.reload")
    assert done["taken"] is False
    assert done["sources"] == [str(rpcd.config)]
    assert sorted(done["faults"]) == sorted(f"{place}: it has changed; restart needed" for place in FIXED.values())
    assert rpcd.call("read_file", target="motd")["content"] == "Welcome.\n"
    assert rpcd.kind("read_file", target="renamed") == "no_such_target"


def test_status_remembers_what_was_refused(rpcd: Rpcd) -> None:
    """After settings that were refused the server is degraded, until newer ones are taken."""
    before = rpcd.call("status")
    assert before["degraded"] is False
    assert before["settings"]["refused"] is None
    rpcd.configure(SETTINGS.replace('format = "text"', 'format = "txt"') + "\n[grunts]\n")
    faults = rpcd.call("server.reload")["faults"]
    assert len(faults) >= 2
    assert rpcd.records("settings")[0]["faults"] == faults
    refused = rpcd.call("status")
    assert refused["degraded"] is True
    assert refused["settings"]["refused"]["faults"] == len(faults)
    assert refused["settings"]["taken"] == before["settings"]["taken"]
    rpcd.configure(SETTINGS)
    assert rpcd.call("server.reload")["taken"] is True
    assert rpcd.call("status")["degraded"] is False


def test_reloads_wait_for_each_other(rpcd: Rpcd) -> None:
    """Many who ask at once are all answered, one after another, and the newest settings hold."""
    with ThreadPoolExecutor(16) as callers:

        def ask(_number: int) -> bool:
            with rpcd.connect() as connection:
                return bool(connection.call("server.reload")["taken"])

        rpcd.configure(SETTINGS.replace("targets.motd", "targets.newest"))
        assert all(callers.map(ask, range(32)))
    assert rpcd.kind("read_file", target="newest") is None
    assert len(rpcd.records("settings", verdict="taken")) == 32


def test_a_reload_that_nobody_waits_for_is_refused(rpcd: Rpcd) -> None:
    """A notification of a method that administers the server does nothing, and is audited."""
    with rpcd.connect() as connection:
        for method in ("server.reload", "server.read_only"):
            params = {"reason": "nobody hears"} if method == "server.read_only" else {}
            connection.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())
        assert connection.call("status")["read_only"] is None
    assert len(rpcd.records("decided", kind="invalid_request")) == 2
    assert not rpcd.records("settings")


MODULE = """
from rpcd.methods import Method

METHODS = {"greet": Method(handler=lambda call, params: params["name"], params=("name",), open=True)}
"""


def schemas(directory: Path, longest: int) -> None:
    """The two schemas of `greet`."""
    name = {"type": "string", "maxLength": longest}
    params = {"type": "object", "properties": {"name": name}, "required": ["name"], "additionalProperties": False}
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    (directory / "greet.params.json").write_text(json.dumps(draft | params))
    (directory / "greet.result.json").write_text(json.dumps(draft | {"type": "string"}))


def test_an_administrators_schemas_are_read_again(serve: Serve, scratch: Path) -> None:
    """The schemas of a module are taken with the settings, whole, or their faults are told and the old ones hold."""
    methods = scratch / "methods"
    methods.mkdir(mode=0o755)
    (methods / "acme.py").write_text(MODULE)
    schemas(methods, 3)
    server = serve(SETTINGS + f'\n[methods]\npath = "{methods}"\nmodules = ["acme"]\n')
    assert server.kind("greet", name="anna") == "invalid_params"
    schemas(methods, 10)
    assert server.call("server.reload")["taken"] is True
    assert server.call("greet", name="anna") == "anna"
    (methods / "greet.params.json").write_text('{"type": "object", "propertees": {}}')
    assert server.call("server.reload")["faults"]
    assert server.call("greet", name="anna") == "anna"


def test_a_directory_out_of_reach_needs_a_restart(serve: Serve, scratch: Path) -> None:
    """A process that is confined to some directories takes no target in another one, and says which."""
    server = serve(start=False)
    (scratch / "site/real").write_text("x\n")
    (scratch / "shop/link").symlink_to(scratch / "site/real")
    server.configure(f'{SETTINGS}\n[targets.link]\npath = "{scratch}/shop/link"\nfollow = true\nformat = "text"\n')
    settings, _ = load(str(server.config))

    async def read_again(*confined: str) -> tuple[str, ...]:
        reload = Reload(settings, lambda: load(str(server.config)), lambda *_: None, lambda: confined or None)
        return await reload.again()

    assert asyncio.run(read_again()) == ()
    assert asyncio.run(read_again(str(scratch))) == ()
    faults = asyncio.run(read_again(f"{scratch}/shop", f"{scratch}/vhosts"))
    assert {fault.partition(":")[0] for fault in faults} == {"targets.motd", "targets.link"}
    assert all(f"{scratch}/site" in fault and fault.endswith("restart needed") for fault in faults)


@pytest.mark.parametrize("moment", ["before", "while"])
def test_a_reload_at_the_end_harms_nothing(serve: Serve, moment: str) -> None:
    """SIGHUP around SIGTERM: the server ends in order."""
    server = serve()
    for number in (signal.SIGHUP, signal.SIGTERM) if moment == "before" else (signal.SIGTERM, signal.SIGHUP):
        server.signal(number)
    server.stop()
