"""A server with a handler that somebody has taken over."""

import shutil
from collections.abc import Sequence
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
def taken(serve: Serve, scratch: Path, unmeasured: None) -> Taken:
    """A server with the method `intrude`, and a directory `outside` that has nothing to do with it.

    Its coverage is not measured: at its end it could not write what was gathered.
    """
    del unmeasured
    shutil.copytree(METHODS, scratch / "methods", ignore=shutil.ignore_patterns("__pycache__"))
    (scratch / "outside" / "empty").mkdir(parents=True)
    (scratch / "outside" / "file").write_text("theirs\n")
    (scratch / "socket").mkdir()

    def taken(landlock: str, settings: str = SETTINGS, *, wrapper: Sequence[str] = (), start: bool = True) -> Rpcd:
        own = f'[server]\nsocket = "{scratch}/socket/rpcd.sock"\nstate = "{scratch}/state"\nlandlock = "{landlock}"\n'
        server = serve(own + MODULE + settings, FILES, wrapper=wrapper, start=False)
        server.socket = str(scratch / "socket" / "rpcd.sock")
        if start:
            server.start()
        return server

    return taken
