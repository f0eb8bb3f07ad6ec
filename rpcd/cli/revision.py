"""The revision that a person means: a number of `rpcd history`, or the beginning of a revision.

Rules of this file:

- A short decimal is a number, and never taken for a beginning: who mistypes a number must not get another revision.
- A beginning has four characters at least, and begins one revision only.
"""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Final, TypeVar

import click

if TYPE_CHECKING:
    from rpcd.client import Client

__all__ = ["meant", "pick"]

Value = TypeVar("Value", bound=Hashable)

LONG: Final = 8
"""Digits from which on a decimal is the beginning of a revision: nothing was changed that often."""

LEAST: Final = 4
"""Characters of a beginning."""


def meant(client: "Client", target: str, said: str) -> str:
    """The revision in full; raises `click.UsageError` where none, or more than one, is meant."""
    kept: list[tuple[int, str, tuple[str]]] = []
    page = client.history(target)
    while True:
        kept += ((one.number, one.revision, (one.revision,)) for one in page.revisions)
        if page.next is None:
            return pick(said, kept)
        page = client.history(target, after=page.next)


def pick(said: str, kept: Iterable[tuple[int, Value, tuple[str, ...]]]) -> Value:
    """The value of the one that is meant, of those with these numbers and names; `click.UsageError`."""
    numbered = said.isdecimal() and len(said) < LONG
    found = {
        value
        for number, value, names in kept
        if (said == str(number) if numbered else any(_begins(name, said) for name in names))
    }
    if len(found) != 1:
        raise click.UsageError(f"{said}: " + ("more than one revision begins so" if found else "no such revision"))
    return found.pop()


def _begins(name: str, said: str) -> bool:
    """Whether the name of a revision, with or without its kind, begins so."""
    kind, _, digits = name.partition(":")
    rest = said.removeprefix(f"{kind}:")
    return said == name or (len(rest) >= LEAST and digits.startswith(rest))
