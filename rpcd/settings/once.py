"""The settings that stand once, those of all tables but targets and grants, from whichever file has them."""

import os
from collections.abc import Sequence
from typing import Any

from rpcd.settings.faults import Faults, Place
from rpcd.settings.files import Source
from rpcd.settings.quantities import duration, mode, size

__all__ = ["Once", "is_written_plainly"]


class Once:
    """The given ones by table and name. Each is asked for with what it is where no file has it."""

    def __init__(self, sources: Sequence[Source], faults: Faults) -> None:
        self._anywhere = faults.at(sources[0].name)
        self._given: dict[tuple[str, str], tuple[Any, Place]] = {}
        for source in sources:
            for table, settings in source.tables.items():
                for name, value in settings.items():
                    at = faults.at(source.name, table, name)
                    _, first = self._given.setdefault((table, name), (value, at))
                    if first is not at:
                        at.add(f"{first.file} has it already")

    def at(self, table: str, name: str) -> Place:
        """Where a setting stands, or would."""
        return self._given[table, name][1] if (table, name) in self._given else self._anywhere.below(table, name)

    def value(self, table: str, name: str, default: Any) -> Any:
        """A setting as it is written."""
        return self._given.get((table, name), (default,))[0]

    def path(self, table: str, name: str, default: str) -> str:
        """An absolute path."""
        path: str = self.value(table, name, default)
        if not is_written_plainly(path):
            self.at(table, name).add(f"write it as {os.path.normpath(path)}")
        return path

    def size(self, table: str, name: str, default: str, *, least: str, most: str) -> int:
        """Bytes."""
        written = self.value(table, name, default)
        if not size(least) <= size(written) <= size(most):
            self.at(table, name).add(f"{written} is not from {least} to {most}")
        return size(written)

    def mode(self, table: str, name: str, default: str) -> int:
        """Permission bits."""
        return mode(self.value(table, name, default))

    def number(self, table: str, name: str, default: int) -> int:
        """How many; the schema has judged that it is one."""
        return int(self.value(table, name, default))

    def duration(self, table: str, name: str, default: str) -> float:
        """Seconds."""
        return duration(self.value(table, name, default))


def is_written_plainly(path: str) -> bool:
    """Whether an absolute path has no `.`, `..`, doubled slashes or control characters."""
    return path == os.path.normpath(path) and not path.startswith("//") and path.isprintable()
