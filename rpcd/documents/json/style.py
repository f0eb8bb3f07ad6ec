"""JSON files: how one is written, and what is new in it. Pure.

Rules of this file:

- What is added is written as its neighbours are: with the file's own line ends, indentation, and white space after
  colons and commas.
- Lines that nobody can see are escaped, and so is all that is not ASCII in a file that escapes it.
"""

import json
import re
from typing import Final

from rpcd.documents.document import Value, not_editable
from rpcd.documents.splice import MAX_REPEATED, bounded

__all__ = ["Style"]

_UNSEEN: Final = re.compile(r"[\x7f-\x9f\u2028\u2029]")


class Style:
    """How a file is written; `plain` is its text with white space in place of comments."""

    def __init__(self, text: str, plain: str) -> None:
        opened = re.search(r"[\[{][ \t]*+(\r?\n)", plain)
        inner = re.search(r"[\[{][ \t]*+\r?\n(?:[ \t]*+\r?\n)*+([ \t]*+)(?![\]}\r\n])", plain)
        self.newline = opened[1] if opened else ""
        self.indent = bounded(inner[1]) if inner else "  " if opened else ""
        colon = re.search(r'"([ \t]*:[ \t]*)', text)
        self.colon = bounded(colon[1]) or ":" if colon else ": "
        comma = re.search(r'[]}"0-9el],([ \t]*)(?=[]["{}\w-])', text)
        self.after_comma = bounded(comma[1]) if comma else " " if self.colon.endswith(" ") else ""
        self.ascii = plain.isascii() and "\\u" in plain

    def name(self, name: str) -> str:
        """A member's name and its colon."""
        return self.write(name, "") + self.colon

    def write(self, value: Value, margin: str) -> str:
        """A value that begins on a line with `margin`.

        Raises `Refused("not_editable")` for numbers that are none or have no end.
        """
        lines = self.newline and _depth(value) * len(self.indent) <= MAX_REPEATED
        try:
            written = json.dumps(
                value,
                ensure_ascii=self.ascii,
                allow_nan=False,
                indent=self.indent if lines else None,
                separators=("," if lines else "," + self.after_comma, self.colon),
            )
        except ValueError:
            raise not_editable("type") from None
        if lines:
            written = written.replace("\n", self.newline + margin)
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written)

    def around(self, part: str, margin: str) -> str:
        """What stands between brackets that had nothing between them."""
        return self.newline + margin + self.indent + part + self.newline + margin if self.newline else part


def _depth(value: Value) -> int:
    """How many arrays and objects a value has within each other."""
    if isinstance(value, dict | list):
        return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0
