"""A document as the validator takes it: made of what JSON has. Pure.

Bytes that are no UTF-8 are question marks, numbers that are none or have no end are the text that stands for them.
Nothing of it is ever told to a caller.
"""

import math
from typing import Any

__all__ = ["instance"]


def instance(value: Any) -> object:
    """What `rpcd.documents.read` has read, for the validator."""
    if isinstance(value, dict):
        return {_text(name): instance(held) for name, held in value.items()}
    if isinstance(value, list):
        return [instance(held) for held in value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    number: object = value
    return number


def _text(text: str) -> str:
    """A string and no class made of it, such as `Untold`."""
    return str(text) if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
