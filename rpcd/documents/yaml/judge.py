"""YAML files: the judge, on what libyaml reads. Pure.

Rules of this file:

- The tree is what PyYAML's safe loader makes of a text: aliases and merge keys stand for what they mean, and plain
  scalars are what YAML 1.1 takes them for. It is built from libyaml's events, so that limits hold before anything
  recurses, and takes a third of the time of `yaml.load`.
- Keys are their text: `on` and `80` name what stands behind `on:` and `80:`, whatever type a loader gives them. Two
  keys of one text, or of one value, are refused.
- What a safe loader cannot make is `Tagged`: it is compared, and not told.
- A file of several documents is an array of them; one with nothing in it is an empty mapping.
- Breaks that YAML 1.1 has and 1.2 has not (NEL, LS, PS), a lone carriage return, and a byte order mark behind the
  beginning, which libyaml passes over, are refused: readers disagree.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, Self

import yaml
from yaml._yaml import CParser

from rpcd.documents.document import MAX_DEPTH, Untold, not_editable
from rpcd.errors import Refused

__all__ = ["BYTES", "FOREIGN", "Tagged", "judge"]

MAX_EXPANDED: Final = 10_000
"""Nodes that a text may have with all that aliases stand for, beside twice as many as it has characters."""

MAX_NUMBER: Final = 300
"""Characters of a number or date; longer ones take time that is not linear."""

SHORT: Final = 64
"""Characters up to which a scalar is worth keeping."""

MAX_TAG_DIRECTIVES: Final = 100
"""libyaml compares each with all others."""

_DISPUTED: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]|(?!\\A)\ufeff")
_NO_PLACE: Final = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML has no place for, whatever the quotes."""

BYTES: Final = {0xDC80 + low: 0x10DC80 + low for low in range(0x80)}
"""libyaml reads UTF-8 only. Bytes that are none come to it as characters for private use, and go back."""
FOREIGN: Final = re.compile("[\U0010dc80-\U0010dcff]")
"""Such characters."""

_STANDARD: Final = "tag:yaml.org,2002:"
_NOTHING: Final = ()
_Scalar, _SequenceEnd, _MappingEnd = yaml.ScalarEvent, yaml.SequenceEndEvent, yaml.MappingEndEvent
_RESOLVERS: Final = yaml.SafeLoader.yaml_implicit_resolvers
_CONSTRUCTOR: Final = yaml.constructor.SafeConstructor()
_MAKE: Final = {
    _STANDARD + "bool": _CONSTRUCTOR.construct_yaml_bool,
    _STANDARD + "float": _CONSTRUCTOR.construct_yaml_float,
    _STANDARD + "int": _CONSTRUCTOR.construct_yaml_int,
    _STANDARD + "null": _CONSTRUCTOR.construct_yaml_null,
    _STANDARD + "timestamp": _CONSTRUCTOR.construct_yaml_timestamp,
}
_TEXTS: Final = frozenset({_STANDARD + "str", _STANDARD + "value", _STANDARD + "merge"})


class Tagged(Untold):
    """What has a tag of its own, or is no value of the type that it claims to be; `value` is what it would be without.

    Two of them are equal where tag and value are: as text it is the tag, and the value or a digest of it.
    """

    value: object

    def __new__(cls, tag: str, value: object) -> Self:
        """What has this tag."""
        tagged = super().__new__(cls, f"{tag} {value if type(value) is str else _digest(value)}")
        tagged.value = value
        return tagged


def judge(text: str) -> object:
    """The tree of `text`: dicts, lists, strings, numbers, booleans, None, `datetime`'s dates, and `Tagged`.

    Raises `Refused("not_editable")` for what is no YAML, too deep, stands for too much, or has a key twice.
    """
    plain = text.isascii() and "\r" not in text
    disputed = None if plain else _DISPUTED.search(text)
    if disputed is not None:
        raise not_editable("ambiguous", text, disputed.start())
    if text.count("%TAG") > MAX_TAG_DIRECTIVES:
        raise not_editable("syntax")
    text = text.removeprefix("\ufeff")
    try:
        return _Builder(text if text.isascii() else text.translate(BYTES)).stream()
    except yaml.MarkedYAMLError as error:
        too_deep = "nesting depth" in (error.problem or "")  # libyaml reads ahead, up to a depth of its own
        raise _refusal("depth" if too_deep else "syntax", error.problem_mark) from None
    except yaml.YAMLError:
        found = _NO_PLACE.search(text)
        raise not_editable("syntax", text, found.start() if found else None) from None


def _refusal(reason: str, mark: Any) -> Refused:
    """With the place that libyaml names, but not its words."""
    return Refused("not_editable", reason=reason, line=mark.line + 1, column=mark.column + 1)


@dataclass(slots=True)
class _Anchored:
    """A node that aliases may stand for.

    `weight` are its nodes, with all that aliases in it stand for; `depth` are its levels.
    """

    value: object
    weight: int
    depth: int


class _Builder:
    """Builds the tree of one text."""

    def __init__(self, text: str) -> None:
        self._next: Callable[[], Any] = CParser(text).get_event
        self._anchors: dict[str, _Anchored | None] = {}
        self._room = MAX_EXPANDED + 2 * len(text)
        self._expanded = self._deepest = 0

    def stream(self) -> object:
        """All documents; a single one by itself."""
        documents: list[object] = []
        empty = True
        self._next()
        while type(self._next()) is yaml.DocumentStartEvent:
            event = self._next()
            empty = type(event) is yaml.ScalarEvent and not event.value and event.implicit[0] and not event.anchor
            self._anchors = {}
            documents.append(self._node(event, 0))
            self._next()
        if len(documents) > 1:
            return documents
        return {} if empty else documents[0]

    def _node(self, event: Any, depth: int) -> object:
        if event.anchor is None:
            return self._content(event, depth)
        if type(event) is yaml.AliasEvent:
            return self._alias(event, depth)
        self._anchors[event.anchor] = None  # until it ends
        deepest, self._deepest, before = self._deepest, depth, self._expanded
        value = self._content(event, depth)
        self._anchors[event.anchor] = _Anchored(value, self._expanded - before, self._deepest - depth)
        self._deepest = max(deepest, self._deepest)
        return value

    def _alias(self, event: Any, depth: int) -> object:
        anchored = self._anchors.get(event.anchor)
        self._expanded += anchored.weight if anchored is not None else 0
        if anchored is None or self._expanded > self._room:
            raise _refusal("aliases", event.start_mark)
        self._require_depth(depth + anchored.depth)
        return anchored.value

    def _require_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise not_editable("depth")
        self._deepest = max(self._deepest, depth)

    def _content(self, event: Any, depth: int) -> object:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return _scalar(event)
        self._require_depth(depth + 1)
        value: object
        if kind is yaml.SequenceStartEvent:
            usual, value = _STANDARD + "seq", self._items(depth + 1)
        else:
            usual, value = _STANDARD + "map", self._members(depth + 1)
        return value if event.tag in {None, "!", usual} else Tagged(event.tag, value)

    def _items(self, depth: int) -> list[object]:
        following, items = self._next, list[object]()
        while (kind := type(event := following())) is not _SequenceEnd:
            plain = kind is _Scalar and event.anchor is None
            items.append(_scalar(event) if plain else self._node(event, depth))
        self._expanded += len(items)
        return items

    def _members(self, depth: int) -> dict[str, object]:
        following, members, values = self._next, dict[str, object](), set[str]()
        merged: dict[str, object] | None = None
        while (kind := type(event := following())) is not _MappingEnd:
            plain = kind is _Scalar and event.anchor is None
            key = _scalar(event) if plain else self._node(event, depth)
            held = following()
            plain = type(held) is _Scalar and held.anchor is None
            value = _scalar(held) if plain else self._node(held, depth)
            if key == "<<" and kind is _Scalar and _merges(event):
                if merged is not None:
                    raise not_editable("duplicate")
                merged = _merged(value)
                self._expanded += len(merged)
                continue
            name = key if type(key) is str else _name(event, key)
            if name in members:
                raise not_editable("duplicate")
            if type(key) is not str:  # two texts may be one value: `on` and `yes`
                if (digest := _digest(key)) in values:
                    raise not_editable("duplicate")
                values.add(digest)
            members[name] = value
        self._expanded += 2 * len(members)
        return {**merged, **members} if merged else members


def _merges(event: yaml.ScalarEvent) -> bool:
    """Whether a key is YAML 1.1's `<<`."""
    return bool(event.value == "<<" and (event.implicit[0] or event.tag == _STANDARD + "merge"))


def _merged(value: object) -> dict[str, object]:
    """What `<<` brings: of several mappings, an earlier one's members before a later one's."""
    found: dict[str, object] = {}
    for one in reversed(value) if isinstance(value, list) else (value,):
        if not isinstance(one, dict):
            raise not_editable("structure")
        found |= one
    return found


def _name(event: Any, key: object) -> str:
    """How a segment names a key: by its text. What is no text has a name that no segment can have."""
    if type(event) is yaml.ScalarEvent and event.tag is None:
        return str(event.value)
    return "\0" + _digest(key)


def _digest(value: object) -> str:
    """A value in few characters: one within another would have its quotes quoted, and be twice as long each time."""
    return sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()


def _scalar(event: Any) -> object:
    """The value of a scalar, as YAML 1.1 takes it."""
    value: str = event.value
    if event.implicit[0]:
        return _plain(value) if len(value) <= SHORT else _resolved(value)
    tag = event.tag
    if tag is None or tag in _TEXTS:
        return value
    return _made(tag, value) if tag in _MAKE else Tagged(tag, value)


def _resolved(value: str) -> object:
    """What a scalar without quotes and tag is taken for."""
    for tag, pattern in _RESOLVERS.get(value[:1], _NOTHING):
        if pattern.match(value):
            return _made(tag, value)
    return value


_plain: Final = lru_cache(maxsize=4096)(_resolved)
"""The same, kept: most of a text is read again after an edit."""


def _made(tag: str, value: str) -> object:
    """The value of a scalar with a standard tag."""
    make = _MAKE.get(tag)
    if make is None:
        return value
    try:
        if len(value) > MAX_NUMBER:
            raise ValueError
        return make(yaml.ScalarNode(tag, value))
    except (ValueError, LookupError, AttributeError):
        return Tagged(tag, value)
