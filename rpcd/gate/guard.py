"""What is asked of a call before its handler runs.

Rules of this file:

- First whether the peer may call the method on anything at all: a peer that no grant names learns nothing else, not
  even which methods there are. Then whether the parameters are what the schema says. Then whether the grants cover the
  target and the key that they name. Last whether the server takes changes at all; who asks again for one that was made
  (`request_id`) is answered all the same, so that is asked where it is known (methods/changes.py).
- This is the only place that asks; handlers do not.
- Quotas are counted after permission: nobody without a grant can use up anybody's share.
"""

from typing import Final

from rpcd.documents.key import parse_key
from rpcd.errors import Refused
from rpcd.methods import Call, Method
from rpcd.quotas import Usage

__all__ = ["LEAST_ROOM", "count_change", "permit", "validate"]

LEAST_ROOM: Final = 4096
"""Bytes that any change's reply fits into; an entry of a batch that has less is not begun."""


def permit(call: Call) -> Method:
    """The row of the called method, once the peer may call it somewhere at all."""
    policy = call.rules.policy
    if not policy.knows(call.peer):
        raise Refused("denied")
    if call.control.stopping:
        raise Refused("unavailable", reason="stopping")
    method = call.rules.methods.get(call.name)
    if method is None:
        raise Refused("no_such_method")
    if not method.open and not policy.allows(call.peer, call.name):
        raise Refused("denied")
    if call.notification and (method.changes or method.administers):
        raise Refused("invalid_request")  # nobody would learn what became of it
    return method


def validate(call: Call, method: Method) -> None:
    """Judge the parameters, then whether the grants cover what they name."""
    schema = call.rules.schemas[f"{call.name}.params"]
    if not schema.is_valid(call.params):
        raise Refused("invalid_params", faults=schema.faults(call.params))
    if method.target is not None:
        call.target = call.params.get(method.target)
    if method.key is not None and method.key in call.params:
        call.key = parse_key(call.params[method.key])
    if method.open:
        call.permitted = True
    else:
        call.permit = call.rules.policy.permits(call.peer, call.name, call.target, call.key)
        if call.permit is None:
            raise Refused("denied")
        call.permitted = True
        for parameter, needed in method.needs.items():
            if parameter in call.params and not call.may(needed, call.key):
                raise Refused("denied")
    if method.changes and "request_id" not in call.params:
        call.require_changes()
    if call.room < LEAST_ROOM:
        raise Refused("too_large", limit=max(call.room, 0))


def count_change(call: Call, usage: Usage) -> None:
    """Count what the peer may do against what it may do of it; what changes nothing is counted while it runs."""
    if call.params.get("dry_run"):
        call.compare()
    else:
        usage.changes.take(call.peer.uid, call.started)
