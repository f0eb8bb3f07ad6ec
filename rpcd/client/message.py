"""From requests to one datagram, and from a datagram to their results. No socket is touched here.

Rules of this file:

- Requests are JSON-RPC 2.0; ids are integers that this process never uses twice, so that an answer that was given up
  can never be taken for the answer to something else.
- Only strict JSON is taken, and only as the answer to exactly what was asked; anything else is a `ProtocolError`.
- A content that is too long for a datagram travels as a sealed memfd (memfd_create(2), F_ADD_SEALS in fcntl(2)).
"""

import base64
import fcntl
import itertools
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, NoReturn, Protocol, Self, TypeVar

from rpcd.client.errors import ProtocolError, RefusalError, TooLargeError, refusal
from rpcd.client.results import Contents

__all__ = ["MAX_MESSAGE", "Batch", "Exchange", "Message", "Request", "Single"]

MAX_MESSAGE: Final = 192 * 1024
"""Bytes of one message: the server's limit, below what stock kernels pass in one datagram (208 KiB)."""

MAX_INLINE: Final = 128 * 1024
"""Bytes of a message, escapes included, that contents may take; the others travel as descriptors."""

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_ids = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Request(Generic[R]):
    """One call that is not yet made: what to ask, and how to read the result.

    `content` is what `params` gets as its `content`, the way it travels best. `changes` is true unless it is known
    that the call changes nothing.
    """

    method: str
    params: Mapping[str, Any]
    read: Callable[[Any, Contents], R]
    changes: bool
    content: bytes | None = None


class Message:
    """The datagram to send, and its descriptors, which are closed at the end of its `with` block."""

    def __init__(self) -> None:
        self.data = b""
        self.descriptors: list[int] = []
        self.room = MAX_INLINE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()

    def add(self, number: int, request: Request[Any]) -> dict[str, Any]:
        """The request object; what does not fit into the datagram becomes a descriptor beside it."""
        params = dict(request.params)
        if request.content is not None:
            params["content"] = self._content(request.content)
        return {"jsonrpc": "2.0", "id": number, "method": request.method, "params": params}

    def finish(self, body: Any) -> None:
        """Encode; `TypeError` or `ValueError` for what JSON cannot hold, `TooLargeError` for what is too long."""
        self.data = _encode(body)
        if len(self.data) > MAX_MESSAGE:
            data = {"kind": "too_large", "limit": MAX_MESSAGE}
            raise TooLargeError(413, "Larger than the limit; nothing was sent", data)

    def _content(self, content: bytes) -> str | dict[str, Any]:
        if len(content) <= self.room:
            inline = _inline(content)
            length = len(_encode(inline))
            if length <= self.room:
                self.room -= length
                return inline
        self.descriptors.append(_sealed(content))
        return {"fd": len(self.descriptors) - 1, "size": len(content)}


class Exchange(Protocol[R_co]):
    """What is asked in one datagram and answered in one."""

    @property
    def changes(self) -> bool:
        """Whether asking twice could do something twice."""

    def compose(self, message: Message) -> None:
        """Fill the message to send."""

    def judge(self, data: bytes, contents: Contents) -> R_co:
        """The result of the answer; raises `RefusalError` or `ProtocolError`."""


class Single(Generic[R]):
    """One request, one response."""

    def __init__(self, request: Request[R]) -> None:
        self.request = request
        self.number = next(_ids)
        self.changes = request.changes

    def compose(self, message: Message) -> None:
        """Fill the message to send."""
        message.finish(message.add(self.number, self.request))

    def judge(self, data: bytes, contents: Contents) -> R:
        """The result; raises `RefusalError` or `ProtocolError`."""
        number, answer = _response(_decode(data))
        if isinstance(answer, RefusalError):
            # No id: the server could not read one, and nothing was done. Nothing else is under way here.
            if number is None or number == self.number:
                raise answer
        elif number == self.number:
            return self.request.read(answer, contents)
        raise ProtocolError("the answer is to another request")


class Batch:
    """Several requests in one datagram, answered in one: a result or a `RefusalError` for each, in their order."""

    def __init__(self, requests: Sequence[Request[Any]]) -> None:
        self.requests = {next(_ids): request for request in requests}
        self.changes = any(request.changes for request in requests)

    def compose(self, message: Message) -> None:
        """Fill the message to send."""
        message.finish([message.add(number, request) for number, request in self.requests.items()])

    def judge(self, data: bytes, contents: Contents) -> list[Any]:
        """The results; raises `RefusalError` where the whole batch was refused, or `ProtocolError`."""
        reply = _decode(data)
        if not isinstance(reply, list):
            number, answer = _response(reply)
            if number is None and isinstance(answer, RefusalError):
                raise answer
            raise ProtocolError("the answer to a batch is not a batch")
        answers = dict(_response(entry) for entry in reply)
        if len(reply) != len(self.requests) or answers.keys() != self.requests.keys():
            raise ProtocolError("the answers are to other requests")
        return [
            answers[number] if isinstance(answers[number], RefusalError) else request.read(answers[number], contents)
            for number, request in self.requests.items()
        ]


def _response(response: Any) -> tuple[int | None, Any]:
    """The id of a response object (JSON-RPC 2.0, section 5), and its result, or the `RefusalError` it tells."""
    match response:
        case {"jsonrpc": "2.0", "id": int() | None as number, "result": result} if "error" not in response:
            if type(number) is int:
                return number, result
        case {
            "jsonrpc": "2.0",
            "id": int() | None as number,
            "error": {"code": int() as code, "message": str() as message, "data": {"kind": str()} as data},
        } if "result" not in response and not isinstance(number, bool):
            return number, refusal(code, message, data)
    raise ProtocolError("the answer is no response as JSON-RPC 2.0 and rpcd have it")


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _decode(data: bytes) -> Any:
    """The value of strict JSON (RFC 8259 in UTF-8, no duplicate members, no lone surrogates)."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
        if b"\\u" in data:
            _encode(value)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("the answer is not strict JSON") from error
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _constant(_text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_members, parse_float=_number, parse_constant=_constant)


def _inline(content: bytes) -> str | dict[str, str]:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode("ascii")}


def _sealed(content: bytes) -> int:
    """A memfd with this content that nobody can change any more, neither we nor whoever gets it."""
    descriptor = os.memfd_create("rpcd", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
