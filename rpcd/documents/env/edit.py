r"""Env files: what an edit changes. Pure.

Rules of this file:

- After an edit the file gives the variable exactly the value, to whoever its dialect says reads it, and nothing is run:
  a spelling is taken only where the locator reads it as the value.
- The quotes stay what they were where they can; a new variable is written as most others are.
"""

from collections.abc import Sequence

from rpcd.documents.document import UNFIT, Entry, Untold, Value, not_editable, require_told
from rpcd.documents.env.dialect import Dialect
from rpcd.documents.env.layout import Assignment
from rpcd.documents.key import Key
from rpcd.documents.splice import Splice, insert, join
from rpcd.errors import Refused

__all__ = ["EnvDocument"]


class EnvDocument:
    """A located env file."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._text = text
        self._dialect = dialect
        self._layout = dialect.locate(text)

    def get(self, key: Key) -> Value:
        """See `Document`."""
        if not key:
            return {name: self.get((name,)) for name in self._layout.names}
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
        taken = value.replace("\t", "")
        if UNFIT.search(taken.replace("\n", "") if self._dialect.lines else taken):
            raise not_editable("characters")
        if not self._dialect.name.fullmatch(name):
            raise not_editable("characters")
        if name in self._layout.names:
            old = self._layout.names[name][-1]
            quote = self._text[old.value_start : old.value_start + 1]
            return Splice(old.value_start, old.value_end, self._spell(value, quote))
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
        export = "export " if self._dialect.exports and 2 * sum(one.exported for one in others) > len(others) else ""
        at = others[-1].end if others else len(self._text)
        return insert(self._text, at, [f"{export}{name}={self._spell(value, quote)}"])

    def _spell(self, value: str, quote: str) -> str:
        """How the reader is told a value, in this kind of quotes if possible."""
        for spelled in self._dialect.spellings(value, quote):
            try:
                found = self._dialect.locate(f"A={spelled}\nB=1\n").assignments
            except Refused:
                continue
            if [type(one.value) for one in found] == [str, str] and [one.value for one in found] == [value, "1"]:
                return spelled
        raise not_editable("characters")
