"""Configuration files as documents: find a key, splice a value in, prove that nothing else changed. Pure.

Rules of this package (those of a format are in document.py):

- Every byte survives: text is UTF-8 with surrogateescape, so bytes that are no text stay what they are.
- Limits hold before anything is parsed. What is known by its content is not parsed again.
- Nothing leaves here unproven.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from rpcd.documents.document import Document, Entry, Format, Value
from rpcd.documents.env import judge_env, open_env
from rpcd.documents.ini import judge_ini, open_ini
from rpcd.documents.json import judge_json, open_json
from rpcd.documents.key import Key
from rpcd.documents.proof import GONE, prove, same
from rpcd.documents.splice import Splice
from rpcd.documents.text import judge_text, open_text
from rpcd.documents.toml import judge_toml, open_toml
from rpcd.errors import Refused

__all__ = ["FORMATS", "Entry", "check", "decode", "delete", "encode", "open_document", "same", "update"]

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        format_.name: format_
        for format_ in (
            Format("ini", open_ini, judge_ini),
            Format("env", open_env, judge_env),
            Format("toml", open_toml, judge_toml),
            Format("json", open_json, judge_json),
            Format("text", open_text, judge_text),
        )
    }
)

KEPT: Final = 64
"""Documents whose parsed form is kept."""

KEPT_CONTENT: Final = 4 * 1024 * 1024
"""Bytes of all documents whose parsed form is kept: it takes some twenty times as much memory."""

Parsed = TypeVar("Parsed")


class _Known(Generic[Parsed]):
    """What was made of a content, by format and content; the least recently used goes first."""

    def __init__(self, make: Callable[[Format, str], Parsed]) -> None:
        self._make = make
        self._kept: OrderedDict[tuple[str, bytes], Parsed] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def of(self, form: str, content: bytes) -> Parsed:
        """What `make` makes of the content."""
        known = (form, content)
        with self._lock:
            if known in self._kept:
                self._kept.move_to_end(known)
                return self._kept[known]
        parsed = self._make(FORMATS[form], decode(content))
        with self._lock:
            if known not in self._kept:
                self._kept[known] = parsed
                self._size += len(content)
            while len(self._kept) > KEPT or self._size > KEPT_CONTENT:
                (_, oldest), _ = self._kept.popitem(last=False)
                self._size -= len(oldest)
        return parsed


_documents: Final[_Known[Document]] = _Known(lambda format_, text: format_.open(text))
_judgements: Final[_Known[Any]] = _Known(lambda format_, text: format_.judge(text))


def decode(content: bytes) -> str:
    """Bytes as text; those that are no UTF-8 become lone surrogates, which `encode` turns back."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a text that `decode` gave."""
    return text.encode("utf-8", "surrogateescape")


def open_document(form: str, content: bytes) -> Document:
    """The document of a content.

    Raises `Refused("not_editable")` where it cannot be parsed in its format.
    """
    return _documents.of(form, content)


def check(form: str, content: bytes) -> None:
    """Raise `Refused("not_editable")` where a whole content is none of its format."""
    if FORMATS[form].open is not open_text:
        open_document(form, content)
        _judgements.of(form, content)


def update(form: str, content: bytes, key: Key, value: Value) -> bytes:
    """`content` with `value` at `key`, and every other byte as it was.

    Raises `Refused("not_editable")` where the format cannot hold it, or it could not be proven.
    """
    return _edit(form, content, open_document(form, content).put(key, value), key, value)


def delete(form: str, content: bytes, key: Key) -> bytes:
    """`content` without `key`, and every other byte as it was.

    Raises `Refused("no_such_key")`, and `Refused("not_editable")` where it could not be proven.
    """
    return _edit(form, content, open_document(form, content).remove(key), key, GONE)


def _edit(form: str, content: bytes, splice: Splice, key: Key, value: object) -> bytes:
    """Splice, and prove it."""
    edited = encode(splice.apply(decode(content)))
    prove(_judgements.of(form, content), _judgements.of(form, edited), key, value)
    return edited
