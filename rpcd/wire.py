"""One datagram is one JSON-RPC 2.0 message: from bytes to a value and back, strictly. Pure.

Rules of this file:

- Only what RFC 8259 calls JSON is read, in UTF-8 and nothing else, without duplicate members, NaN or Infinity, lone
  surrogates, or numbers that cannot be held exactly as a 64-bit integer or a finite double.
- Depth, and the number of values, are bounded before the parser begins: a list of lists takes a hundred times as long
  to make as a string of its length, and is many times as large.
- What each message costs is a few passes over its bytes, none of them in Python.
- Only such JSON is written.
- What is wrong is a `parse_error` and nothing more: a position or an excerpt would tell the caller nothing it does not
  have, and would carry its bytes into the log.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from rpcd.errors import Refused
from rpcd.peer import Credentials

__all__ = ["MAX_DEPTH", "MAX_VALUES", "Datagram", "Reply", "decode", "encode", "weight"]

MAX_DEPTH: Final = 64
"""Arrays and objects within each other; deeper than any configuration file a person wrote."""

MAX_VALUES: Final = 10_000
"""Values of a message, those within others included."""

LEAST_INTEGER: Final = -(2**63)
GREATEST_INTEGER: Final = 2**64 - 1
LONGEST_INTEGER: Final = 20  # digits and sign of the two above; int() is quadratic in their number
LONG_INTEGER: Final = b"0" * 19  # digits that a 64-bit integer may just not have room for

ITEM: Final = 72
"""Bytes of a small Python object, and of what refers to it; a float or an empty array has fewer."""

_SPACE: Final = b" \t\r\n"
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_NUMBER: Final = re.compile(rb"-?[0-9]++(\.[0-9]++)?+([eE][+-]?[0-9]++)?+")
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class Datagram:
    """What one `recvmsg` brought.

    `fault` is set where the transport refuses the message whatever it says; `sender` is who the kernel says wrote it,
    where that is not the peer. The descriptors stay the server's: it closes them after the reply.
    """

    data: bytes
    descriptors: tuple[int, ...] = ()
    fault: Refused | None = None
    sender: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send back, once; after, the server closes the descriptors."""

    data: bytes
    descriptors: tuple[int, ...] = field(default=())


def weight(data: bytes) -> int:
    """Bytes of memory that a message takes at most while it is answered.

    A string can take four times its length (one character beyond the Basic Multilingual Plane is enough), and stands
    beside its UTF-8; an empty array in an array takes 64 bytes for three.
    """
    return 5 * len(data) + ITEM * (data.count(b",") + data.count(b"[") + data.count(b"{"))


def decode(data: bytes) -> Any:
    """The JSON value of `data`.

    Raises `Refused("parse_error")` for everything that is not strict JSON, and `Refused("too_large")` for too many
    values.
    """
    opened = data.count(b"[") + data.count(b"{")
    if opened > MAX_DEPTH or opened + data.count(b",") >= MAX_VALUES:
        _bound(data)
    try:
        value = orjson.loads(data)
    except ValueError as error:
        raise Refused("parse_error") from error
    # Of two members with one name the last is kept: then there are fewer strings than there were.
    if _quotes(orjson.dumps(value)) != _quotes(data):
        raise Refused("parse_error")
    if LONG_INTEGER in data.translate(_DIGITS):
        _refuse_long_integers(_outside_strings(data))
    return value


def encode(message: Any) -> bytes:
    """`message` as strict JSON.

    Raises `TypeError` or `ValueError` for what JSON cannot hold. NaN and Infinity are refused where documents are
    read: orjson would write null for them.
    """
    try:
        return orjson.dumps(message)
    except TypeError:  # an integer over 64 bits, which a TOML or JSON file may hold
        return json.dumps(message, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _bound(data: bytes) -> None:
    """Refuse what has too many values, or is too deep; commas and brackets in strings do not count.

    Beside the outermost value there is one for each comma, and one for each array or object that is not empty.
    """
    if _quotes(data) > 2 * 2 * MAX_VALUES:  # at most half of the strings are names
        raise Refused("too_large", limit=MAX_VALUES)
    text = _outside_strings(data).translate(None, _SPACE)
    values = 1 + text.count(b",") + text.count(b"[") + text.count(b"{") - text.count(b"[]") - text.count(b"{}")
    if values > MAX_VALUES:
        raise Refused("too_large", limit=MAX_VALUES)
    if _depth(text) > MAX_DEPTH:
        raise Refused("parse_error")


def _quotes(data: bytes) -> int:
    """How many quotes begin or end a string: those that no backslash stands before."""
    quotes = data.count(b'"')
    if b"\\" in data:
        if b"\\\\" in data:
            data = data.replace(b"\\\\", b"")
        quotes -= data.count(b'\\"')
    return quotes


def _outside_strings(data: bytes) -> bytes:
    """What stands outside strings."""
    if b"\\\\" in data:
        data = data.replace(b"\\\\", b"")
    if b'\\"' in data:
        data = data.replace(b'\\"', b"")
    return b"".join(data.split(b'"')[::2])


def _depth(text: bytes) -> int:
    """How deeply arrays and objects are nested, without parsing: each pass takes away the innermost ones.

    Unbalanced brackets count as deeper than any bound: they are no JSON.
    """
    brackets = text.translate(_BRACKETS, _NO_BRACKETS)
    for depth in range(MAX_DEPTH + 1):
        if not brackets:
            return depth
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return MAX_DEPTH + 1


def _refuse_long_integers(text: bytes) -> None:
    """Raise `Refused("parse_error")` for an integer of more than 64 bits, which was read as a float."""
    for number in _NUMBER.finditer(text):
        digits = number[0]
        if number[1] or number[2] or len(digits) < len(LONG_INTEGER):
            continue
        if len(digits) > LONGEST_INTEGER or not LEAST_INTEGER <= int(digits) <= GREATEST_INTEGER:
            raise Refused("parse_error")
