r"""Env files as a POSIX shell reads them with `.`: what it is told, and which variables are its own. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from rpcd.documents.env.dialect import Dialect
from rpcd.documents.env.judge import judge
from rpcd.documents.env.layout import NAME, locate

__all__ = ["SHELL"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_TO_ESCAPE: Final = re.compile(r'[$`"\\]')
_NAME: Final = re.compile(
    r"(?!(?:_|BASH.*|DIRSTACK|EPOCH.*|EUID|FUNCNAME|GROUPS|HISTCMD|LINENO|OPTIND|PIPESTATUS|PPID|RANDOM|SECONDS"
    rf"|SHELLOPTS|SRANDOM|UID)\Z){NAME}"
)
"""Without those that are read-only, without effect, or calculated: bash(1), Shell Variables; dash(1). Tried with both:
bash calculates what is assigned to RANDOM, and calculating runs commands."""


def _spellings(value: str, quote: str) -> Iterator[str]:
    if quote not in {"'", '"'}:
        if _PLAIN.fullmatch(value):
            yield value
        quote = "'"
    if quote == "'" and "'" not in value:
        yield f"'{value}'"
    yield '"' + _TO_ESCAPE.sub(r"\\\g<0>", value) + '"'


SHELL: Final = Dialect(locate, judge, _NAME, _spellings)
