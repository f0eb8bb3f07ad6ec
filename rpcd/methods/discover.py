"""`rpc.discover`: what this peer may call, as a document that tools read."""

from collections.abc import Awaitable, Iterator
from functools import partial
from typing import Any, Final

from rpcd.errors import Refused
from rpcd.methods.method import Call
from rpcd.methods.openrpc import describe
from rpcd.wire import encode

__all__ = ["discover"]

SPARE: Final = 512
"""Bytes that a reply has beside its result."""


def discover(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """What this caller may call: an OpenRPC document."""
    return call.work(partial(_document, call, params.get("as")))


def _document(call: Call, form: str | None) -> dict[str, object]:
    rules, peer = call.rules, call.peer
    allowed = {name: row for name, row in rules.methods.items() if row.open or rules.policy.allows(peer, name)}

    def targets(method: str) -> Iterator[str]:
        return (name for name in sorted(rules.settings.targets) if rules.may(peer, method, name))

    document = describe(allowed, rules.schemas, targets)
    content = encode(document)
    room = call.room - SPARE
    if form != "fd" and len(content) <= room:
        return document
    if form == "json" or not rules.settings.descriptors:
        raise Refused("too_large", limit=room)
    return {"content": {"fd": call.attach(content)}, "size": len(content)}
