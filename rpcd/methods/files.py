"""Whole files.

Rules of this file:

- Content travels as text where it is UTF-8, as base64, or as a descriptor of a sealed memory file.
- What replaces a structured document can be parsed in its format: a file that nobody can edit afterwards is refused.
"""

import base64
import binascii
from collections.abc import Awaitable
from functools import partial
from typing import Any, Final

from rpcd import documents
from rpcd.errors import Refused
from rpcd.methods.changes import change
from rpcd.methods.method import Call
from rpcd.methods.page import DEFAULT_LIMIT, page
from rpcd.store import Snapshot
from rpcd.store.pieces import same
from rpcd.wire import encode

__all__ = ["delete_file", "list_files", "read_file", "replace_file"]

SPARE: Final = 512
"""Bytes that the members beside the content take in a reply."""


def read_file(call: Call, params: dict[str, Any]) -> Awaitable[object] | object:
    """The content of a file, in the form asked for or the first that fits."""
    return call.look(partial(_content, call, params.get("as")))


def _content(call: Call, form: str | None, snapshot: Snapshot) -> dict[str, object]:
    content = snapshot.content
    rest = {"revision": call.store.revisions.name(snapshot.digest, plain=True), "size": len(content)}
    room = call.room - SPARE
    if form in {None, "text"}:
        text = _text(content)
        if text is not None and len(content) <= room and len(encode(text)) <= room:
            return {"content": text, **rest}
        if form == "text":
            raise Refused("not_editable", reason="encoding") if text is None else Refused("too_large", limit=room)
    if form in {None, "base64"}:
        if 4 * (len(content) + 2) // 3 <= room:
            return {"content": {"base64": base64.b64encode(content).decode("ascii")}, **rest}
        if form == "base64":
            raise Refused("too_large", limit=room)
    if not call.rules.settings.descriptors:
        raise Refused("too_large", limit=room)
    return {"content": {"fd": call.attach(content)}, **rest}


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def list_files(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """The files of a directory target that this peer may list, by name."""
    return call.work(partial(_files, call, params))


def _files(call: Call, params: dict[str, Any]) -> dict[str, object]:
    after = params.get("after", "")
    listed = (
        {"name": facts.name, "revision": call.store.revisions.name(facts.digest, plain=plain), "size": facts.size}
        for facts, plain in (
            (facts, call.rules.may(call.peer, "read_file", f"{call.target}/{facts.name}"))
            for facts in call.store.targets.files(call.name_of_target)
            if facts.name > after and call.rules.may(call.peer, "list_files", f"{call.target}/{facts.name}")
        )
    )
    found, following = page(listed, "name", params.get("limit", DEFAULT_LIMIT), call.room)
    return {"files": found, **following}


async def replace_file(call: Call, params: dict[str, Any]) -> object:
    """Make a file have exactly this content; it is created where there is none."""
    content = await _received(call, params["content"])
    form = call.find().format

    def replace(before: bytes | None) -> bytes:
        if same(content, before) and not blind:
            return content
        documents.check(form, content)
        return content

    blind = not call.plain
    return await change(call, params, replace, blind=blind, written=blind, contents={"content": content})


def delete_file(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """Take a file away."""

    def delete(before: bytes | None) -> None:
        if before is None:
            raise Refused("no_such_file")

    return change(call, params, delete, blind=not call.plain)


async def _received(call: Call, content: str | dict[str, Any]) -> bytes:
    """The bytes that a `content` parameter stands for."""
    if isinstance(content, str):
        return content.encode("utf-8")
    if "base64" in content:
        try:
            return binascii.a2b_base64(content["base64"], strict_mode=True)
        except (binascii.Error, ValueError) as error:
            raise Refused("invalid_params", faults=[{"at": "/content/base64", "rule": "contentEncoding"}]) from error
    descriptor = call.take(int(content["fd"]))  # 0.0 is an integer to JSON Schema
    return await call.work(
        partial(call.store.receive, descriptor, call.hold, size=content.get("size"), sha256=content.get("sha256"))
    )
