"""`describe`: what a form needs to know of a target.

Rules of this file:

- A peer sees the part of the target's schema that judges the keys on which it may call `describe`, and the values of
  those of them that it may get. What is secret is never among the values.
- Without a schema there is one made of what the document holds: its keys and the types of their values.
- Where there is no file yet there are no values; where they do not fit into the reply they are left out.
"""

from collections.abc import Awaitable
from functools import partial
from typing import Any, Final

from rpcd import documents
from rpcd.documents import Value
from rpcd.documents.document import Untold, require_told
from rpcd.documents.key import Key
from rpcd.documents.reach import Reach
from rpcd.errors import Refused
from rpcd.methods.method import Call
from rpcd.settings import Target
from rpcd.store import Snapshot
from rpcd.wire import encode

__all__ = ["describe"]

SPARE: Final = 2048
"""Bytes that a reply has beside schema and values."""

GONE: Final = object()
"""In place of a value that is not shown."""


def describe(call: Call, _params: dict[str, Any]) -> Awaitable[object] | object:
    """What a form needs: the part of the schema that this peer may see, and the values that it may get."""
    try:
        return call.look(partial(_described, call))
    except Refused as refusal:
        if refusal.kind != "no_such_file":
            raise
        return _described(call, None)


def _described(call: Call, snapshot: Snapshot | None) -> dict[str, object]:
    target, reach = call.find(), call.reach("describe")
    told: dict[str, object] = {"schema": {"type": "string"}}
    held: Value = {}
    if target.format.name != "text":
        held = {} if snapshot is None else documents.read(target.format, snapshot.content)
        schema = target.schema.view(reach) if target.schema is not None else _inferred(held, reach)
        told["schema"] = _marked(schema, Reach.of(target.secret))
    told["revision"] = call.store.revisions.name(snapshot.digest if snapshot else None, plain=call.plain)
    values = _shown(target, held, (), (reach, call.reach("get_key")))
    if values is not GONE and values != {} and len(encode(told)) + len(encode(values)) <= call.room - SPARE:
        told["values"] = values
    return told


def _inferred(value: Value, reach: Reach) -> dict[str, Any]:
    """The schema of what a document holds, as far as it is reached."""
    if isinstance(value, dict):
        members = {
            name: _inferred(held, below) for name, held in value.items() if (below := reach.at(name)) and _is_told(name)
        }
        return {"type": "object", "properties": members}
    if isinstance(value, list):
        elements = [_inferred(held, reach.at(str(number))) for number, held in enumerate(value)]
        alike = bool(elements) and reach.elements and all(element == elements[0] for element in elements)
        return {"type": "array", **({"items": elements[0]} if alike else {})}
    return {"type": _type(value)}


def _type(value: Value) -> str:
    """JSON Schema's name for the type of a single value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
    return "string"


def _marked(schema: dict[str, Any], secret: Reach) -> dict[str, Any]:
    """A schema that says of secret members that they are only written, where they have schemas of their own."""
    if secret.here or secret.all:
        return schema | {"writeOnly": True}
    if not secret or "properties" not in schema:
        return schema
    members = {
        name: _marked(part, secret.at(name)) if isinstance(part, dict) else part
        for name, part in schema["properties"].items()
    }
    return schema | {"properties": members}


def _shown(target: Target, value: Value, key: Key, reaches: tuple[Reach, ...]) -> Any:
    """What is shown of what a key holds: what all of `reaches` mean, can be told, and is not secret."""
    if not all(reaches) or target.hides(key):
        return GONE
    if isinstance(value, dict):
        members = {name: _below(target, held, key, name, reaches) for name, held in value.items()}
        shown = {name: held for name, held in members.items() if held is not GONE and _is_told(name)}
        return shown if shown or not value else GONE
    if isinstance(value, list):
        elements = [_below(target, held, key, str(number), reaches) for number, held in enumerate(value)]
        return GONE if any(held is GONE for held in elements) else elements  # else the others had other numbers
    return value if _is_told(value) and all(reach.here for reach in reaches) else GONE


def _is_told(value: Value) -> bool:
    """Whether JSON can tell a single value."""
    try:
        require_told(value)
    except Refused:
        return False
    return not isinstance(value, Untold)


def _below(target: Target, value: Value, key: Key, segment: str, reaches: tuple[Reach, ...]) -> Any:
    return _shown(target, value, (*key, segment), tuple(reach.at(segment) for reach in reaches))
