"""Splices, and the proof that an edit is what was asked."""

from datetime import UTC, date, datetime, time

import pytest

from rpcd.documents.key import parse_key
from rpcd.documents.proof import GONE, prove, same
from rpcd.documents.splice import Splice, apply, join
from rpcd.errors import Refused

WHEN = datetime(1979, 5, 27, 7, 32, tzinfo=UTC)

PROVEN: list[tuple[object, str, object, object]] = [
    # before, key, value, after
    ({"a": 1}, "a", 2, {"a": 2}),
    ({"a": 1, "b": None}, "b", "x", {"b": "x", "a": 1}),
    ({}, "a", 1, {"a": 1}),
    ({}, "a.b.c", 1, {"a": {"b": {"c": 1}}}),
    ({"a": [1, 2]}, "a.0", 3, {"a": [3, 2]}),
    ({"a": [1, 2]}, "a.2", 3, {"a": [1, 2, 3]}),
    ({"a": []}, "a.0.b", 3, {"a": [{"b": 3}]}),
    ([1], '"0"', 2, [2]),
    ({"a": 1}, "a", {"b": 1}, {"a": {"b": 1}}),
    ({"a": {"0": 1}}, "a.0", 2, {"a": {"0": 2}}),
    ({"a": 1, "b": 2}, "a", GONE, {"b": 2}),
    ({"a": [1, 2]}, "a.0", GONE, {"a": [2]}),
    ({"a": "x"}, "a.1", "y", {"a": ["x", "y"]}),  # a key of an ini file that is repeated from now on
    ({"a": ["x", "y"]}, "a.0", GONE, {"a": "y"}),  # and one that is not any more
    ({"a": {"b": {"c": 1}}, "d": 1}, "a.b.c", GONE, {"a": {"b": {}}, "d": 1}),
    ({"a": {"b": {"c": 1}}, "d": 1}, "a.b.c", GONE, {"a": {}, "d": 1}),  # dotted keys of TOML
    ({"a": {"b": {"c": 1}}, "d": 1}, "a.b.c", GONE, {"d": 1}),
    ({"a": float("nan"), "b": 1}, "b", 2, {"a": float("nan"), "b": 2}),
    ({"a": WHEN}, "a", "1980-01-01 00:00:00z", {"a": datetime(1980, 1, 1, tzinfo=UTC)}),
    ({"a": date(1979, 5, 27)}, "a", "1980-01-01", {"a": date(1980, 1, 1)}),
    ({"a": [time(7, 32), 1]}, "a", ["07:33:00", 2, 3], {"a": [time(7, 33), 2, 3]}),
    ({"a": {"b": WHEN}}, "a", {"b": "x", "c": 1}, {"a": {"b": "x", "c": 1}}),
]

UNPROVEN: list[tuple[object, str, object, object]] = [
    ({"a": 1}, "a", 2, {"a": 1}),
    ({"a": 1}, "a", 2, {"a": 2, "b": 1}),
    ({"a": 1, "b": 1}, "a", 2, {"a": 2}),
    ({"a": 1, "b": 1}, "a", 2, {"a": 2, "b": 2}),
    ({"a": "x"}, "a", 1, {"a": "1"}),
    ({"a": "x"}, "a", 1, {"a": True}),
    ({"a": "x"}, "a", 1, {"a": 1.0}),
    ({"a": "x"}, "a", 0.0, {"a": -0.0}),
    ({"a": 1, "b": 1}, "a", 2, {"a": 2, "b": 1.0}),
    ({"a": 1, "b": "x"}, "a", 2, {"a": 2, "b": None}),
    ({"a": 1, "b": [1, 2]}, "a", 2, {"a": 2, "b": [2, 1]}),
    ({"a": 1, "b": WHEN}, "a", 2, {"a": 2, "b": WHEN.isoformat()}),
    ({"a": WHEN}, "a", "1980-01-01T00:00:00Z", {"a": "1980-01-01T00:00:00Z"}),
    ({"a": [1]}, "a.2", 3, {"a": [1, None, 3]}),
    ({"a": [1]}, "a.x", 3, {"a": [1]}),
    ({"a": [1]}, "a.01", 3, {"a": [1, 3]}),
    ({"a": 1}, "a.b", 3, {"a": {"b": 3}}),
    ({"a": 1}, "b", GONE, {"a": 1}),
    ({"a": 1}, "b.c", GONE, {"a": 1}),
    ({"a": [1]}, "a.1", GONE, {"a": [1]}),
    ({"a": {"b": 1, "c": 2}}, "a.b", GONE, {}),
    ({"a": [1, 2, 3]}, "a.0", GONE, {"a": 3}),
]


@pytest.mark.parametrize(("before", "key", "value", "after"), PROVEN)
def test_what_was_asked_is_proven(before: object, key: str, value: object, after: object) -> None:
    """The asked change, and nothing else, is accepted."""
    prove(before, after, parse_key(key), value)


@pytest.mark.parametrize(("before", "key", "value", "after"), UNPROVEN)
def test_anything_else_is_not(before: object, key: str, value: object, after: object) -> None:
    """Another key, another type, another order, something missing: none is taken for the asked change."""
    with pytest.raises(Refused) as refused:
        prove(before, after, parse_key(key), value)
    assert (refused.value.kind, refused.value.data) == ("not_editable", {"reason": "proof"})


@pytest.mark.parametrize("one", [None, True, 1, 1.0, "1", [1], {"1": 1}, {}, []])
def test_types_tell_values_apart(one: object) -> None:
    """A value is the same as itself, and as none of another type."""
    others: list[object] = [None, True, 1, 1.0, "1", [1], {"1": 1}, {}, []]
    assert [other for other in others if same(one, other)] == [one]


def test_splices_count_in_the_old_text() -> None:
    """Several splices change one text, each at its old place, and two of them at one place keep their order."""
    splices = [Splice(6, 6, "!"), Splice(0, 1, "J"), Splice(3, 3, "1"), Splice(3, 3, "2")]
    assert apply("Hello.", *splices) == "Jel12lo.!"
    assert apply("Hello.", join("Hello.", splices)) == "Jel12lo.!"


def test_splices_do_not_overlap() -> None:
    """Two splices that want the same characters are refused."""
    with pytest.raises(Refused):
        apply("Hello.", Splice(0, 3, ""), Splice(2, 4, ""))
