"""Audit records as a person reads them: one line each, with names for users and colours for what became of it.

Nothing of a record reaches the terminal but printable characters: a log that somebody tampered with can hold anything.
"""

import pwd
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rpcd.printable import printable

__all__ = ["Records", "is_record"]

WIDE: Final = 110
NARROW: Final = 64
"""Columns of a terminal from which on there is room for more than the least, and below which not even for that."""

SERVER: Final = frozenset({"started", "stopped", "settings", "read_only"})
"""Events of the server itself."""

STYLES: Final[Mapping[str, str]] = {
    "changed": "bold green",
    "allowed": "green",
    "unchanged": "green",
    "intent": "dim",
    "counted": "cyan",
    "taken": "bold green",
    "kept": "bold red",
    "denied": "bold red",
}
"""The colours of results; what is not here failed, and is yellow."""

ASIDES: Final[Mapping[str, str]] = {
    "dry_run": "dry run",
    "actor": "for {}",
    "note": "“{}”",
    "incident": "incident {}",
}
"""What is told behind a call, by the member that has it."""


class Records:
    """Prints records to a console, in columns whose widths do not depend on them, or below each other."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._wide = console.width >= WIDE
        self._headed = False

    def show(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Print some records."""
        if self._console.width < NARROW:
            self._console.print(*map(self._below, records), sep="\n")
            return
        table = Table(box=None, show_header=not self._headed, header_style="bold", pad_edge=False, expand=True)
        table.add_column("time", width=23 if self._wide else 14, no_wrap=True)
        table.add_column("user", width=14 if self._wide else 10, no_wrap=True, overflow="ellipsis")
        table.add_column("result", width=16 if self._wide else 14, no_wrap=True, overflow="ellipsis")
        table.add_column("what", ratio=1, no_wrap=True, overflow="ellipsis")
        for record in records:
            table.add_row(Text(self._time(record), "dim"), Text(_user(record)), _coloured(record), self._what(record))
        self._console.print(table)
        self._headed = True

    def _below(self, record: Mapping[str, Any]) -> Text:
        """A record on lines of its own: when and who, what became of it, and what it was about."""
        words = [Text(self._time(record), "dim"), Text(_user(record)), _coloured(record)]
        head = Text(" ").join(word for word in words if word)
        what = self._what(record).wrap(self._console, max(self._console.width - 2, 8))
        return Text("\n  ").join((head, *what))

    def _time(self, record: Mapping[str, Any]) -> str:
        """When it was written, here."""
        try:
            when = datetime.fromisoformat(record["ts"]).astimezone()
        except (ValueError, TypeError, KeyError):
            return "?"
        return when.isoformat(" ", "milliseconds")[:23] if self._wide else f"{when:%m-%d %H:%M:%S}"

    def _what(self, record: Mapping[str, Any]) -> Text:
        """What was asked for, or what happened; dim behind it why, for whom and by which grant."""
        event = record["event"]
        of = record.get("of", event)
        if record.get("method"):
            words = [record["method"], record.get("target", ""), *record.get("keys", ())]
        else:
            words = ["message" if of == "decided" else str(of).replace("_", " "), *_particulars(record)]
        text = Text(printable(" ".join(map(str, filter(None, words)))))
        if event == "counted":
            text.append(f"  {record.get('count')} more until {self._until(record)}", "cyan")
        said = [text.format(record[name]) for name, text in ASIDES.items() if record.get(name)]
        if self._wide and "grant" in record:
            said.append(f"by {record['grant']}")
        if said:
            text.append("  " + printable(", ".join(said)), "dim")
        return text

    def _until(self, record: Mapping[str, Any]) -> str:
        try:
            return f"{datetime.fromisoformat(record['last']).astimezone():%H:%M:%S}"
        except (ValueError, TypeError, KeyError):
            return "?"


def is_record(value: Any) -> bool:
    """Whether this can be shown: a log that somebody tampered with can hold any JSON."""
    shapes = {"event": str, "of": str, "keys": list, "peer": dict, "faults": list, "sources": list}
    return (
        isinstance(value, dict)
        and "event" in value
        and all(isinstance(value[name], shape) for name, shape in shapes.items() if name in value)
    )


def _result(record: Mapping[str, Any]) -> str:
    event, kind = record["event"], record.get("kind")
    if kind is not None:
        return str(kind)
    if event == "intent":
        return "intent"
    if event == "outcome":
        return "changed" if record.get("changed") else "unchanged"
    return str(record.get("verdict", "counted" if event == "counted" else ""))


def _coloured(record: Mapping[str, Any]) -> Text:
    """What became of it, in its colour."""
    result = _result(record)
    return Text(printable(result), STYLES.get(result, "" if record["event"] in SERVER else "yellow"))


def _user(record: Mapping[str, Any]) -> str:
    peer = record.get("peer")
    if not isinstance(peer, Mapping):
        return "rpcd" if record["event"] in SERVER else ""
    return printable(_name(peer.get("uid")))


@cache
def _name(uid: object) -> str:
    """What this machine calls a uid."""
    try:
        return pwd.getpwuid(uid).pw_name if isinstance(uid, int) else str(uid)
    except (KeyError, OverflowError):
        return str(uid)


def _particulars(record: Mapping[str, Any]) -> list[str]:
    """What tells an event that is no call, and last the program that was behind it."""
    told = [f"{name} {record[name]}" for name in ("from", "to", "bytes", "version") if name in record]
    if record["event"] == "read_only":
        told.append("off" if record.get("reason") is None else f"on: {record['reason']}")
    if "why" in record:
        told.append(str(record["why"]))
    told.extend(map(str, (*record.get("faults", ()), *record.get("sources", ()))))
    peer = record.get("peer")
    if isinstance(peer, Mapping) and record["event"] != "counted":
        told.append(str(peer.get("unit") or peer.get("exe") or f"pid {peer.get('pid')}"))
    return told
