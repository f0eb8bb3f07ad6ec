"""Which version wrote the state, and which reads it (CASES 170)."""

import re
from pathlib import Path

import pytest

from rpcd.state import VERSION
from tests.conftest import SETTINGS, Serve
from tests.harness.server import Rpcd

Tree = dict[str, tuple[bytes, int]]


def tree(directory: Path) -> Tree:
    """Everything below a directory, with its bytes and when it was last changed."""
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.rglob("*") if path.is_file()}


def used(serve: Serve) -> Rpcd:
    """A server that has been used, and has stopped."""
    server = serve()
    assert server.call("update_key", target="shop", key="ui.theme", value="dark", request_id="once")["changed"]
    server.stop()
    return server


def test_the_state_says_who_wrote_it(rpcd: Rpcd) -> None:
    """A state that a server has begun has its version, for root alone."""
    version = rpcd.scratch / "state" / "version"
    assert version.read_text() == f"{VERSION}\n"
    assert version.stat().st_mode & 0o7777 == 0o600


def test_an_earlier_state_is_read(serve: Serve) -> None:
    """What was written before there was a version is taken over: revisions and answers stay what they were."""
    server = used(serve)
    (server.scratch / "state" / "version").unlink()
    server.start()
    assert (server.scratch / "state" / "version").read_text() == f"{VERSION}\n"
    again = server.call("update_key", target="shop", key="ui.theme", value="dark", request_id="once")
    assert again["changed"], "the same answer as the first time"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (f"{VERSION + 1}\n", f"a later rpcd wrote this state (version {VERSION + 1}); this one knows {VERSION}"),
        ("999999999\n", "a later rpcd wrote this state"),
        ("", "this is no version"),
        ("0\n", "this is no version"),
        ("1", "this is no version"),
        ("one\n", "this is no version"),
    ],
)
def test_another_state_is_left_alone(version: str, said: str, serve: Serve) -> None:
    """A downgrade, and a version that nobody can read, refuse to start, and nothing in the state has changed."""
    server = used(serve)
    state = server.scratch / "state"
    (state / "version").write_text(version)
    before, log = tree(state), server.audit_log.read_bytes()
    assert re.search(re.escape(said), server.refuses_to_start())
    assert tree(state) == before
    assert server.audit_log.read_bytes() == log


def test_a_crash_while_it_was_written_is_no_version(serve: Serve, scratch: Path) -> None:
    """The version is written beside, and renamed: half of it is never read."""
    server = serve(SETTINGS, start=False)
    (scratch / "state" / "version~").write_text("9")
    server.start()
    assert (scratch / "state" / "version").read_text() == f"{VERSION}\n"
    assert not (scratch / "state" / "version~").exists()
