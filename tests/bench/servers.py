"""The servers that are compared, each in the bench's scratch directory."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.bench.figures import HERE, Programs
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd, wait_until

__all__ = ["GRANT", "echo", "ini", "plain_echo", "rpcd"]

GRANT = f"""
[quotas]
connections        = 4096
connections_of_uid = 4096
calls              = 1000000
changes            = 1000000

[[grants]]
users   = [{os.getuid()}]
methods = ["get_key", "update_key"]
targets = ["*"]
"""
"""What the one who measures may do, and how much of it: one uid is all callers here."""


def ini(size: int) -> str:
    """An ini file of about `size` bytes in lines of 64: a section with keys `key0`, `key1` and so on."""
    keys = max(size // 64 - 1, 1)
    return "[section]\n" + "".join(f"key{number} = ".ljust(63, "x") + "\n" for number in range(keys))


@contextmanager
def rpcd(scratch: Path, name: str, settings: str, files: Mapping[str, str]) -> Iterator[Rpcd]:
    """The real server in a directory of its own, with files in `{scratch}/files`."""
    directory = scratch / name
    (directory / "files").mkdir(parents=True)
    for file, content in files.items():
        path = directory / "files" / file
        path.write_text(content)
        path.chmod(0o600)
    server = Rpcd(directory, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def echo(scratch: Path, programs: Programs) -> "_Listening":
    """The server in C that sends everything back."""
    return _Listening([programs.path("echo")], str(scratch / "echo.sock"))


def plain_echo(scratch: Path) -> "_Listening":
    """The same in Python with asyncio."""
    return _Listening([sys.executable, str(HERE / "plain_echo.py")], str(scratch / "plain_echo.sock"))


class _Listening:
    """A process that listens at the path which is its last argument, until the context ends."""

    def __init__(self, command: list[str], socket: str) -> None:
        self.socket = socket
        self.process = subprocess.Popen([*command, socket])
        self.pid = self.process.pid

    def __enter__(self) -> Self:
        wait_until(lambda: _listens(self.socket), what=self.socket)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def _listens(path: str) -> bool:
    try:
        Connection(path).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True
