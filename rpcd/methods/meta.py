"""What a caller can ask about itself, and what it may do here."""

from collections.abc import Awaitable
from functools import partial
from typing import Any, Final

from rpcd.documents.key import parse_key
from rpcd.methods.method import Call

__all__ = ["may", "ping", "targets", "whoami"]

LISTED_ON_LOOP: Final = 64
"""Targets up to which they are judged where they are asked for: a hop to a worker costs more."""


def ping(_call: Call, _params: dict[str, Any]) -> str:
    """Whether the server answers."""
    return "pong"


def whoami(call: Call, _params: dict[str, Any]) -> dict[str, object]:
    """Who the kernel says is calling, and what the settings call it."""
    peer = call.peer
    return {
        "uid": peer.uid,
        "gid": peer.gid,
        "groups": sorted(peer.groups),
        "user": call.rules.settings.users.get(peer.uid),
        "unit": peer.unit,
    }


def may(call: Call, params: dict[str, Any]) -> dict[str, bool]:
    """Whether the caller's grants cover a call, without making it."""
    key = parse_key(params["key"]) if "key" in params else None
    return {"allowed": call.rules.may(call.peer, params["method"], params.get("target"), key)}


def targets(call: Call, _params: dict[str, Any]) -> Awaitable[object] | object:
    """The targets that the caller's grants cover, and what it may call on each."""
    listing = partial(_targets, call)
    return listing() if len(call.rules.settings.targets) <= LISTED_ON_LOOP else call.work(listing)


def _targets(call: Call) -> dict[str, object]:
    rules = call.rules
    found = []
    for name, target in sorted(rules.settings.targets.items()):
        methods = sorted(
            method
            for method, row in rules.methods.items()
            if row.target is not None and rules.policy.permits(call.peer, method, name) is not None
        )
        if methods:
            kind = "file" if target.file is not None else "directory"
            found.append({"target": name, "format": target.format.name, "kind": kind, "methods": methods})
    return {"targets": found}
