"""Runs all measurements in a scratch directory of its own and shows them."""

import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench import parts
from tests.bench.audit import audit
from tests.bench.crowd import crowd
from tests.bench.documents import changing
from tests.bench.figures import Programs

ON_DISK = "/var/tmp"  # noqa: S108 - /tmp may be held in memory, where a sync costs nothing


def main() -> None:
    """Measure and show; the scratch directory is removed whatever happens."""
    if shutil.which("gcc") is None:
        sys.exit("make bench compares with programs in C: please install gcc")
    os.umask(0o022)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a thousand connections, at both ends
    console = Console(width=None if sys.stdout.isatty() else 120)
    scratch = Path(tempfile.mkdtemp(prefix="rpcd-bench-", dir=ON_DISK))
    try:
        scratch.chmod(0o755)
        system = subprocess.run(["stat", "-f", "-c", "%T", scratch], check=True, stdout=subprocess.PIPE, text=True)
        console.print(
            f"{os.cpu_count()} CPUs, Linux {platform.release()}, Python {platform.python_version()},"
            f" {system.stdout.strip()}; load {os.getloadavg()[0]:.1f}\n",
            highlight=False,
        )
        programs = Programs(scratch)
        parts.reads(console, scratch, programs)
        parts.changes(console, scratch, programs)
        parts.idle(console, scratch)
        parts.growth(console, scratch, programs)
        crowd(console, scratch, programs)
        audit(console, scratch, programs)
        changing(console)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
