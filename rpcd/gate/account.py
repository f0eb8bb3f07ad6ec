"""What a call leaves in the audit log.

Rules of this file:

- A permitted change that the store did not take over has its intent and its outcome all the same; what acts on the
  server itself has a record of its own each time. Everything else is written or counted, as `Counts` decides.
- What the log cannot take does not stop a call: changes are stopped before they begin, by their intent.
"""

import secrets
from collections.abc import Mapping
from typing import Final, cast

import structlog

from rpcd.audit import Counts, Unwritable
from rpcd.methods import Call

__all__ = ["account"]

log = structlog.get_logger("rpcd")

LONGEST_KEY: Final = 256
"""Characters of a key in the record of what is no change: keys that do not exist can be long."""


def account(call: Call, counts: Counts, took: int, more: Mapping[str, object]) -> None:
    """Write, or count, what became of a call after `took` nanoseconds; `more` are further fields of its records."""
    kind = call.refusal.kind if call.refusal else None
    verdict = "denied" if kind == "denied" else "allowed" if call.permitted else "refused"
    fields = {**call.record(), **more}
    if call.refusal is not None and kind == "internal":
        fields["incident"] = call.refusal.data["incident"]
    if call.replayed is not None:
        fields |= {"replayed": True, "change": call.replayed}
    ended = {"kind": kind, "ms": round(took / 1e6, 3)}
    method = call.method if call.permitted and call.replayed is None else None
    if method is None or not (method.administers or (method.changes and not call.params.get("dry_run"))):
        if "keys" in fields:
            fields["keys"] = [key[:LONGEST_KEY] for key in cast("list[str]", fields["keys"])]
        granted = call.permitted or call.rules.policy.knows(call.peer)
        counts.note({"event": "decided", **fields, "verdict": verdict, **ended}, call.peer, granted=granted)
        return
    records: list[dict[str, object]] = [{"event": "decided", **fields, "verdict": verdict, **ended}]
    if method.changes:
        fields["change"] = secrets.token_hex(8)
        records = [
            {"event": "intent", **fields, "before": None, "after": None},
            {"event": "outcome", **fields, "verdict": verdict, "changed": False, **ended},
        ]
    try:
        counts.log.write(*records)
    except Unwritable:
        log.error("the audit log cannot be written", method=fields["method"])
