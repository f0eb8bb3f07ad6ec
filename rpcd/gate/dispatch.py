"""From a request to its handler, through jsonrpcserver, which only this file knows.

Rules of this file:

- Nothing of jsonrpcserver's own words reaches a caller. Its `call` would put an exception's text into the reply, so the
  guard lets none out; its signature check would run first, so the guard takes whatever comes.
- Its table of methods answers every name with the guard, so that permission is asked before anybody learns whether a
  method exists.
"""

import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, cast

from jsonrpcserver import Error, Success
from jsonrpcserver.dispatcher import dispatch_request, to_response
from jsonrpcserver.request import Request
from jsonrpcserver.response import to_serializable
from jsonrpcserver.result import Result

from rpcd.gate.envelope import error_reply
from rpcd.gate.guard import count_change, permit, validate
from rpcd.incident import incident, refusal
from rpcd.methods import Call
from rpcd.quotas import Usage

__all__ = ["Dispatcher"]


class Dispatcher:
    """Has single requests judged and their handlers run."""

    def __init__(self, usage: Usage) -> None:
        self._table = _Table(_Guard(usage))

    def __call__(self, call: Call, params: dict[str, Any] | list[Any]) -> Mapping[str, object]:
        """The reply object; where the handler takes time, `call.pending` is what becomes its result."""
        single = Request(call.name, params, call.id)
        result = dispatch_request(cast("Any", self._table), call, single)[1]
        if not call.settled:  # jsonrpcserver answered by itself: its words are not ours
            call.refusal = incident(RuntimeError("a result that the guard did not make"))
            return error_reply(call.id, call.refusal.error())
        return cast("dict[str, object]", to_serializable(cast("Any", to_response(single, result))))


class _Anything(inspect.Signature):
    """A signature that any arguments fit: nothing is bound, at each call, only to find that out."""

    def bind(self, /, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """Nothing of them: jsonrpcserver only wants to know whether they fit."""
        del args, kwargs
        return _NO_ARGUMENTS


_NO_ARGUMENTS = inspect.BoundArguments(inspect.Signature(), OrderedDict())


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

    __signature__ = _Anything()
    """jsonrpcserver asks inspect for it at each call: what is known already costs nothing."""


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
