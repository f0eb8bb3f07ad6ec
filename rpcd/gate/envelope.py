"""What a request and an error reply look like around what they carry (JSON-RPC 2.0, sections 4 and 5). Pure."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["error_reply", "is_request"]

MAX_ID: Final = 128
"""Characters of a request's id."""

_MEMBERS: Final = frozenset({"jsonrpc", "method", "params", "id"})


def is_request(request: Any) -> bool:
    """Whether this is a request object (section 4), closed and with an id of a kind we give back."""
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not request.keys() <= _MEMBERS:
        return False
    identifier = request.get("id")
    return (
        isinstance(request.get("method"), str)
        and isinstance(request.get("params", []), dict | list)
        and (identifier is None or type(identifier) is int or (type(identifier) is str and len(identifier) <= MAX_ID))
    )


def error_reply(identifier: str | int | None, error: Mapping[str, object]) -> dict[str, object]:
    """The reply that carries an error object (section 5.1); the id is null where it is not known."""
    return {"jsonrpc": "2.0", "error": error, "id": identifier}
