"""What somebody meant who wrote a name that nobody knows: the end of a sentence that says so. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant"]


def meant(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no other name of `known` is near."""
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean '{close[0]}'?" if close and close[0] != name else ""
