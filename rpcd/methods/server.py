"""The server itself: how it is, its counters, reading its settings again, read-only mode.

What happens stands in the object behind `call.control`; who may ask for it, in the grants, as everywhere.
"""

from typing import Any

from rpcd.methods.method import Call

__all__ = ["metrics", "read_only", "reload", "status"]


def status(call: Call, _params: dict[str, Any]) -> dict[str, object]:
    """How the server is."""
    return call.control.status()


def metrics(call: Call, _params: dict[str, Any]) -> dict[str, str]:
    """The counters, as OpenMetrics text."""
    return {"text": call.control.metrics()}


async def reload(call: Call, _params: dict[str, Any]) -> dict[str, object]:
    """Read the settings again, whole or not at all, and say what came of it."""
    faults = await call.control.reload(call.record())
    sources = call.current().settings.sources
    return {"taken": not faults, "sources": list(sources), "faults": list(faults)}


async def read_only(call: Call, params: dict[str, Any]) -> dict[str, object]:
    """Begin read-only mode with a reason, end it with null, or only say how it is."""
    kept = True
    if "reason" in params:
        kept = await call.control.set_read_only(params["reason"], call.record())
    return {"read_only": call.control.read_only, "kept": kept}
