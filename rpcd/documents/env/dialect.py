"""Env files: who reads one, and what differs between readers. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rpcd.documents.env.layout import Layout

__all__ = ["Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One reader of env files.

    `locate` and `judge` share nothing. `name` is what a new variable may be called. `spellings` are the ways to write a
    value in place of one in these quotes, or none, the best first: the first is taken that `locate` reads as the value.
    `lines` says that a value may hold line ends, `exports` that `export` may stand before a name.
    """

    locate: Callable[[str], Layout]
    judge: Callable[[str], object]
    name: re.Pattern[str]
    spellings: Callable[[str, str], Iterator[str]]
    lines: bool = True
    exports: bool = True
