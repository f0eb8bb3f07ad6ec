"""Single keys of structured documents.

Rules of this file:

- The store reads and writes, `documents` finds and proves; what stands here is the order of the questions: is there a
  file, is the key what the caller expects, does the grant cover what it holds, would the edit change anything.
- A peer that may not read a key learns nothing about its value, not even by writing it (design: an answer tells only
  what the peer may read).
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from itertools import dropwhile, islice
from typing import Any, Final

from rpcd import documents
from rpcd.documents import Format, Manner
from rpcd.documents.key import Key, format_key, parse_key
from rpcd.errors import Refused
from rpcd.methods.changes import change
from rpcd.methods.method import Call
from rpcd.methods.page import DEFAULT_LIMIT, page
from rpcd.store import Snapshot

__all__ = ["delete_key", "get_key", "list_keys", "update_key"]

MISSING: Final = object()
"""What a key holds that is not there: None is null, a value like any other."""

UNTOLD: Final = object()
"""What a key holds that is there and cannot be told: an env value that a shell would expand, bytes that are no text."""


def get_key(call: Call, _params: dict[str, Any]) -> Awaitable[object] | object:
    """The value of one key."""
    return call.look(partial(_value, call))


def _value(call: Call, snapshot: Snapshot) -> dict[str, object]:
    form = call.find().format
    key = documents.canonical(form, snapshot.content, call.named_key, partial(call.may, "get_key"))
    value = documents.open_document(form, snapshot.content).get(key)
    call.require(value)
    return {"value": value, "revision": call.store.revisions.name(snapshot.digest, plain=call.plain)}


def list_keys(call: Call, params: dict[str, Any]) -> Awaitable[object] | object:
    """The keys that this peer may list, with their types and comments, in the order of the file."""
    return call.look(partial(_keys, call, params))


def _keys(call: Call, params: dict[str, Any], snapshot: Snapshot) -> dict[str, object]:
    prefix = parse_key(params["prefix"]) if "prefix" in params else ()
    form = call.find().format
    comments = documents.comments(form, snapshot.content) if call.plain else {}
    granted: Iterator[dict[str, object]] = (
        _listed(entry, comments)
        for entry in documents.open_document(form, snapshot.content).entries()
        if entry.key[: len(prefix)] == prefix and call.may("list_keys", entry.key)
    )
    if "after" in params:
        after = format_key(parse_key(params["after"]))
        granted = islice(dropwhile(lambda item: item["key"] != after, granted), 1, None)
    found, following = page(granted, "key", params.get("limit", DEFAULT_LIMIT), call.room)
    revision = call.store.revisions.name(snapshot.digest, plain=call.plain)
    return {"keys": found, "revision": revision, **following}


def _listed(entry: documents.Entry, comments: Mapping[Key, str]) -> dict[str, object]:
    """What is told of one key; its comment only to those who may read the file."""
    told: dict[str, object] = {"key": format_key(entry.key), "type": entry.type}
    if entry.key in comments:
        told["comment"] = comments[entry.key]
    return told


def update_key(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """Give one key a value, and leave every other byte as it is."""
    value = params["value"]
    call.require(value)
    reads = call.may("get_key", call.named_key)
    manner = _manner(params)

    def edit(form: Format, content: bytes, key: Key) -> bytes:
        held = _held(call, params, form, content, key)
        if reads and documents.same(held, value):
            return content
        if manner.shared:
            call.require([held, value], *documents.sharers(form, content, key))
        return documents.update(form, content, key, value, manner)

    return change(call, params, _of_a_file(call, edit), blind=not reads)


def delete_key(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """Take one key away, and leave every other byte as it is."""
    manner = _manner(params)

    def edit(form: Format, content: bytes, key: Key) -> bytes:
        held = _held(call, params, form, content, key)
        if held is MISSING:
            raise Refused("no_such_key")
        if manner.shared:
            call.require(held, *documents.sharers(form, content, key))
        return documents.delete(form, content, key, manner)

    return change(call, params, _of_a_file(call, edit), blind=not call.may("get_key", call.named_key), written=False)


def _manner(params: dict[str, Any]) -> Manner:
    """How the caller wants the edit made."""
    return Manner(
        comments=params.get("comments", "keep"),
        use_commented=params.get("use_commented", False),
        shared=params.get("shared", False),
    )


def _of_a_file(call: Call, edit: Callable[[Format, bytes, Key], bytes]) -> Callable[[bytes | None], bytes]:
    """`edit` for a target whose file must be there."""

    def of_a_file(content: bytes | None) -> bytes:
        if content is None:
            raise Refused("no_such_file")
        form = call.find().format
        return edit(form, content, documents.canonical(form, content, call.named_key, partial(call.may, "get_key")))

    return of_a_file


def _held(call: Call, params: dict[str, Any], form: Format, content: bytes, key: Key) -> object:
    """What the key holds now, once the grant and the caller's expectation hold for it."""
    document = documents.open_document(form, content)
    held: object
    try:
        held = document.get(key)
        call.require(held)
    except Refused as refusal:
        if refusal.kind not in {"no_such_key", "not_editable"}:
            raise
        held = MISSING if refusal.kind == "no_such_key" else UNTOLD
    if "expect" in params and not documents.same(held, params["expect"]):
        raise Refused("conflict", revision=call.store.revisions.of(content, plain=call.plain))
    return held
