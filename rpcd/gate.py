"""From a peer's datagram to its reply: permit, validate, run, audit.

Rules of this file:

- Permission comes before any parameter is looked at, and a peer that no grant names is told nothing but that.
- jsonrpcserver dispatches; nothing of its own words reaches a caller. Its `call` would put an exception's text into the
  reply, so the guard lets none out; its signature check would run first, so the guard takes whatever comes.
- Every request is counted, and the first of its kind leaves a `decided` record; where policy allowed it to change
  something and that was not done before there is one `intent` and one `outcome`, before its reply leaves. What the
  audit log cannot take does not stop reads.
- The gate is total: whatever happens below it, the caller gets one strict JSON reply, or none for a notification.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, cast

import structlog
from jsonrpcserver import Error, Success
from jsonrpcserver.dispatcher import dispatch_request, to_response
from jsonrpcserver.request import Request
from jsonrpcserver.response import to_serializable
from jsonrpcserver.result import Result

from rpcd.account import account
from rpcd.audit import Counts
from rpcd.envelope import error_reply, is_request
from rpcd.errors import Refused
from rpcd.guard import count_change, permit, validate
from rpcd.incident import incident, refusal
from rpcd.methods import Call, Control, Rules
from rpcd.metrics import Metrics
from rpcd.peer import Peer
from rpcd.quotas import Usage
from rpcd.store import Store
from rpcd.turns import Turns
from rpcd.wire import Datagram, Reply, decode, encode, weight

__all__ = ["Gate"]

log = structlog.get_logger("rpcd")

MAX_BATCH: Final = 32
"""Entries of a batch."""

LIGHT: Final = 4096
"""Bytes of a message up to which nobody asks what it takes in memory while it is answered."""

ERROR_ROOM: Final = 1024
"""Bytes that any error's reply fits into, its id included; kept back for each entry of a batch still to come."""


class Gate:
    """Answers datagrams by `rules`, which may be replaced whole between two requests.

    `limit` is the size of the largest reply in bytes.
    """

    def __init__(
        self,
        rules: Rules,
        store: Store,
        usage: Usage,
        counts: Counts,
        *,
        control: Control,
        metrics: Metrics,
        limit: int,
    ) -> None:
        self.rules = rules
        self.store = store
        self.usage = usage
        self.counts = counts
        self.control = control
        self.metrics = metrics
        self.limit = limit
        self._turns = Turns()
        self._table = _Table(_Guard(usage))

    def __call__(self, peer: Peer, datagram: Datagram) -> Reply | Awaitable[Reply | None] | None:
        """The reply to one datagram, at once where that takes no time; None where nothing is to be sent."""
        try:
            return self._answer(peer, datagram) if len(datagram.data) <= LIGHT else self._weigh(peer, datagram)
        except Exception as error:  # noqa: BLE001 - a bug of this file must not reach the loop
            return Reply(encode(error_reply(None, incident(error).error())))

    def knows(self, peer: Peer) -> bool:
        """Whether any grant names this peer."""
        return self.rules.policy.knows(peer)

    def _weigh(self, peer: Peer, datagram: Datagram) -> Reply | Awaitable[Reply | None] | None:
        """Answer a large message while there is room for it in memory; a stranger's is not worth reading."""
        try:
            if not self.knows(peer):
                raise Refused("denied")
            release = self.usage.contents.take(peer.uid, weight(datagram.data))
        except Refused as refused:
            return self._turn_away(peer, datagram, refused)
        reply = self._answer(peer, datagram)
        if isinstance(reply, Awaitable):
            return self._released(reply, release)
        release()
        return reply

    async def _released(self, answering: Awaitable[Reply | None], release: Callable[[], None]) -> Reply | None:
        try:
            return await answering
        finally:
            release()

    async def _total(self, answering: Awaitable[Reply | None]) -> Reply | None:
        try:
            return await answering
        except Exception as error:  # noqa: BLE001 - as above
            return Reply(encode(error_reply(None, incident(error).error())))

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
                return Reply(finished, tuple(call.passed), tuple(call.passing))
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
        return Reply(encode(error_reply(None, call.refusal.error())))

    def _call(self, peer: Peer, datagram: Datagram) -> Call:
        return Call(
            peer=peer,
            store=self.store,
            usage=self.usage,
            rules=self.rules,
            control=self.control,
            current=lambda: self.rules,
            received=datagram.descriptors,
            started=time.monotonic_ns(),
        )

    async def _later(self, call: Call, finishing: Awaitable[bytes | None]) -> Reply | None:
        data = await finishing
        return None if data is None else Reply(data, tuple(call.passed), tuple(call.passing))

    async def _batch(self, peer: Peer, datagram: Datagram, entries: list[Any]) -> Reply | None:
        """Answer the entries in order, each on its own; they share the reply's room, and the descriptors."""
        replies: list[bytes] = []
        used: set[int] = set()
        passed: list[int] = []
        passing: list[Callable[[], None]] = []
        left = self.limit - len("[]")
        for waiting, entry in zip(range(len(entries) - 1, -1, -1), entries, strict=True):
            await self._turns.take(peer.uid)
            call = self._call(peer, datagram)
            call.used, call.passed, call.passing = used, passed, passing
            finished = self._entry(call, entry, left - waiting * ERROR_ROOM)
            data = await finished if isinstance(finished, Awaitable) else finished
            if data is not None:
                replies.append(data)
                left -= len(data) + len(",")
        return Reply(b"[" + b",".join(replies) + b"]", tuple(passed), tuple(passing)) if replies else None

    def _entry(self, call: Call, request: Any, room: int) -> bytes | Awaitable[bytes | None] | None:
        """Answer one request within `room` bytes."""
        call.room = room
        if not is_request(request):
            known = self.rules.policy.knows(call.peer)
            call.refusal = Refused("invalid_request") if known else Refused("denied")
            return self._finish(call, error_reply(None, call.refusal.error()))
        call.name, call.id, call.notification = request["method"], request.get("id"), "id" not in request
        single = Request(call.name, request.get("params", {}), call.id)
        result = dispatch_request(cast("Any", self._table), call, single)[1]
        if call.pending is not None:
            return self._wait(call, call.pending)
        if not call.settled:  # jsonrpcserver answered by itself: its words are not ours
            call.refusal = incident(RuntimeError("a result that the guard did not make"))
            return self._finish(call, error_reply(call.id, call.refusal.error()))
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
            message = error_reply(call.id, call.refusal.error())
        await self._turns.take(call.peer.uid)
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
                data = encode(error_reply(call.id, call.refusal.error()))
        self._record(call, {})
        call.release()
        return data

    def _record(self, call: Call, more: dict[str, object]) -> None:
        """Count a call that has ended, and write what became of it, unless the store has done so."""
        kind = call.refusal.kind if call.refusal else None
        took = time.monotonic_ns() - call.started
        self.metrics.call(call.name, kind, took, call.peer.uid, permitted=call.permitted)
        if not call.recorded:
            account(call, self.counts, took, more)


class _Guard:
    """What jsonrpcserver calls for every method: asks permission, judges parameters, runs the handler."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage

    def __call__(self, call: Call, /, *positional: Any, **named: Any) -> Result:
        call.settled = True
        try:
            method = permit(call)
            self._usage.calls.take(call.peer.uid, call.started)
            call.params = method.named(positional) if positional else named
            validate(call, method)
            if method.changes:
                count_change(call, self._usage)
            call.method = method
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
