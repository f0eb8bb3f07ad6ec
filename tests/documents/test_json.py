"""JSON files."""

import json

import pytest

from rpcd import documents
from rpcd.documents.key import parse_key
from rpcd.errors import Refused

JSON = documents.resolve("json")

LONG = """\
{
    "name": "x",
    "big": 123456789012345678901234567890, "exact": 1.00,
    "list": [1, {"a": null}],
    "none": {},
    "deep": {
        "k": true
    }
}
"""

PUT: list[tuple[str, str, documents.Value, str]] = [
    # text, key, value, the lines that take the place of the one that goes
    ('{"a":1}', "a", 2, '{"a":2}'),
    ('{"a":1}', "b", "x", '{"a":1,"b":"x"}'),
    ('{ "a" : 1 }', "b", 2, '{ "a" : 1, "b" : 2 }'),
    ('{"a": 1, "b": 2}', "c", [1, {"x": 1.5}], '{"a": 1, "b": 2, "c": [1, {"x": 1.5}]}'),
    ("{}", "a", None, '{"a": null}'),
    ("[]", '"0"', True, "[true]"),
    ("[1,2]", '"2"', 3, "[1,2,3]"),
    ("[1]", '"1".a', 3, '[1, {"a": 3}]'),
    ('{"a": {}}', "a.b.c", 1, '{"a": {"b": {"c": 1}}}'),
    ('{"a": 1}', "a", {"b": []}, '{"a": {"b": []}}'),
    ('{"a": [1, {"b": 2}]}', "a.1.b", "é", '{"a": [1, {"b": "é"}]}'),
    ('{"a": "\\u00e9"}', "a", "é", '{"a": "\\u00e9"}'),
    ('{"a": 1}', "a", '"\\\n\x00\x7f\x85\u2028', '{"a": "\\"\\\\\\n\\u0000\\u007f\\u0085\\u2028"}'),
    ('{"a": 1e2, "b": 1}', "b", 2, '{"a": 1e2, "b": 2}'),
    ('{"\\u0061": 1}', "a", 2, '{"\\u0061": 2}'),
    ('{"a.b": 1, "": 2}', '""', 3, '{"a.b": 1, "": 3}'),
    ('{"a.b": 1}', "a.b", 3, '{"a.b": 1, "a": {"b": 3}}'),
    ("{}", "__proto__.x", 1, '{"__proto__": {"x": 1}}'),
    ("\ufeff{}\r\n", "a", 1, '\ufeff{"a": 1}\r\n'),
    ('{\r\n\t"a":1\r\n}', "b", {"c": 2}, '{\r\n\t"a":1,\r\n\t"b":{\r\n\t\t"c":2\r\n\t}\r\n}'),
    ('{\n"a": 1\n}', "b", [2], '{\n"a": 1,\n"b": [\n2\n]\n}'),
    (LONG, "name", "y", LONG.replace('"x"', '"y"')),
    (LONG, "none.a", 1, LONG.replace("{}", '{\n        "a": 1\n    }')),
    (LONG, "deep.n", 1, LONG.replace("true\n", 'true,\n        "n": 1\n')),
    (LONG, "list.1.b", 1, LONG.replace("null}", 'null, "b": 1}')),
]

REMOVE = [
    ('{"a": 1}', "a", "{}"),
    ('{"a": 1, "b": 2, "c": 3}', "a", '{"b": 2, "c": 3}'),
    ('{"a": 1, "b": 2, "c": 3}', "b", '{"a": 1, "c": 3}'),
    ('{"a": 1, "b": 2, "c": 3}', "c", '{"a": 1, "b": 2}'),
    ("[1, [2], 3]", '"1".0', "[1, [], 3]"),
    ("[1, [2], 3]", '"2"', "[1, [2]]"),
    (LONG, "name", LONG.replace('"name": "x",\n    ', "")),
    (LONG, "deep", LONG.replace(',\n    "deep": {\n        "k": true\n    }', "")),
]

REFUSED: list[tuple[str, str, documents.Value, str]] = [
    ('{"a": 1}', "a.b", 1, "structure"),
    ("1", "a", 1, "structure"),
    ("null", "a", 1, "structure"),
    ('{"a": 1}', "a", float("nan"), "type"),
    ('{"a": 1}', "a", [float("inf")], "type"),
    ('{"a": 1}', "a", "\udcff", "characters"),
    ('{"a": 1}', "a", {"b\n": 1}, "characters"),
    ('{"a": 1, "a": 2}', "b", 1, "duplicate"),
    ('{"x": {"a": 1, "\\u0061": 2}}', "b", 1, "duplicate"),
]

NO_JSON = [
    ("", 1, 1),
    ("{", 1, 2),
    ('{\n  "a": 1\n  "b": 2}', 3, 3),
    ("[1] // one", 1, 5),
    ('"\x01"', 1, 2),
    ("[\n01]", 2, 2),
    ("\ufeff{", 1, 2),
]


WIDE = " " * 30_000


@pytest.mark.parametrize(("before", "key", "value", "after"), PUT)
def test_values_are_put(before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands, or added as its neighbours are written."""
    assert documents.update(JSON, documents.encode(before), parse_key(key), value) == documents.encode(after)
    found = documents.open_document(JSON, documents.encode(after)).get(parse_key(key))
    assert documents.same(found, value)


@pytest.mark.parametrize(("before", "key", "after"), REMOVE)
def test_values_are_removed(before: str, key: str, after: str) -> None:
    """A member or element goes with its comma."""
    assert documents.delete(JSON, before.encode(), parse_key(key)) == after.encode()


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_what_json_cannot_hold_is_refused(text: str, key: str, value: documents.Value, reason: str) -> None:
    """Neither NaN nor bytes are written, no value is made a table unasked, no duplicate is edited around."""
    with pytest.raises(Refused) as refused:
        documents.update(JSON, text.encode(), parse_key(key), value)
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)


@pytest.mark.parametrize("value", [float("inf"), [float("nan")], {"a": float("-inf")}])
def test_the_locator_refuses_such_numbers_itself(value: documents.Value) -> None:
    """Whoever asks a document directly is refused as one who asks for an update."""
    with pytest.raises(Refused) as refused:
        documents.open_document(JSON, b"{}").put(("a",), value)
    assert refused.value.data == {"reason": "type"}


@pytest.mark.parametrize("string", ["[", "]}", ',\\"b\\":1', ":", '\\"', '\\"]', "\\\\", '{\\\\\\"', "//"])
def test_brackets_in_strings_are_text(string: str) -> None:
    """Neither names nor values that look like JSON move the places of others."""
    text = f'{{"{string}": ["{string}", {{"a": "{string}"}}], "z": [1]}}'
    content = text.encode()
    name = json.loads(f'"{string}"')
    assert documents.update(JSON, content, (name, "1", "a"), 5) == text.replace(f'"a": "{string}"', '"a": 5').encode()
    assert documents.update(JSON, content, ("z", "0"), 5) == text.replace("[1]", "[5]").encode()
    assert documents.delete(JSON, content, (name, "0")) == text.replace(f'["{string}", ', "[").encode()


@pytest.mark.parametrize(("text", "line", "column"), NO_JSON)
def test_what_is_no_json_is_told_with_its_place(text: str, line: int, column: int) -> None:
    """The refusal has line and column, and nothing of the text."""
    with pytest.raises(Refused) as refused:
        documents.open_document(JSON, text.encode())
    assert refused.value.data == {"reason": "syntax", "line": line, "column": column}


@pytest.mark.parametrize("text", ["[NaN]", "[-Infinity]", "9" * 5000])
def test_numbers_that_are_none_are_no_json(text: str) -> None:
    """What only JavaScript calls a number, and what Python would take minutes to convert, is refused."""
    with pytest.raises(Refused) as refused:
        documents.check(JSON, text.encode())
    assert refused.value.data["reason"] == "syntax"


@pytest.mark.parametrize(
    ("text", "reason"), [(b'{"a": "\xff"}', "bytes"), (b'{"a": "\\ud800"}', "bytes"), (b'{"a": [1e999]}', "type")]
)
def test_what_cannot_be_told_is_not(text: bytes, reason: str) -> None:
    """Bytes that are no UTF-8, half a surrogate pair and endless numbers stay as they are, and can be replaced."""
    with pytest.raises(Refused) as refused:
        documents.open_document(JSON, text).get(("a",))
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)
    assert documents.update(JSON, text, ("a",), 1) == b'{"a": 1}'
    assert documents.update(JSON, text, ("b",), 1).startswith(text[:-1])


@pytest.mark.parametrize("key", ["x", "list.2", "list.01", "list.x", "list.1.b", "name.x", "deep.k.x"])
def test_keys_that_are_not_there(key: str) -> None:
    """Neither getting nor removing finds what is not there."""
    document = documents.open_document(JSON, LONG.encode())
    for ask in (document.get, document.remove):
        with pytest.raises(Refused) as refused:
            ask(parse_key(key))
        assert refused.value.kind == "no_such_key"


def test_elements_are_added_at_the_end_only() -> None:
    """An array has no holes: the element after the last one can be added, none beyond."""
    with pytest.raises(Refused) as refused:
        documents.update(JSON, LONG.encode(), ("list", "7"), 1)
    assert refused.value.kind == "no_such_key"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f'{{\n{WIDE}"a": 1}}', "a"),
        (f'{{"b":\n{WIDE}{{\n"a": 1}}}}', "b.a"),
        (f'{{"b": 1,\n{WIDE}"a": 1}}', "a"),
        (f'{{"b": 1,{WIDE}"a": 1}}', "a"),
        (f'{{"a"{WIDE}: 1}}', "a"),
        (f'{{"a":{WIDE}1}}', "a"),
        (f'{{\n "b": [\n{WIDE}1,\n{WIDE}2\n]}}', "b.2"),
    ],
)
def test_little_is_not_made_much_of(text: str, key: str) -> None:
    """No wide margin, and none of many levels, is written once for each of thousands of lines."""
    value: documents.Value = [{"x": 1}] * 4000
    for _ in range(20):
        value = [value]
    assert len(documents.update(JSON, text.encode(), parse_key(key), value)) < 1_000_000


def test_entries_tell_what_there_is() -> None:
    """Every member and element has its entry with its type and place, in the order of the text."""
    text = '{"a": [1, {"b": null}], "c": 1.5, "d": 1E2, "e": false, "f": "x"}'
    found = documents.open_document(JSON, text.encode()).entries()
    assert [(".".join(entry.key), entry.type, text[entry.start : entry.end]) for entry in found] == [
        ("a", "array", '"a": [1, {"b": null}]'),
        ("a.0", "integer", "1"),
        ("a.1", "object", '{"b": null}'),
        ("a.1.b", "null", '"b": null'),
        ("c", "number", '"c": 1.5'),
        ("d", "number", '"d": 1E2'),
        ("e", "boolean", '"e": false'),
        ("f", "string", '"f": "x"'),
    ]
