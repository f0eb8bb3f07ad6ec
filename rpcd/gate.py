"""From a peer's datagram to its reply: permit, validate, run, audit.

Rules of this file:

- Permission comes before any parameter is looked at, and a peer that no grant names is told nothing but that.
- jsonrpcserver dispatches; nothing of its own words reaches a caller. Its `call` would put an exception's text into the
  reply, so the guard lets none out; its signature check would run first, so the guard takes whatever comes.
- Every request leaves exactly one `decided` record, or, where policy allowed it to change something and that was not
  done before, one `intent` and one `outcome`, before its reply leaves. What the audit log cannot take does not stop
  reads.
- The gate is total: whatever happens below it, the caller gets one strict JSON reply, or none for a notification.
"""

import asyncio
import inspect
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, cast

import structlog
from jsonrpcserver import Error, Success
from jsonrpcserver.dispatcher import dispatch_request, to_response
from jsonrpcserver.request import Request
from jsonrpcserver.response import to_serializable
from jsonrpcserver.result import Result

from rpcd.audit import AuditLog, Unwritable
from rpcd.errors import Refused
from rpcd.guard import permit, validate
from rpcd.incident import incident, refusal
from rpcd.methods import Call, Control, Rules
from rpcd.metrics import Metrics
from rpcd.peer import Peer
from rpcd.store import Store
from rpcd.wire import Datagram, Reply, decode, encode

__all__ = ["Gate"]

log = structlog.get_logger("rpcd")

MAX_BATCH: Final = 32
"""Entries of a batch."""

MAX_ID: Final = 128
"""Characters of a request's id."""

ERROR_ROOM: Final = 1024
"""Bytes that any error's reply fits into, its id included; kept back for each entry of a batch still to come."""


class Gate:
    """Answers datagrams by `rules`, which may be replaced whole between two requests.

    `limit` is the size of the largest reply in bytes.
    """

    def __init__(
        self, rules: Rules, store: Store, audit: AuditLog, *, control: Control, metrics: Metrics, limit: int
    ) -> None:
        self.rules = rules
        self.store = store
        self.audit = audit
        self.control = control
        self.metrics = metrics
        self.limit = limit
        self._table = _Table(_Guard())

    def __call__(self, peer: Peer, datagram: Datagram) -> Reply | Awaitable[Reply | None] | None:
        """The reply to one datagram, at once where that takes no time; None where nothing is to be sent."""
        try:
            return self._answer(peer, datagram)
        except Exception as error:  # noqa: BLE001 - a bug of this file must not reach the loop
            return Reply(encode(_message(None, incident(error).error())))

    async def _total(self, answering: Awaitable[Reply | None]) -> Reply | None:
        try:
            return await answering
        except Exception as error:  # noqa: BLE001 - as above
            return Reply(encode(_message(None, incident(error).error())))

    def _answer(self, peer: Peer, datagram: Datagram) -> Reply | Awaitable[Reply | None] | None:
        if datagram.fault is not None:
            return self._turn_away(peer, datagram, datagram.fault)
        try:
            message = decode(datagram.data)
        except Refused as refused:
            return self._turn_away(peer, datagram, refused)
        if not isinstance(message, list):
            call = self._call(peer, datagram)
            finished = self._entry(call, message, self.limit)
            if isinstance(finished, bytes):
                return Reply(finished, tuple(call.passed))
            return None if finished is None else self._total(self._later(call, finished))
        if not message:
            return self._turn_away(peer, datagram, Refused("invalid_request"))
        if len(message) > MAX_BATCH:
            return self._turn_away(peer, datagram, Refused("too_large", limit=MAX_BATCH))
        return self._total(self._batch(peer, datagram, message))

    def _turn_away(self, peer: Peer, datagram: Datagram, refused: Refused) -> Reply:
        """Refuse a datagram that is no request; to a peer without grants everything is denied."""
        call = self._call(peer, datagram)
        call.refusal = refused if self.rules.policy.knows(peer) else Refused("denied")
        self._record(call, {"sender": datagram.sender.record()} if datagram.sender else {})
        return Reply(encode(_message(None, call.refusal.error())))

    def _call(self, peer: Peer, datagram: Datagram) -> Call:
        return Call(
            peer=peer,
            store=self.store,
            rules=self.rules,
            control=self.control,
            current=lambda: self.rules,
            received=datagram.descriptors,
            started=time.monotonic_ns(),
        )

    async def _later(self, call: Call, finishing: Awaitable[bytes | None]) -> Reply | None:
        data = await finishing
        return None if data is None else Reply(data, tuple(call.passed))

    async def _batch(self, peer: Peer, datagram: Datagram, entries: list[Any]) -> Reply | None:
        """Answer the entries in order, each on its own; they share the reply's room, and the descriptors."""
        replies: list[bytes] = []
        used: set[int] = set()
        passed: list[int] = []
        left = self.limit - len("[]")
        for waiting, entry in zip(range(len(entries) - 1, -1, -1), entries, strict=True):
            call = self._call(peer, datagram)
            call.used, call.passed = used, passed
            finished = self._entry(call, entry, left - waiting * ERROR_ROOM)
            data = await finished if isinstance(finished, Awaitable) else finished
            if data is not None:
                replies.append(data)
                left -= len(data) + len(",")
        return Reply(b"[" + b",".join(replies) + b"]", tuple(passed)) if replies else None

    def _entry(self, call: Call, request: Any, room: int) -> bytes | Awaitable[bytes | None] | None:
        """Answer one request within `room` bytes."""
        call.room = room
        if not _is_request(request):
            known = self.rules.policy.knows(call.peer)
            call.refusal = Refused("invalid_request") if known else Refused("denied")
            return self._finish(call, _message(None, call.refusal.error()))
        call.name, call.id, call.notification = request["method"], request.get("id"), "id" not in request
        single = Request(call.name, request.get("params", {}), call.id)
        result = dispatch_request(cast("Any", self._table), call, single)[1]
        if call.pending is not None:
            return self._wait(call, call.pending)
        if not call.settled:  # jsonrpcserver answered by itself: its words are not ours
            call.refusal = incident(RuntimeError("a result that the guard did not make"))
            return self._finish(call, _message(call.id, call.refusal.error()))
        message = cast("dict[str, object]", to_serializable(cast("Any", to_response(single, result))))
        return self._finish(call, None if call.notification else message)

    async def _wait(self, call: Call, pending: Awaitable[object]) -> bytes | None:
        """Finish a call whose handler takes time."""
        try:
            message = {"jsonrpc": "2.0", "result": await pending, "id": call.id}
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told or it is an incident
            call.refusal = refusal(error)
            message = _message(call.id, call.refusal.error())
        return self._finish(call, None if call.notification else message)

    def _finish(self, call: Call, message: Mapping[str, object] | None) -> bytes | None:
        """Encode what fits, and write the record; None for a notification."""
        data = None
        if message is not None:
            try:
                data = encode(message)
            except (TypeError, ValueError) as error:
                call.refusal = incident(error)
            else:
                if len(data) > call.room:  # of a change that is made, nobody may say that nothing happened
                    call.refusal = Refused("unknown") if call.recorded else Refused("too_large", limit=call.room)
            if call.refusal is not None:
                data = encode(_message(call.id, call.refusal.error()))
        self._record(call, {})
        return data

    def _record(self, call: Call, more: dict[str, object]) -> None:
        """Count a call that has ended, and write what became of it, unless the store has done so."""
        kind = call.refusal.kind if call.refusal else None
        took = time.monotonic_ns() - call.started
        self.metrics.call(call.name, kind, took, call.peer.uid, permitted=call.permitted)
        if call.recorded:
            return
        verdict = "denied" if kind == "denied" else "allowed" if call.permitted else "refused"
        fields = call.record() | more
        if call.refusal is not None and kind == "internal":
            fields["incident"] = call.refusal.data["incident"]
        if call.replayed is not None:
            fields |= {"replayed": True, "change": call.replayed}
        ended = {"kind": kind, "ms": round(took / 1e6, 3)}
        try:
            changing = call.permitted and call.method is not None and call.method.changes
            if changing and not call.params.get("dry_run") and call.replayed is None:
                change = secrets.token_hex(8)
                self.audit.write(
                    {"event": "intent", **fields, "change": change, "before": None, "after": None},
                    {"event": "outcome", **fields, "change": change, "verdict": verdict, "changed": False, **ended},
                )
            else:
                self.audit.write({"event": "decided", **fields, "verdict": verdict, **ended})
        except Unwritable:
            log.error("the audit log cannot be written", method=fields["method"])


class _Guard:
    """What jsonrpcserver calls for every method: asks permission, judges parameters, runs the handler."""

    def __call__(self, call: Call, /, *positional: Any, **named: Any) -> Result:
        call.settled = True
        try:
            method = permit(call)
            call.params = method.named(positional) if positional else named
            validate(call, method)
            result = method.handler(call, call.params)
        except BaseException as error:  # noqa: BLE001 - SystemExit and MemoryError too: one request fails, the server lives
            call.refusal = refusal(error)
            told = call.refusal.error()
            return Error(told["code"], told["message"], told["data"])
        if isinstance(result, Awaitable):
            call.pending = result
            return Success(None)
        return Success(result)

    __signature__ = inspect.signature(__call__).replace(
        # jsonrpcserver asks inspect for it at each call: what is known already costs nothing
        parameters=list(inspect.signature(__call__).parameters.values())[1:]
    )


class _Table(Mapping[str, Callable[..., Result]]):
    """Answers every name with the guard, so that permission is asked before anybody learns whether a method exists."""

    def __init__(self, guard: Callable[..., Result]) -> None:
        self._guard = guard

    def __getitem__(self, name: str) -> Callable[..., Result]:
        return self._guard

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_REQUEST_MEMBERS: Final = frozenset({"jsonrpc", "method", "params", "id"})


def _is_request(request: Any) -> bool:
    """Whether this is a request object (JSON-RPC 2.0, section 4), closed and with an id of a kind we give back."""
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not request.keys() <= _REQUEST_MEMBERS:
        return False
    identifier = request.get("id")
    return (
        isinstance(request.get("method"), str)
        and isinstance(request.get("params", []), dict | list)
        and (identifier is None or type(identifier) is int or (type(identifier) is str and len(identifier) <= MAX_ID))
    )


def _message(identifier: str | int | None, error: Mapping[str, object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "error": error, "id": identifier}
