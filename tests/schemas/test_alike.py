"""What a schema cannot tell apart is looked at once."""

from typing import Any

import pytest

from rpcd.schemas.alike import MAX_KINDS, Alike
from rpcd.schemas.types import Types

SCHEMA: dict[str, Any] = {
    "properties": {"mail": {"properties": {"port": {"type": "integer"}}}, "7": {"type": "null"}},
    "patternProperties": {"^x-": {"type": "integer"}, "y$": {"type": "number"}},
    "additionalProperties": {"prefixItems": [{"type": "null"}, {"type": "boolean"}], "items": {"type": "integer"}},
    "allOf": [{"default": {"properties": 5, "patternProperties": []}}],
}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("mail", "port", False),
        ("mail", "abc", False),
        ("abc", "other", True),
        ("abc", "x-a", False),
        ("x-a", "x-b", True),
        ("x-a", "x-y", False),
        ("x-ay", "x-y", True),
        ("0", "1", False),
        ("2", "9", True),
        ("7", "9", False),
        ("1", "01", False),
        ("abc", "a=b", False),
        ("c=d", "a=b", True),
        ("\udcff", "abc", True),
    ],
)
def test_names_are_alike_where_the_schema_says_the_same_of_them(one: str, other: str, *, alike: bool) -> None:
    """Its own names, the patterns that a name fits, numbers and elements named by what they hold are told apart."""
    keys = Alike(SCHEMA)
    assert (keys.of((one,)) == keys.of((other,))) is alike
    assert (keys.of(("mail", one)) == keys.of(("mail", other))) is alike


def test_what_is_kept_is_bounded() -> None:
    """However many keys are asked for, few are looked at; and where patterns are many, those beyond a bound are all."""
    types = Types(SCHEMA)
    assert {types.of((f"k{number}", "5")) for number in range(10_000)} == {frozenset({"integer"})}
    assert types._kept.cache_info().misses == 1
    many = Alike({"patternProperties": {f"^.*{letter}": True for letter in "abcdefghijkl"}})
    names = {
        "".join(letter for bit, letter in enumerate("abcdefghijkl") if number >> bit & 1) for number in range(4096)
    }
    assert len({many.of((name,)) for name in names}) == len(names)
    assert len(many._first) == MAX_KINDS
