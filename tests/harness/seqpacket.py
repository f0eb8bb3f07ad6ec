"""A client that sends exactly the bytes it is told to, and reads replies strictly."""

import array
import itertools
import json
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any, Self

__all__ = ["Connection", "Failure", "read_json"]

PATIENCE = 20.0
"""Seconds to wait for a reply: a test that waits longer has found a hang."""

_ids = itertools.count(1)


class Failure(Exception):
    """An error reply: `error` is its error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(json.dumps(error))
        self.error = error
        self.code: int = error["code"]
        self.data: dict[str, Any] = error.get("data", {})
        self.kind: str | None = self.data.get("kind")


def read_json(data: bytes) -> Any:
    """The value of strict JSON: UTF-8, no duplicate members, no NaN or Infinity; ValueError for anything else."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError(f"a member stands twice: {pairs}")
        return dict(pairs)

    def constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    value = json.loads(data.decode("utf-8"), object_pairs_hook=members, parse_constant=constant)
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # no lone surrogates
    return value


class Connection:
    """One SOCK_SEQPACKET connection; `timeout` is in seconds."""

    def __init__(self, path: str, timeout: float = PATIENCE) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # One that does not block would not wait for room in the backlog: what limits connect(2) is the time to send.
        seconds, fraction = divmod(timeout, 1)
        limit = struct.pack("ll", int(seconds), int(fraction * 1e6))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        try:
            self.socket.connect(path)
            self.socket.settimeout(timeout)
        except BaseException:
            self.socket.close()
            raise
        self.descriptors: list[int] = []  # of the last reply: the caller closes them

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one datagram, with descriptors where there are any."""
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.socket.sendmsg([data], ancillary)

    def receive(self) -> bytes | None:
        """The next datagram, or None at the end of the connection; `descriptors` has what came with it."""
        room = socket.CMSG_SPACE(16 * array.array("i").itemsize)
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(1 << 20, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return None
        assert not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC), "the reply was cut"
        received = array.array("i")
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                received.frombytes(content)
        self.descriptors = list(received)
        return data or None

    def raw(self, data: bytes, descriptors: Sequence[int] = ()) -> bytes | None:
        """The reply to one datagram, or None where the connection ended."""
        self.send(data, descriptors)
        return self.receive()

    def ask(self, message: Any, descriptors: Sequence[int] = ()) -> Any:
        """The reply to one message, both as JSON values."""
        reply = self.raw(json.dumps(message).encode(), descriptors)
        assert reply is not None, "the connection ended without a reply"
        return read_json(reply)

    def request(self, method: str, /, *, descriptors: Sequence[int] = (), **params: Any) -> dict[str, Any]:
        """The reply object to a call with named parameters; its shape and id have been looked at."""
        number = next(_ids)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        reply = self.ask(message, descriptors)
        assert isinstance(reply, dict)
        assert reply["jsonrpc"] == "2.0"
        assert reply["id"] == number
        assert ("result" in reply) != ("error" in reply), reply
        return reply

    def call(self, method: str, /, *, descriptors: Sequence[int] = (), **params: Any) -> Any:
        """The result of a call; raises `Failure` for an error reply."""
        reply = self.request(method, descriptors=descriptors, **params)
        if "error" in reply:
            raise Failure(reply["error"])
        return reply["result"]

    def error(self, method: str, /, *, descriptors: Sequence[int] = (), **params: Any) -> dict[str, Any]:
        """The error object of a call that must fail."""
        reply = self.request(method, descriptors=descriptors, **params)
        assert "error" in reply, f"{method} succeeded: {reply['result']!r}"
        error: dict[str, Any] = reply["error"]
        return error

    def kind(self, method: str, /, *, descriptors: Sequence[int] = (), **params: Any) -> str | None:
        """What became of a call: the kind of its error, or None where it succeeded."""
        reply = self.request(method, descriptors=descriptors, **params)
        return reply["error"]["data"]["kind"] if "error" in reply else None


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors that a reply brought."""
    for descriptor in descriptors:
        os.close(descriptor)
