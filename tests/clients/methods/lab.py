"""Methods for what the clients' tests cannot have otherwise: every kind of refusal, and an answer that comes late."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from rpcd.errors import Refused
from rpcd.methods import Call, Method

DATA: Final[Mapping[str, Mapping[str, object]]] = {
    "internal": {"incident": "0123456789abcdef"},
    "invalid_params": {"faults": [{"at": "/key", "rule": "pattern"}]},
    "conflict": {"revision": "absent"},
    "too_large": {"limit": 3},
    "busy": {"retry_after": 7},
}
"""What some kinds name besides themselves."""


def refuse(_call: Call, params: dict[str, Any]) -> object:
    """Refuse with the kind that the caller wants."""
    raise Refused(params["kind"], **DATA.get(params["kind"], {}))


async def pause(_call: Call, params: dict[str, Any]) -> object:
    """Answer late."""
    await asyncio.sleep(params["seconds"])
    return "rested"


METHODS = {
    "lab_refuse": Method(handler=refuse, params=("kind",), open=True),
    "lab_pause": Method(handler=pause, params=("seconds",), open=True),
}
