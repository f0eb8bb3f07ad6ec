"""Regular expressions (ECMA 262, without look-around and back references) that take linear time. Pure.

Callers choose the texts that are searched, and Python's own engine can be made to take for ever by a few hundred
characters.
"""

import jsonschema_rs

__all__ = ["Pattern"]


class Pattern:
    """A regular expression, compiled; raises `ValueError` where it is none, or would not take linear time."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled = jsonschema_rs.Draft202012Validator(
            {"type": "string", "pattern": text}, pattern_options=jsonschema_rs.RegexOptions()
        )

    def found_in(self, text: str) -> bool:
        """Whether it is found anywhere in `text`; never where that has lone surrogates: what is no UTF-8."""
        try:
            return bool(self._compiled.is_valid(text))
        except UnicodeEncodeError:
            return False
