"""What a caller is told: a closed vocabulary of refusals.

Rules of this file:

- A caller learns a kind, a fixed sentence and the data that the kind names. No exception text, no path, no value.
- `data.kind` is stable and is what programs compare; codes repeat what JSON-RPC 2.0 and HTTP have taught people.
- Whatever is not a `Refused` is a bug, and reaches the caller as `internal` with an incident id.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["KINDS", "Kind", "Refused"]


class Kind(NamedTuple):
    """The code and the sentence of one kind of refusal."""

    code: int
    message: str


KINDS: Final[Mapping[str, Kind]] = {
    # JSON-RPC 2.0, section 5.1: these sentences are the specification's own.
    "parse_error": Kind(-32700, "Parse error"),
    "invalid_request": Kind(-32600, "Invalid Request"),
    "no_such_method": Kind(-32601, "Method not found"),
    "invalid_params": Kind(-32602, "Invalid params"),
    "internal": Kind(-32603, "Internal error"),
    # The application's, with codes that RFC 9110 (and RFC 4918 for 423, 424 and 507) made familiar.
    "denied": Kind(403, "No grant covers this call"),
    "no_such_target": Kind(404, "There is no such target"),
    "no_such_key": Kind(404, "There is no such key"),
    "no_such_file": Kind(404, "There is no such file"),
    "no_such_revision": Kind(404, "There is no such revision"),
    "conflict": Kind(409, "The target is no longer what the caller expects"),
    "request_id_reused": Kind(409, "The same request id was used for something else"),
    "too_large": Kind(413, "Larger than the limit"),
    "not_editable": Kind(415, "The document cannot be edited this way"),
    "rejected": Kind(422, "The result is refused by the target's own rules"),
    "busy": Kind(429, "A quota is used up"),
    "unknown": Kind(500, "It cannot be said whether the change is durable; read again"),
    "unavailable": Kind(503, "Not available now"),
    "storage": Kind(507, "The file system refused; nothing has changed"),
}
"""Every kind that this version can answer (design: what a caller is told)."""


class Refused(Exception):
    """A request that is refused, in words made to be shown to the caller.

    `kind` is one of `KINDS`; `data` are the members that stand beside it in the error's `data`.
    """

    def __init__(self, kind: str, **data: object) -> None:
        super().__init__(kind)
        self.kind = kind
        self.data = data

    @property
    def code(self) -> int:
        """The JSON-RPC error code."""
        return KINDS[self.kind].code

    def error(self) -> dict[str, object]:
        """The JSON-RPC error object (JSON-RPC 2.0, section 5.1)."""
        code, message = KINDS[self.kind]
        return {"code": code, "message": message, "data": {"kind": self.kind, **self.data}}
