"""The part of a schema that somebody may see."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rpcd.documents.key import KeyPattern
from rpcd.documents.reach import Reach
from rpcd.schemas.view import view

TEXT = {"type": "string"}
HOST = {
    "type": "object",
    "properties": {"name": {"$ref": "#/$defs/name"}, "port": {"type": "integer"}, "below": {"$ref": "#/$defs/host"}},
    "required": ["name", "port"],
    "additionalProperties": False,
}
SHOP: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.org/shop",
    "title": "Shop",
    "type": "object",
    "properties": {
        "ui": {
            "title": "Looks",
            "type": "object",
            "properties": {"theme": {"enum": ["light", "dark"]}, "title": TEXT},
            "required": ["theme", "title"],
            "minProperties": 2,
            "default": {"theme": "dark", "title": "hidden"},
            "additionalProperties": TEXT,
        },
        "mail": {"$ref": "#/$defs/mail"},
        "main": {"$ref": "#/$defs/host"},
        "hosts": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/host"}},
        "list": {"type": "array", "items": TEXT, "maxItems": 3},
        "pair": {"prefixItems": [TEXT, {"type": "object", "additionalProperties": TEXT}], "items": False},
        "choice": {"oneOf": [{"properties": {"a": TEXT}}, {"properties": {"a": {"type": "null"}, "b": TEXT}}]},
        "open": {"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]},
        "never": False,
    },
    "patternProperties": {"^x-[a-z]+$": {"type": "object", "properties": {"a": TEXT, "b": TEXT}}},
    "required": ["ui", "mail"],
    "allOf": [{"properties": {"ui": {"properties": {"theme": {"maxLength": 9}, "title": {"maxLength": 5}}}}}],
    "if": {"properties": {"mail": {"const": {"from": "secret"}}}},
    "then": {"required": ["list"]},
    "unevaluatedProperties": False,
    "$defs": {
        "name": {"$anchor": "name", "type": "string", "$comment": "for authors"},
        "host": HOST,
        "mail": {
            "type": "object",
            "properties": {"from": {"$ref": "#name"}, "password": {"type": "string", "writeOnly": True}},
            "required": ["from", "password"],
            "unevaluatedProperties": {"type": "boolean"},
        },
    },
}

NAME = {"type": "string"}


def seen(*patterns: str) -> dict[str, Any]:
    """What is seen of the shop by who is granted keys."""
    found = view(SHOP, Reach.of(map(KeyPattern.parse, patterns)))
    Draft202012Validator.check_schema(found)
    return found


def test_everything_is_seen_as_it_is() -> None:
    """But for what is for authors, and names of definitions, it is the schema itself."""
    found = seen("*")
    assert found["properties"]["ui"] == SHOP["properties"]["ui"]
    assert found["if"] == SHOP["if"]
    assert found["$defs"].keys() == {"mail", "name", "name-2", "host"}
    assert found["$defs"]["host"]["properties"]["below"] == {"$ref": "#/$defs/host"}
    assert found["$defs"]["name"] == NAME
    assert not found.keys() & {"$schema", "$id"}


def test_one_key_is_seen_and_nothing_else() -> None:
    """Tables on the way have their titles, and of what they require only what is seen."""
    found = seen("ui.theme")
    assert found == {
        "title": "Shop",
        "type": "object",
        "properties": {
            "ui": {
                "title": "Looks",
                "type": "object",
                "properties": {"theme": {"enum": ["light", "dark"]}},
                "required": ["theme"],
                "additionalProperties": False,
            }
        },
        "required": ["ui"],
        "unevaluatedProperties": False,
        "allOf": [{"properties": {"ui": {"properties": {"theme": {"maxLength": 9}}}}}],
    }


PARTS: dict[str, Any] = {
    "mail.from": {
        "type": "object",
        "properties": {"from": {"$ref": "#/$defs/name"}},
        "required": ["from"],
        "unevaluatedProperties": False,
    },
    "mail.tls": {"type": "object", "properties": {"tls": {"type": "boolean"}}, "unevaluatedProperties": False},
    "main.*": {"$ref": "#/$defs/host"},
    "main.port": {
        "type": "object",
        "properties": {"port": {"type": "integer"}},
        "required": ["port"],
        "additionalProperties": False,
    },
    "main.below.below.port": {
        "type": "object",
        "properties": {
            "below": {
                "type": "object",
                "properties": {
                    "below": {
                        "type": "object",
                        "properties": {"port": {"type": "integer"}},
                        "required": ["port"],
                        "additionalProperties": False,
                    }
                },
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    },
    "main.name": {
        "type": "object",
        "properties": {"name": {"$ref": "#/$defs/name"}},
        "required": ["name"],
        "additionalProperties": False,
    },
    "hosts.*.port": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"port": {"type": "integer"}},
            "required": ["port"],
            "additionalProperties": False,
        },
    },
    "hosts.0.below.port": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "below": {
                    "type": "object",
                    "properties": {"port": {"type": "integer"}},
                    "required": ["port"],
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
    },
    "hosts": {"type": "array", "items": True},
    "list": {"type": "array", "items": TEXT, "maxItems": 3},
    "list.0": {"type": "array", "items": TEXT},
    "pair.0": {"prefixItems": [TEXT, True], "items": False},
    "pair": {"prefixItems": [True, True], "items": True},
    "choice.a": {"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"a": {"type": "null"}}}]},
    "open.a": {},
    "never": None,
    "x-any.a": {"type": "object", "properties": {"a": TEXT}},
    "other.a": None,
}


@pytest.mark.parametrize("pattern", PARTS)
def test_a_part_of_a_table_is_seen(pattern: str) -> None:
    """Members that a pattern names are seen, wherever their schemas come from; references stand in their place."""
    name = pattern.partition(".")[0]
    found = seen(pattern).get("properties", {})
    assert found.keys() <= {name}
    assert found.get(name) == PARTS[pattern]


def test_members_of_any_name_are_seen() -> None:
    """A star shows a member of tables whose names are not known beforehand."""
    found = seen("*.a")
    assert found["patternProperties"] == {"^x-[a-z]+$": {"type": "object", "properties": {"a": TEXT}}}
    assert found["properties"]["ui"]["properties"] == {"a": TEXT}
    assert found["properties"]["ui"]["additionalProperties"] is False


@pytest.mark.parametrize("patterns", [("ui.*",), ("mail.*", "main.name"), ("hosts.*.name",), ("choice.a", "ui.title")])
def test_what_satisfies_the_schema_satisfies_a_part(patterns: tuple[str, ...]) -> None:
    """A form refuses nothing, of what it is granted, that the server takes."""
    whole: dict[str, Any] = {
        "ui": {"theme": "dark", "title": "Shop", "x": "y"},
        "mail": {"from": "a", "password": "b", "tls": True},
        "main": {"name": "a", "port": 1},
        "hosts": [{"name": "a", "port": 1}],
        "choice": {"a": "x"},
        "list": [],
    }
    assert Draft202012Validator(SHOP).is_valid(whole)
    reach = Reach.of(map(KeyPattern.parse, patterns))

    def cut(value: Any, here: Reach) -> Any:
        if isinstance(value, dict):
            return {name: cut(held, here.at(name)) for name, held in value.items() if here.at(name)}
        return [cut(held, here.at(str(at))) for at, held in enumerate(value)] if isinstance(value, list) else value

    assert list(Draft202012Validator(seen(*patterns)).iter_errors(cut(whole, reach))) == []


def test_nothing_is_seen_of_what_is_not_granted() -> None:
    """Who is granted nothing sees no schema, and names of hidden members stand nowhere."""
    assert seen() == {}
    found = repr(seen("ui.theme", "mail.tls", "hosts.*.port"))
    assert not [word for word in ("password", "secret", "hidden", "from", "list") if f"'{word}" in found]
