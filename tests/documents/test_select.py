"""Elements of lists, named by what they hold."""

import pytest

from rpcd import documents
from rpcd.documents.key import Key, parse_key
from rpcd.errors import Refused

CONTENT = b'{"peers": [{"id": "a", "n": 1}, {"id": "b", "on": true}, 5, {"id": "b", "in": [{"x": "y=z"}]}], "a=b": 1}'
JSON = documents.resolve("json")


def anybody(_key: Key) -> bool:
    """A caller that may get everything."""
    return True


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ('peers."id=a".n', "peers.0.n"),
        ('peers."n=1"', "peers.0"),
        ('peers."on=true".x', "peers.1.x"),
        ('peers.3.in."x=y=z".x', "peers.3.in.0.x"),
        ('"a=b"', '"a=b"'),
        ('"a=b"."c=d"', '"a=b"."c=d"'),
        ("peers.9.x", "peers.9.x"),
    ],
)
def test_an_element_is_found_by_what_it_holds(key: str, found: str) -> None:
    """NAME=VALUE in a list is the element that holds it; anywhere else it is a name like any other."""
    assert documents.canonical(JSON, CONTENT, parse_key(key), anybody) == parse_key(found)


@pytest.mark.parametrize(
    ("key", "kind"),
    [('peers."id=b"', "not_editable"), ('peers."id=c"', "no_such_key"), ('peers.x."a=b"', "no_such_key")],
)
def test_exactly_one_is_meant(key: str, kind: str) -> None:
    """Several, and none, are refused."""
    with pytest.raises(Refused) as refused:
        documents.canonical(JSON, CONTENT, parse_key(key), anybody)
    assert refused.value.kind == kind


def test_who_may_not_read_finds_nothing() -> None:
    """Whether an element is there tells what it holds: it is denied alike to who may not get that."""
    for value in ("a", "nobody"):
        with pytest.raises(Refused) as refused:
            documents.canonical(JSON, CONTENT, ("peers", f"id={value}"), lambda key: key[-1] == "n")
        assert refused.value.kind == "denied"
