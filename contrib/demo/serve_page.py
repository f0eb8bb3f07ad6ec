"""Runs the demo: a page under nginx and php-fpm, as www-data, that changes two keys in a file of root's.

    sudo python3 contrib/demo/serve_page.py [--listen 127.0.0.1:8080]

Rules of this file:

- Everything lies in one scratch directory, which is removed at the end; nothing of the machine's own nginx, php-fpm or
  rpcd is touched.
- nginx listens on a loopback address or a Unix socket, whichever `--listen` names; everything else on Unix sockets.
- What was started is stopped, however it ends.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

DEMO: Final = Path(__file__).resolve().parent
REPOSITORY: Final = DEMO.parents[1]

PATIENCE: Final = 15.0
"""Seconds for each service to come up, and to end."""

PROGRAMS: Final = {"nginx": ("nginx",), "php-fpm": ("php-fpm8.2", "php-fpm8.4", "php-fpm8.3", "php-fpm")}
"""What has to be installed, and the names it goes by on Debian."""


def main() -> None:
    """Set up, run until a signal or until something ends by itself, and clean up."""
    parser = argparse.ArgumentParser(description="Run the demo page until Ctrl-C.")
    parser.add_argument("--listen", default="127.0.0.1:8080", help="for nginx: 127.0.0.1:PORT or unix:PATH")
    parser.add_argument("--directory", type=Path, help="an empty directory to run in, kept at the end")
    options = parser.parse_args()
    if not options.listen.startswith(("127.0.0.1:", "unix:/")):
        parser.error("--listen: 127.0.0.1:PORT or unix:PATH")
    if os.geteuid() != 0:
        parser.error("this takes root: rpcd and the page run as different users")
    programs = {name: _find(names) for name, names in PROGRAMS.items()}
    if missing := [name for name, path in programs.items() if path is None]:
        parser.error(f"not installed: {', '.join(missing)} (apt-get install nginx php8.2-fpm)")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        directory = options.directory or Path(stack.enter_context(_scratch()))
        lay_out(directory, options.listen)
        run = directory / "run"
        rpcd = [sys.executable, "-m", "rpcd", "serve", "--config", str(directory / "rpcd.toml")]
        fpm = [str(programs["php-fpm"]), "--nodaemonize", "--fpm-config", str(directory / "php-fpm.conf")]
        nginx = [str(programs["nginx"]), "-e", "stderr", "-c", str(directory / "nginx.conf")]
        log = stack.enter_context((directory / "log" / "services.log").open("ab"))
        services = [
            stack.enter_context(_service(rpcd, log.fileno(), lambda: _answers(run / "rpcd.sock", "SEQPACKET"))),
            stack.enter_context(_service(fpm, log.fileno(), lambda: _answers(run / "php.sock", "STREAM"))),
            stack.enter_context(_service(nginx, log.fileno(), lambda: _listens(options.listen))),
        ]
        sys.stdout.write(
            f"The page:      http://{options.listen}/\n"
            f"Its file:      {directory}/etc/shop.ini\n"
            f"The audit log: {directory}/log/audit.jsonl\n"
            "Ctrl-C ends it.\n"
        )
        sys.stdout.flush()
        while all(service.poll() is None for service in services):
            time.sleep(0.2)
        sys.exit(f"a service has ended; see {directory}/log")


def lay_out(directory: Path, listen: str) -> None:
    """Fill an empty directory with the page, the configurations, and the file that the page changes."""
    directory.chmod(0o755)
    for name, mode in {"etc": 0o700, "log": 0o700, "run": 0o755, "state": 0o700, "tmp": 0o755}.items():
        (directory / name).mkdir(mode)
    (directory / "sessions").mkdir(0o700)
    shutil.chown(directory / "sessions", "www-data", "www-data")
    shutil.copytree(DEMO / "www", directory / "www")
    shutil.copytree(REPOSITORY / "contrib" / "php", directory / "php")
    for copied in (directory / "www", directory / "php"):  # whatever umask the working copy was made with
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    for name in ("rpcd.toml", "nginx.conf", "php-fpm.conf"):
        text = (DEMO / name).read_text().replace("@DIRECTORY@", str(directory)).replace("@LISTEN@", listen)
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)
    shutil.copy(DEMO / "shop.schema.json", directory)
    (directory / "shop.schema.json").chmod(0o644)
    shutil.copy(DEMO / "shop.ini", directory / "etc")
    (directory / "etc" / "shop.ini").chmod(0o600)


def _find(names: tuple[str, ...]) -> str | None:
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _scratch() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="rpcd-demo-", dir="/tmp")


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _service(command: list[str], log: int, ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """A running service, once it is ready; ended by SIGTERM, which all three take as "finish what you do"."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C is for us alone
    )
    try:
        end = time.monotonic() + PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{command[0]} did not come up; see the log directory")
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(listen: str) -> bool:
    if listen.startswith("unix:"):
        return _answers(Path(listen.removeprefix("unix:")), "STREAM")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(listen.rpartition(":")[2])), 1):
        return True
    return False


def _answers(path: Path, kind: str) -> bool:
    with socket.socket(socket.AF_UNIX, getattr(socket, f"SOCK_{kind}")) as probe:
        return probe.connect_ex(str(path)) == 0


if __name__ == "__main__":
    main()
