"""`history`: how many earlier revisions of a file are kept; of a target, or of all that do not say otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rpcd.settings.once import Once
from rpcd.settings.quantities import duration, size

__all__ = ["HistoryLimits", "of_all", "of_target"]


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How many revisions of one file are kept, for how many seconds, and how many bytes of the disk they may take."""

    revisions: int
    age: float
    size: int


def of_all(once: Once) -> HistoryLimits:
    """Those of every target that does not say otherwise."""
    return HistoryLimits(
        once.number("history", "revisions", 50),
        once.duration("history", "age", "90 days"),
        once.size("history", "size", "64 MiB", least="64 KiB", most="64 GiB"),
    )


def of_target(table: Mapping[str, Any], default: HistoryLimits) -> HistoryLimits:
    """Those of a target, whose table the schema has passed; what it does not say is as in `default`."""
    return HistoryLimits(
        table.get("revisions", default.revisions),
        duration(table["age"]) if "age" in table else default.age,
        size(table["size"]) if "size" in table else default.size,
    )
