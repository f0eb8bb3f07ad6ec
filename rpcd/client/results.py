"""What calls return, and how it is read from a reply's `result`.

Rules of this file:

- Every reader names the members it needs and their types; a result without them is a `ProtocolError`.
- Members that a later server adds are passed over.
- What is an object in JSON is a `dict` here, an array a `list`; integers and floats stay what they were.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rpcd.client.errors import ProtocolError
from rpcd.client.members import member, optional, typed

__all__ = [
    "Change",
    "Content",
    "Description",
    "File",
    "Files",
    "Held",
    "Key",
    "Keys",
    "Target",
    "Value",
    "Whoami",
    "read_allowed",
    "read_any",
    "read_change",
    "read_content",
    "read_description",
    "read_document",
    "read_files",
    "read_held",
    "read_keys",
    "read_pong",
    "read_status",
    "read_targets",
    "read_whoami",
]

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
"""A JSON value."""

Contents = Sequence[bytes]
"""What was in the descriptors that came with a reply, in their order."""


@dataclass(frozen=True, slots=True)
class Whoami:
    """Who the kernel says the caller is; `user` is what the server's settings call it, `unit` its systemd unit."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    user: str | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """A target that the caller's grants cover; `kind` is `file` or `directory`."""

    target: str
    format: str
    kind: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What a key holds, `None` being JSON's null, in the file of this revision."""

    value: Value
    revision: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key, dotted as in TOML, and the JSON Schema name of its value's type.

    `comment` is what stands above it in the file, where the caller may read that.
    """

    key: str
    type: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """Some keys of a document in its order; where `next` is set there are more: give it as `after`."""

    keys: tuple[Key, ...]
    revision: str
    next: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """What a form needs: a JSON Schema, and what the file of this revision holds as far as the caller may get it.

    `values` is `None` where there is nothing to get; `revision` is `absent` where there is no file yet.
    """

    schema: dict[str, Value]
    values: Value
    revision: str


@dataclass(frozen=True, slots=True)
class Content:
    """A whole file."""

    content: bytes
    revision: str
    size: int

    @property
    def text(self) -> str:
        """The content as UTF-8 text; raises `UnicodeDecodeError` where it is none."""
        return self.content.decode("utf-8")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a directory target."""

    name: str
    revision: str
    size: int


@dataclass(frozen=True, slots=True)
class Files:
    """Some files of a directory target; where `next` is set there are more: give it as `after`."""

    files: tuple[File, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was made, or, with `dry_run`, that would be: then `diff` tells it, as far as the caller may read.

    `changed` is false where the file was like that already. `revision` is what is on disk now (with `dry_run`: what
    would be), `previous` what was there before; `absent` is the revision where there is no file.
    """

    target: str
    changed: bool
    revision: str
    previous: str
    diff: str | None


def read_any(result: Any, _contents: Contents) -> Any:
    """Whatever it is, as it came."""
    return result


def read_pong(result: Any, _contents: Contents) -> str:
    """`"pong"`."""
    if result != "pong":
        raise ProtocolError("the answer to ping is not pong")
    return "pong"


def read_whoami(result: Any, _contents: Contents) -> Whoami:
    """`{uid, gid, groups, user, unit}`."""
    return Whoami(
        member(result, "uid", int),
        member(result, "gid", int),
        tuple(member(result, "groups", list)),
        optional(result, "user", str),
        optional(result, "unit", str),
    )


def read_allowed(result: Any, _contents: Contents) -> bool:
    """`{allowed}`."""
    return member(result, "allowed", bool)


def read_status(result: Any, _contents: Contents) -> dict[str, Value]:
    """An object, as it came."""
    return typed(result, dict)


def read_targets(result: Any, _contents: Contents) -> tuple[Target, ...]:
    """`{targets: [{target, format, kind, methods}]}`."""
    return tuple(
        Target(
            member(entry, "target", str),
            member(entry, "format", str),
            member(entry, "kind", str),
            tuple(member(entry, "methods", list)),
        )
        for entry in member(result, "targets", list)
    )


def read_document(result: Any, contents: Contents) -> dict[str, Value]:
    """A JSON object, as it came; or what the descriptor of `{content, size}` holds."""
    if "openrpc" in typed(result, dict):
        return typed(result, dict)
    try:
        return typed(json.loads(_content(result.get("content"), contents)), dict)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("the document is not JSON") from error


def read_held(result: Any, _contents: Contents) -> Held:
    """`{value, revision}`."""
    if "value" not in typed(result, dict):
        raise ProtocolError("the result has no value")
    return Held(result["value"], member(result, "revision", str))


def read_description(result: Any, _contents: Contents) -> Description:
    """`{schema, [values], revision}`."""
    schema, revision = member(result, "schema", dict), member(result, "revision", str)
    return Description(schema, result.get("values"), revision)


def read_keys(result: Any, _contents: Contents) -> Keys:
    """`{keys: [{key, type, [comment]}], revision, [next]}`."""
    keys = tuple(
        Key(member(entry, "key", str), member(entry, "type", str), optional(entry, "comment", str))
        for entry in member(result, "keys", list)
    )
    return Keys(keys, member(result, "revision", str), optional(result, "next", str))


def read_content(result: Any, contents: Contents) -> Content:
    """`{content, revision, size}`; content is a string, `{"base64": …}`, or `{"fd": index}` of a descriptor."""
    content = _content(typed(result, dict).get("content"), contents)
    size = member(result, "size", int)
    if len(content) != size:
        raise ProtocolError(f"a content of {size} bytes arrived as {len(content)}")
    return Content(content, member(result, "revision", str), size)


def read_files(result: Any, _contents: Contents) -> Files:
    """`{files: [{name, revision, size}], [next]}`."""
    files = tuple(
        File(member(entry, "name", str), member(entry, "revision", str), member(entry, "size", int))
        for entry in member(result, "files", list)
    )
    return Files(files, optional(result, "next", str))


def read_change(result: Any, _contents: Contents) -> Change:
    """`{target, changed, revision, previous, [diff]}`."""
    return Change(
        member(result, "target", str),
        member(result, "changed", bool),
        member(result, "revision", str),
        member(result, "previous", str),
        optional(result, "diff", str),
    )


def _content(content: Any, contents: Contents) -> bytes:
    if isinstance(content, str):
        return content.encode("utf-8")
    if "base64" in typed(content, dict):
        try:
            return base64.b64decode(member(content, "base64", str), validate=True)
        except binascii.Error as error:
            raise ProtocolError("a content is not base64") from error
    index = member(content, "fd", int)
    if not 0 <= index < len(contents):
        raise ProtocolError(f"descriptor {index} did not come with the reply")
    return contents[index]
