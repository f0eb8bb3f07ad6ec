"""Fixtures: a scratch directory that everybody can reach, and the real server in it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest

from tests.harness.server import Rpcd
from tests.harness.targets import MOTD, SHOP, VHOSTS
from tests.harness.users import WWW_DATA
from tests.harness.users import as_user as run_as_user

SHOP_INI = """\
; the shop's own settings
[ui]
theme = light
title = A shop

[mail]
from = shop@example.org
password = hunter2
"""

FILES = {"shop/shop.ini": SHOP_INI, "site/motd": "Welcome.\n", "vhosts/shop-a.conf": "server { listen 81; }\n"}
"""What the default settings have as targets, below the scratch directory; each has mode 0600."""

SETTINGS = f"""{SHOP}{MOTD}{VHOSTS}
[[grants]]
users   = [{os.getuid()}]
methods = ["get_key", "update_key", "delete_key", "list_keys", "read_file", "replace_file", "delete_file",
           "list_files", "describe", "history", "diff", "restore", "status", "server.metrics",
           "server.reload", "server.read_only"]
targets = ["*"]

[[grants]]
users   = [{WWW_DATA}]
methods = ["get_key", "update_key"]
targets = ["shop"]
keys    = ["ui.*", "mail.from"]
"""
"""Whoever runs the tests may do everything; www-data may read and change some keys of one file."""


def pytest_configure() -> None:
    """Modes are what the tests say, whatever umask they were started under; a slow moment is no failure.

    Everywhere but in CI generated inputs are other ones each time: what nobody has thought of is found while somebody
    works on it, and a check of a finished change says the same each time.
    """
    os.umask(0o022)
    hypothesis.settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
    hypothesis.settings.load_profile("patient")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything must run (`CI`), a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and (skipped := len(reporter.stats.get("skipped", []))):
        reporter.write_line(f"\n{skipped} skipped: nothing may be, here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Serve(Protocol):
    """Starts a server: see the `serve` fixture."""

    def __call__(self, settings: str = ..., files: Mapping[str, str | bytes] = ..., **options: Any) -> Rpcd:
        """Start it, with these settings and files, and these options of `Rpcd`."""


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A fresh 0755 directory that every user can reach, and whose whole path is trusted; removed afterwards.

    pytest's own tmp_path is 0700: other users cannot come in.
    """
    directory = Path(tempfile.mkdtemp(prefix="rpcd-test-", dir="/tmp"))  # sticky, hence trusted
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def serve(scratch: Path) -> Iterator[Serve]:
    """Starts the server with these settings (`{scratch}` becomes the directory) and these files below it.

    Further options are `Rpcd`'s; `start=False` leaves starting to the test. Afterwards it is stopped, and looked at:
    see `Rpcd.stop`.
    """
    servers: list[Rpcd] = []

    def serve(
        settings: str = SETTINGS, files: Mapping[str, str | bytes] = FILES, *, start: bool = True, **options: Any
    ) -> Rpcd:
        for name, content in files.items():
            path = scratch / name
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(0o600)
        server = Rpcd(scratch, settings, **options)
        servers.append(server)
        if start:
            server.start()
        return server

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers start as they do for an administrator: what measures coverage imports, writes and says things itself."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS")]:
        monkeypatch.delenv(name)


@pytest.fixture
def rpcd(serve: Serve) -> Rpcd:
    """The server with the settings and files above."""
    return serve()


@pytest.fixture
def as_user() -> Callable[..., Any]:
    """`as_user(uid, gid, groups, function)`: see `tests.harness.users`. Becoming somebody else takes root."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    return run_as_user
