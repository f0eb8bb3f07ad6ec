"""One datagram is one JSON-RPC 2.0 message: from bytes to a value and back, strictly. Pure.

Rules of this file:

- Only what RFC 8259 calls JSON is read, in UTF-8 and nothing else, without duplicate members, NaN or Infinity, lone
  surrogates, or numbers that cannot be held exactly as a 64-bit integer or a finite double.
- Depth is bounded before the parser recurses.
- Only such JSON is written.
- What is wrong is a `parse_error` and nothing more: a position or an excerpt would tell the caller nothing it does not
  have, and would carry its bytes into the log.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import orjson

from rpcd.errors import Refused
from rpcd.peer import Credentials

__all__ = ["MAX_DEPTH", "Datagram", "Reply", "decode", "encode", "weight"]

MAX_DEPTH: Final = 64
"""Arrays and objects within each other; deeper than any configuration file a person wrote."""

LEAST_INTEGER: Final = -(2**63)
GREATEST_INTEGER: Final = 2**64 - 1
LONGEST_INTEGER: Final = 20  # digits and sign of the two above; int() is quadratic in their number

ITEM: Final = 72
"""Bytes of a small Python object, and of what refers to it; a float or an empty array has fewer."""

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, also one that nothing ends: what has been looked at is never looked at again, so it takes linear time."""

_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


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
    """What to send back, once; after, the server closes the descriptors and calls each of `leases`."""

    data: bytes
    descriptors: tuple[int, ...] = field(default=())
    leases: tuple[Callable[[], None], ...] = field(default=())


def weight(data: bytes) -> int:
    """Bytes of memory that a message takes at most while it is answered.

    A string can take four times its length (one character beyond the Basic Multilingual Plane is enough), and stands
    beside its UTF-8; an empty array in an array takes 64 bytes for three.
    """
    return 5 * len(data) + ITEM * (data.count(b",") + data.count(b"[") + data.count(b"{"))


def decode(data: bytes) -> Any:
    """The JSON value of `data`.

    Raises `Refused("parse_error")` for everything that is not strict JSON.
    """
    try:
        text = data.decode("utf-8")  # json.loads(bytes) would also take UTF-16 and UTF-32
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
            raise Refused("parse_error")
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):
            _refuse_lone_surrogates(value)
    except (ValueError, RecursionError) as error:  # UnicodeError and JSONDecodeError are ValueErrors
        raise Refused("parse_error") from error
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


def _depth(data: bytes) -> int:
    """How deeply arrays and objects are nested, without parsing: each pass takes away the innermost ones.

    Unbalanced brackets count as deeper than any bound: they are no JSON.
    """
    brackets = _STRING.sub(b"", data).translate(_BRACKETS, _NO_BRACKETS)
    for depth in range(MAX_DEPTH + 1):
        if not brackets:
            return depth
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return MAX_DEPTH + 1


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER or not LEAST_INTEGER <= (number := int(digits)) <= GREATEST_INTEGER:
        raise ValueError("an integer of more than 64 bits")
    return number


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number beyond a double")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse_lone_surrogates(value: Any) -> None:
    """Raise UnicodeEncodeError where a string of `value` has half a surrogate pair: it is no Unicode text."""
    json.dumps(value, ensure_ascii=False).encode("utf-8")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
