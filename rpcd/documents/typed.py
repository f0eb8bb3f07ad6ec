"""Numbers and booleans in formats that know strings only, where somebody says which keys have them. Pure.

Rules of this file:

- The types of a key come from outside (`Format.types`: the schema of a target). A key that may be a string is one.
- What is read is what is written: a value whose spelling would be read as anything else is refused, and so is text at
  a key that is a number, and a number at a key that is text.
- Booleans are spelled as the one that is replaced, else as others in the same document: on and off, yes and no.
- A list of one value is that value where a key may be repeated, and the key is told as a list.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, time
from typing import Final, cast

from rpcd.documents.document import Document, Entry, Value, not_editable
from rpcd.documents.format import TypesOf
from rpcd.documents.key import Key
from rpcd.documents.proof import same
from rpcd.documents.splice import Splice
from rpcd.errors import Refused

__all__ = ["Typed", "plain"]

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,32})?(?:[eE][+-]?[0-9]{1,3})?")
_PAIRS: Final = (("true", "false"), ("on", "off"), ("yes", "no"), ("1", "0"))
_PAIR_OF: Final = {word: pair for pair in _PAIRS for word in pair}


class Typed:
    """A document whose strings are numbers and booleans where `types` says so."""

    def __init__(self, document: Document, tree: object, types: TypesOf, booleans: tuple[str, str]) -> None:
        self._document = document
        self._tree = tree
        self._types = types
        self._booleans = booleans

    def get(self, key: Key) -> Value:
        """See `Document`."""
        return tell(self._document.get(key), key, self._types)

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        return [self._entry(entry) for entry in self._document.entries()]

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        return self._document.put(key, self.spell(key, value))

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        return self._document.remove(key)

    def spell(self, key: Key, value: Value) -> Value:
        """`value` as the format has it; raises `Refused("not_editable")` where it would be read as another."""
        try:
            old: Value = self._document.get(key)
        except Refused:
            old = None
        spelled = self._spell(key, value, old)
        if not same(tell(spelled, key, self._types), value):
            raise not_editable("type")
        return spelled

    def _entry(self, entry: Entry) -> Entry:
        types = self._types(entry.key)
        if entry.type != "string" or "string" in types:
            return entry
        try:
            value = tell(self._document.get(entry.key), entry.key, self._types)
        except Refused:  # it cannot be told
            return entry
        return entry._replace(type=_type(value))

    def _spell(self, key: Key, value: Value, old: Value) -> Value:
        if isinstance(value, dict):
            held = old if isinstance(old, dict) else {}
            return {name: self._spell((*key, name), part, held.get(name)) for name, part in value.items()}
        if isinstance(value, list):
            olds = [*old, *[None] * len(value)] if isinstance(old, list) else [old] * len(value)
            parts = [self._spell((*key, str(at)), part, olds[at]) for at, part in enumerate(value)]
            return parts[0] if len(parts) == 1 and _listed(self._types(key)) else parts
        if isinstance(value, bool):
            return self._boolean(value, old)
        return str(value) if isinstance(value, int) else repr(value) if isinstance(value, float) else value

    def _boolean(self, value: bool, old: Value) -> str:  # noqa: FBT001 - the value itself
        like = old if isinstance(old, str) and old.lower() in _PAIR_OF else None
        if like is None:
            words = Counter(word for word in _words(self._tree) if word.lower() in _PAIR_OF and word not in "01")
            like = words.most_common(1)[0][0] if words else self._booleans[0]
        word = _PAIR_OF[like.lower()][not value]
        return word.upper() if like.isupper() else word.capitalize() if like[0].isupper() else word


def plain(tree: object) -> Value:
    """What a judge has read, as JSON can say it: dates are text. An `Untold` stays one."""
    if isinstance(tree, dict):
        return {str(name): plain(held) for name, held in tree.items()}
    if isinstance(tree, list):
        return [plain(held) for held in tree]
    if isinstance(tree, date | time):
        return tree.isoformat()
    return cast("Value", tree)  # judges read nothing else


def tell(value: Value, key: Key, types: TypesOf) -> Value:
    """What strings stand for, at and below `key`."""
    if isinstance(value, dict):
        return {name: tell(held, (*key, name), types) for name, held in value.items()}
    known = types(key)
    if isinstance(value, list):
        return [tell(held, (*key, str(at)), types) for at, held in enumerate(value)]
    if _listed(known):
        return [tell(value, (*key, "0"), types)]
    if type(value) is not str or "string" in known:
        return value
    if known & {"integer", "number"} and _INTEGER.fullmatch(value):
        return int(value)
    if "number" in known and _NUMBER.fullmatch(value):
        return float(value)
    if "boolean" in known and (pair := _PAIR_OF.get(value.lower())) is not None:
        return value.lower() == pair[0]
    return value


def _listed(types: frozenset[str]) -> bool:
    """Whether a single value is told as a list."""
    return "array" in types and "string" not in types


def _words(tree: object) -> Iterator[str]:
    """Every string that stands in a document."""
    if isinstance(tree, dict | list):
        for held in tree.values() if isinstance(tree, dict) else tree:
            yield from _words(held)
    elif type(tree) is str:
        yield tree


def _type(value: Value) -> str:
    """JSON Schema's name for the type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    return "array" if isinstance(value, list) else "string"
