r"""Env files: what an edit changes. Pure.

Rules of this file:

- After an edit `. FILE` gives the variable exactly the value, in every POSIX shell, and nothing is run: what is not
  plain stands in single quotes, or in double quotes with `$`, `` ` ``, `"` and `\` escaped.
- The quotes stay what they were where they can; a new variable is written as most others are.
- Variables that shells give a meaning of their own are not set: bash calculates what is assigned to RANDOM, and
  calculating runs commands.
"""

import re
from collections.abc import Sequence
from typing import Final

from rpcd.documents.document import UNFIT, Entry, Untold, Value, not_editable, require_told
from rpcd.documents.env.layout import NAME, Assignment, locate
from rpcd.documents.key import Key
from rpcd.documents.splice import Splice, insert, join
from rpcd.errors import Refused

__all__ = ["EnvDocument"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_TO_ESCAPE: Final = re.compile(r'[$`"\\]')
_NAME: Final = re.compile(NAME)
_THE_SHELLS: Final = re.compile(
    "_|BASH.*|DIRSTACK|EPOCH.*|EUID|FUNCNAME|GROUPS|HISTCMD|LINENO|OPTIND|PIPESTATUS|PPID|RANDOM|SECONDS|SHELLOPTS"
    "|SRANDOM|UID"
)
"""Read-only, without effect, or calculated: bash(1), Shell Variables; dash(1). Tried with both."""


class EnvDocument:
    """A located env file."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._layout = locate(text)

    def get(self, key: Key) -> Value:
        """See `Document`."""
        assignment = self._found(key)[-1]
        if isinstance(assignment.value, Untold):
            raise not_editable("expression", self._text, assignment.value_start)
        return require_told(assignment.value)

    def entries(self) -> Sequence[Entry]:
        """See `Document`. A name that stands twice is one entry, from its first line to its last."""
        return [Entry((name,), "string", found[0].start, found[-1].end) for name, found in self._layout.names.items()]

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        if len(key) > 1:
            raise not_editable("structure")
        name = key[0]
        if not isinstance(value, str):
            raise not_editable("type")
        if not _NAME.fullmatch(name) or _THE_SHELLS.fullmatch(name):
            raise not_editable("characters")
        if UNFIT.search(value.translate({ord("\n"): None, ord("\t"): None})):
            raise not_editable("characters")
        if name in self._layout.names:
            old = self._layout.names[name][-1]
            quote = self._text[old.value_start : old.value_start + 1]
            return Splice(old.value_start, old.value_end, _spell(value, quote))
        return self._add(name, value)

    def remove(self, key: Key) -> Splice:
        """See `Document`. Every assignment of the name goes: an earlier one would hold again."""
        return join(self._text, [Splice(one.start, one.end, "") for one in self._found(key)])

    def _found(self, key: Key) -> Sequence[Assignment]:
        found = self._layout.names.get(key[0]) if len(key) == 1 else None
        if found is None:
            raise Refused("no_such_key")
        return found

    def _add(self, name: str, value: str) -> Splice:
        others = self._layout.assignments
        quotes = [self._text[one.value_start : one.value_start + 1] for one in others]
        quote = next((mark for mark in "\"'" if 2 * quotes.count(mark) > len(others)), "")
        export = "export " if 2 * sum(one.exported for one in others) > len(others) else ""
        at = others[-1].end if others else len(self._text)
        return insert(self._text, at, [f"{export}{name}={_spell(value, quote)}"])


def _spell(value: str, quote: str) -> str:
    """How a shell is told a value, in this kind of quotes if possible."""
    if quote not in {"'", '"'}:
        if _PLAIN.fullmatch(value):
            return value
        quote = "'"
    if quote == "'" and "'" not in value:
        return f"'{value}'"
    return '"' + _TO_ESCAPE.sub(r"\\\g<0>", value) + '"'
