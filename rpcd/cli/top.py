"""`rpcd top`: who calls what, how often and how fast, while it happens."""

import os
import pwd
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import click

from rpcd.cli.asking import asking
from rpcd.cli.exposition import Rates, read
from rpcd.cli.options import socket_option, timeout_option
from rpcd.cli.words import counted, duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

__all__ = ["top"]

ROWS: Final = 20
"""Methods and callers that a frame shows, the busiest first."""


@click.command()
@socket_option
@timeout_option
@click.option("--interval", default=2.0, show_default=True, help="Seconds from frame to frame.", metavar="SECONDS")
@click.option("--once", is_flag=True, help="Print one frame, and end.")
def top(path: str | None, timeout: float, interval: float, *, once: bool) -> None:
    """Watch calls, refusals, latency and queues; q ends it.

    Rates are those of the last interval, latencies too: half and 99 of 100 calls stayed below. You need grants of
    `status` and `server.metrics`.

    \b
      rpcd top
      rpcd top --once --interval 10 | mail -s rpcd root
    """  # noqa: D301 - click means the character
    if interval <= 0:
        raise click.UsageError("--interval is more than 0 seconds")
    with asking(path, timeout) as client:

        def look() -> tuple[float, dict[str, Any], str]:
            return time.monotonic(), dict(client.status()), client.call("server.metrics")["text"]

        if once or not sys.stdout.isatty():
            _print_one(look, interval)
        else:
            with suppress(KeyboardInterrupt):
                _watch(look, interval)


def _print_one(look: Callable[[], tuple[float, dict[str, Any], str]], interval: float) -> None:
    from rich.console import Console

    began, _, before = look()
    time.sleep(interval)
    ended, status, after = look()
    width = None if sys.stdout.isatty() else 100
    Console(width=width, highlight=False).print(_frame(status, Rates(read(before), read(after), ended - began)))


def _watch(look: Callable[[], tuple[float, dict[str, Any], str]], interval: float) -> None:
    """Frame after frame, until a q."""
    from rich.live import Live

    began, status, text = look()
    before = read(text)
    live = Live(_frame(status, Rates(before, before, 1)), screen=True, auto_refresh=False)
    with _keys() as pressed:
        try:  # as a context it would keep the screen where Ctrl-C comes while it shows its first frame
            live.start(refresh=True)
            while "q" not in pressed(interval):
                ended, status, text = look()
                after = read(text)
                live.update(_frame(status, Rates(before, after, ended - began)), refresh=True)
                began, before = ended, after
        finally:
            live.stop()


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Gives a function that waits so many seconds for keys, and says which; nothing where nobody types."""
    if not sys.stdin.isatty():

        def wait(seconds: float) -> str:
            time.sleep(seconds)
            return ""

        yield wait
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    interrupts: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        """Note it as well: raised where Python lets no exception out, such as a finalizer, it would be lost."""
        interrupts.append(number)
        raise KeyboardInterrupt

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], 0 if interrupts else seconds)
        return "q" if interrupts else os.read(descriptor, 64).decode("ascii", "replace") if ready else ""

    usual = signal.signal(signal.SIGINT, interrupt)
    tty.setcbreak(descriptor)
    try:
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.signal(signal.SIGINT, usual)


def _frame(status: dict[str, Any], rates: Rates) -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    head = (
        f"rpcd {status['version']}, up {duration(status['uptime'])}: {counted(status['connections'], 'connection')}, "
        f"{counted(status['queued'], 'waiting change')}, {counted(status['targets'], 'target')}"
    )
    lines = [Text(head, style="bold")]
    if status["degraded"]:
        lines.append(Text("degraded: see `rpcd status`", style="red"))
    if status["read_only"] is not None:
        lines.append(Text(f"read-only: {status['read_only']}", style="yellow"))
    return Group(*lines, _methods(rates), _callers(rates))


def _methods(rates: Rates) -> "Table":
    rows = []
    for name in rates.labels("calls_total"):
        calls = rates.rate("calls_total", name)
        half, most = (_time(rates.quantile(share, name)) for share in (0.5, 0.99))
        rows.append((calls, (name, f"{calls:.1f}", f"{rates.rate('calls_total', name, but='ok'):.1f}", half, most)))
    return _table(("method", "calls/s", "refused/s", "p50", "p99"), rows)


def _callers(rates: Rates) -> "Table":
    rows = []
    for uid in rates.labels("caller_calls_total"):
        calls = rates.rate("caller_calls_total", uid)
        refused = rates.rate("caller_refusals_total", uid)
        rows.append((calls, (_user(uid), f"{calls:.1f}", f"{refused:.1f}")))
    return _table(("caller", "calls/s", "refused/s"), rows)


def _table(titles: tuple[str, ...], rows: Sequence[tuple[float, tuple[str, ...]]]) -> "Table":
    """The busiest rows below their titles."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number else "left", header_style="cyan")
    for _, row in sorted(rows, key=lambda row: -row[0])[:ROWS]:
        table.add_row(*row)
    return table


def _user(uid: str) -> str:
    """The name that this machine has for a uid."""
    if not uid.isdecimal():
        return uid
    try:
        return f"{pwd.getpwuid(int(uid)).pw_name} ({uid})"
    except KeyError:
        return uid


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
