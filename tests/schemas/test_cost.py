"""Schemas by which a document could not be judged in time are refused."""

import time
from typing import Any

import pytest

from rpcd.schemas.cost import cost_faults

SELF = {"$ref": "#"}
LAUGHS = {str(level): {"allOf": [{"$ref": f"#/$defs/{level + 1}"}] * 2} for level in range(30)}

SLOW: tuple[tuple[dict[str, Any], str], ...] = (
    ({"allOf": [SELF]}, "never ends"),
    ({"$ref": "#"}, "never ends"),
    ({"not": {"if": SELF}}, "never ends"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}, "never"),
    ({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"dependentSchemas": {"x": {"$ref": "#/$defs/a"}}}}}, "never"),
    ({"anyOf": [{"properties": {"x": SELF}}, {"properties": {"x": SELF}}]}, "twice as long"),
    ({"anyOf": [{"properties": {"x": SELF}}, {"additionalProperties": SELF}]}, "twice as long"),
    ({"properties": {"x": SELF}, "patternProperties": {"^x$": SELF}}, "twice as long"),
    ({"if": {"items": SELF}, "then": {"contains": SELF}}, "twice as long"),
    ({"allOf": [{"prefixItems": [SELF]}], "items": SELF, "oneOf": [{"prefixItems": [SELF]}]}, "twice as long"),
    ({"allOf": [{"properties": {"x": SELF}}], "unevaluatedProperties": False}, "twice as long"),
    ({"allOf": [{"items": SELF}], "unevaluatedItems": False}, "twice as long"),
    (
        {
            "properties": {"a": {"$ref": "#/$defs/n"}},
            "$defs": {"n": {"anyOf": [{"properties": {"a": SELF}}, {"additionalProperties": SELF}]}},
        },
        "twice as long",
    ),
    ({"$ref": "#/$defs/0", "$defs": {**LAUGHS, "30": {"type": "string"}}}, "more than 10000 schemas"),
    (
        {
            "$ref": "#/$defs/0",
            "$defs": {
                **{name: {"items": schema, "contains": schema} for name, schema in LAUGHS.items()},
                "30": {"type": "string"},
            },
        },
        "more than 10000 schemas",
    ),
)

QUICK: tuple[dict[str, Any], ...] = (
    {},
    {"properties": {"left": SELF, "right": SELF}},
    {"items": SELF},
    {"prefixItems": [SELF, SELF], "items": SELF},
    {"anyOf": [{"type": "string"}, {"type": "array", "items": SELF}]},
    {"properties": {"x": SELF}, "unevaluatedProperties": False},
    {"propertyNames": {"allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, "additionalProperties": SELF},
    {"anyOf": [{"properties": {"a": SELF}}, {"properties": {"b": SELF}}]},
    {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": SELF}}},
)


@pytest.mark.parametrize(("schema", "fault"), SLOW)
def test_slow_schemas_are_faults(schema: dict[str, Any], fault: str) -> None:
    """What never ends, doubles with every level or judges one value by thousands of schemas is told."""
    began = time.monotonic()
    (found,) = cost_faults(schema)
    assert fault in found
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("schema", QUICK)
def test_schemas_of_bounded_time_are_taken(schema: dict[str, Any]) -> None:
    """A schema may lead to itself a level deeper, once for each value."""
    assert list(cost_faults(schema)) == []
