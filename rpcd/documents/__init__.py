"""Documents: text and key in, text out. Pure.

Rules of this package:

- An edit is a splice: the format's locator says which characters change, and every other byte stays as it is, whatever
  it is (line ends, byte order marks, bytes that are no UTF-8).
- And it is proven, every time: the format's judge reads the text before and after, and finds exactly the asked change.
  What cannot be proven is refused.
- Limits hold before anything is parsed, and the cost of a text is linear in its size.

A new format is one module and one row in `FORMATS`.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rpcd.documents import splice as splices
from rpcd.documents.document import UNFIT, Document, Entry, Format, Value, require_fit
from rpcd.documents.env import ENV
from rpcd.documents.ini import INI
from rpcd.documents.json import JSON
from rpcd.documents.kept import kept
from rpcd.documents.key import Key, KeyPattern, format_key, parse_key
from rpcd.documents.proof import GONE, prove, same
from rpcd.documents.splice import Splice
from rpcd.documents.text import TEXT
from rpcd.documents.toml import TOML
from rpcd.errors import Refused

__all__ = [
    "FORMATS",
    "Document",
    "Entry",
    "Format",
    "Key",
    "KeyPattern",
    "Splice",
    "Value",
    "check",
    "decode",
    "delete",
    "encode",
    "format_key",
    "open_document",
    "parse_key",
    "same",
    "update",
]

FORMATS: Final[Mapping[str, Format]] = {form.name: form for form in (ENV, INI, JSON, TEXT, TOML)}
"""Every format by the name that settings give it."""

SMALL: Final = 16 * 1024
"""Bytes up to which a content is small: as large as most configuration files."""


def decode(content: bytes) -> str:
    """The text of `content`. Bytes that are no UTF-8 become lone surrogates, so that every byte survives (PEP 383)."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a decoded text."""
    return text.encode("utf-8", "surrogateescape")


def check(form: str, content: bytes) -> None:
    """Raise `Refused("not_editable")`, with the place where it is known, unless `content` is in the format."""
    if FORMATS[form] is not TEXT:
        open_document(form, content)


def open_document(form: str, content: bytes) -> Document:
    """The located document; the ones used last are kept.

    Raises `Refused("not_editable")` for a text that is not in the format.
    """
    return _opened(form, content).document


def update(form: str, content: bytes, key: Key, value: Value) -> bytes:
    """`content` with `key` being `value`, which is proven.

    Raises `Refused("not_editable")`, and `Refused("no_such_key")` for an element beyond the end of an array.
    """
    if any(map(UNFIT.search, key)):
        raise Refused("not_editable", reason="characters")
    require_fit(value, len(key))
    before = _opened(form, content)
    return _proven(before, before.document.put(key, value), key, value)


def delete(form: str, content: bytes, key: Key) -> bytes:
    """`content` without `key`, which is proven.

    Raises `Refused("not_editable")` and `Refused("no_such_key")`.
    """
    before = _opened(form, content)
    return _proven(before, before.document.remove(key), key, GONE)


class _Opened:
    """A text, and what has been found out about it so far."""

    def __init__(self, form: str, content: bytes) -> None:
        self.format = FORMATS[form]
        self.text = decode(content)

    @kept
    def document(self) -> Document:
        """What the locator found, in a text that the judge has taken."""
        _ = self.tree  # the judge first: locators rely on a text of their format
        return self.format.open(self.text)

    @kept
    def tree(self) -> object:
        """What the judge read. What is after one edit is before the next."""
        return self.format.judge(self.text)


_keep_small: Final = lru_cache(maxsize=64)(_Opened)
_keep_large: Final = lru_cache(maxsize=4)(_Opened)


def _opened(form: str, content: bytes) -> _Opened:
    return (_keep_small if len(content) <= SMALL else _keep_large)(form, content)


def _proven(before: _Opened, splice: Splice, key: Key, value: object) -> bytes:
    content = encode(splices.apply(before.text, splice))
    try:
        after = _opened(before.format.name, content).tree
    except Refused as refusal:  # its place is in a text that nobody has seen
        raise Refused("not_editable", reason="proof") from refusal
    prove(before.tree, after, key, value)
    return content
