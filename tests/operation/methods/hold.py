"""Methods that keep a worker, or the event loop itself, from anything else; and one that shows the environment."""

import os
import time
from typing import Any

from rpcd.methods import Call, Method


async def hold_worker(call: Call, params: dict[str, Any]) -> object:
    """Sleep in a worker."""
    return await call.work(lambda: time.sleep(params["seconds"]))


def hold_loop(_call: Call, params: dict[str, Any]) -> object:
    """Sleep where nobody may."""
    time.sleep(params["seconds"])
    return None


def environment(_call: Call, _params: dict[str, Any]) -> object:
    """What a child of the server would find."""
    return sorted(os.environ)


METHODS = {
    "hold_worker": Method(handler=hold_worker, params=("seconds",), open=True),
    "hold_loop": Method(handler=hold_loop, params=("seconds",), open=True),
    "environment": Method(handler=environment, open=True),
}
