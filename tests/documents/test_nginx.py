"""nginx's configuration files."""

import difflib
import random
from pathlib import Path

import crossplane
import pytest

from rpcd import documents
from rpcd.documents.key import parse_key
from rpcd.documents.nginx.judge import judge
from rpcd.documents.nginx.layout import value_of
from rpcd.documents.nginx.locate import locate
from rpcd.documents.splice import apply
from rpcd.errors import Refused
from tests.documents.test_generated import attempt, others, scope

NGINX = documents.resolve("nginx")

SITE = """\
# The shop.
server {
    listen      80;
    listen      443 ssl; # encrypted
    server_name shop.example www.example;
    root        "/srv/shop";

    # Everything.
    location / {
        try_files $uri $uri/ =404;
        internal;
    }
    location ~ "\\.(a|b){2}$" { return 404 'it''s'; }
    location ~ \\.php$ {
    }
    # location /old { }
}
""".replace("'it''s'", "'gone'")

BY_PATTERN = 'server.0."location ~ \\"\\\\.(a|b){2}$\\"".return.1'
GONE = """-    location ~ "\\.(a|b){2}$" { return 404 'gone'; }\n"""

PUT: list[tuple[str, str, documents.Value, str]] = [
    # text, key, value, what becomes of the text: the whole of it, or for SITE the lines that change
    ("a 1;", "a", "2", "a 2;"),
    ("a 1;", "a", "", 'a "";'),
    ("a 1;", "a", "x y", 'a "x y";'),
    ("a 1;", "a", "80; load_module /tmp/x.so", 'a "80; load_module /tmp/x.so";'),
    ("a 1;", "a", "} b {", 'a "} b {";'),
    ("a 1;", "a", "# b", 'a "# b";'),
    ("a 1;", "a", "b#", "a b#;"),
    ("a 1;", "a", 'say "it"', 'a "say \\"it\\"";'),
    ("a '1';", "a", "it's \"", "a 'it\\'s \"';"),
    ("a '1';", "a", "b", "a 'b';"),
    ('a "1";', "a", "it's", 'a "it\'s";'),
    ("a 1;", "a", "it's", 'a "it\'s";'),
    ("a 1;", "a", "$host/${uri}x", 'a "$host/${uri}x";'),
    ("a 1;", "a", "$host", "a $host;"),
    ("a 1;", "a", "\\.php$", "a \\.php$;"),
    ("a 1;", "a", "^/a{2}$", 'a "^/a{2}$";'),
    ("a 1;", "a", "\\d\\t", 'a "\\d\\\\t";'),
    ("a 1;", "a", "x\\", 'a "x\\\\";'),
    ("a 1;", "a", '\\"', 'a "\\\\\\"";'),
    ("a 1;", "a", "x\ny\tz\r", 'a "x\\ny\\tz\\r";'),
    ("a 1;", "a", "\\\t", 'a "\\\\\\t";'),
    ("a 1;", "a", ["2", "x y"], 'a 2 "x y";'),
    ("a 1;", "a", None, "a;"),
    ("a;", "a", "1", "a 1;"),
    ("a 1 2 3;", "a.1", "x", "a 1 x 3;"),
    ("a 1 2;", "a.2", "x y", 'a 1 2 "x y";'),
    ("a 1;", "a.1", "2", "a 1 2;"),
    ("a 1 # c\n  2;", "a", "1", "a 1;"),
    ("a 1  2 # c\n;", "a", ["x", "2", "3"], "a x  2 3 # c\n;"),
    ("a 1;", "a", [["1"], ["2", "3"]], "a 1;\na 2 3;"),
    ("a 1;\na 2;\n", "a", [["x"], ["2"], None], "a x;\na 2;\na;\n"),
    ("a 1;\na 2;\n", "a", "3", "a 3;\n"),
    ("a 1;\na 2 3;\n", "a.1", ["4"], "a 1;\na 4;\n"),
    ("a 1;\na 2 3;\n", "a.1.1", "4", "a 1;\na 2 4;\n"),
    ("a 1;\na 2 3;\n", "a.1.2", "4", "a 1;\na 2 3 4;\n"),
    ("a 1;\n\ta 2; # c\nb {}\n", "a.2", ["3"], "a 1;\n\ta 2; # c\n\ta 3;\nb {}\n"),
    ('if ($a = "x") { }', '"if ($a = x )"', {"b": "1"}, 'if ($a = "x") {\n    b 1;\n}'),
    ("a{b 1;}", "a.b", "2", "a{b 2;}"),
    ("a{b 1;}", "a.c", "2", "a{b 1; c 2;}"),
    ("a {}", "a.c", "2", "a {\n    c 2;\n}"),
    ("a {\n\t# nothing yet\n}\n", "a.c", "2", "a {\n\t# nothing yet\n    c 2;\n}\n"),
    ("a { b { } }", "a.c", "1", "a { c 1; b { } }"),
    ("# c\n\n# a's\na { }\n", "b", "1", "# c\n\nb 1;\n\n# a's\na { }\n"),
    ("a {\n  b { }\n}\n", "a.c", "1", "a {\n  c 1;\n\n  b { }\n}\n"),
    ("a 1;\r\nb {\r\n  c 1;\r\n}\r\n", "b.d", "1", "a 1;\r\nb {\r\n  c 1;\r\n  d 1;\r\n}\r\n"),
    ("a 1;", "b", "1", "a 1;\nb 1;"),
    ("", "a", "1", "a 1;\n"),
    ("# c", "a", "1", "# c\na 1;"),
    ("", "server", [{"listen": "80", "x": [["1"], None]}], "server {\n    listen 80;\n    x 1;\n    x;\n}\n"),
    ("upstream a { server x; }", '"upstream a".server', [["x"], ["y", "z"]], "upstream a { server x; server y z; }"),
    ("map $a $b { default 0; }", '"map $a $b"."\\"~*a b\\""', "1", 'map $a $b { default 0; "~*a b" 1; }'),
    ("a 1; content_by_lua_block { x = '}' }", "a", "2", "a 2; content_by_lua_block { x = '}' }"),
    (SITE, "server.0.listen.0", ["[::]:80"], "-    listen      80;\n+    listen      [::]:80;\n"),
    (SITE, "server.0.root", "/srv/my shop", '-    root        "/srv/shop";\n+    root        "/srv/my shop";\n'),
    (SITE, "server.0.index", ["a", "b"], "+    index       a b;\n"),
    (SITE, "server.0.client_max_body_size", "1m", "+    client_max_body_size 1m;\n"),
    (SITE, 'server.0."location /".expires', "1d", "+        expires 1d;\n"),
    (SITE, 'server.0."location /n"', {"return": ["302", "/"]},
    "+\n+    location /n {\n+        return 302 /;\n+    }\n"),
    (SITE, 'server.0."location /"', {"internal": None}, "-        try_files $uri $uri/ =404;\n"),
    (SITE, "server.1", {"listen": "81"}, "+\n+server {\n+    listen 81;\n+}\n"),
    (SITE, BY_PATTERN, "so", GONE + GONE.replace("-", "+").replace("gone", "so")),
]  # fmt: skip

REMOVE: list[tuple[str, str, str]] = [
    ("a 1; b 2; c 3;", "a", "b 2; c 3;"),
    ("a 1; b 2; c 3;", "b", "a 1; c 3;"),
    ("a 1; b 2; c 3; # d", "c", "a 1; b 2; # d"),
    ("a{b 1;}", "a.b", "a{}"),
    ("a 1;\nb 2; # with it\nc 3;\n", "b", "a 1;\nc 3;\n"),
    ("a 1;\n  b {\n  c 2;\n  }\nd 3;\n", "b", "a 1;\nd 3;\n"),
    ("a 1;\na 2;\nb 3;\na 4;\n", "a", "b 3;\n"),
    ("a 1;\na 2;\n", "a.1", "a 1;\n"),
    ("a;\na 2;\n", "a.1", "a;\n"),
    ("a 1 2;\na 2;\n", "a.1", "a 1 2;\n"),
    ("a 1 2 3;", "a.1", "a 1 3;"),
    ("a 1 2;", "a.1", "a 1;"),
    ("a 1 # c\n2;", "a.1", "a 1 # c\n;"),
    ("server { a 1; }\nserver { a 2; }\n", "server.0", "server { a 2; }\n"),
    ("server { a 1; }\n", "server.0", ""),
    ("if ($a) { b 1; }\nif ($a) { b 2; }\n", '"if ($a)".1', "if ($a) { b 1; }\n"),
    ("a 1; rewrite_by_lua_block { -- }\n }\n", '"rewrite_by_lua_block"', "a 1;\n"),
]

REFUSED_TEXTS = {
    "a": "syntax", "a 1": "syntax", "a 1; }": "syntax", "{ }": "syntax", ";": "syntax", "a {": "syntax",
    "a '1": "syntax", 'a "1"x;': "syntax", "a 1 }": "syntax", "\ufeffa 1;": "syntax", "a \0;": "syntax",
    "a { 1; } a 2;": "ambiguous", "x_by_lua_block { ' }": "syntax", "x_by_lua_block { [[ }": "syntax",
    "a \\": "syntax", "x_by_lua_block { 'a\n' }": "syntax", "a 'x'#": "syntax",
}  # fmt: skip

REFUSED: list[tuple[str, str, documents.Value, str]] = [
    ("a 1;", "a", 1, "type"),
    ("a 1;", "a", True, "type"),
    ("a 1;", "a", ["1"], "structure"),
    ("a 1;", "a", [], "structure"),
    ("a 1;", "a", ["1", ["2"]], "structure"),
    ("a 1;", "a", ["1", 2], "structure"),
    ("a 1;", "a", {"b": "1"}, "structure"),
    ("a 1;", "a.b", "1", "structure"),
    ("a 1 2;", "a.1.0", "1", "structure"),
    ("a;", '"a"."0"', "1", "structure"),
    ("a 1 2;", "a.1", None, "type"),
    ("a {}", "a", "1", "structure"),
    ("server { }", "server", {"a": "1"}, "structure"),
    ("server { }", "server", [], "structure"),
    ("", "server", {"a": "1"}, "proof"),
    ("a 1;", '"b c"', "1", "structure"),
    ("a 1;", '"b; c"', "1", "characters"),
    ("a 1;", '"b  c"', {}, "characters"),
    ("a 1;", '"b c "', {}, "characters"),
    ("a 1;", '""', "1", "characters"),
    ("a 1;", '"b;c d"', {}, "characters"),
    ("a 1;", '"b } c"', {}, "characters"),
    ("a 1;", '"b { c"', {}, "characters"),
    ("a 1;", '"b #"', {}, "characters"),
    ("a 1;", "a", "\x00", "characters"),
    ("a 1;", "a", "\x1b", "characters"),
    ("a 1;", "a", "\u2028", "characters"),
    ("a 1;", "a", "x" * 5000, "characters"),
    ("a { }", "a", {"b c": "1"}, "structure"),
    ("a { }", "a", {"b": {"c d": "1"}}, "structure"),
    ("a { }", "a.b", [{"c": "1"}, "x"], "structure"),
    ("x_by_lua_block { }", "x_by_lua_block", "1", "expression"),
    ("x_by_lua_block { }", "x_by_lua_block.a", "1", "structure"),
    ("a 1;", "x_by_lua_block", {"a": "1"}, "proof"),
]


def text_of(tree: object) -> set[str]:
    """Every name and value of a tree."""
    if isinstance(tree, dict):
        return {*tree}.union(*map(text_of, tree.values()))
    return set().union(*map(text_of, tree)) if isinstance(tree, list) else {tree} if isinstance(tree, str) else set()


def changed_lines(before: str, after: str) -> str:
    """The lines that went and came."""
    diff = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), n=0)
    return "".join(line for line in diff if not line.startswith(("---", "+++", "@@")))


@pytest.mark.parametrize(("text", "key", "value", "expected"), PUT)
def test_put(text: str, key: str, value: documents.Value, expected: str) -> None:
    """A value is written where it belongs, and reads as what it is."""
    after = documents.update(NGINX, text.encode(), parse_key(key), value).decode()
    assert (changed_lines(text, after) if text is SITE else after) == expected
    assert documents.open_document(NGINX, after.encode()).get(parse_key(key)) == value


@pytest.mark.parametrize(("text", "key", "expected"), REMOVE)
def test_remove(text: str, key: str, expected: str) -> None:
    """What is taken away goes with its line, where it has one to itself."""
    assert documents.delete(NGINX, text.encode(), parse_key(key)).decode() == expected


@pytest.mark.parametrize(("text", "reason"), REFUSED_TEXTS.items())
def test_no_nginx(text: str, reason: str) -> None:
    """What nginx would not read is refused, and what has one name for two kinds of things."""
    with pytest.raises(Refused) as refused:
        documents.open_document(NGINX, text.encode())
    assert refused.value.data["reason"] == reason


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_no_value(text: str, key: str, value: documents.Value, reason: str) -> None:
    """What cannot be written there is refused with its reason."""
    with pytest.raises(Refused) as refused:
        documents.update(NGINX, text.encode(), parse_key(key), value)
    assert refused.value.data["reason"] == reason


@pytest.mark.parametrize(
    "key", ["b", "a.0", "a.b", "c.3", "c.x", "c.0.1", "server.1", "server.listen", '"a 1"', "d.e.f"]
)
def test_keys_that_are_not_there(key: str) -> None:
    """Neither getting nor removing finds what is not there, and nothing is added beyond the end of a list."""
    text = b"a 1; c 1; c 2; server { listen 80; } d { e 1; }"
    document = documents.open_document(NGINX, text)
    for ask in (document.get, document.remove):
        with pytest.raises(Refused) as refused:
            ask(parse_key(key))
        assert refused.value.kind == "no_such_key"


@pytest.mark.parametrize("key", ["c.3", "c.x", "c.0.2", "a.2", "server.2"])
def test_nothing_is_added_beyond_the_end(key: str) -> None:
    """A list of directives or arguments has no holes."""
    with pytest.raises(Refused) as refused:
        documents.update(NGINX, b"a 1; c 1; c 2; server { }", parse_key(key), ["x"])
    assert refused.value.kind == "no_such_key"


@pytest.mark.parametrize("key", ["c.0.0", "d.0.0"])
def test_the_only_argument_stays(key: str) -> None:
    """One of several directives keeps an argument: without it, it would be another kind of directive."""
    with pytest.raises(Refused) as refused:
        documents.delete(NGINX, b"c 1; c 2; d 1; d 2;", parse_key(key))
    assert refused.value.data["reason"] == "structure"


def test_entries_tell_what_there_is() -> None:
    """Every directive, block and argument has its entry with its type and place, in the order of the text."""
    found = documents.open_document(NGINX, SITE.encode()).entries()
    told = [(documents.format_key(entry.key), entry.type, SITE[entry.start : entry.end]) for entry in found]
    assert told[:8] == [
        ("server", "array", SITE[SITE.index("server") :]),
        ("server.0", "object", SITE[SITE.index("server") :]),
        ("server.0.listen", "array", "    listen      80;\n    listen      443 ssl; # encrypted\n"),
        ("server.0.listen.0", "array", "    listen      80;\n"),
        ("server.0.listen.0.0", "string", "80"),
        ("server.0.listen.1", "array", "    listen      443 ssl; # encrypted\n"),
        ("server.0.listen.1.0", "string", "443"),
        ("server.0.listen.1.1", "string", "ssl"),
    ]
    types = {key: kind for key, kind, _ in told}
    assert types['server.0."location /".internal'] == "null"
    assert types["server.0.root"] == "string"
    assert types['server.0."location ~ \\"\\\\.(a|b){2}$\\"".return'] == "array"


def test_lua_is_left_alone() -> None:
    """A block of Lua has an entry and no value, whatever braces stand in its strings and comments."""
    lua = "-- }\n --[[ } ]] x = \"}\" .. '\\'}' .. [==[ } ]] ]==] .. a[b[1]] - { 1 } "
    text = f"http {{ init_by_lua_block {{{lua}}} a 1; }}"
    document = documents.open_document(NGINX, text.encode())
    assert {documents.format_key(entry.key): entry.type for entry in document.entries()} == {
        "http": "object",
        "http.init_by_lua_block": "string",
        "http.a": "string",
    }
    with pytest.raises(Refused) as refused:
        document.get(("http", "init_by_lua_block"))
    assert refused.value.data["reason"] == "expression"
    assert documents.update(NGINX, text.encode(), ("http", "a"), "2").decode() == text.replace("a 1", "a 2")


def test_bytes_stay_as_they_are() -> None:
    """Bytes that are no UTF-8 stay, and are not told."""
    text = b"# \xff\r\na \xff;\r\n\tb 1;"
    assert documents.update(NGINX, text, ("b",), "2") == text.replace(b"b 1", b"b 2")
    with pytest.raises(Refused) as refused:
        documents.open_document(NGINX, text).get(("a",))
    assert refused.value.data["reason"] == "bytes"


def test_commented_out_directives_come_to_life() -> None:
    """A directive that is commented out can be the place for a new value, and comments are told."""
    text = b"http {\n\t# Compress?\n\t# gzip on;\n\ta 1;\n}\n"
    manner = documents.Manner(use_commented=True)
    after = documents.update(NGINX, text, ("http", "gzip"), "off", manner)
    assert after == text.replace(b"# gzip on", b"gzip off")
    assert documents.comments(NGINX, after) == {("http", "gzip"): "Compress?"}


ATTACKS = (
    "80; load_module /tmp/x.so", "x;}", "{", "}", '"', "'", "\\", '";', "';", '\\";', "\\';", "#", " ", "\n",
    "x\nuser root;", "${", "$", "$x{", "a\\", ";", "\t", "\r\n", "\\\n", "", "a b", '"a" b', ")", '") { x',
    "_by_lua_block {", "\\;",
    "\\ ",
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("text", ["a 1; z 2;", "a '1'; z 2;", 'a "1"; z 2;', "a 1 x; z 2;", "b { a 1; } z 2;"])
def test_an_argument_stays_an_argument(text: str, attack: str) -> None:
    """Whatever stands in a value or a name, there is one more word in the file, and crossplane finds that too."""
    table = ("b",) if text.startswith("b") else ()
    several: documents.Value = ["x", attack]
    for name, value in (("a", attack), ("new", attack), ("a", several)):
        after = documents.update(NGINX, text.encode(), (*table, name), value)
        read = judge(after.decode())
        assert text_of(read) - {attack, "x", "new"} <= text_of(judge(text))
    for key in ((*table, attack), (*table, "z", attack), (*table, f"new {attack}")):
        for wanted in ("x", {"x": "y"}):
            done = attempt(documents.update, NGINX, text.encode(), key, wanted)
            assert isinstance(done, Refused) or documents.open_document(NGINX, done).get(key) == wanted


REAL = sorted(
    path for path in Path("/etc/nginx").rglob("*") if path.is_file() and not path.is_symlink() and path.suffix != ".so"
)


@pytest.mark.parametrize("path", REAL, ids=str)
def test_crossplane_reads_debians_files_as_the_judge_does(path: Path) -> None:
    """The words that the judge finds in Debian's files are those that crossplane finds."""
    found: set[str] = set()
    read = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False)["config"][0]
    assert read["errors"] == []
    waiting = [*read["parsed"]]
    while waiting:
        one = waiting.pop()
        waiting += one.get("block", [])
        words = [one["directive"], *one["args"]]
        found |= set() if one["directive"] == "#" else {" ".join(words)} if "block" in one else {*words}
    assert {word.strip('"') for word in text_of(judge(path.read_text()))} == {
        word.replace('\\"', '"') for word in found
    }


@pytest.mark.parametrize("path", REAL, ids=str)
def test_every_value_of_debians_files_changes_and_changes_back(path: Path) -> None:
    """Each value of each file is given another one, and then its own: the file is byte for byte what it was."""
    content = path.read_bytes()
    document = documents.open_document(NGINX, content)
    for entry in document.entries():
        if entry.type != "string":
            continue
        value = document.get(entry.key)
        changed = documents.update(NGINX, content, entry.key, "x")
        assert changed != content
        assert documents.update(NGINX, changed, entry.key, value) == content


LINES = (
    "a 1;\n", "a@ 1 2; # c\n", "\tb# 'x y';\n", "# c\n", "\n", "c@ {\n", "}\n", "server {\n", "if ($a) {\n", "d@; ",
    'location ~ "a{2}" {\n', "e@ {} ", 'a "\\"";\r\n', "f@ 'é\udcff';\n", "g@ \\.php$;\n",
    "x_by_lua_block { '}' }\n", "h ${x}y $z;\n",
)  # fmt: skip

VALUES: tuple[documents.Value, ...] = (
    "x", "", "a b", "a;b", "{", "}", "'", '"', "\\", "\\\\", '\\"', "\n", "$x", "${y", "#", "é", "\x00", "\udcff",
    None, 1, ["a", "b"],
    [["a"], ["b c", ";"]], [["a"], None], {}, {"k": "v"}, {"if ($b)": {"l": None}}, [{"k": "v"}], [{}, {"a": "1"}],
    "x" * 4001,
)  # fmt: skip


def generated(chance: random.Random) -> str:
    """A text of nginx's language."""
    lines = [chance.choice(LINES).replace("@", str(number)) for number in range(chance.randrange(9))]
    depth = 0
    text = ""
    for line in lines:
        if line == "}\n" and not depth:
            continue
        depth += line.endswith("{\n") - (line == "}\n")
        text += line
    return text + "}" * depth


def edit(chance: random.Random) -> bool:
    """Make one edit of a generated text, and say whether it was done."""
    text = generated(chance)
    content = documents.encode(text)
    document = attempt(documents.open_document, NGINX, content)
    if isinstance(document, Refused):
        assert document.data["reason"] == "ambiguous"
        return False
    keys = [entry.key for entry in document.entries()] or [("a",)]
    key = (*chance.choice(keys), *chance.choice(((), (), ("0",), ("new",), ("if ($x)", "y"), ("server",))))
    gone, value = chance.random() < 0.2, chance.choice(VALUES)
    asked = () if gone else (value,)
    after = attempt(documents.delete if gone else documents.update, NGINX, content, key, *asked)
    if isinstance(after, Refused):
        assert after.kind in {"not_editable", "no_such_key"}
        return False
    splice = document.remove(key) if gone else document.put(key, value)
    assert after == documents.encode(apply(text, splice))
    touched = scope(judge(text), key)
    assert others(judge(documents.decode(after)), touched) == others(judge(text), touched)
    if not gone:
        assert documents.open_document(NGINX, after).get(key) == value
    return True


def test_generated_edits_do_what_was_asked() -> None:
    """Of five thousand edits of generated files, each does what was asked and nothing else, or is refused."""
    chance = random.Random(4)  # noqa: S311 - cases, no secrets
    assert sum(edit(chance) for _ in range(5000)) > 1500


MARKS = (
    "a", "b 1;", " ", ";", "{", "}", "{", "}", '"', "'", "\\", "#", "\n", "\r", "$", "${", ")", "(", "a{1;}",
    "server {", "location /", "\\n", "é", "\t",
    "x_by_lua_block {", "--", "[[", "]]", "[=[", "]=]", "\x85", "\\t",
)  # fmt: skip


def test_locator_and_judge_read_the_same() -> None:
    """Two readers that share nothing agree about any text: what it holds, and whether it is one."""
    chance = random.Random(5)  # noqa: S311 - cases, no secrets
    read = 0
    for _ in range(20_000):
        text = "".join(chance.choice(MARKS) for _ in range(chance.randrange(1, 12)))
        tree, root = attempt(judge, text), attempt(locate, text)
        if isinstance(tree, Refused) and tree.data["reason"] == "ambiguous":
            continue
        assert isinstance(tree, Refused) == isinstance(root, Refused), text
        if not isinstance(root, Refused) and "_by_lua" not in text:
            assert value_of(root, text) == tree
            read += bool(tree)
    assert read > 1000
