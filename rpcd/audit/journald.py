"""A second sink: each record to the systemd journal, with fields that `journalctl` can search.

Rules of this file:

- It never blocks, and what cannot be sent is counted and forgotten: the log is what counts.
- The protocol is journald's native one (systemd, "Native Journal Protocol"): one datagram an entry, one `NAME=value` a
  line. A record's line has no line end, so no value needs the protocol's other form.
"""

import socket
from collections.abc import Mapping
from typing import Final

import structlog

from rpcd.audit.vocabulary import owasp

__all__ = ["Journal"]

log = structlog.get_logger("rpcd")

FIELDS: Final = ("event", "of", "method", "target", "verdict", "kind", "grant", "change", "count", "incident")
"""Members of a record that become fields of the same name."""

NOTICE: Final = 5
WARNING: Final = 4
INFO: Final = 6
"""Priorities (syslog(3))."""


class Journal:
    """Sends records to the journal that listens at `path`; `failures` is how many it did not take."""

    def __init__(self, path: str) -> None:
        self.failures = 0
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def __call__(self, record: Mapping[str, object], line: bytes) -> None:
        """Send one record; `line` is as it stands in the log."""
        try:
            self._socket.sendto(_entry(record, line), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, self._path)
        except OSError as error:
            if not self.failures:
                log.error("the journal does not take audit records", error=error.strerror)
            self.failures += 1


def _entry(record: Mapping[str, object], line: bytes) -> bytes:
    """A record as the journal takes it."""
    refused = record.get("kind") is not None
    priority = WARNING if refused else NOTICE if record.get("changed") else INFO
    fields = {"PRIORITY": str(priority), "SYSLOG_IDENTIFIER": "rpcd", "MESSAGE": _message(record)}
    fields |= {f"RPCD_{member.upper()}": _plain(record[member]) for member in FIELDS if record.get(member) is not None}
    peer = record.get("peer")
    if isinstance(peer, Mapping):
        fields |= {f"RPCD_{name.upper()}": _plain(peer[name]) for name in ("uid", "gid", "pid", "unit") if peer[name]}
        fields["RPCD_UID"] = _plain(peer["uid"])
    if (name := owasp(record)) is not None:
        fields["RPCD_OWASP"] = name
    said = "".join(f"{name}={value}\n" for name, value in fields.items())
    return said.encode() + b"RPCD_RECORD=" + line + b"\n"


def _message(record: Mapping[str, object]) -> str:
    """One line for whoever reads the journal."""
    peer = record.get("peer")
    who = f"uid {_plain(peer['uid'])}" if isinstance(peer, Mapping) else ""
    what = [record["event"], record.get("method"), record.get("target"), who, record.get("kind")]
    return " ".join(_plain(part) for part in what if part)


def _plain(value: object) -> str:
    """A value in printable ASCII on one line."""
    return "".join(character if " " <= character <= "~" else f"\\u{ord(character):04x}" for character in str(value))
