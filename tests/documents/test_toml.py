"""TOML files."""

import tomllib

import pytest

from rpcd import documents
from rpcd.documents.key import parse_key
from rpcd.documents.toml.locate import locate
from rpcd.errors import Refused

TOML = documents.resolve("toml")

CONF = """\
# top
title = "x" # why
when = 1979-05-27 07:32:00Z
big = 0x10
nums = [1, 2]
lines = [
  "a", # first
  "b"
]
inline = { a = 1, b.c = 2, b.d = 3 }
dot.x = 1
dot.y = 2

# the server
[server]
host = 'h'
port   = 80

[server.tls.deep]
k = true

[[peer]]
name = "p"

[[peer]]
name = "q"
[peer.sub]
x = 1
# end
"""


def conf(old: str, new: str) -> str:
    """`CONF` with one place changed."""
    assert CONF.count(old) == 1
    return CONF.replace(old, new)


PUT: list[tuple[str, str, documents.Value, str]] = [
    # text, key, value, text
    (CONF, "title", 'y"\\\n\x00\x7f\x85\u2028', conf('"x"', r'"y\"\\\n\u0000\u007f\u0085\u2028"')),
    (CONF, "title", 5, conf('"x"', "5")),
    (CONF, "title", {"a": [1], "b c": {}}, conf('"x"', '{ a = [1], "b c" = {} }')),
    (CONF, "when", "1980-01-01t00:00:00.5+01:00", conf("1979-05-27 07:32:00Z", "1980-01-01t00:00:00.5+01:00")),
    (CONF, "when", 5, conf("1979-05-27 07:32:00Z", "5")),
    (CONF, "big", 17, conf("0x10", "17")),
    (CONF, "big", 1e22, conf("0x10", "1e+22")),
    (CONF, "big", "1979-05-27", conf("0x10", '"1979-05-27"')),
    (CONF, "nums.0", False, conf("[1, 2]", "[false, 2]")),
    (CONF, "nums.2", 3, conf("[1, 2]", "[1, 2, 3]")),
    (CONF, "nums", [], conf("[1, 2]", "[]")),
    (CONF, "nums", [3], conf("[1, 2]", "[3]")),
    (CONF, "lines.1", "c", conf('  "b"', '  "c"')),
    (CONF, "lines.2", "c", conf('  "b"\n', '  "b",\n  "c"\n')),
    (CONF, "lines", ["c", "d"], conf('  "a", # first\n  "b"\n', '  "c",\n  "d",\n')),
    (CONF, "inline.a", 2, conf("a = 1,", "a = 2,")),
    (CONF, "inline.new", 2, conf("d = 3 }", "d = 3, new = 2 }")),
    (CONF, "inline.b.e", 2, conf("d = 3 }", "d = 3, b.e = 2 }")),
    (CONF, "inline", {"z": 1}, conf("{ a = 1, b.c = 2, b.d = 3 }", "{ z = 1 }")),
    (CONF, "dot.z", 3, conf("dot.y = 2\n", "dot.y = 2\ndot.z = 3\n")),
    (CONF, "dot.n", {"a": 1}, conf("dot.y = 2\n", "dot.y = 2\ndot.n = { a = 1 }\n")),
    (CONF, "dot", {"x": 1, "q": 2}, conf("dot.y = 2\n", "dot.q = 2\n")),
    (
        CONF,
        "dot",
        {},
        conf("dot.x = 1\ndot.y = 2\n", "\n[dot]\n")
        .replace("3 }\n\n[dot]\n", "3 }\n")
        .replace("# end", "\n[dot]\n# end"),
    ),
    (CONF, "dot", 1, conf("dot.x = 1\ndot.y = 2\n", "dot = 1\n")),
    (CONF, "new", 1, conf("dot.y = 2\n", "dot.y = 2\nnew = 1\n")),
    (CONF, "new key".join('""'), 1, conf("dot.y = 2\n", 'dot.y = 2\n"new key" = 1\n')),
    (CONF, "server.host", "it", conf("'h'", "'it'")),
    (CONF, "server.host", "it's", conf("'h'", '"it\'s"')),
    (CONF, "server.name", "y", conf("= 80\n", '= 80\nname   = "y"\n')),
    (CONF, "server.tls.n", 1, conf("k = true\n", "k = true\n\n[server.tls]\nn = 1\n")),
    (CONF, "server.tls.deep.n", 1, conf("k = true\n", "k = true\nn = 1\n")),
    (
        CONF,
        "server.log",
        {"a": {"b": 1}, "c": 2},
        conf("k = true\n", "k = true\n\n[server.log]\nc = 2\n\n[server.log.a]\nb = 1\n"),
    ),
    (
        CONF,
        "server.tls",
        {"deep": {"k": True}, "x": 1, "y": 2},
        conf("k = true\n", "k = true\n\n[server.tls]\nx = 1\ny = 2\n"),
    ),
    (CONF, "server", {"host": "h", "port": 81, "tls": {"deep": {"k": True}}}, conf("80", "81")),
    (
        CONF,
        "server",
        {"a": {}, "b": 1, "host": "h"},
        conf("port   = 80\n\n[server.tls.deep]\nk = true\n", "b      = 1\n\n\n[server.a]\n"),
    ),
    (
        CONF,
        "server",
        5,
        conf("dot.y = 2\n", "dot.y = 2\nserver = 5\n").replace(
            "[server]\nhost = 'h'\nport   = 80\n\n[server.tls.deep]\nk = true\n", "\n"
        ),
    ),
    (CONF, "peer.0.name", "z", conf('"p"', '"z"')),
    (CONF, "peer.0.sub", {"x": 2}, conf('"p"\n', '"p"\n\n[peer.sub]\nx = 2\n')),
    (
        CONF,
        "peer.2",
        {"name": "r", "a": {"b": 1}},
        conf("x = 1\n# end", 'x = 1\n\n[[peer]]\nname = "r"\n\n[peer.a]\nb = 1\n# end'),
    ),
    (CONF, "peer", [{"name": "p"}, {"name": "z", "sub": {"x": 1}}], conf('"q"', '"z"')),
    (CONF, "peer", [{"name": "p"}], conf('[[peer]]\nname = "q"\n[peer.sub]\nx = 1\n', "")),
    (
        CONF,
        "peer",
        [{"name": "p"}, {"name": "q", "sub": {"x": 1}}, {}],
        conf("x = 1\n# end", "x = 1\n\n[[peer]]\n# end"),
    ),
    (CONF, "n.m.o", [{"a": 1}, {"b": []}], conf("# end", "\n[[n.m.o]]\na = 1\n\n[[n.m.o]]\nb = []\n# end")),
    (CONF, "n.m", {}, conf("# end", "\n[n.m]\n# end")),
    ("", "a", 1, "a = 1\n"),
    ("\ufeff", "a", 1, "\ufeffa = 1\n"),
    ("", "a.b", 1, "[a]\nb = 1\n"),
    ("# c\n", "a.b", 1, "# c\n\n[a]\nb = 1\n"),
    ("# c\n", "a", 1, "# c\na = 1\n"),
    ("# c\n[x]\n", "a", 1, "# c\na = 1\n\n[x]\n"),
    ("# c\n\n# x\n[x]\n", "a", 1, "# c\n\na = 1\n\n# x\n[x]\n"),
    ("a=1", "b", 2, "a=1\nb=2"),
    ("[x]", "x.a", 1, "[x]\na = 1"),
    ("[x]\n  a=1\n", "x.b", 1, "[x]\n  a=1\n  b=1\n"),
    ("  [x]\n", "x.b", 1, "  [x]\n  b = 1\n"),
    ("\ufeffa = 1\r\n\r\n[b]\r\n", "b.c", "d", '\ufeffa = 1\r\n\r\n[b]\r\nc = "d"\r\n'),
    ('a = """\nb\\""""" # c\n', "a", "d", 'a = "d" # c\n'),
    ("a = '''\n'b''''\n", "b", "d", "a = '''\n'b''''\nb = \"d\"\n"),
    ('"a.b"."" = 1\n', '"a.b".""', 2, '"a.b"."" = 2\n'),
    ("'a' . \"\\u0062\" = 1\n", "a.b", 2, "'a' . \"\\u0062\" = 2\n"),
    ('"\\t" = 1\n', "a", 2, '"\\t" = 1\na   = 2\n'.replace("a   = 2", "a = 2")),
    ("a = {}\n", "a.b", 1, "a = { b = 1 }\n"),
    ("a = []\n", "a.0", "x", 'a = ["x"]\n'),
    ("a = [ # c\n]\n", "a.0", "x", 'a = ["x" # c\n]\n'),
    ("a = [\n  1, # c\n  2, # d\n]\n", "a.2", 3, "a = [\n  1, # c\n  2, # d\n  3,\n]\n"),
    ("a = [\n  1, # c\n  2 # d\n]\n", "a.2", 3, "a = [\n  1, # c\n  2, # d\n  3\n]\n"),
    ("a = [ 1,\n 2 ]\n", "a.2", 3, "a = [ 1,\n 2, 3 ]\n"),
    ("a = [[1, 2], {b = 1}]\n", "a.1.b", 3, "a = [[1, 2], {b = 3}]\n"),
    ("a = [1979-05-27, 1, 'x']\n", "a", ["1980-01-01", "x", "1980-01-01"], 'a = [1980-01-01, "x", "1980-01-01"]\n'),
    ("a = 07:32:00\n", "a", "08:00:00", "a = 08:00:00\n"),
    ("[[x]]\n[x.a.b]\nc=1\n[[x]]\n", "x.0.a.d", 1, "[[x]]\n[x.a.b]\nc=1\n\n[x.a]\nd=1\n[[x]]\n"),
    ("[a.b]\n[a]\nc = 1\n", "a.b.d", 1, "[a.b]\nd = 1\n[a]\nc = 1\n"),
    ("[t]\na.b = 1\na.c.d = 1\ne = 1\n", "t.a.f", 1, "[t]\na.b = 1\na.c.d = 1\na.f = 1\ne = 1\n"),
    ("a = '\udcff' # \udcff\nb = 1\n", "b", 2, "a = '\udcff' # \udcff\nb = 2\n"),
    ("a = [\n  0x10, # c\n  [ 2,3 ],\n  'x',\n]\n", "a", [16, [2, 3], "y"], 'a = [\n  0x10,\n  [ 2,3 ],\n  "y",\n]\n'),
    ("a = 0x10 # c\n", "a", 16, "a = 0x10 # c\n"),
    ("a = { b = 1979-05-27, c=0x10 }\n", "a", {"b": "1979-05-27", "c": 17}, "a = { b = 1979-05-27, c = 17 }\n"),
    ("a = { b.c = 0x10 }\n", "a", {"b": {"c": 16}, "d": 1}, "a = { b = { c = 0x10 }, d = 1 }\n"),
    ("a = { b.c = 0x10, x = 1, b.d = 2 }\n", "a.b", "y", 'a = { x = 1, b = "y" }\n'),
    ("a = { b.c = 0x10, b.d = 2 }\n", "a.b", {"c": 16}, "a = { b = { c = 0x10 } }\n"),
    ("x = 1\n[[a.b]]\n", "a", {"b": "x", "c": 1}, 'x = 1\n\n[a]\nc = 1\nb = "x"\n'),
    ("[a]\nx = 1\n[a.b]\n[c]\n", "a", {"b": 2, "x": 1}, "[a]\nx = 1\nb = 2\n[c]\n"),
    ("a = inf\nb = nan\nc = 1_000\n", "d", -0.0, "a = inf\nb = nan\nc = 1_000\nd = -0.0\n"),
]

REMOVE = [
    (CONF, "title", conf('title = "x" # why\n', "")),
    (CONF, "nums.0", conf("[1, 2]", "[2]")),
    (CONF, "nums.1", conf("[1, 2]", "[1]")),
    (CONF, "lines.0", conf('  "a", # first\n', "")),
    (CONF, "lines.1", conf('  "b"\n', "")),
    (CONF, "inline.a", conf("a = 1, ", "")),
    (CONF, "inline.b.d", conf(", b.d = 3", "")),
    (CONF, "inline.b", conf("a = 1, b.c = 2, b.d = 3", "a = 1")),
    (CONF, "dot.x", conf("dot.x = 1\n", "")),
    (CONF, "dot", conf("dot.x = 1\ndot.y = 2\n", "")),
    (CONF, "server", conf("[server]\nhost = 'h'\nport   = 80\n\n[server.tls.deep]\nk = true\n\n", "")),
    (CONF, "server.tls", conf("[server.tls.deep]\nk = true\n\n", "")),
    (CONF, "server.tls.deep.k", conf("k = true\n", "")),
    (CONF, "peer.0", conf('[[peer]]\nname = "p"\n\n', "")),
    (CONF, "peer.1.sub", conf("[peer.sub]\nx = 1\n", "")),
    (CONF, "peer", CONF[: CONF.index("[[peer]]")] + "# end\n"),
    ("a.b.c = 1", "a.b.c", ""),
    ("a = {b = 1}\n", "a.b", "a = {}\n"),
    ("a = [1]\n", "a.0", "a = []\n"),
    ("a = [ 1,\n 2,\n 3 ]\n", "a.0", "a = [ 2,\n 3 ]\n"),
    ("a = [ 1,\n 2,\n 3 ]\n", "a.1", "a = [ 1,\n 3 ]\n"),
    ("a = [ 1,\n 2,\n 3 ]\n", "a.2", "a = [ 1,\n 2 ]\n"),
    ("a = [\n1\n,\n]\n", "a.0", "a = []\n"),
    ("a = [\n  1\n  , 2\n  , 3\n]\n", "a.0", "a = [\n  2\n  , 3\n]\n"),
    ("a = [\n1, # c\n2 # d\n,\n]\n", "a.1", "a = [\n1 # d\n,\n]\n"),
    ("[a]\nx = 1\n[b]\n[a.c]\ny = 1\n[d]\n", "a", "[b]\n[d]\n"),
]

REFUSED: list[tuple[str, str, documents.Value, str]] = [
    (CONF, "title", None, "type"),
    (CONF, "title", [1, {"a": None}], "type"),
    (CONF, "title", 2**63, "type"),
    (CONF, "title", float("nan"), "type"),
    (CONF, "title", "\ud800", "characters"),
    (CONF, "title", {"a\n": 1}, "characters"),
    (CONF, "when", "x", "type"),
    (CONF, "when", "1979-05-27", "type"),
    (CONF, "when", "1979-05-27 07:32:00", "type"),
    (CONF, "when", "1979-99-27 07:32:00Z", "type"),
    (CONF, "when", "1979-05-27 07:32:00Z\nroot = 1", "type"),
    (CONF, "title.x", 1, "structure"),
    (CONF, "peer.0", 1, "structure"),
    (CONF, "peer.2", 1, "structure"),
    (CONF, "nums.3", 1, "no_such_key"),
    (CONF, "nums.x", 1, "no_such_key"),
    (CONF, "peer.3", {}, "no_such_key"),
    ("a = 07:32:00\n", "a", "08:61:00", "type"),
    ("a = 1979-05-27\n", "a", "07:32:00", "type"),
]

NO_TOML = [
    ("a = 1\na = 2\n", 2, None),
    ("a = \n", 1, 5),
    ("a = 1\n[a]\n", 2, None),
    ("[a\n", 1, 3),
    ("a = '\x01'\n", 1, None),
    ("a\n", 1, 2),
    ("\ufeffa = 1 b\n", 1, 7),
]

ATTACKS = {
    "a key": "x\nroot = 1",
    "a table": "x\n[root]\nadmin = true",
    "quotes that end": 'x"\nroot = 1 #',
    "single quotes that end": "x'\nroot = 1 #",
    "three quotes": 'x"""\nroot = 1\n"""',
    "three single quotes": "x'''\nroot = 1\n'''",
    "a backslash": "x\\",
    "a backslash and quotes": '\\"',
    "a comment": "# x",
    "a carriage return": "x\rroot = 1",
    "a line separator": "x\u2028root = 1",
    "an escape": "\\u0022",
    "NUL": "\0",
    "a date": "1979-05-27",
    "a number": "1",
    "a truth value": "true",
    "a bracket": "[x]",
    "a brace": "{ a = 1 }",
}


@pytest.mark.parametrize(("before", "key", "value", "after"), PUT)
def test_values_are_put(before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands; a key or table is added as its table is written."""
    assert documents.decode(documents.update(TOML, documents.encode(before), parse_key(key), value)) == after
    assert documents.same(documents.open_document(TOML, documents.encode(after)).get(parse_key(key)), value)


@pytest.mark.parametrize(("before", "key", "after"), REMOVE)
def test_values_are_removed(before: str, key: str, after: str) -> None:
    """A key goes with its line or its comma, a table with all of its places."""
    assert documents.decode(documents.delete(TOML, before.encode(), parse_key(key))) == after


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_what_toml_cannot_hold_is_refused(text: str, key: str, value: documents.Value, reason: str) -> None:
    """Neither null, nor endless numbers, nor what is no date where one stands."""
    with pytest.raises(Refused) as refused:
        documents.update(TOML, text.encode(), parse_key(key), value)
    assert refused.value.data.get("reason", refused.value.kind) == reason


@pytest.mark.parametrize("value", ATTACKS.values(), ids=ATTACKS.keys())
@pytest.mark.parametrize(
    "key", ["title", "server.host", "lines.0", "lines.2", "inline.b.c", "inline.z", "dot.z", "new.key", "peer.0.x"]
)
def test_attacks_are_strings(key: str, value: str) -> None:
    """Whatever a string holds, it is a string and nothing else afterwards."""
    after = documents.update(TOML, CONF.encode(), parse_key(key), value)
    assert documents.open_document(TOML, after).get(parse_key(key)) == value
    assert {"root", "admin"}.isdisjoint(tomllib.loads(after.decode()))
    assert not any(line.startswith(("root", "[root", "\rroot")) for line in after.decode().split("\n"))


@pytest.mark.parametrize("name", ["a.b", "a]b", "[x]", "a=b", "#", '"', "'", "", " ", "é", "\\", "__proto__"])
def test_names_are_literal(name: str) -> None:
    """A name is quoted where TOML wants that, and stays one segment."""
    for key in ((name,), ("server", name), ("inline", name), ("dot", name), (name, "k"), ("peer", "1", "sub", name)):
        after = documents.update(TOML, CONF.encode(), key, 1)
        assert documents.open_document(TOML, after).get(key) == 1


@pytest.mark.parametrize(("text", "line", "column"), NO_TOML)
def test_what_is_no_toml_is_told_with_its_place(text: str, line: int, column: int | None) -> None:
    """The refusal has line and column, and nothing of the text."""
    with pytest.raises(Refused) as refused:
        documents.open_document(TOML, text.encode())
    data = refused.value.data
    assert (data["reason"], data["line"]) == ("syntax", line)
    assert column in {None, data["column"]}


@pytest.mark.parametrize(
    "text",
    [
        "a = '",
        "a = [1",
        "a = {b = 1",
        "[a",
        "a = {1}",
        "a = 1 x",
        "=",
        "a = 1\na.b = 1",
        "a = 1\n[a.b]",
        "a = 1\n[a]",
        "[a]\n[[a]]",
    ],
)
def test_the_locator_is_never_lost_silently(text: str) -> None:
    """The judge comes first; should it let pass what the locator does not know, that is refused."""
    with pytest.raises(Refused):
        locate(text)


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, 'a = "', "a = 1\n\n\n["])
def test_no_text_escapes_the_judge(text: str) -> None:
    """Numbers beyond conversion and texts that end too soon are refused like all others."""
    with pytest.raises(Refused) as refused:
        documents.check(TOML, text.encode())
    assert refused.value.data["reason"] == "syntax"


@pytest.mark.parametrize("text", ["a = '\udcff'", '"\udcff" = 1', "a = inf", "a = [nan]"])
def test_what_cannot_be_told_is_not(text: str) -> None:
    """Bytes that are no UTF-8 and numbers without end stay where they are, and can be replaced."""
    content = documents.encode(text)
    document = documents.open_document(TOML, content)
    with pytest.raises(Refused) as refused:
        document.get(())
    assert refused.value.kind == "not_editable"
    assert documents.update(TOML, content, ("a",), 1)


LONG = "x" * 30_000

MANY: dict[str, documents.Value] = {f"n{number}": {} for number in range(4000)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {LONG: MANY}),
        ("", {LONG: [{}] * 4000}),
        (f"[a.{LONG}.b]\n", {LONG: MANY}),
        (f"[[a.{LONG}]]\n", {LONG: [{}] * 4000}),
        (f"a.{LONG}.b = 1\n", {LONG: MANY}),
        (f"[a]\nb{' ' * 30_000}= 1\n", MANY),
        (f"[a]\nb ={' ' * 30_000}1\n[a.c]\n", {"c": dict.fromkeys(MANY, 1)}),
        (f"[a]\n{LONG}   = 1\n", dict.fromkeys(MANY, 1)),
        (f"[a]\n{' ' * 30_000}b = 1\n", dict.fromkeys(MANY, 1)),
        (f"{' ' * 30_000}[a]\n", dict.fromkeys(MANY, 1)),
        (f"a = [\n{' ' * 30_000}1\n]\n", [1] * 4000),
    ],
)
def test_little_is_not_made_much_of(text: str, value: documents.Value) -> None:
    """Neither long names nor wide margins are written once for each of thousands of lines."""
    assert len(documents.update(TOML, text.encode(), ("a",), value)) < 1_000_000


@pytest.mark.parametrize(
    "key", ["x", "title.x", "nums.2", "nums.01", "peer.2", "peer.x", "dot.z", "inline.b.x", "server.tls.x"]
)
def test_keys_that_are_not_there(key: str) -> None:
    """Neither getting nor deleting finds what is not there."""
    document = documents.open_document(TOML, CONF.encode())
    for ask in (document.get, document.remove):
        with pytest.raises(Refused) as refused:
            ask(parse_key(key))
        assert refused.value.kind == "no_such_key"


def test_entries_tell_what_there_is() -> None:
    """Everything has its entry with its type and place, in the order of the text."""
    text = (
        "s = 'x'\nd = 07:32:00\ni = 0x1E\nf = 1e2\nn = nan\nb = true\nl = [1, [2]]\nt = { a.b = 1 }\n"
        "x.y = 1\n[h]\n  k = 1 # c\n[[m]]\n[m.n.o]\n"
    )
    found = documents.open_document(TOML, text.encode()).entries()
    assert [(".".join(entry.key), entry.type, text[entry.start : entry.end]) for entry in found] == [
        ("s", "string", "s = 'x'\n"),
        ("d", "string", "d = 07:32:00\n"),
        ("i", "integer", "i = 0x1E\n"),
        ("f", "number", "f = 1e2\n"),
        ("n", "number", "n = nan\n"),
        ("b", "boolean", "b = true\n"),
        ("l", "array", "l = [1, [2]]\n"),
        ("l.0", "integer", "1"),
        ("l.1", "array", "[2]"),
        ("l.1.0", "integer", "2"),
        ("t", "object", "t = { a.b = 1 }\n"),
        ("t.a", "object", "a.b = 1"),
        ("t.a.b", "integer", "a.b = 1"),
        ("x", "object", "x.y = 1\n"),
        ("x.y", "integer", "x.y = 1\n"),
        ("h", "object", "[h]\n  k = 1 # c\n"),
        ("h.k", "integer", "  k = 1 # c\n"),
        ("m", "array", "[[m]]\n[m.n.o]\n"),
        ("m.0", "object", "[[m]]\n[m.n.o]\n"),
        ("m.0.n", "object", "[m.n.o]\n"),
        ("m.0.n.o", "object", "[m.n.o]\n"),
    ]
