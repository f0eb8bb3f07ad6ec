"""Documents: text and key in, text out. Pure.

Rules of this package:

- An edit is a splice: the format's locator says which characters change, and every other byte stays as it is, whatever
  it is (line ends, byte order marks, bytes that are no UTF-8).
- And it is proven, every time: the format's judge reads the text before and after, and finds exactly the asked change.
  What cannot be proven is refused.
- Limits hold before anything is parsed, and the cost of a text is linear in its size.

A new format is one module and one row in `registry.FORMATS`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

from rpcd.documents import splice as splices
from rpcd.documents.comments import above, commented, comments_of
from rpcd.documents.document import UNFIT, Document, Entry, Reading, Sharing, Value, require_fit
from rpcd.documents.format import AS_IS, Format, FormatFault, Manner
from rpcd.documents.kept import kept
from rpcd.documents.key import Key, KeyPattern, format_key, parse_key
from rpcd.documents.proof import GONE, held_at, prove, same
from rpcd.documents.registry import FORMATS, OPTIONS, resolve
from rpcd.documents.select import select
from rpcd.documents.splice import Splice
from rpcd.documents.typed import Typed, plain, tell
from rpcd.errors import Refused

__all__ = [
    "AS_IS",
    "FORMATS",
    "OPTIONS",
    "Document",
    "Entry",
    "Format",
    "FormatFault",
    "Key",
    "KeyPattern",
    "Manner",
    "Splice",
    "Value",
    "canonical",
    "check",
    "comments",
    "decode",
    "delete",
    "encode",
    "format_key",
    "open_document",
    "parse_key",
    "read",
    "resolve",
    "same",
    "sharers",
    "update",
]

SMALL: Final = 16 * 1024
"""Bytes up to which a content is small: as large as most configuration files."""


def decode(content: bytes) -> str:
    """The text of `content`. Bytes that are no UTF-8 become lone surrogates, so that every byte survives (PEP 383)."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a decoded text."""
    return text.encode("utf-8", "surrogateescape")


def check(form: Format, content: bytes) -> None:
    """Raise `Refused("not_editable")`, with the place where it is known, unless `content` is in the format."""
    if form.name != "text":
        open_document(form, content)


def open_document(form: Format, content: bytes) -> Document:
    """The located document; the ones used last are kept.

    Raises `Refused("not_editable")` for a text that is not in the format.
    """
    return _opened(form, content).view


def read(form: Format, content: bytes) -> Value:
    """The whole document as the judge reads it; an `Untold`, which is a string, where a value cannot be told.

    Raises `Refused("not_editable")` for a text that is not in the format.
    """
    tree = plain(_opened(form, content).tree)
    return tree if form.types is None else tell(tree, (), form.types)


def comments(form: Format, content: bytes) -> Mapping[Key, str]:
    """The comment above each key that has one, without its marks."""
    return _opened(form, content).comments


def canonical(form: Format, content: bytes, key: Key, may_get: Callable[[Key], bool]) -> Key:
    """`key` with the numbers of elements that it names by what they hold (`select`)."""
    return select(_opened(form, content).tree, key, may_get) if any("=" in segment for segment in key) else key


def sharers(form: Format, content: bytes, key: Key) -> Sequence[Key]:
    """Every key that has the value of `key` because it shares it, and would change with it; `key` among them."""
    document = _opened(form, content).document
    return document.sharers(key) if isinstance(document, Sharing) else (key,)


def update(form: Format, content: bytes, key: Key, value: Value, manner: Manner = AS_IS) -> bytes:
    """`content` with `key` being `value`, which is proven.

    Raises `Refused("not_editable")`, and `Refused("no_such_key")` for an element beyond the end of an array.
    """
    if any(map(UNFIT.search, key)):
        raise Refused("not_editable", reason="characters")
    require_fit(value, len(key))
    before = _opened(form, content)
    also = _also(before, key, manner)
    spelled = before.view.spell(key, value) if isinstance(before.view, Typed) else value
    if manner.use_commented:
        before = _uncommented(before, key)
    return _proven(before, before.document.put(key, spelled), key, spelled, also)


def delete(form: Format, content: bytes, key: Key, manner: Manner = AS_IS) -> bytes:
    """`content` without `key`, which is proven.

    Raises `Refused("not_editable")` and `Refused("no_such_key")`.
    """
    before = _opened(form, content)
    also = _also(before, key, manner)
    splice = before.document.remove(key)
    if manner.comments == "with":
        splice = _with_comment(before, key, splice)
    return _proven(before, splice, key, GONE, also)


class _Opened:
    """A text, and what has been found out about it so far."""

    def __init__(self, form: Format, content: bytes) -> None:
        self.format = form
        self.text = decode(content)

    @kept
    def document(self) -> Document:
        """What the locator found, in a text that the judge has taken."""
        tree = self.tree  # the judge first: locators rely on a text of their format
        document = self.format.open(self.text)
        return document.read_as(tree) if isinstance(document, Reading) else document

    @kept
    def view(self) -> Document:
        """The document as callers see it."""
        form = self.format
        if form.types is None or not form.strings:
            return self.document
        return Typed(self.document, self.tree, form.types, form.booleans)

    @kept
    def tree(self) -> object:
        """What the judge read. What is after one edit is before the next."""
        return self.format.judge(self.text)

    @kept
    def comments(self) -> Mapping[Key, str]:
        """The comments of keys."""
        return comments_of(self.text, self.document.entries(), self.format.comments)


_keep_small: Final = lru_cache(maxsize=64)(_Opened)
_keep_large: Final = lru_cache(maxsize=4)(_Opened)


def _opened(form: Format, content: bytes) -> _Opened:
    return (_keep_small if len(content) <= SMALL else _keep_large)(form, content)


def _also(before: _Opened, key: Key, manner: Manner) -> Sequence[Key]:
    """The keys that change with `key`; refused where that is not wanted, or where the format cannot do what is."""
    document, marks = before.document, before.format.comments
    commenting = manner.comments == "with" or manner.use_commented
    if commenting and not (marks.line or marks.block):
        raise Refused("not_editable", reason="manner")
    if not isinstance(document, Sharing):
        if manner.shared:
            raise Refused("not_editable", reason="manner")
        return ()
    also = [other for other in document.sharers(key) if other != key]
    if also and not manner.shared:
        raise Refused("not_editable", reason="shared")
    return also


def _uncommented(before: _Opened, key: Key) -> _Opened:
    """The text in which a new key is not commented out any more, which is proven; else the text as it was."""
    try:
        before.document.get(key)
    except Refused as refusal:
        places = commented(before.text, key, before.format.comments) if refusal.kind == "no_such_key" else ()
    else:
        return before
    for start, end in places:
        opened = _Opened(before.format, encode(splices.apply(before.text, Splice(start, end, ""))))
        with suppress(LookupError, Refused):  # something else stands there
            prove(before.tree, opened.tree, key, held_at(opened.tree, key))
            return opened
    return before


def _with_comment(before: _Opened, key: Key, splice: Splice) -> Splice:
    """`splice`, which takes `key` away, and the comment of that as well."""
    for entry, start, end in above(before.text, before.document.entries(), before.format.comments):
        if entry.key == key and start < splice.start:
            return splices.join(before.text, [Splice(start, min(end, splice.start), ""), splice])
        if entry.key == key:  # brackets before it take the place of what was a table
            return Splice(splice.start, splice.end, splice.text.replace(before.text[start:end], "", 1))
    return splice


def _proven(before: _Opened, splice: Splice, key: Key, value: object, also: Iterable[Key]) -> bytes:
    content = encode(splices.apply(before.text, splice))
    try:
        after = _opened(before.format, content).tree
    except Refused as refusal:
        if refusal.kind != "not_editable":
            raise
        # Its place is in a text that nobody has seen.
        raise Refused("not_editable", reason="proof") from refusal
    prove(before.tree, after, key, value, also)
    return content
