"""What the kernel does to a server that runs: calls fail or take their time, and descriptors are not to be had."""

import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.server import Rpcd, wait_until

__all__ = ["injected", "without_descriptors"]


@contextmanager
def injected(
    server: Rpcd, calls: str, injection: str, output: str = "/dev/null", path: Path | None = None
) -> Iterator[None]:
    """Make system calls of the running server fail, or happen late; only those on `path` where one is given."""
    tasks = Path(f"/proc/{server.pid}/task")

    def traced() -> bool:
        return not any("TracerPid:\t0\n" in (task / "status").read_text() for task in tasks.iterdir())

    options = ["-e", f"trace={calls}", "-e", f"inject={calls}:{injection}"] if injection else ["-e", f"trace={calls}"]
    options += ["-P", str(path)] if path is not None else []
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-y", "-o", output, "-p", str(server.pid), *options])
    try:
        wait_until(traced, what="strace")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()


@contextmanager
def without_descriptors(server: Rpcd) -> Iterator[None]:
    """Let the running server open nothing; what it has open stays."""
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
