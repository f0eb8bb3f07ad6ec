"""From a peer's datagram to its reply: permit, validate, run, audit.

Rules of this package:

- Permission comes before any parameter is looked at, and a peer that no grant names is told nothing but that.
- Every request is counted, and the first of its kind leaves a `decided` record; where policy allowed it to change
  something and that was not done before there is one `intent` and one `outcome`, before its reply leaves. What the
  audit log cannot take does not stop reads.
- The gate is total: whatever happens below it, the caller gets one strict JSON reply, or none for a notification.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from rpcd.audit import Counts
from rpcd.errors import Refused
from rpcd.gate.account import account
from rpcd.gate.dispatch import Dispatcher
from rpcd.gate.envelope import error_reply, is_request
from rpcd.gate.turns import Turns
from rpcd.incident import incident, refusal
from rpcd.methods import Call, Control, Rules
from rpcd.metrics import Metrics
from rpcd.peer import Peer
from rpcd.quotas import Usage
from rpcd.store import Store
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
        self._dispatch = Dispatcher(usage)

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
        try:
            reply = self._answer(peer, datagram)
        except BaseException:
            release()
            raise
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
        return None if data is None else Reply(data, tuple(call.passed))

    async def _batch(self, peer: Peer, datagram: Datagram, entries: list[Any]) -> Reply | None:
        """Answer the entries in order, each on its own; they share the reply's room, and the descriptors."""
        replies: list[bytes] = []
        used: set[int] = set()
        passed: list[int] = []
        left = self.limit - len("[]")
        for waiting, entry in zip(range(len(entries) - 1, -1, -1), entries, strict=True):
            await self._turns.take(peer.uid)
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
        if not is_request(request):
            known = self.rules.policy.knows(call.peer)
            call.refusal = Refused("invalid_request") if known else Refused("denied")
            return self._finish(call, error_reply(None, call.refusal.error()))
        call.name, call.id, call.notification = request["method"], request.get("id"), "id" not in request
        message = self._dispatch(call, request.get("params", {}))
        if call.pending is not None:
            return self._wait(call, call.pending)
        return self._finish(call, None if call.notification else message)

    async def _wait(self, call: Call, pending: Awaitable[object]) -> bytes | None:
        """Finish a call whose handler takes time."""
        try:
            message = {"jsonrpc": "2.0", "result": await pending, "id": call.id}
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
                raise  # the server ends; any other one is the handler's own
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


def _is_being_cancelled() -> bool:
    """Whether somebody has cancelled the task that runs."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
