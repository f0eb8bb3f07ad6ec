"""What a record is: one line of JSON, with the hash of the line before.

Rules of this file:

- A record is one line of JSON in plain ASCII: whatever a caller wrote, it can neither end a line nor reach a terminal.
- `prev` is the SHA-256 of the line before, so that a record which was changed, removed, moved or put in is found.
- Values never come here. What is logged names keys, hashes and kinds.
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson
import structlog

from rpcd.audit.vocabulary import owasp

__all__ = ["FIRST", "HEADER", "Header", "digest", "header", "render", "timestamp"]

FIRST: Final = "0" * 64
"""`prev` of the first record of all."""


HEADER: Final = re.compile(rb'\{"ts":"([^"]{27})","seq":([0-9]{1,18}),"event":"([a-z_]+)","prev":"([0-9a-f]{64})"[,}]')
"""How every line begins. The rest is vouched for by the hash of the whole line, and need not be parsed to follow it."""


class Header(NamedTuple):
    """What every record has: its number, what it is about, and the hash of the line before."""

    seq: int
    event: str
    prev: str


def header(line: bytes) -> Header | None:
    """What a line begins with; None for one that is no record."""
    found = HEADER.match(line)
    if found is None:
        return None
    _, seq, event, prev = found.groups()
    return Header(int(seq), event.decode(), prev.decode())


def render(record: Mapping[str, object], *, seq: int, prev: str) -> bytes:
    """The line of a record, without its end."""
    return _RENDERING.record(seq=seq, prev=prev, **record)


def digest(line: bytes) -> str:
    """What the next record's `prev` is."""
    return hashlib.sha256(line).hexdigest()


def timestamp(seconds: float) -> str:
    """A moment (Unix time) as records tell it: RFC 3339, UTC, microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _stamped(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The record with the time it was written at (RFC 3339, UTC), and what every record has before the rest."""
    return {"ts": timestamp(time.time()), "seq": fields["seq"], "event": fields["event"], **fields}


def _named(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The record with what OWASP's vocabulary calls it, where it does."""
    name = owasp(fields)
    return fields if name is None else {**fields, "owasp": name}


def _escaped(_logger: object, _method: str, fields: Mapping[str, object]) -> bytes:
    """The line of a record: JSON in which every character but printable ASCII is escaped (RFC 8259, section 7)."""
    try:
        line = orjson.dumps(fields)
    except TypeError:  # half a surrogate pair
        line = json.dumps(fields, separators=(",", ":")).encode("ascii")
    if not line.isascii():
        line = json.dumps(fields, separators=(",", ":")).encode("ascii")
    return line.replace(b"\x7f", b"\\u007f")


class _Rendering(structlog.BoundLoggerBase):
    """A structlog logger that gives the finished line back instead of passing it to an output."""

    def record(self, **fields: object) -> bytes:
        """The line of a record, without its end."""
        event = str(fields.pop("event"))
        (line,), _ = self._process_event("info", event, fields)
        return bytes(line)


_RENDERING: Final = _Rendering(None, [_stamped, _named, _escaped], {})
