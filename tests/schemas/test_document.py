"""What a change of a document breaks: it answers for what it adds, and for what it writes."""

import time
from typing import Any

import pytest

from rpcd.documents.key import Key
from rpcd.schemas.document import MAX_COMPARED, Broken, DocumentSchema

SHOP = DocumentSchema(
    {
        "type": "object",
        "properties": {
            "mail": {
                "type": "object",
                "properties": {
                    "host": {"type": "string", "minLength": 1},
                    "port": {"type": "integer", "maximum": 65535},
                    "user": {"type": "string"},
                },
                "required": ["host"],
                "dependentRequired": {"user": ["port"]},
                "additionalProperties": False,
            },
            "list": {"type": "array", "items": {"type": "integer"}, "maxItems": 4},
            "names": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": True},
            "extra": {"type": "object", "allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False},
            "choice": {"oneOf": [{"type": "integer", "minimum": 5}, {"type": "string"}]},
            "mode": {"enum": ["open", "closed"]},
        },
        "if": {"properties": {"mode": {"const": "closed"}}, "required": ["mode"]},
        "then": {"properties": {"list": {"maxItems": 0}}},
        "additionalProperties": False,
    }
)

CASES: tuple[tuple[Any, Any, Key, bool, list[tuple[str, str]] | None], ...] = (
    # what holds
    ({}, {"mail": {"host": "a"}}, ("mail", "host"), True, None),
    # from whole to broken
    (
        {"mail": {"host": "a"}},
        {"mail": {"host": "a", "port": 70000}},
        ("mail", "port"),
        True,
        [("mail.port", "maximum")],
    ),
    ({"mail": {"host": "a"}}, {"mail": {"host": 5}}, ("mail", "host"), True, [("mail.host", "type")]),
    ({"mail": {"host": "a"}}, {"mail": {}}, ("mail", "host"), False, [("mail.host", "required")]),
    ({}, {"mail": {"host": "a", "user": "b"}}, ("mail",), True, [("mail.port", "dependentRequired")]),
    ({}, {"mail": {"host": "a", "x": 1}}, ("mail", "x"), True, [("mail.x", "additionalProperties")]),
    ({}, {"names": {"a": 1, "B": 2}}, ("names", "B"), True, [("names.B", "pattern")]),
    ({}, {"extra": {"a": 1, "b": 2}}, ("extra", "b"), True, [("extra.b", "unevaluatedProperties")]),
    ({}, {"choice": 4}, ("choice",), True, [("choice", "minimum")]),
    ({}, {"choice": None}, ("choice",), True, [("choice", "oneOf")]),
    # elsewhere, through a change
    ({"list": [1]}, {"list": [1], "mode": "closed"}, ("mode",), True, [("list", "maxItems")]),
    # nothing was there
    (None, {"mail": {"host": "", "port": 0}}, (), False, [("mail.host", "minLength")]),
    # broken before: the change adds nothing
    ({"mail": {}}, {"mail": {}, "mode": "open"}, ("mode",), True, None),
    ({"mail": {}, "list": ["x"]}, {"mail": {"host": "a"}, "list": ["x"]}, ("mail", "host"), True, None),
    ({"x": 1, "mode": 7}, {"x": 1, "mode": "open"}, ("mode",), True, None),
    ({"list": [1, "x"]}, {"list": ["x"]}, ("list", "0"), False, None),
    ({"list": [True]}, {"list": [True, 2]}, ("list", "1"), True, None),
    # broken before, and the change adds something
    ({"mail": {}}, {"mail": {}, "mode": 1}, ("mode",), True, [("mode", "enum")]),
    ({"x": 1}, {"x": 1, "y": 1}, ("y",), True, [("y", "additionalProperties")]),
    ({"list": ["x"]}, {"list": ["x", "x"]}, ("list", "1"), True, [("list.1", "type")]),
    ({"list": ["x"]}, {"list": ["x"], "mode": "closed"}, ("mode",), True, [("list", "maxItems")]),
    ({"list": [1, True]}, {"list": [1, 1.5]}, (), False, [("list.1", "type")]),
    # what is written holds, whatever was there
    ({"mode": 1}, {"mode": 2}, ("mode",), True, [("mode", "enum")]),
    ({"mode": 1}, {"mode": 1}, ("mode",), True, [("mode", "enum")]),
    ({"list": ["x"]}, {"list": ["x"]}, ("list", "a=b"), True, [("list.0", "type")]),
    ({"mail": {"host": ""}}, {"mail": {"host": ""}}, ("mail",), True, [("mail.host", "minLength")]),
    ({"mode": 1, "mail": {}}, {"mode": 1}, (), True, [("mode", "enum")]),
    ({"mode": 1, "mail": {}}, {"mode": 1}, (), False, None),
    ({"mode": 1}, {"mode": 2}, (), False, [("mode", "enum")]),
)


@pytest.mark.parametrize(("before", "after", "key", "written", "broken"), CASES)
def test_what_a_change_breaks(
    before: object, after: object, key: Key, *, written: bool, broken: list[tuple[str, str]] | None
) -> None:
    """The place is the member that breaks the rule, is missing, or may not be there."""
    found = SHOP.broken_by(before, after, key, written=written)
    assert found == (None if broken is None else [Broken(tuple(at.split(".")), rule) for at, rule in broken])


def test_a_large_document_that_holds_is_told_of_its_key() -> None:
    """However much there is, the one value that was written is looked at."""
    before = {"names": {f"n{'x' * number}": 1 for number in range(10)}, "list": [1] * 4}
    large = {**before, "names": {f"{chr(97 + n % 26)}{'a' * (n // 26)}": n for n in range(MAX_COMPARED)}}
    after = {**large, "mail": {"host": "a", "port": -1, "z/~": 1}}
    assert SHOP.broken_by(large, after, ("mail", "z/~"), written=True) == [
        Broken(("mail", "z/~"), "additionalProperties")
    ]


def test_a_large_document_that_is_broken_is_not_compared() -> None:
    """Where to compare all faults would take long, the document has to be put right first; a sample is told."""
    schema = DocumentSchema({"type": "array", "items": {"type": "integer"}})
    before = ["x"] * (MAX_COMPARED + 1)
    began = time.monotonic()
    broken = schema.broken_by(before, [*before, 1], (str(len(before)),), written=True)
    assert broken is not None
    assert {rule for _, rule in broken} == {"type"}
    assert 0 < len(broken) < 100
    assert schema.broken(before) == broken
    assert time.monotonic() - began < 5


def test_no_place_is_told_where_none_is_found() -> None:
    """What is wrong beyond the sample of a large document is refused all the same."""
    schema = DocumentSchema({"type": "array", "items": {"type": "integer"}})
    assert schema.broken_by(None, [*range(MAX_COMPARED), "x"], (), written=True) == []


def test_places_have_the_names_that_members_have() -> None:
    """What a JSON Pointer escapes is no part of a name, in a sample neither."""
    schema = DocumentSchema({"type": "object", "additionalProperties": {"type": ["integer", "array"]}})
    large = {"a/~b": "x", "list": [1] * (MAX_COMPARED + 1)}
    assert schema.broken(large) == schema.broken({"a/~b": "x"}) == [Broken(("a/~b",), "type")]
