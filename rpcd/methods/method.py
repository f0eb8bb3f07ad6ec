"""What a method is, and what its handler is given.

Rules of this file:

- A row of the table says everything that the gate must know: whether the method changes anything, which parameters
  name the target and the key, and what else the peer must be granted. Handlers check no permission.
- A handler sees only parameters that the method's schema has passed, and reaches files only through the store.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from rpcd.documents.key import Key, format_key
from rpcd.documents.reach import Reach
from rpcd.errors import Refused
from rpcd.methods.control import Control
from rpcd.peer import Peer
from rpcd.policy import Explanation, Permit, Policy
from rpcd.quotas import Usage
from rpcd.schemas import Schema
from rpcd.settings import Settings, Target
from rpcd.store import Snapshot, Store

__all__ = ["NOTHING", "Call", "Handler", "Method", "Rules"]

Result = TypeVar("Result")

Handler = Callable[["Call", dict[str, Any]], "Awaitable[object] | object"]

NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One row of the surface.

    `params` is the order of positional parameters; a last `"*name"` gathers the rest into an array. `target` and `key`
    are the parameters that name them. `whole_file` methods act on all keys at once. `open` ones are for every peer that
    a grant names. `administers` ones act on the server itself: nobody calls them without waiting for what became of it.
    `needs` maps an optional parameter to the method that the peer must also be granted on the same
    target and key for it, since the answer tells what that method would.
    """

    handler: Handler
    params: tuple[str, ...] = ()
    changes: bool = False
    target: str | None = None
    key: str | None = None
    whole_file: bool = False
    open: bool = False
    administers: bool = False
    needs: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def named(self, positional: tuple[Any, ...]) -> dict[str, Any]:
        """Positional parameters under their names.

        Raises `Refused("invalid_params")` where there are too many.
        """
        order = self.params
        if order and order[-1].startswith("*"):
            fixed = len(order) - 1
            return {**dict(zip(order, positional[:fixed], strict=False)), order[-1][1:]: list(positional[fixed:])}
        if len(positional) > len(order):
            raise Refused("invalid_params", faults=[{"at": f"/{len(order)}", "rule": "maxItems"}])
        return dict(zip(order, positional, strict=False))


@dataclass(frozen=True, slots=True)
class Rules:
    """What requests are judged by; replaced whole when the settings are read again."""

    settings: Settings
    policy: Policy
    methods: Mapping[str, Method]
    schemas: Mapping[str, Schema]

    def may(self, peer: Peer, method: str, target: str | None = None, key: Key | None = None) -> bool:
        """Whether the gate would let `peer` call `method` there."""
        row = self.methods.get(method)
        if row is None:
            return False
        if row.open:
            return self.policy.knows(peer)
        return self.policy.permits(peer, method, target, key) is not None

    def explain(self, peer: Peer, method: str, target: str | None = None, key: Key | None = None) -> Explanation:
        """What `may` says, and why."""
        row = self.methods.get(method)
        if row is None:
            return Explanation(None, ())
        return self.policy.explain(peer, None if row.open else method, target, key)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request on its way through the gate and its handler.

    `control` is the server itself. `room` is how many bytes its reply may have; `received` and `passed` are the
    descriptors that came with the datagram and that leave with the reply, `used` the indexes of the received ones
    that are taken. `leases` give back what is held until the call is answered. `target`, `key` and `permit` are
    known once the gate has judged them, `method` once the handler may run. `pending` is a result that takes time,
    `refusal` how the call failed. `recorded` says that the store has taken over the audit of this change, `settled`
    that the reply is of our own making. `replayed` is the change that was made when this was asked for before.
    """

    peer: Peer
    store: Store
    usage: Usage
    rules: Rules
    control: Control
    current: Callable[[], Rules]
    received: tuple[int, ...]
    started: int
    used: set[int] = field(default_factory=set)
    passed: list[int] = field(default_factory=list)
    leases: list[Callable[[], None]] = field(default_factory=list)
    name: str = ""
    id: str | int | None = None
    notification: bool = False
    room: int = 0
    params: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    key: Key | None = None
    permit: Permit | None = None
    permitted: bool = False
    method: Method | None = None
    pending: Awaitable[object] | None = None
    refusal: Refused | None = None
    recorded: bool = False
    replayed: str | None = None
    settled: bool = False

    @property
    def name_of_target(self) -> str:
        """The target, for handlers whose schema requires one."""
        if self.target is None:
            raise LookupError("the row of this method names no target")
        return self.target

    @property
    def named_key(self) -> Key:
        """The key, for handlers whose schema requires one."""
        if self.key is None:
            raise LookupError("the row of this method names no key")
        return self.key

    def find(self) -> Target:
        """The settings of this call's target; `Refused("no_such_target")`."""
        return self.store.targets.find(self.name_of_target)[0]

    def may(self, method: str, key: Key | None = None) -> bool:
        """Whether this peer may call `method` on this call's target: what an answer may tell rests on it."""
        return self.rules.may(self.peer, method, self.target, key)

    def reach(self, method: str) -> Reach:
        """On which keys of this call's target this peer may call `method`."""
        return Reach.of(self.rules.policy.keys(self.peer, method, self.name_of_target))

    @property
    def plain(self) -> bool:
        """Whether this peer may know the hash of the target's bytes (design: revision)."""
        return self.may("read_file")

    def require(self, value: object, *others: Key) -> None:
        """Raise `Refused("denied")` unless the grants cover what the key, and `others` with it, hold or are to hold.

        A value that is or holds a table needs a grant for all below the key: its keys are keys too.
        """
        permits = [self.permit] if self.permit is not None else []
        for key in others:
            permit = self.rules.policy.permits(self.peer, self.name, self.target, key)
            if permit is None:
                raise Refused("denied")
            permits.append(permit)
        if not all(permit.table if _holds_table(value) else permit.value for permit in permits):
            raise Refused("denied")

    def require_changes(self) -> None:
        """Raise `Refused("unavailable")` in read-only mode, unless this is a dry run."""
        notice = self.control.read_only
        if notice is not None and not self.params.get("dry_run"):
            raise Refused("unavailable", reason="read_only", notice=notice)

    def judge_again(self) -> None:
        """Raise `Refused("denied")` where settings that were read since would not permit this call."""
        rules = self.current()
        judged = self.target if self.method is not None and self.method.target is not None else None
        if rules is not self.rules and not rules.may(self.peer, self.name, judged, self.key):
            raise Refused("denied")

    def take(self, index: int) -> int:
        """A descriptor that came with the datagram; each can be taken once, and stays the server's to close.

        Raises `Refused("invalid_params")` where there is none, or it is taken.
        """
        if index >= len(self.received) or index in self.used:
            raise Refused("invalid_params", faults=[{"at": "/content/fd", "rule": "descriptor"}])
        self.used.add(index)
        return self.received[index]

    def attach(self, content: bytes) -> int:
        """Have `content` leave with the reply, as a descriptor of a memory file; its index there.

        Raises `Refused("invalid_request")` for a notification: it has no reply that would take the descriptor away, and
        `Refused("busy")` where too much is in memory already: what a peer was given counts until it lets go of it.
        """
        if self.notification:
            raise Refused("invalid_request")
        give = partial(self.store.give, content)
        self.passed.append(self.usage.contents.lend(self.peer.uid, len(content), give))
        return len(self.passed) - 1

    def hold(self, size: int) -> None:
        """Have `size` bytes of contents in memory until this call is answered; `Refused("busy")`."""
        self.leases.append(self.usage.contents.take(self.peer.uid, size))

    def compare(self) -> None:
        """Work out a diff, as few at once as a uid may; `Refused("busy")`."""
        self.leases.append(self.usage.checks.take(self.peer.uid))

    def release(self) -> None:
        """Give back what was held until this call was answered."""
        while self.leases:
            self.leases.pop()()

    def work(self, function: Callable[[], Result]) -> Awaitable[Result]:
        """Run what can take long in a worker, when it is this caller's turn."""
        return self.store.work(self.peer.uid, function)

    def look(self, then: Callable[[Snapshot], Result]) -> Result | Awaitable[Result]:
        """What `then` makes of the content of this call's target, see `Store.look`."""
        return self.store.look(self.peer.uid, self.name_of_target, then)

    def record(self) -> dict[str, object]:
        """The fields by which every audit record tells this call."""
        fields: dict[str, object] = {"peer": self.peer.record, "id": self.id, "method": self._told_name()}
        if self.target is not None:
            fields["target"] = self.target
        if self.key is not None:
            fields["keys"] = [format_key(self.key)]
        if self.permit is not None:
            fields["grant"] = self.permit.grant.source
            fields |= {name: self.params[name] for name in RECORDED if name in self.params}
            if self._touches_a_secret():
                fields["secret"] = True
        return fields

    def _told_name(self) -> str:
        """The method's name, unless there is no such method and it may be something else that was mistaken for one."""
        known = not self.name or self.name in self.rules.methods or LIKE_A_METHOD.fullmatch(self.name)
        return self.name if known else NO_METHOD

    def _touches_a_secret(self) -> bool:
        """Whether what this call reads or changes, or part of it, is secret."""
        if self.target is None or (target := self.rules.settings.targets.get(self.target.partition("/")[0])) is None:
            return False
        if self.key is not None:
            return target.hides_some(self.key)
        row = self.rules.methods.get(self.name)
        return row is not None and row.whole_file and target.has_secrets


LIKE_A_METHOD: Final = re.compile(r"[a-z]{1,16}([._][a-z]{1,16}){0,3}")
"""Names that a record repeats though there is no such method: what somebody looks for is worth knowing. Anything else
may be a secret that was mistaken for one."""

NO_METHOD: Final = "?"
"""What a record has instead."""

RECORDED: Final = ("actor", "note", "request_id", "dry_run")
"""Parameters that a record repeats, once a grant covers the call."""


def _holds_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_holds_table, value)))
