"""A server with a handler that somebody has taken over."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import FILES, SETTINGS, Serve
from tests.harness.server import REPOSITORY, Rpcd

METHODS = REPOSITORY / "tests/process/methods"

MODULE = '[methods]\npath = "{scratch}/methods"\nmodules = ["intrude"]\n'


class Taken(Protocol):
    """Makes a server of which one method does whatever its caller wants: see the `taken` fixture."""

    def __call__(self, landlock: str, settings: str = ..., *, wrapper: Sequence[str] = ..., start: bool = ...) -> Rpcd:
        """Make it, with this `server.landlock`, and start it unless told otherwise."""


@pytest.fixture
def taken(serve: Serve, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Taken]:
    """A server with the method `intrude`, and a directory `outside` that has nothing to do with it.

    What measures coverage writes at the end of a process: such a server can do that in its state alone.
    """
    gathered = os.environ.get("COVERAGE_FILE")
    if gathered is not None:
        monkeypatch.setenv("COVERAGE_FILE", str(scratch / "state" / "coverage"))
    shutil.copytree(METHODS, scratch / "methods", ignore=shutil.ignore_patterns("__pycache__"))
    (scratch / "outside" / "empty").mkdir(parents=True)
    (scratch / "outside" / "file").write_text("theirs\n")
    (scratch / "socket").mkdir()
    servers: list[Rpcd] = []

    def taken(landlock: str, settings: str = SETTINGS, *, wrapper: Sequence[str] = (), start: bool = True) -> Rpcd:
        server = (
            f'[server]\nsocket = "{scratch}/socket/rpcd.sock"\nstate = "{scratch}/state"\nlandlock = "{landlock}"\n'
        )
        servers.append(serve(server + MODULE + settings, FILES, wrapper=wrapper, start=False))
        servers[-1].socket = str(scratch / "socket" / "rpcd.sock")
        if start:
            servers[-1].start()
        return servers[-1]

    yield taken
    for server in servers:
        server.stop()
    if gathered is not None:
        for data in (scratch / "state").glob("coverage*"):
            shutil.move(data, f"{gathered}.{scratch.name}.{data.name}")
