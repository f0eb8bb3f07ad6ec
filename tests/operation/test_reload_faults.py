"""Settings that cannot be read again for want of what the machine has to give: told, recorded, and nothing is lost."""

import asyncio
import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rpcd.daemon import load
from rpcd.modules import Surface
from rpcd.operation.reload import Reload
from rpcd.settings import Settings
from tests.conftest import SETTINGS, Serve
from tests.harness.faults import injected, without_descriptors
from tests.harness.manager import Manager
from tests.harness.server import Rpcd

Hindrance = Callable[[Rpcd], AbstractContextManager[None]]


def failing(calls: str, code: str, name: str = "") -> Hindrance:
    """These system calls fail, all of them or those on one of the files below the scratch directory."""
    return lambda server: injected(server, calls, f"error={code}", path=server.scratch / name if name else None)


HINDRANCES: dict[str, tuple[Hindrance, str]] = {
    "descriptors": (without_descriptors, "Too many open files"),
    "threads": (failing("clone,clone3", "EAGAIN"), "no thread can be had"),
    "settings": (failing("read", "EIO", "rpcd.toml"), "rpcd.toml: Input/output error"),
    "drop-ins": (failing("getdents64", "EIO", "rpcd.d"), "rpcd.d: Input/output error"),
    "schemas": (failing("getdents64", "EIO", "methods"), "methods: Input/output error"),
}


@pytest.mark.parametrize("which", HINDRANCES)
def test_what_cannot_be_read_is_a_fault_and_the_old_settings_go_on(
    serve: Serve, scratch: Path, manager: Manager, which: str
) -> None:
    """The caller hears why, the log has it, systemd hears READY after RELOADING; then the next reload works."""
    shutil.copytree(Path(__file__).parent / "methods", scratch / "methods")
    (scratch / "rpcd.d").mkdir(mode=0o755)
    own = f'\n[methods]\npath = "{scratch}/methods"\nmodules = ["hold"]\n'
    server = serve(SETTINGS + own, start=False)
    manager.start(server)
    hindrance, why = HINDRANCES[which]
    with server.connect() as connection:
        assert connection.call("ping") == "pong"
        with hindrance(server):
            done = connection.call("server.reload")
            assert manager.wait("RELOADING", server)
            assert manager.wait("READY", server)
            server.signal(signal.SIGHUP)
            assert manager.wait("RELOADING", server)
            assert manager.wait("READY", server)
            assert connection.call("ping") == "pong"
        assert done["taken"] is False
        assert any(why in fault for fault in done["faults"]), done
        assert connection.call("get_key", target="shop", key="ui.theme")["value"] == "light"
        assert connection.call("status")["settings"]["refused"]["faults"] == len(done["faults"])
        assert connection.call("server.reload")["taken"] is True
    verdicts = [(record["verdict"], record.get("faults")) for record in server.records("settings")]
    assert verdicts[:2] == [("kept", done["faults"])] * 2
    assert verdicts[2][0] == "taken"


def test_a_bug_is_a_fault_with_an_incident(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever else goes wrong while settings are read has its place in the log, and never its text."""
    server = serve(start=False)
    settings, _ = load(str(server.config))

    def read() -> tuple[Settings, Surface]:
        raise ValueError("hunter2")

    async def read_again() -> tuple[tuple[str, ...], bool]:
        reload = Reload(settings, read, lambda *_: None)
        return await reload.again(), reload.settings is settings

    (fault,), kept = asyncio.run(read_again())
    assert kept
    assert "incident" in fault
    said = capsys.readouterr().out
    assert fault.split()[-4] in said
    assert "hunter2" not in fault + said
