"""Following the chain: which record was changed, removed, moved or put in.

Rules of this file:

- A torn last line is what a crash leaves, and is told as that.
"""

import hashlib
import json
from dataclasses import dataclass

__all__ = ["Verdict", "verify"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a log: how many records hold, and where and why the first does not (None: all hold)."""

    records: int
    line: int | None = None
    why: str | None = None


def verify(path: str) -> Verdict:
    """Follow the chain of a log from its first line on, in constant memory."""
    expected: str | None = None
    seq: int | None = None
    count = 0
    with open(path, "rb") as log:
        for count, ended in enumerate(log, 1):
            line = ended.removesuffix(b"\n")
            if line == ended:
                return Verdict(count - 1, count, "it is cut off, as a crash leaves the last line")
            try:
                record = json.loads(line)
                found_seq, found_prev = int(record["seq"]), str(record["prev"])
            except (ValueError, KeyError, TypeError):
                return Verdict(count - 1, count, "this is no record")
            if seq is not None and found_seq != seq + 1:
                return Verdict(count - 1, count, f"seq is {found_seq}, and {seq + 1} was to come")
            if expected is not None and found_prev != expected:
                return Verdict(count - 1, count, "prev is not the hash of the line before")
            seq, expected = found_seq, hashlib.sha256(line).hexdigest()
    return Verdict(count)
