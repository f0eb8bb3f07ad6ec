"""Keys and patterns of keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcd.documents.key import MAX_SEGMENTS, Key, KeyPattern, format_key, parse_key
from rpcd.errors import Refused

KEYS: list[tuple[str | list[str | int], Key]] = [
    ("mail", ("mail",)),
    ("mail.from", ("mail", "from")),
    ('hosts."example.org".port', ("hosts", "example.org", "port")),
    ("a.'b\"c'", ("a", 'b"c')),
    ('"\\u0041\\U0001F600\\"\\\\"', ('A\U0001f600"\\',)),
    ('"".a', ("", "a")),
    ('"*"', ("*",)),
    ("list.0", ("list", "0")),
    ("-_.9", ("-_", "9")),
    (["mail", "from"], ("mail", "from")),
    (["a.b", "", "*", "é"], ("a.b", "", "*", "é")),
    (["list", 0, 12], ("list", "0", "12")),
    ("__proto__.x", ("__proto__", "x")),
]

NO_KEYS: dict[str, object] = {
    "nothing": "",
    "an empty segment": "a..b",
    "a dot at the start": ".a",
    "a dot at the end": "a.",
    "white space": "a . b",
    "a space": "a b",
    "a letter that is not bare": "é",
    "an open quote": '"a',
    "text after a quote": '"a"b',
    "an unknown escape": '"\\x41"',
    "a star": "a.*",
    "a newline": "a\n",
    "a newline in quotes": '"a\nb"',
    "an escaped newline": '"a\\nb"',
    "an escaped NUL": '"\\u0000"',
    "an escaped surrogate": '"\\ud800"',
    "beyond Unicode": '"\\U00110000"',
    "no segments": [],
    "a number below zero": ["a", -1],
    "a truth value": ["a", True],
    "a fraction": ["a", 1.0],
    "a huge number": ["a", 10**9],
    "a control character": ["a\x1b"],
    "a line separator": ["a\u2028"],
    "a C1 character": ["\x85"],
    "a byte that is no UTF-8": ["\udcff"],
    "too many segments": ["a"] * (MAX_SEGMENTS + 1),
    "too long": "a" * 5000,
    "far too long": "a" * 100_000,
    "too long in all": ["a" * 3000, "b" * 3000],
}

PATTERNS = [
    # pattern, key, matches, covers everything below
    ("ui.theme", "ui.theme", True, False),
    ("ui.theme", "ui", False, False),
    ("ui.theme", "ui.theme.dark", False, False),
    ("ui.*", "ui", False, True),
    ("ui.*", "ui.theme", True, True),
    ("ui.*", "ui.theme.dark", True, True),
    ("ui.*", "mail.from", False, False),
    ("*", "ui", True, True),
    ("*", "a.b.c", True, True),
    ("*.from", "mail.from", True, False),
    ("*.from", "a.b.from", False, False),
    ("a.*.c", "a.b.c", True, False),
    ("a.*.c", "a.b.d", False, False),
    ("a.*.*", "a", False, False),
    ("a.*.*", "a.b", False, True),
    ("a.*.*", "a.b.c", True, True),
    ("a.*.c.*", "a.x.c", False, True),
    ('"*"', "a", False, False),
    ('"*"', '"*"', True, False),
    ('"a.b"', "a.b", False, False),
    ("a.b", '"a.b"', False, False),
    ('"ui"."*"', "ui.theme", False, False),
]


@pytest.mark.parametrize(("spelled", "key"), KEYS)
def test_keys_are_read(spelled: str | list[str | int], key: Key) -> None:
    """Dotted text as in TOML and arrays of segments name the same keys."""
    assert parse_key(spelled) == key


@pytest.mark.parametrize("untrusted", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_anything_else_is_no_key(untrusted: str | list[str | int]) -> None:
    """What is no key is refused as a parameter, and the refusal does not repeat it."""
    with pytest.raises(Refused) as refused:
        parse_key(untrusted)
    assert refused.value.kind == "invalid_params"
    assert refused.value.data == {"faults": [{"at": "/key", "rule": "key"}]}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("mail", "from"), "mail.from"),
        (("a.b", "", 'q"\\'), '"a.b"."".' + r'"q\"\\"'),
        (("\n\x7f\u2028\udcff",), '"\\u000a\\u007f\\u2028\\udcff"'),
        (("é",), '"é"'),
    ],
)
def test_keys_are_written_one_way(key: Key, text: str) -> None:
    """Bare segments stand as they are, all others in quotes, with nothing in them that a terminal would obey."""
    assert format_key(key) == text


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_a_written_key_is_read_again(segments: list[str]) -> None:
    """What `format_key` writes is read as the same key, for every key that a caller can name."""
    try:
        key = parse_key([*segments])
    except Refused:
        return
    assert parse_key(format_key(key)) == key


@given(st.text())
def test_any_text_is_a_key_or_refused(text: str) -> None:
    """Any text at all is a key or a refusal."""
    try:
        key = parse_key(text)
    except Refused:
        return
    assert parse_key(format_key(key)) == key


@pytest.mark.parametrize(("pattern", "key", "matches", "covers"), PATTERNS)
def test_patterns(pattern: str, key: str, *, matches: bool, covers: bool) -> None:
    """A star is one segment, and at the end one or more; what is below a key is covered or not as a whole."""
    parsed = KeyPattern.parse(pattern)
    assert (parsed.matches(parse_key(key)), parsed.covers_below(parse_key(key))) == (matches, covers)


@pytest.mark.parametrize("text", ["", "a.", "a*", "*a", "**", "a..b", "a b", '"a', "a.\n", ".".join(["a"] * 65)])
def test_no_patterns(text: str) -> None:
    """What is no pattern is an error, not a pattern that matches something else."""
    with pytest.raises(ValueError, match="not a pattern"):
        KeyPattern.parse(text)
