"""Which types a schema gives to the value at a key."""

from typing import Any

import pytest

from rpcd.schemas.types import EVERY, Types

SHOP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mail": {"$ref": "#/$defs/mail"},
        "port": {"type": ["integer", "array"], "items": {"type": "integer"}},
        "first": {"type": "array", "prefixItems": [{"type": "boolean"}], "items": {"type": "string"}},
        "ratio": {"type": "number"},
        "level": {"enum": [1, 2, "high"]},
        "exact": {"const": 2.0},
        "half": {"const": 0.5},
        "off": {"const": False},
        "nothing": {"const": None},
        "list": {"const": []},
        "table": {"const": {}},
        "either": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        "one": {"oneOf": [{"$ref": "#number"}, {"type": "null"}]},
        "some": {"anyOf": [{"$ref": "#/$defs/mail"}, {"type": "array", "items": {"$ref": "#/$defs/mail"}}]},
        "all": {"allOf": [{"type": ["integer", "string"]}, {"type": ["integer", "null"]}]},
        "never": False,
        "open": True,
        "sometimes": {"type": ["integer", "string"], "if": {"type": "integer"}, "then": {"minimum": 1}},
        "tree": {"$ref": "#/$defs/tree"},
        "any~/where": {"type": "integer"},
        "far": {"$ref": "#/properties/any~0~1where"},
        "spaced": {"$ref": "#/$defs/with%20space"},
        "counted": {"$ref": "#/$defs/choice/anyOf/1"},
    },
    "patternProperties": {"^x-[a-z]+$": {"type": "integer"}},
    "additionalProperties": {"type": "string"},
    "$defs": {
        "mail": {
            "type": "object",
            "properties": {"port": {"type": "integer", "minimum": 1}, "from": {"type": "string"}},
            "unevaluatedProperties": {"type": "boolean"},
        },
        "number": {"$anchor": "number", "type": "number"},
        "tree": {
            "type": ["object", "integer"],
            "properties": {"0": {"type": "null"}},
            "additionalProperties": {"$ref": "#/$defs/tree"},
            "unevaluatedItems": {"type": "null"},
        },
        "with space": {"type": "null"},
        "choice": {"anyOf": [{"type": "null"}, {"type": "array"}]},
    },
}

NUMBER = {"integer", "number"}


@pytest.mark.parametrize(
    ("key", "types"),
    [
        ((), {"object"}),
        (("mail",), {"object"}),
        (("mail", "port"), {"integer"}),
        (("mail", "other"), {"boolean"}),
        (("port",), {"integer", "array"}),
        (("port", "0"), {"integer"}),
        (("port", "name=x"), {"integer"}),
        (("first", "0"), {"boolean"}),
        (("first", "1"), {"string"}),
        (("ratio",), NUMBER),
        (("level",), NUMBER | {"string"}),
        (("exact",), NUMBER),
        (("half",), {"number"}),
        (("off",), {"boolean"}),
        (("nothing",), {"null"}),
        (("list",), {"array"}),
        (("table",), {"object"}),
        (("either",), {"integer", "boolean"}),
        (("one",), NUMBER | {"null"}),
        (("all",), {"integer"}),
        (("some", "port"), {"integer"}),
        (("some", "0", "port"), {"integer"}),
        (("some", "name=x", "from"), {"string"}),
        (("one", "below"), EVERY),
        (("never",), EVERY),
        (("open",), EVERY),
        (("open", "below"), EVERY),
        (("sometimes",), {"integer", "string"}),
        (("tree", "a", "b", "c"), {"object", "integer"}),
        (("tree", "a", "0"), {"null"}),
        (("any~/where",), {"integer"}),
        (("far",), {"integer"}),
        (("spaced",), {"null"}),
        (("counted",), {"array"}),
        (("x-rate",), {"integer"}),
        (("x-9",), {"string"}),
        (("\udcff",), {"string"}),
        (("whatever",), {"string"}),
    ],
)
def test_types_of_keys(key: tuple[str, ...], types: set[str]) -> None:
    """Members, patterns, the rest, elements, references, and schemas that add up or are a choice, all count."""
    assert Types(SHOP).of(key) == types
