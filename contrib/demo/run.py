"""What `make demo` shows: a server, and what an unprivileged user can and cannot do through it.

As root, the server's files are root's and the caller becomes www-data. Anybody else is both the server and the caller:
then the grants alone stand between them.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from rpcd.client import Client, RefusalError

WWW_DATA = 33
"""uid and gid of www-data on every Debian."""

READY_WITHIN = 20.0
"""Seconds."""

SHOP = """\
; The shop's settings. Comments stay where they are.
[ui]
theme = light            ; light or dark

[mail]
from     = shop@example.org
password = correct-horse
"""

MOTD = "Open from nine to five.\n"

PLACES = """\
[server]
socket = "{scratch}/rpcd.sock"
state  = "{scratch}/state"

[audit]
log = "{scratch}/audit.jsonl"

"""

RULES = """\
[targets.shop]
path   = "{scratch}/files/shop.ini"
format = "ini"
secret = ["mail.password"]

[targets.motd]
path   = "{scratch}/files/motd"
format = "text"

[[grants]]
users   = [{caller}]
methods = ["get_key", "update_key"]
targets = ["shop"]
keys    = ["ui.*", "mail.from"]

[[grants]]
users   = [{caller}]
methods = ["read_file", "replace_file"]
targets = ["motd"]
"""


def main() -> None:
    """Show it, in a directory of its own that is removed afterwards."""
    os.umask(0o022)
    console = Console(width=None if sys.stdout.isatty() else 100)
    caller = WWW_DATA if os.geteuid() == 0 else os.getuid()
    scratch = Path(tempfile.mkdtemp(prefix="rpcd-demo-", dir="/tmp"))
    try:
        show(console, scratch, caller)
    finally:
        shutil.rmtree(scratch)


def show(console: Console, scratch: Path, caller: int) -> None:
    """Set the scene, let the caller act, and tell what happened."""
    scratch.chmod(0o755)
    (scratch / "files").mkdir()
    written = {"files/shop.ini": SHOP, "files/motd": MOTD, "rpcd.toml": fill(PLACES + RULES, scratch, caller)}
    for name, content in written.items():
        (scratch / name).write_text(content)
        (scratch / name).chmod(0o600)

    console.rule("[bold]rpcd: the demo")
    if caller == WWW_DATA:
        console.print(f"The server runs as root in {scratch}; both files are root's, mode 0600.")
        console.print(f"The caller is www-data (uid {WWW_DATA}).")
    else:
        console.print(f"You are not root: the server in {scratch} and its caller are both uid {caller}.")
        console.print("The grants alone stand between them. As root, the caller would become www-data.")
    heading(console, "What the administrator has written")
    first = PLACES.count("\n") + 1
    coloured(console, fill(RULES, scratch, caller), "toml", line_numbers=True, start_line=first)

    with server(scratch):
        seen = as_caller(caller, str(scratch / "rpcd.sock"), scratch / "files" / "shop.ini")
    tell(console, seen, own_files=caller != WWW_DATA)

    for name, before in (("shop.ini", SHOP), ("motd", MOTD)):
        heading(console, f"{name}, before and after")
        after = (scratch / "files" / name).read_text()
        lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), name, name)
        coloured(console, "".join(lines), "diff")
    heading(console, "What the server says to standard error, which is the journal's where systemd runs it")
    console.print("Where it can still write; and the hash of the last audit record, its head: whoever cuts off the")
    console.print("log's end would have to change the journal, too.")
    console.print(Text((scratch / "stderr").read_text().rstrip("\n"), "dim"))
    heading(console, "The audit log")
    console.print(trail(scratch / "audit.jsonl"))


def fill(settings: str, scratch: Path, caller: int) -> str:
    """Settings with the directory, and with `caller` as the one who is granted something."""
    return settings.replace("{scratch}", str(scratch)).replace("{caller}", str(caller))


def heading(console: Console, words: str) -> None:
    """Begin a part."""
    console.print(f"\n[bold]{words}[/bold]")


def coloured(console: Console, text: str, language: str, **options: Any) -> None:
    """Show text in the colours of its language, on the terminal's own background."""
    console.print(Syntax(text.rstrip("\n"), language, background_color="default", **options))


@contextmanager
def server(scratch: Path) -> Iterator[None]:
    """The server's process, from ready to ended."""
    with (
        (scratch / "stderr").open("wb") as said,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications,
    ):
        address = str(scratch / "notify.sock")
        notifications.bind(address)
        process = subprocess.Popen(
            [sys.executable, "-m", "rpcd", "serve", "--config", str(scratch / "rpcd.toml")],
            env=os.environ | {"NOTIFY_SOCKET": address},
            stdin=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            if not select.select([notifications], [], [], READY_WITHIN)[0]:
                sys.exit(f"The server did not become ready; it said:\n{(scratch / 'stderr').read_text()}")
            yield
        finally:
            process.terminate()
            process.wait()


def as_caller(uid: int, path: str, file: Path) -> dict[str, Any]:
    """What `act` saw, in a child process that is nobody else than `uid`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            with os.fdopen(writing, "w") as told:
                json.dump(act(path, file), told)
        except BaseException:  # noqa: BLE001 - the parent sees only that no answer came
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        answer = told.read()
    os.waitpid(child, 0)
    if not answer:
        sys.exit("The caller got no answer; why stands above.")
    seen: dict[str, Any] = json.loads(answer)
    return seen


def act(path: str, file: Path) -> dict[str, Any]:
    """Open the file itself; then ask the server: change a key, replace a file, and want what is not granted."""
    try:
        file.read_bytes()
        alone = "it can read the file"
    except PermissionError as error:
        alone = f"{error.strerror}"
    with Client(path) as rpcd:
        before = rpcd.get_key("shop", "ui.theme")
        preview = rpcd.update_key("shop", "ui.theme", "dark", dry_run=True)
        theme = rpcd.update_key("shop", "ui.theme", "dark", expect=before.value, actor="alice", note="night shift")
        motd = rpcd.replace_file("motd", "Open day and night.\n", actor="alice")
        try:
            rpcd.get_key("shop", "mail.password")
            refused = "nothing: that is a bug"
        except RefusalError as refusal:
            refused = f"{refusal.code} {refusal.kind}: {refusal.message}"
    return {
        "alone": alone,
        "before": before.value,
        "preview": preview.diff,
        "theme": theme.revision,
        "motd": motd.revision,
        "refused": refused,
    }


def tell(console: Console, seen: dict[str, Any], *, own_files: bool) -> None:
    """What the caller tried, and what came of it."""
    heading(console, "What the caller tried")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("open shop.ini itself", Text(seen["alone"], "yellow" if own_files else "red"))
    table.add_row('get_key("shop", "ui.theme")', Text(repr(seen["before"]), "green"))
    table.add_row('update_key("shop", "ui.theme", "dark")', Text(f"done, {seen['theme'][:19]}…", "green"))
    table.add_row('replace_file("motd", "Open day and night.")', Text(f"done, {seen['motd'][:19]}…", "green"))
    table.add_row('get_key("shop", "mail.password")', Text(seen["refused"], "red"))
    console.print(table)
    heading(console, "What a dry run had told it beforehand")
    coloured(console, seen["preview"], "diff")


def trail(log: Path) -> Table:
    """The audit records, one a row."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("seq", "event", "uid", "actor", "method", "target", "keys", "verdict", "by grant"):
        table.add_column(column)
    for line in log.read_text().splitlines():
        record = json.loads(line)
        verdict = record.get("kind") or record.get("verdict") or ""
        table.add_row(
            str(record["seq"]),
            record["event"] + (" (dry run)" if record.get("dry_run") else ""),
            str(record.get("peer", {}).get("uid", "")),
            record.get("actor") or "",
            record.get("method") or "",
            record.get("target") or "",
            " ".join(record.get("keys") or ()),
            Text(verdict, {"allowed": "green", "denied": "bold red"}.get(verdict, "")),
            record.get("grant") or "",
        )
    return table


if __name__ == "__main__":
    main()
