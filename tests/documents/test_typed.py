"""Numbers, booleans and lists in formats that know strings only, where the types of keys are known."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from rpcd import documents
from rpcd.documents import Format
from rpcd.documents.key import Key, parse_key
from rpcd.errors import Refused

EVERY = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})

TYPES: Mapping[Key, frozenset[str]] = {
    ("db", "port"): frozenset({"integer"}),
    ("db", "load"): frozenset({"number", "integer"}),
    ("db", "on"): frozenset({"boolean"}),
    ("db", "log"): frozenset({"boolean"}),
    ("db", "either"): frozenset({"integer", "string"}),
    ("db", "level"): frozenset({"integer", "boolean"}),
    ("db", "host"): frozenset({"array"}),
    ("db", "host", "0"): frozenset({"integer"}),
    ("db", "host", "1"): frozenset({"integer"}),
    ("PORT",): frozenset({"integer"}),
}


def types(key: Key) -> frozenset[str]:
    """As a schema would say."""
    return TYPES.get(key, EVERY)


def typed(name: str) -> Format:
    """A format whose keys have these types."""
    return replace(documents.resolve(name), types=types)


TEXT = "[db]\nport = 3306\nload = 0.5\non = Yes\neither = 5\nlevel = 1\nhost = 7\nname = 12\n"

VALUES: dict[str, object] = {
    "port": 3306, "load": 0.5, "on": True, "either": "5", "level": 1, "host": [7], "name": "12",
}  # fmt: skip


def test_strings_are_told_as_what_they_stand_for() -> None:
    """A key that is a number or boolean is read as one, and listed as one; all others are strings."""
    document = documents.open_document(typed("ini"), TEXT.encode())
    assert document.get(("db",)) == VALUES
    for name, value in VALUES.items():
        assert documents.same(document.get(("db", name)), value)
    assert {entry.key[-1]: entry.type for entry in document.entries()} == {
        "db": "object", "port": "integer", "load": "number", "on": "boolean", "either": "string", "level": "integer",
        "host": "array", "name": "string",
    }  # fmt: skip
    assert documents.read(typed("ini"), TEXT.encode()) == {"db": VALUES}


WRITTEN = [
    ("db.port", 3307, "port = 3306", "port = 3307"),
    ("db.port", -1, "port = 3306", "port = -1"),
    ("db.load", 2, "load = 0.5", "load = 2"),
    ("db.load", 1.25, "load = 0.5", "load = 1.25"),
    ("db.on", False, "on = Yes", "on = No"),
    ("db.log", True, "name = 12\n", "name = 12\nlog = Yes\n"),
    ("db.level", 0, "level = 1", "level = 0"),
    ("db.host", [8], "host = 7", "host = 8"),
    ("db.either", "x", "either = 5", "either = x"),
]


@pytest.mark.parametrize(("key", "value", "old", "new"), WRITTEN)
def test_values_are_written_as_the_file_spells_them(key: str, value: documents.Value, old: str, new: str) -> None:
    """A number is written as its digits, a boolean in the words of the file."""
    after = documents.update(typed("ini"), TEXT.encode(), parse_key(key), value)
    assert after.decode() == TEXT.replace(old, new)
    assert documents.same(documents.open_document(typed("ini"), after).get(parse_key(key)), value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("db.port", "3307"),
        ("db.port", 1.5),
        ("db.port", True),
        ("db.port", 10**20),
        ("db.on", "Yes"),
        ("db.on", 1),
        ("db.name", 5),
        ("db.name", True),
        ("db.either", 5),
        ("db", {"port": "1"}),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(key: str, value: documents.Value) -> None:
    """A text where a number belongs, a number where a text belongs: neither is written as what looks like it."""
    with pytest.raises(Refused) as refused:
        documents.update(typed("ini"), TEXT.encode(), parse_key(key), value)
    assert refused.value.data["reason"] == "type"


@pytest.mark.parametrize(
    ("word", "other"), [("on", "off"), ("OFF", "ON"), ("No", "Yes"), ("true", "false"), ("1", "0"), ("False", "True")]
)
def test_booleans_keep_their_words(word: str, other: str) -> None:
    """The other word of the same pair, in the same letters."""
    content = f"[db]\non = {word}\n".encode()
    value = documents.open_document(typed("ini"), content).get(("db", "on"))
    assert isinstance(value, bool)
    after = documents.update(typed("ini"), content, ("db", "on"), not value)
    assert after == f"[db]\non = {other}\n".encode()


def test_other_formats_with_strings_are_typed_too() -> None:
    """What holds for ini holds for env; formats with types of their own have theirs."""
    assert documents.update(typed("env"), b"PORT=1\n", ("PORT",), 2) == b"PORT=2\n"
    assert documents.open_document(typed("env"), b"PORT=1x\n").get(("PORT",)) == "1x"
    assert documents.open_document(typed("toml"), b"PORT='1'\n").get(("PORT",)) == "1"
