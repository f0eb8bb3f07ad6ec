"""Fixtures for clients: a server with targets of every kind and a laboratory, and a PHP to run snippets in."""

import errno
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FILES, SETTINGS
from tests.harness.server import REPOSITORY, Rpcd

LAB = Path(__file__).parent / "methods"

DOCUMENT = """\
{
  "empty": {}, "list": [], "float": 1.0, "int": 1, "null": null, "true": true, "text": "Grüße \\u0000 😀",
  "greatest": 9223372036854775807, "beyond": 9223372036854775808, "nested": {"1": [{}, [], ""]}
}
"""

CLIENTS_SETTINGS = (
    SETTINGS
    + f"""
[methods]
path    = "{{scratch}}/methods"
modules = ["lab"]

[targets.doc]
path   = "{{scratch}}/site/doc.json"
format = "json"

[targets.big]
path   = "{{scratch}}/site/big"
format = "text"

[targets.linked]
path   = "{{scratch}}/site/linked"
format = "text"

[[grants]]
users   = [{os.getuid()}]
methods = ["lab_refuse", "lab_pause"]
"""
)


@contextmanager
def laboratory() -> Iterator[Rpcd]:
    """A server whose methods can also refuse with any kind, and answer late."""
    scratch = Path(tempfile.mkdtemp(prefix="rpcd-test-", dir="/tmp"))
    try:
        scratch.chmod(0o755)
        (scratch / "methods").mkdir()
        for file in (path for path in LAB.iterdir() if path.is_file()):
            shutil.copyfile(file, scratch / "methods" / file.name)
        for name, content in {**FILES, "site/doc.json": DOCUMENT, "site/big": "big"}.items():
            (scratch / name).parent.mkdir(exist_ok=True)
            (scratch / name).write_text(content)
            (scratch / name).chmod(0o600)
        (scratch / "site" / "linked").symlink_to("motd")
        server = Rpcd(scratch, CLIENTS_SETTINGS)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(scratch)


@pytest.fixture
def server() -> Iterator[Rpcd]:
    """A server of the test's own."""
    with laboratory() as server:
        yield server


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Rpcd]:
    """A server for tests that change nothing."""
    with laboratory() as server:
        yield server


@pytest.fixture
def no_descriptor_stays() -> Iterator[None]:
    """No more and no fewer descriptors afterwards than before, in the tests' own process."""
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before


PRELUDE = """\
declare(strict_types=1);
namespace Rpcd;
require '{package}/autoload.php';
$rpcd = new Client('{socket}', connectTimeout: {connect_timeout}, timeout: {timeout});
$told = [];
try {{
    $told['returned'] = (static function (Client $rpcd) {{ {code} }})($rpcd);
}} catch (\\Throwable $error) {{
    $told['thrown'] = preg_replace('/.*\\\\\\\\/', '', $error::class);
    $told['parents'] = array_values(class_parents($error) + class_implements($error));
    $told['message'] = $error->getMessage();
    $told['code'] = $error->getCode();
    $told['data'] = $error->data ?? null;
    $told['previous'] = $error->getPrevious() === null ? null : $error->getPrevious()::class;
}}
echo json_encode($told, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
"""


@dataclass(frozen=True, slots=True)
class Php:
    """Runs PHP that has the client as `$rpcd`."""

    package: Path
    socket: str

    def __call__(
        self, code: str, *, user: int | None = None, connect_timeout: float = 5.0, timeout: float = 20.0
    ) -> Any:
        """What the code returns or throws: `{returned}` or `{thrown, parents, message, code, data, previous}`.

        A warning, a notice or a deprecation fails the test.
        """
        script = PRELUDE.format(
            package=self.package, socket=self.socket, code=code, connect_timeout=connect_timeout, timeout=timeout
        )
        strict = ["-d", "error_reporting=-1", "-d", "display_errors=stderr", "-d", "html_errors=0"]
        finished = subprocess.run(
            ["php", *strict, "-r", script],
            user=user,
            group=user,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.stderr == "", finished.stderr
        assert finished.returncode == 0, finished.stdout
        return json.loads(finished.stdout)

    def returned(self, code: str, **options: Any) -> Any:
        """What the code returns; it must not throw."""
        told = self(code, **options)
        assert "returned" in told, told
        return told["returned"]

    def thrown(self, code: str, **options: Any) -> Any:
        """What the code throws; it must not return."""
        told = self(code, **options)
        assert "thrown" in told, told
        return told


def php_for(server: Rpcd) -> Php:
    """PHP with the client, from a copy that every user can read."""
    package = server.scratch / "php"
    shutil.copytree(REPOSITORY / "contrib" / "php", package)
    for path in (package, *package.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Php(package, server.socket)


@pytest.fixture
def php(server: Rpcd) -> Php:
    """PHP with the client of the test's own server."""
    return php_for(server)


@pytest.fixture(scope="module")
def shared_php(shared_server: Rpcd) -> Php:
    """PHP with the client of the shared server."""
    return php_for(shared_server)


@contextmanager
def stopped(server: Rpcd) -> Iterator[None]:
    """The server does nothing meanwhile."""
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


@contextmanager
def full_backlog(server: Rpcd) -> Iterator[None]:
    """The server does nothing meanwhile, and nobody more can connect: connect(2) waits, or says EAGAIN."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    waiting = []
    try:
        with stopped(server):
            while True:
                waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK))
                if waiting[-1].connect_ex(server.socket) == errno.EAGAIN:
                    break
            yield
            for connection in waiting:
                connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
