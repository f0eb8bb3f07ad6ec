"""Sizes, durations and modes as settings write them; the schema of rpcd.toml has judged their form."""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["duration", "mode", "size"]

DAY: Final = 24 * 60 * 60
UNITS: Final[Mapping[str, int]] = {
    "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "s": 1, "min": 60, "h": 3600, "day": DAY, "days": DAY,
}  # fmt: skip
"""In bytes (IEC 80000-13) or seconds."""


def size(value: int | str) -> int:
    """Bytes: a number of them, or text such as `64 MiB`."""
    return value if isinstance(value, int) else _measured(value)


def duration(value: str) -> float:
    """Seconds, of text such as `10 s`."""
    return float(_measured(value))


def mode(value: str) -> int:
    """A mode, of octal text such as `0640`."""
    return int(value, 8)


def _measured(text: str) -> int:
    number, unit = re.findall(r"[0-9]+|[A-Za-z]+", text)
    return int(number) * UNITS[unit]
