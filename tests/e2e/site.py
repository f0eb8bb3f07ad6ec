"""The demo page as it runs for people, and a browser that does what a person does with it."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

from tests.harness.server import REPOSITORY

__all__ = ["Browser", "Page", "Site", "processes_of"]

PATIENCE = 30.0
"""Seconds."""


def processes_of(directory: Path) -> dict[int, str]:
    """The processes whose command line or title names the directory, or whose parent's does: pid and that line."""
    lines: dict[int, tuple[str, int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            lines[int(entry)] = (line, parent)
    own = {pid for pid, (line, _) in lines.items() if str(directory) in line}
    return {pid: line for pid, (line, parent) in lines.items() if pid in own or parent in own}


@dataclass(frozen=True, slots=True)
class Site:
    """rpcd, php-fpm and nginx, run by contrib/demo/serve_page.py in a directory of their own."""

    directory: Path
    listen: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, directory: Path, listen: str) -> "Site":
        """Start, and wait until the page can be opened."""
        command = [sys.executable, str(REPOSITORY / "contrib" / "demo" / "serve_page.py")]
        # Its server may write where the demo's files are and nowhere else: not what measures coverage either.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
        process = subprocess.Popen(
            [*command, "--directory", str(directory), "--listen", listen],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        site = cls(directory, listen, process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Ctrl-C"):
                return site
        raise AssertionError(f"it did not start: {site.logs()}")

    def stop(self) -> None:
        """What Ctrl-C does; afterwards nothing of it runs, and nothing went wrong in the meantime."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE) == 0, self.logs()
        assert self.process.stdout is not None
        self.process.stdout.close()
        left = processes_of(self.directory)
        assert not left
        logs = self.logs()
        assert not re.search(r"Traceback|PHP (Warning|Notice|Deprecated|Fatal)|\[(error|crit|alert|emerg)\]", logs), (
            logs
        )

    def logs(self) -> str:
        """What the three have written."""
        return "\n".join(path.read_text() for path in sorted((self.directory / "log").glob("*.log")))

    @property
    def file(self) -> Path:
        """What the page changes."""
        return self.directory / "etc" / "shop.ini"


@dataclass(slots=True)
class Page(HTMLParser):
    """What a person sees of a page, and what its forms would send."""

    status: int
    html: str
    fields: dict[str, str] = field(default_factory=dict)
    notice: str = ""
    scripts: int = 0
    _in_notice: bool = False

    def __post_init__(self) -> None:
        """Read the page."""
        HTMLParser.__init__(self)
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note fields and scripts."""
        found = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in found:
            self.fields[found["name"]] = found.get("value", "")
        self.scripts += tag == "script"
        self._in_notice = "notice" in found.get("class", "").split()

    def handle_data(self, data: str) -> None:
        """Note the words of the notice."""
        if self._in_notice:
            self.notice += data

    def handle_endtag(self, _tag: str) -> None:
        """End of the notice."""
        self._in_notice = False


@dataclass(slots=True)
class Browser:
    """Opens the page over nginx's Unix socket, keeps its cookie, and follows where it is sent."""

    socket: Path
    cookie: str = ""

    def open(self, form: Mapping[str, str] | None = None) -> Page:
        """The page, or what it answers to a form."""
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.socket))
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if form is None:
            connection.request("GET", "/", headers=headers)
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request("POST", "/", urlencode(form), headers)
        response = connection.getresponse()
        html = response.read().decode()
        connection.close()
        if (cookie := response.headers.get("Set-Cookie")) is not None:
            self.cookie = cookie.partition(";")[0]
        return self.open() if response.status == 303 else Page(response.status, html)

    def save(self, **typed: str) -> Page:
        """Open the page, type into some fields, and press Save."""
        return self.open(self.open().fields | {"action": "save"} | typed)


def listening(pids: Iterator[int] | Mapping[int, str]) -> set[str]:
    """The TCP addresses, in hexadecimal as in /proc/net/tcp, on which these processes listen."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(descriptor))
            except FileNotFoundError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in inodes:  # TCP_LISTEN
                found.add(columns[1])
    return found
