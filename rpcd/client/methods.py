"""The methods, each written once: `Client` carries them out, `AsyncClient` awaits them, `prepare` writes them down.

Rules of this file:

- Names and parameters are the server's; `schemas/NAME.params.json` is the full truth about them.
- What is not given is not sent: `None` as a value or as `expect` is JSON's null.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, Final, Literal, ParamSpec, Protocol, TypedDict, TypeVar, Unpack, cast, overload

from rpcd.client import results, revisions
from rpcd.client.message import Request
from rpcd.client.results import Change, Content, Description, Files, Held, Keys, Target, Value, Whoami
from rpcd.client.revisions import Diff, History

__all__ = ["Asynchronous", "Blocking", "ChangeOptions", "DeleteOptions", "EditOptions", "UpdateOptions", "prepare"]

KeyPath = str | Sequence[str | int]
"""A key: dotted as in TOML (`mail.from`), or its segments; elements of arrays are addressed by number."""

READS: Final = frozenset({
    "ping", "whoami", "may", "targets", "status", "rpc.discover", "server.metrics",
    "get_key", "describe", "list_keys", "read_file", "list_files", "history", "diff",
})  # fmt: skip
"""The server's methods that change nothing."""

P = ParamSpec("P")
R = TypeVar("R")


class ChangeOptions(TypedDict, total=False):
    """What every change takes besides its own parameters.

    `if_revision` is the revision that the file must have; `dry_run` only tells what would happen; `request_id` is a
    name of the caller's own for this one change, under which it may be asked for again (see `AnswerLostError`); `actor`
    and `note`, on whose behalf and why, are for the audit log and decide nothing.
    """

    if_revision: str
    dry_run: bool
    request_id: str
    actor: str
    note: str


class EditOptions(ChangeOptions, total=False):
    """And a change of one key.

    `expect` is the value that it must have now; `shared` changes one that others share (YAML's aliases), and theirs.
    """

    expect: object
    shared: bool


class UpdateOptions(EditOptions, total=False):
    """And a new value: `use_commented` puts a new key where it stands commented out, as in `;port = 3306`."""

    use_commented: bool


class DeleteOptions(EditOptions, total=False):
    """And a key that goes: `comments` says whether the comment above it stays, as it does unless told, or goes too."""

    comments: Literal["keep", "with"]


class Remote(Protocol[P, R]):
    """A method as type checkers see it: what it returns is up to whose method it is."""

    @overload
    def __get__(self, instance: "Blocking", owner: Any = ...) -> Callable[P, R]: ...
    @overload
    def __get__(self, instance: "Asynchronous", owner: Any = ...) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __get__(self, instance: "Prepare", owner: Any = ...) -> Callable[P, Request[R]]: ...


def remote(build: Callable[Concatenate[Any, P], Request[R]]) -> Remote[P, R]:
    """The method that carries out the request that `build` makes of its arguments."""

    @functools.wraps(build)
    def method(self: "Methods", /, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self._call(build(self, *args, **kwargs))

    return cast("Remote[P, R]", method)


class Methods(ABC):
    """The surface. Each returns what its `Request[…]` is of, and raises `RpcdError`."""

    @abstractmethod
    def _call(self, request: Request[Any]) -> Any:
        """Do with a request what this object does with requests."""

    @remote
    def ping(self) -> Request[str]:
        """`"pong"`, from a server that answers."""
        return Request("ping", {}, results.read_pong, changes=False)

    @remote
    def whoami(self) -> Request[Whoami]:
        """Who the kernel says is calling."""
        return Request("whoami", {}, results.read_whoami, changes=False)

    @remote
    def may(self, method: str, target: str | None = None, key: KeyPath | None = None) -> Request[bool]:
        """Whether the caller's grants cover a call, without making it."""
        return Request("may", _given(method=method, target=target, key=key), results.read_allowed, changes=False)

    @remote
    def status(self) -> Request[dict[str, Value]]:
        """How the server is."""
        return Request("status", {}, results.read_status, changes=False)

    @remote
    def targets(self) -> Request[tuple[Target, ...]]:
        """The targets that the caller's grants cover, and what it may call on each."""
        return Request("targets", {}, results.read_targets, changes=False)

    @remote
    def discover(self) -> Request[dict[str, Value]]:
        """What the caller may call, with parameters, results and errors: an OpenRPC document."""
        return Request("rpc.discover", {}, results.read_document, changes=False)

    @remote
    def get_key(self, target: str, key: KeyPath) -> Request[Held]:
        """What a key holds."""
        return Request("get_key", {"target": target, "key": key}, results.read_held, changes=False)

    @remote
    def update_key(self, target: str, key: KeyPath, value: object, **options: Unpack[UpdateOptions]) -> Request[Change]:
        """Give a key a value, anything that `json.dumps` takes; every other byte of the file stays."""
        return _change("update_key", {"target": target, "key": key, "value": value, **options})

    @remote
    def delete_key(self, target: str, key: KeyPath, **options: Unpack[DeleteOptions]) -> Request[Change]:
        """Take a key away, or a table with all that is in it."""
        return _change("delete_key", {"target": target, "key": key, **options})

    @remote
    def describe(self, target: str) -> Request[Description]:
        """What a form needs: the schema of the keys that the caller is granted, and what they hold."""
        return Request("describe", {"target": target}, results.read_description, changes=False)

    @remote
    def list_keys(
        self, target: str, prefix: KeyPath | None = None, *, limit: int | None = None, after: str | None = None
    ) -> Request[Keys]:
        """The keys of a document, or those at and below `prefix`; at most `limit`, from behind the key `after`."""
        params = _given(target=target, prefix=prefix, limit=limit, after=after)
        return Request("list_keys", params, results.read_keys, changes=False)

    @remote
    def read_file(self, target: str, as_: Literal["text", "base64", "fd"] | None = None) -> Request[Content]:
        """A whole file. How it travels is the server's choice unless `as_` says; the result is the same."""
        return Request("read_file", _given(target=target, **{"as": as_}), results.read_content, changes=False)

    @remote
    def replace_file(self, target: str, content: bytes | str, **options: Unpack[ChangeOptions]) -> Request[Change]:
        """Give a file a new content, or make it; a `str` is written as UTF-8."""
        encoded = content.encode("utf-8") if isinstance(content, str) else bytes(content)
        return _change("replace_file", {"target": target, **options}, encoded)

    @remote
    def delete_file(self, target: str, **options: Unpack[ChangeOptions]) -> Request[Change]:
        """Remove a file."""
        return _change("delete_file", {"target": target, **options})

    @remote
    def list_files(self, target: str, *, limit: int | None = None, after: str | None = None) -> Request[Files]:
        """The files of a directory target; at most `limit`, from behind the file `after`."""
        return Request("list_files", _given(target=target, limit=limit, after=after), results.read_files, changes=False)

    @remote
    def history(self, target: str, *, limit: int | None = None, after: int | None = None) -> Request[History]:
        """The kept revisions of a file, the newest first; at most `limit`, from behind the one of number `after`."""
        params = _given(target=target, limit=limit, after=after)
        return Request("history", params, revisions.read_history, changes=False)

    @remote
    def diff(self, target: str, from_: str | None = None, to: str | None = None) -> Request[Diff]:
        """How two revisions differ; unless given, what is on disk now and the one before it."""
        return Request("diff", _given(target=target, **{"from": from_}, to=to), revisions.read_diff, changes=False)

    @remote
    def restore(self, target: str, revision: str, **options: Unpack[ChangeOptions]) -> Request[Change]:
        """Give a file the content of an earlier revision; `absent` removes it."""
        return _change("restore", {"target": target, "revision": revision, **options})

    @remote
    def call(self, method: str, /, **params: object) -> Request[Any]:
        """Any other method, such as an administrator's own; the result as it is in JSON.

        Unless it is known to be one that only reads, it is taken for a change, and never asked for twice.
        """
        return Request(method, params, results.read_any, changes=method not in READS)


class Blocking(Methods):
    """Whose methods return the result."""


class Asynchronous(Methods):
    """Whose methods return a coroutine of the result."""


class Prepare(Methods):
    """Whose methods return the request, for `batch`."""

    def _call(self, request: Request[Any]) -> Request[Any]:
        return request


prepare: Final = Prepare()
"""Writes calls down without making them: `client.batch([prepare.get_key("shop", "ui.theme"), …])`."""


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _change(method: str, params: dict[str, Any], content: bytes | None = None) -> Request[Change]:
    changes = params.get("dry_run") is not True
    return Request(method, params, results.read_change, changes=changes, content=content)
