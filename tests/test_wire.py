"""Strict JSON in, strict JSON out."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcd.errors import Refused
from rpcd.wire import MAX_DEPTH, MAX_VALUES, decode, encode

ACCEPTED = [
    (b"{}", {}),
    (b" [1, -2.5, true, null] ", [1, -2.5, True, None]),
    (b'{"a":"[[[[{{{{"}', {"a": "[[[[{{{{"}),
    (b'["\\"[", ' + b"[], " * MAX_DEPTH + b"1]", ['"[', *([[]] * MAX_DEPTH), 1]),
    (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    (b'"\\ud83d\\ude00"', "\U0001f600"),
    (b'"\\u0000"', "\0"),
    (b"18446744073709551615", 2**64 - 1),
    (b"-9223372036854775808", -(2**63)),
    (b"1e308", 1e308),
    (b"[12345678901234567890123.5, 12345678901234567890123e5]", [12345678901234567890123.5, 12345678901234567890123e5]),
    (b'{"18446744073709551616":"\\\\", "\\"9":"\\\\\\""}', {"18446744073709551616": "\\", '"9': '\\"'}),
    (b'["' + b"[{,}]" * 30_000 + b'"]', ["[{,}]" * 30_000]),
    (b'["' + b'\\",[' * 30_000 + b'"]', ['",[' * 30_000]),
    (b"[" + b"[ ] ," * (MAX_VALUES - 2) + b"0]", [*[[]] * (MAX_VALUES - 2), 0]),
    (b"[" + b"0," * (MAX_VALUES - 2) + b"0]", [0] * (MAX_VALUES - 1)),
    ("\u00e9".join('""').encode(), "\u00e9"),
]

REFUSED = {
    "nothing": b"",
    "not JSON": b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
    "two values": b"{} {}",
    "a trailing comma": b"[1,]",
    "a comment": b"[1] // one",
    "a number as nobody writes it": b"[01]",
    "a duplicate member": b'{"a":1,"a":1}',
    "a duplicate member further down": b'{"a":[{"b":1,"b":2}]}',
    "a duplicate member spelled otherwise": b'{"a":1,"\\u0061":2}',
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "a number beyond a double": b"1e400",
    "an integer beyond 64 bits": b"18446744073709551616",
    "an integer below 64 bits": b"-9223372036854775809",
    "an integer of 5,000 digits": b"9" * 5000,
    "an integer that a double holds": b"[9223372036854775808000]",
    "a long integer behind a string like it": b'["18446744073709551616", 18446744073709551616]',
    "one bracket too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "900 objects deep": b'{"a":' * 900 + b"1" + b"}" * 900,
    "open brackets": b"[" * 9_000,
    "brackets that do not fit": b"[}" * 4_000,
    "a string without an end behind many brackets": b"[" * (MAX_DEPTH + 1) + b'"' + b"a" * 100_000,
    "escaped quotes and no end": b"[" * (MAX_DEPTH + 1) + b'"' + b'\\"' * 90_000,
    "an escape without an end": b"[" * (MAX_DEPTH + 1) + b'"\\',
    "a raw control character": b'"\x01"',
    "an invalid byte": b'"\xff"',
    "an overlong form": b'"\xc0\xaf"',
    "an encoded surrogate": b'"\xed\xa0\x80"',
    "half a surrogate pair": b'"\\ud800"',
    "half a surrogate pair in a name": b'{"\\uDFFF": 1}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "a NUL after the value": b"{}\x00",
}


@pytest.mark.parametrize(("data", "value"), ACCEPTED)
def test_strict_json_is_read(data: bytes, value: object) -> None:
    """What RFC 8259 calls JSON is read as the value that it stands for."""
    found = decode(data)
    assert value is None or found == value


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_a_parse_error(data: bytes) -> None:
    """Whatever is not strict JSON is a `parse_error`, which says nothing about it."""
    with pytest.raises(Refused) as refused:
        decode(data)
    assert (refused.value.kind, refused.value.data) == ("parse_error", {})


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * (MAX_VALUES - 1) + b"0]",
        b"[" + b"0, " * (MAX_VALUES - 1) + b"0]",
        b"{" + b",".join(b'"%d":{}' % number for number in range(MAX_VALUES)) + b"}",
        b"[" + b'"[",' * 40_000 + b"0]",
        b"[" + b'{"":[{"":1}]},' * 2_500 + b"0]",
        b"[" * 100_000,
        b"[}" * 100_000,
    ],
    ids=range(7),
)
def test_too_many_values_are_not_read(data: bytes) -> None:
    """A message has at most 10,000 values, whatever they are, and whether or not it is JSON: `too_large`."""
    with pytest.raises(Refused) as refused:
        decode(data)
    assert (refused.value.kind, refused.value.data) == ("too_large", {"limit": 10_000})


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Any bytes at all are a value or a `parse_error`, and nothing else."""
    try:
        value = decode(data)
    except Refused as refused:
        value = refused.error()
    assert decode(encode(value)) == value


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    """Every JSON value comes back as it was, type by type, and any strict reader reads it."""
    assert repr(decode(encode(value))) == repr(value)
    assert json.loads(encode(value)) == value


def test_integers_of_documents_may_have_any_size() -> None:
    """An integer over 64 bits, which a TOML or JSON file may hold, is written with all its digits."""
    assert encode({"n": 10**30}) == b'{"n":' + b"1" + b"0" * 30 + b"}"


def test_not_a_number_beside_a_large_integer_is_an_error() -> None:
    """NaN is never written, not even by the encoder for large integers."""
    with pytest.raises(ValueError, match="Out of range"):
        encode([10**30, math.nan])


def test_what_json_cannot_hold_is_an_error() -> None:
    """A value that is no JSON is an error for the gate, not a guess."""
    with pytest.raises(TypeError):
        encode({"a": object()})
