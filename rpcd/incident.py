"""What happens to a bug: the caller gets an id, the log where it happened, and nobody the exception's text.

An exception's text can hold a value or a path. Its type and the lines it passed through cannot.
"""

import secrets
import traceback

import structlog

from rpcd.errors import Refused

__all__ = ["incident", "refusal"]

log = structlog.get_logger("rpcd")


def incident(error: BaseException) -> Refused:
    """The refusal that stands for a bug, once it has been logged."""
    name = secrets.token_hex(8)
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("incident", incident=name, error=type(error).__name__, frames=frames)
    return Refused("internal", incident=name)


def refusal(error: BaseException) -> Refused:
    """The refusal that an exception is, or stands for."""
    return error if isinstance(error, Refused) else incident(error)
