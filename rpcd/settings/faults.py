"""Faults in settings: gathered, told all at once, each with its place."""

from collections.abc import Iterable
from dataclasses import dataclass

from rpcd.printable import printable

__all__ = ["Faults", "Place", "SettingsFault"]


class SettingsFault(Exception):
    """Settings that cannot be taken; `faults` are sentences for the administrator, each with its place."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = tuple(map(printable, faults))  # what a file has as a name may hold any character
        super().__init__("\n".join(self.faults))


class Faults:
    """The faults found so far."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def at(self, file: str, *path: str | int) -> "Place":
        """A place to find faults at: `rpcd.toml`, then `grants`, 0, `users`."""
        return Place(self, file, path)

    def add(self, fault: str) -> None:
        """Remember one."""
        if fault not in self._found:
            self._found.append(fault)

    def stop(self) -> None:
        """Raise `SettingsFault` where there are any."""
        if self._found:
            raise SettingsFault(tuple(self._found))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file of settings."""

    faults: Faults
    file: str
    path: tuple[str | int, ...]

    def add(self, what: str) -> None:
        """There is a fault here."""
        self.faults.add(f"{self.file}: {written(self.path)}: {what}" if self.path else f"{self.file}: {what}")

    def below(self, *path: str | int) -> "Place":
        """A place further in."""
        return Place(self.faults, self.file, (*self.path, *path))


def written(path: Iterable[str | int]) -> str:
    """A path as a person writes it: `grants[0].users`."""
    text = ""
    for step in path:
        name = f"[{step}]" if isinstance(step, int) else step if step.isprintable() else repr(step)
        text += f".{name}" if text and isinstance(step, str) else name
    return text
