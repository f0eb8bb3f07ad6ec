"""Ini files, held against configparser and a reader that knows nothing but lines."""

import configparser
import re
import time
from collections.abc import Callable

import pytest

from rpcd import documents
from rpcd.documents.key import parse_key
from rpcd.errors import Refused
from tests.harness.timing import costs_what_its_size_does

INI = documents.resolve("ini")

SHOP = """\
; the shop
[ui]
theme = light
title = A shop

; who writes
[mail]
from = a@b.c   ; why
cc = x
cc = y
"""

PEERS = """\
[Interface]
Address=10.0.0.1/24

[Peer]
Endpoint=a:1

[Peer]
Endpoint=b:2
AllowedIPs=10.0.0.2/32
AllowedIPs=10.0.0.3/32
"""

QUOTED = """\
; php
theme = light
title = "A shop"
name = "x"
"""

PUT: list[tuple[str, str, documents.Value, str]] = [
    ("a = 1\n", "a", "", "a =\n"),
    ("a = 1", "a", "", "a ="),
    ("a= 1\n", "a", "", "a= \n"),
    ('a = "1"\n', "a", "", 'a = ""\n'),
    ("a =\n", "a", "1", "a = 1\n"),
    # text, key, value, text
    (SHOP, "ui.theme", "dark", SHOP.replace("light", "dark")),
    (SHOP, "mail.from", "d@e.f", SHOP.replace("a@b.c", "d@e.f")),
    (SHOP, "mail.from", "", SHOP.replace("a@b.c", "")),
    (SHOP, "mail.cc.0", "z", SHOP.replace("cc = x", "cc = z")),
    (SHOP, "mail.cc.2", "z", SHOP + "cc = z\n"),
    (SHOP, "mail.cc", ["1", "2", "3"], SHOP.replace("= x", "= 1").replace("cc = y", "cc = 2\ncc = 3")),
    (SHOP, "mail.cc", "z", SHOP.replace("cc = x\ncc = y", "cc = z")),
    (SHOP, "ui.theme", ["a", "b"], SHOP.replace("theme = light", "theme = a\ntheme = b")),
    (SHOP, "ui.new", "x", SHOP.replace("A shop\n", "A shop\nnew = x\n")),
    (SHOP, "ui.new", ["x", "y"], SHOP.replace("A shop\n", "A shop\nnew = x\nnew = y\n")),
    (SHOP, "new.k", "x", SHOP + "\n[new]\nk = x\n"),
    (SHOP, "new", {"k": "x", "l": "y"}, SHOP + "\n[new]\nk = x\nl = y\n"),
    (SHOP, "new", {}, SHOP + "\n[new]\n"),
    (SHOP, "ui", {"title": "B", "n": "1"}, SHOP.replace("theme = light\n", "").replace("A shop\n", "B\nn = 1\n")),
    (SHOP, "ui", {"theme": "light", "title": "A shop"}, SHOP),
    (PEERS, "Peer.0.Endpoint", "c:3", PEERS.replace("a:1", "c:3")),
    (PEERS, "Peer.0.Port", "3", PEERS.replace("a:1\n", "a:1\nPort=3\n")),
    (PEERS, "Peer.1.AllowedIPs.1", "::/0", PEERS.replace("10.0.0.3/32", "::/0")),
    (PEERS, "Peer.2", {"Endpoint": "c:3"}, PEERS + "\n[Peer]\nEndpoint=c:3\n"),
    (
        PEERS,
        "Peer",
        [{"Endpoint": "c:3"}, {"Endpoint": "d:4"}],
        PEERS[: PEERS.index("Allowed")].replace("a:1", "c:3").replace("b:2", "d:4"),
    ),
    (
        PEERS,
        "Interface",
        [{"Address": "10.0.0.1/24"}, {"Address": "::1"}],
        PEERS.replace("24\n", "24\n\n[Interface]\nAddress=::1\n"),
    ),
    ("[a]\nb=1\n[a]\n[a]\nb=3\n", "a", [{"b": "2"}, {"b": "4"}], "[a]\nb=2\n[a]\nb=4\n"),
    (QUOTED, "title", "a; b # c", QUOTED.replace("A shop", "a; b # c")),
    (QUOTED, "title", " x ", QUOTED.replace("A shop", " x ")),
    (QUOTED, "title", "", QUOTED.replace("A shop", "")),
    (QUOTED, "theme", "dark", QUOTED.replace("light", "dark")),
    (QUOTED, "theme", "dark & light", QUOTED.replace("light", '"dark & light"')),
    (QUOTED, "new", "x", QUOTED + 'new = "x"\n'),
    ("a='x'\n", "a", "y;z", "a='y;z'\n"),
    ("", "a", "x", "a = x\n"),
    ("\ufeff", "a", "x", "\ufeffa = x\n"),
    ("", "a.b", "x", "[a]\nb = x\n"),
    ("; c\n", "a.b", "x", "; c\n\n[a]\nb = x\n"),
    ("; c\n", "a", "x", "; c\na = x\n"),
    ("; c\n\n", "a.b", "x", "; c\n\n[a]\nb = x\n"),
    ("[a]", "a.b", "x", "[a]\nb = x"),
    ("[a]\n; c\n", "a.b", "x", "[a]\nb = x\n; c\n"),
    ("[a]\nb=1\n[c]\nd=2", "e.f", "x", "[a]\nb=1\n[c]\nd=2\n[e]\nf=x"),
    ("[a]\r\nb=1\r\n", "a.c", "2", "[a]\r\nb=1\r\nc=2\r\n"),
    ("[a]\rb=1\r", "a.c", "2", "[a]\rb=1\rc=2\r"),
    ("\ufeff[a]\r\nb = 1\r\n\r\n[c]\r\n", "a.b", "2", "\ufeff[a]\r\nb = 2\r\n\r\n[c]\r\n"),
    ("[a]\n\tb:1\n\tc:2\n", "a.d", "3", "[a]\n\tb:1\n\tc:2\n\td:3\n"),
    ("[a]\nlong   = 1\nb      = 2\n", "a.cc", "3", "[a]\nlong   = 1\nb      = 2\ncc     = 3\n"),
    ("[a]\nb = 1\n", "a.a long name", "2", "[a]\nb = 1\na long name = 2\n"),
    ("[a.b]\nc=1\n", '"a.b".c', "2", "[a.b]\nc=2\n"),
    ("a=1\na=2\n", "a.2", "3", "a=1\na=2\na=3\n"),
    ("[a]\nb =\n", "a.b", "x", "[a]\nb = x\n"),
    ("[a]\nb=\n", "a.b", "x", "[a]\nb=x\n"),
    ("[a]\nb = ; c\n", "a.b", "x", "[a]\nb = x ; c\n"),
    ("[a]\nb = #ff0000\n", "a.b", "red", "[a]\nb = red\n"),
    ("[a]\nb=#ff0000\n", "a.b", "red", "[a]\nb=red\n"),
    ("[a]\nb = GTK;GNOME;\n", "a.b", "GTK;XFCE;", "[a]\nb = GTK;XFCE;\n"),
    ("[a]\nb = 50%\n", "a.b", "60%", "[a]\nb = 60%\n"),
    ("[a]\nb = it's\n", "a.b", "that's", "[a]\nb = that's\n"),
    ("[a]\nskip\nb = 1\n", "a.skip", "x", "[a]\nskip = x\nb = 1\n"),
    ("[a]\nskip\nb = 1 ; c\n", "a.b", None, "[a]\nskip\nb ; c\n"),
    ("[a]\nskip\n", "a.bare", None, "[a]\nskip\nbare\n"),
    ("[a]\nb = 1\n    2\n    3\nc = 4\n", "a.b", "x", "[a]\nb = x\nc = 4\n"),
    ("[a]\nb = 1 \\\n  2 \\\n3\nc = 4\n", "a.b", "x", "[a]\nb = x\nc = 4\n"),
    ("[a]\nb = \udcff\nc = 1\n", "a.c", "2", "[a]\nb = \udcff\nc = 2\n"),
    ("[a]\nb = \udcff\n", "a.b", "2", "[a]\nb = 2\n"),
    ("[a]\nb = é\n", "a.b", "\u00fc \U0001f600", "[a]\nb = \u00fc \U0001f600\n"),
    ("[a]\nb = c\n  d = e\nf = g\n", "a.f", "h", "[a]\nb = c\n  d = e\nf = h\n"),
    ("[a]\n\n[b]\nc=1\nc=2\n", "a.x", "1", "[a]\nx=1\n\n[b]\nc=1\nc=2\n"),
]

REMOVE = [
    (SHOP, "ui.theme", SHOP.replace("theme = light\n", "")),
    (SHOP, "mail.from", SHOP.replace("from = a@b.c   ; why\n", "")),
    (SHOP, "mail.cc", SHOP.replace("cc = x\ncc = y\n", "")),
    (SHOP, "mail.cc.0", SHOP.replace("cc = x\n", "")),
    (SHOP, "ui", SHOP.replace("[ui]\ntheme = light\ntitle = A shop\n\n", "")),
    (SHOP, "mail", SHOP[: SHOP.index("[mail]")]),
    (PEERS, "Peer.0", PEERS.replace("[Peer]\nEndpoint=a:1\n\n", "")),
    (PEERS, "Peer", PEERS[: PEERS.index("[Peer]")]),
    (PEERS, "Peer.1.AllowedIPs.0", PEERS.replace("AllowedIPs=10.0.0.2/32\n", "")),
    ("[a]\nb = 1\n    2\nc = 4", "a.b", "[a]\nc = 4"),
    ("[a]\nb = 1", "a.b", "[a]\n"),
]

READ: list[tuple[str, documents.Value]] = [
    # what stands after `[a]`, and the value of a.k
    ("k=v", "v"),
    ("k = v w ", "v w"),
    ("\t k\t=\tv\t", "v"),
    ("k: v", "v"),
    ("k = a:b=c", "a:b=c"),
    ("k=", ""),
    ("k", None),
    ("k ; c", None),
    ("k = v ; c", "v"),
    ("k = v # c", "v"),
    ("k = v;c#d", "v;c#d"),
    ("k = ; c", ""),
    ("k=#ff", "#ff"),
    ('k = "v"', "v"),
    ('k = " v ; w " ; c', " v ; w "),
    ("k = 'v'", "v"),
    ('k = ""', ""),
    ('k = "a" "b"', '"a" "b"'),
    ('k = sh -c "x"', 'sh -c "x"'),
    ("k = it's", "it's"),
    ("k = v\n  w\n  x", "v\nw\nx"),
    ("k =\n  v\n  w", "\nv\nw"),
    ("k = v \\\n  w", "v w"),
    ("  k = v\n  l = w", "v"),
    ("k = 1\nk = 2", ["1", "2"]),
    ("k = 1\n[b]\nx=1\n[a]\nl=2", None),
]

UNTOLD = [
    # what readers take for different values; the last column says that it can be replaced
    ("k = #ff", True),
    ("k=;v", True),
    ('k = a "b ; c"', True),
    ("k = 'a ; b", True),
    ("k = v\n  l = w", False),
    ("k = v\n\n  w", False),
    ("k = v\n; c\n  w", False),
    ('k = v\n  "w"', False),
    ("k = v \\\nl = w", False),
    ("k = v \\\n; c", False),
    ('k = "v"\n  w', False),
    ("k\n  w", False),
    ("k:l = v", False),
]

NO_INI = {
    "a section without an end": "[a\nb=1\n",
    "text after a section": "[a] b\n",
    "a section without a name": "[]\n",
    "brackets in a section": "[a[b]]\n",
    "a key without a name": "[a]\n= 1\n",
    "a colon without a name": "[a]\n: 1\n",
    "quotes that go on": '[a]\nb = "c\nd = 1\n',
    "a section that may be a value": "[a]\nb = c\n  [d]\ne = 1\n",
    "a section after a backslash": "[a]\nb = c \\\n[d]\ne = 1\n",
    "a key with a section's name": "a = 1\n[a]\nb = 2\n",
}

ATTACKS = {
    "a section": "x\n[root]\nadmin = 1",
    "a section of DOS": "x\r\n[root]",
    "a section after a carriage return": "x\r[root]",
    "a key": "x\nadmin = 1",
    "a vertical tab": "x\x0b[root]",
    "a form feed": "x\x0c[root]",
    "a file separator": "x\x1cadmin = 1",
    "a next line": "x\x85admin = 1",
    "a line separator": "x\u2028admin = 1",
    "a paragraph separator": "x\u2029admin = 1",
    "NUL": "x\0",
    "an escape": "\x1b[2J",
    "DEL": "\x7f",
    "a tab": "a\tb",
    "a byte": "\udcff",
    "space before": " x",
    "space after": "x ",
    "another space after": "x\u00a0",
    "a comment": "x ; y",
    "another comment": "x # y",
    "only a comment": "; x",
    "only another comment": "# x",
    "a mark that PHP takes for a comment": "x;y",
    "an equals sign, which PHP fails on": "https://x/?a=b",
    "quotes": '"x"',
    "an open quote": '"x',
    "quotes that end": 'x" y "z',
    "single quotes": "'x'",
    "an apostrophe, which PHP reads on from": "it's",
    "a backslash at the end": "x\\",
    "another reader's escape": "a\\nb",
    "PHP's variable": "${PATH}",
    "PHP's sums": "1|2",
    "PHP's not": "!x",
    "PHP's brackets": "f(x)",
    "PHP's reserved word among others": "say yes now",
    "PHP's reserved word first": "No way",
    "configparser's reference": "%(password)s",
    "configparser's percent": "50%",
    "configparser's other reference": "${mail:password}",
}

BAD_NAMES = [
    "a=b",
    "a:b",
    "a]b",
    "[a]",
    ";a",
    "#a",
    " a",
    "a ",
    "a\nb",
    "a\rb",
    "a\x85b",
    "a\u2028b",
    "",
    '"a"',
    "a;b",
    "yes",
    "NULL",
    "a&b",
    "a(b)",
    "a{b}",
    "a!",
    "a$b",
    "a|b",
    "a~",
    "a^",
    "\udcff",
    "a\\",
    "a  b",
    "\ufeffa",
]

FINE_SECTIONS = frozenset({"a:b", "yes", "NULL"})
"""Names that no reader minds for a section."""

REFUSED: list[tuple[str, str, documents.Value, str]] = [
    (SHOP, "ui.theme", 1, "type"),
    (SHOP, "ui.theme", True, "type"),
    (SHOP, "ui.theme", 1.5, "type"),
    (SHOP, "ui.theme", None, "type"),
    (SHOP, "ui.new", None, "type"),
    (SHOP, "ui.theme", {"a": "b"}, "type"),
    (SHOP, "ui.theme", ["a"], "type"),
    (SHOP, "ui.theme", [], "type"),
    (SHOP, "ui", "x", "structure"),
    (SHOP, "ui", {"a": {"b": "c"}}, "type"),
    (SHOP, "ui", [{"a": "b"}], "type"),
    (SHOP, "new", [{"a": "b"}], "type"),
    (SHOP, "new", [{"a": "b"}, "x"], "structure"),
    (SHOP, "ui.theme.x", "y", "no_such_key"),
    (SHOP, "mail.cc.3", "y", "no_such_key"),
    (SHOP, "a.b.c", "x", "structure"),
    (SHOP, "ui.a.b", "x", "structure"),
    (SHOP, "key", "x", "structure"),
    (SHOP, "ui.Theme", "x", "duplicate"),
    (SHOP, "UI.theme", "x", "duplicate"),
    (SHOP, "ui", {"a": "1", "A": "2"}, "duplicate"),
    (SHOP, "DEFAULT.theme", "x", "characters"),
    (SHOP, "default", {}, "characters"),
    (PEERS, "Peer.2.x", "y", "structure"),
    (PEERS, "Interface.1", {"a": "b"}, "structure"),
    (PEERS, "Peer.3", {"a": "b"}, "no_such_key"),
    (PEERS, "Peer.2", "x", "structure"),
    (PEERS, "Peer", "x", "structure"),
    ("[a]\nb = 1\n", "a.b", ["1", "2"], "type"),
    ("[a]\nb = 1\n", "a.b.1", "2", "type"),
    ("[a]\nb = 1\n", "a.1", {"b": "2"}, "structure"),
    ("[a]\nb: 1\n", "a.b", "c=d", "quoting"),
    ("[a]\nb = %(home)s/x\n", "a.b", "%(password)s", "quoting"),
    ('[a]\nb = "x"\n', "a.b", "${PATH}", "quoting"),
    ('[a]\nb = "x"\n', "a.b", 'a"b', "quoting"),
    ('[a]\nb = "x"\n', "a.b", "a\\", "quoting"),
    ("[a]\nb = GTK;\n", "a.b", "x ; y", "quoting"),
    ("[a]\nb = c\\\n", "a.d", "x", "proof"),
    ("[z]\n[a]\nb = c\\\n", "d.e", "x", "proof"),
]


def lines_of(text: str) -> list[str]:
    """The sections and keys that a reader of lines sees, which knows no quotes, continuations or inline comments."""
    lines = (line.strip() for line in re.split(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text))
    return [
        line if line[0] == "[" else re.split("[=:]", line)[0].strip() for line in lines if line and line[0] not in ";#"
    ]


def configured(text: str) -> dict[str, dict[str, str | None]]:
    """What configparser reads, with a last value for each key."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text.removeprefix("\ufeff"))
    return {name: dict(parser[name]) for name in parser.sections()}


def written(text: str, key: str, value: str) -> bytes | None:
    """The file with a value, or None where it cannot be spelled."""
    try:
        return documents.update(INI, text.encode(), (key,), value)
    except Refused as refusal:
        if refusal.data["reason"] not in {"characters", "quoting"}:
            raise
    return None


@pytest.mark.parametrize(("before", "key", "value", "after"), PUT)
def test_values_are_put(before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands; a key, section or list grows as its neighbours are written."""
    parsed = tuple(key.split(".")) if " " in key else parse_key(key)
    assert documents.decode(documents.update(INI, documents.encode(before), parsed, value)) == after
    assert documents.open_document(INI, documents.encode(after)).get(parsed) == value


@pytest.mark.parametrize(("before", "key", "after"), REMOVE)
def test_values_are_removed(before: str, key: str, after: str) -> None:
    """A key goes with its lines, a section with what stands below it; comments stay."""
    assert documents.decode(documents.delete(INI, before.encode(), parse_key(key))) == after


@pytest.mark.parametrize(("lines", "value"), READ)
def test_values_are_read(lines: str, value: documents.Value) -> None:
    """Locator and judge both read what most readers do."""
    text = f"[a]\n{lines}\n"
    document = documents.open_document(INI, text.encode())
    key = ("a", "0", "l") if "[b]" in lines else ("a", "k")
    if key[1] == "k":
        assert document.get(key) == value
    assert INI.judge(text) == {
        table.key[0]: document.get(table.key) for table in document.entries() if len(table.key) == 1
    }


@pytest.mark.parametrize(("lines", "settled"), UNTOLD)
def test_what_readers_disagree_about_is_not_told(lines: str, *, settled: bool) -> None:
    """A value that readers take differently is not told; where they disagree about the keys too, it is left alone."""
    text = f"[a]\n{lines}\nz = 1\n".encode()
    document = documents.open_document(INI, text)
    with pytest.raises(Refused) as refused:
        document.get(("a", "k"))
    assert (refused.value.data["reason"], refused.value.data["line"]) == ("ambiguous", 2)
    if settled:
        assert documents.update(INI, text, ("a", "k"), "x").endswith(b"x\nz = 1\n")
    else:
        with pytest.raises(Refused) as refused:
            document.put(("a", "k"), "x")
        assert refused.value.data["reason"] == "ambiguous"
        with pytest.raises(Refused) as refused:
            document.remove(("a", "k"))
        assert refused.value.data["reason"] == "ambiguous"
    assert documents.update(INI, text, ("a", "z"), "2") == text.replace(b"z = 1", b"z = 2")


def test_disputed_keys_are_listed() -> None:
    """What some reader takes for a key has an entry, so that a pattern of secret keys finds it."""
    text = b"[a]\nb = 1\n  password = x\nc:d = 2\n"
    keys = [entry.key for entry in documents.open_document(INI, text).entries()]
    assert keys == [("a",), ("a", "b"), ("a", "password"), ("a", "c"), ("a", "c:d")]


@pytest.mark.parametrize("text", NO_INI.values(), ids=NO_INI.keys())
def test_what_is_no_ini_file_is_refused(text: str) -> None:
    """Locator and judge refuse it, the locator with the line."""
    with pytest.raises(Refused) as refused:
        INI.open(text)
    assert refused.value.data["line"] in {1, 2, 3}
    with pytest.raises(Refused):
        INI.judge(text)


@pytest.mark.parametrize("value", ATTACKS.values(), ids=ATTACKS.keys())
@pytest.mark.parametrize("key", ["ui.theme", "mail.from", "ui.new", "new.key", "mail.cc.2"])
def test_attacks_are_refused_without_quotes(key: str, value: str) -> None:
    """A file without quotes takes no value that any reader would not read as it is."""
    with pytest.raises(Refused) as refused:
        documents.update(INI, SHOP.encode(), parse_key(key), value)
    assert refused.value.kind == "not_editable"
    assert refused.value.data["reason"] in {"characters", "quoting"}


@pytest.mark.parametrize("value", ATTACKS.values(), ids=ATTACKS.keys())
@pytest.mark.parametrize("key", ["title", "theme", "new"])
def test_attacks_do_nothing_in_quotes(key: str, value: str) -> None:
    """In a file with quotes the value is read back exactly, or refused; no reader sees another key for it."""
    after = written(QUOTED, key, value)
    if after is None:
        return
    assert documents.open_document(INI, after).get((key,)) == value
    kept = lines_of(QUOTED) + (["new"] if key == "new" else [])
    assert lines_of(after.decode()) == kept
    assert [*configured("[x]\n" + after.decode())["x"]] == kept


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_are_not_forged(name: str) -> None:
    """No new key or section has a name that any reader would read otherwise."""
    for key in (("ui", name), ("new", name), (name, "k")):
        if key[0] not in FINE_SECTIONS:
            with pytest.raises(Refused) as refused:
                documents.update(INI, SHOP.encode(), key, "x")
            assert refused.value.data["reason"] == "characters"


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_what_ini_cannot_hold_is_refused(text: str, key: str, value: documents.Value, reason: str) -> None:
    """Neither other types, nor deeper tables, nor lists and bare keys in a file that has none."""
    with pytest.raises(Refused) as refused:
        documents.update(INI, text.encode(), parse_key(key), value)
    assert refused.value.data.get("reason", refused.value.kind) == reason


@pytest.mark.parametrize("key", ["x", "ui.x", "ui.theme.x", "ui.theme.0", "mail.cc.2", "mail.cc.x", "ui.0"])
def test_keys_that_are_not_there(key: str) -> None:
    """Neither getting nor deleting finds what is not there."""
    document = documents.open_document(INI, SHOP.encode())
    for ask in (document.get, document.remove):
        with pytest.raises(Refused) as refused:
            ask(parse_key(key))
        assert refused.value.kind == "no_such_key"


def test_entries_tell_what_there_is() -> None:
    """Sections, keys and lists have entries with their lines, in the order of the text."""
    text = "a=1\n[b]\nc=2 ; d\nskip\n[e]\nf=1\n[e]\nf=2\nf=3\n"
    found = documents.open_document(INI, text.encode()).entries()
    assert [(".".join(entry.key), entry.type, text[entry.start : entry.end]) for entry in found] == [
        ("a", "string", "a=1\n"),
        ("b", "object", "[b]\nc=2 ; d\nskip\n"),
        ("b.c", "string", "c=2 ; d\n"),
        ("b.skip", "null", "skip\n"),
        ("e", "array", "[e]\nf=1\n[e]\nf=2\nf=3\n"),
        ("e.0", "object", "[e]\nf=1\n"),
        ("e.0.f", "string", "f=1\n"),
        ("e.1", "object", "[e]\nf=2\nf=3\n"),
        ("e.1.f", "array", "f=2\nf=3\n"),
        ("e.1.f.0", "string", "f=2\n"),
        ("e.1.f.1", "string", "f=3\n"),
    ]


@pytest.mark.parametrize("text", [SHOP, PEERS, "[a]\nb = 1\n  2\n  3\nc = d;e\n[f g]\nh: i\nj\n"])
def test_configparser_reads_the_same(text: str) -> None:
    """Sections, keys and values are what configparser reads, but for comments behind values and for lists."""
    tree = INI.judge(text)
    assert isinstance(tree, dict)
    read = configured(re.sub(r"\s+; why", "", text))
    assert read.keys() == tree.keys()
    for name, section in read.items():
        held = (
            tree[name]
            if isinstance(tree[name], dict)
            else {key: one for table in tree[name] for key, one in table.items()}
        )
        assert section == {key: one[-1] if isinstance(one, list) else one for key, one in held.items()}


LARGE = {
    # a file and a key that take `n` values, and how these are made
    "names of a new section": ("[a]\nb=1\n", "new", lambda n: {f"k{at}": "" for at in range(n)}),
    "names of a section": ("[a]\nb=1\n", "a", lambda n: {f"k{at}": "" for at in range(n)}),
    "a list": ("[a]\nb=1\nb=2\n" + "[c]\n" * 500, "a.b", lambda n: [""] * n),
    "a list of marks": ('[a]\nb="%(a)s"\nb="' + "%(a)s" * 500 + '"\n', "a.b", lambda n: ["%(a)s"] * n),
    "values that need quotes": ('[a]\nb="1"\n', "new", lambda n: {f"k{at}": ";" for at in range(n)}),
    "sections": ("; " + "x" * 5000 + "\n[a]\n[a]\n", "a", lambda n: [{}] * n),
    "keys alone": ("[a]\nb\n", "a", lambda n: {f"k{at}": None for at in range(n)}),
}
"""What a request has much of."""


@pytest.mark.parametrize(("text", "key", "make"), LARGE.values(), ids=LARGE.keys())
def test_large_values_cost_what_their_size_does(text: str, key: str, make: Callable[[int], documents.Value]) -> None:
    """Eight times the values take some eight times as long, where a square would be sixty-four."""

    def cost(count: int) -> float:
        value = make(count)
        document = INI.open(text)
        start = time.process_time()
        document.put(parse_key(key), value)
        return time.process_time() - start

    assert costs_what_its_size_does(cost, 4000)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[a]\nb" + " " * 9999 + "= 1\n", "new"),
        ("[a]\nb =" + " " * 9999 + "1\n", "new"),
        ("[a]\n" + "b" * 9999 + "   = 1\n", "new"),
        ("[a]\n" + " " * 9999 + "b = 1\n", "a"),
    ],
)
def test_the_style_of_a_file_is_not_repeated_at_any_length(text: str, key: str) -> None:
    """White space and alignment that nobody would write are not copied to every new line."""
    after = documents.update(INI, text.encode(), (key,), {f"k{at}": "" for at in range(100)})
    assert len(after) < len(text) + 100 * 200


def test_long_names_are_not_repeated() -> None:
    """A request of 200 KiB would become gigabytes."""
    attempts: list[tuple[str, documents.Value]] = [("new", {"k" * 9999: ["1", "2"]}), ("k" * 2000, [{}, {}])]
    for name, value in attempts:
        with pytest.raises(Refused) as refused:
            documents.update(INI, PEERS.encode(), (name,), value)
        assert refused.value.data == {"reason": "type"}


def test_bytes_are_not_told() -> None:
    """A value that is no UTF-8 stays as it is."""
    with pytest.raises(Refused) as refused:
        documents.open_document(INI, b"[a]\nb = \xff\n").get(("a",))
    assert refused.value.data["reason"] == "bytes"
