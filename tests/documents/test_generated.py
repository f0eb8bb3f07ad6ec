"""Generated files, keys and values: whatever they are, an edit does what was asked and nothing else, or is refused.

`RPCD_EXAMPLES=5000` looks longer.
"""

import configparser
import json
import os
import random
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from rpcd import documents
from rpcd.documents.env.layout import locate as locate_env
from rpcd.documents.ini.grammar import PRESETS
from rpcd.documents.ini.layout import Item
from rpcd.documents.ini.locate import locate as locate_ini
from rpcd.documents.key import Key
from rpcd.documents.proof import GONE
from rpcd.documents.splice import apply
from rpcd.documents.toml.judge import plain
from rpcd.errors import Refused
from tests.documents.test_ini import configured

T = TypeVar("T")

EXAMPLES = int(os.environ.get("RPCD_EXAMPLES", "200"))

settings.register_profile(
    "documents",
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
generated = settings.get_profile("documents")

MARKS = {
    "ini": (
        "[a]", "[b]\n", "[a.b]\n", " ", "\t", "k", "l", "=", "=", ":", "v", '"', "'", ";", "#", "\\", "\n", "\n",
        "\r\n", "\r", "yes", "%", "$", "é", "\udcff", "k = v\n", "l=w ; c\n", "  i = 1\n", "[", "]", "\ufeff",
    ),
    "env": (
        "A", "B", "=", "=", "export ", "'", "'", '"', '"', "\\", "$", "$(", ")", "`", "{", "}", "~", ":", "#", " ",
        "\n", "\n", "x", "\r", "é", "A=1\n", "B='x'\n", "\t", "((", "${A}", "$A", "!", "*", "\x00",
        "${A:-", "${#", "${A%", "$((1", "))", "$[", "]", "\\\n", "=\\\n~",
    ),
    "json": (
        "{", "}", "[", "]", ",", ":", '"a"', '"b"', "1", "null", " ", "\n", '"', "\\", "1.0", "\ufeff",
    ),
    "toml": (
        "[", "]", "{", "}", "a", "b", ".", "=", "1", "'", '"', '"""', "'''", "\n", "\n", " ", ",", "#", "\\",
        "[a]\n", "[[b]]\n", "c = 1\n", "\r\n", "1979-05-27", "\ufeff",
    ),
    "yaml": (
        "a", "b", ":", ": ", "- ", "? ", "[", "]", "{", "}", ",", '"', "'", "|", ">", "&x", "*x", "!t ", "# c", "\n",
        "\n", "\n  ", "\n  ", " ", "---\n", "...\n", "\r\n", "<<", "%", "\t", "\ufeff", "\udcff", "1", "\\", "\u2028",
    ),
}  # fmt: skip
"""What the texts are made of that may be of a format, or not."""

LINES = {
    "ini": (
        "[a]\n", "[b]\n", "[a]\n\n", "; c\n", "# d\n", "\n", "k = v\n", "l=w ; c\n", "m: x\n", "k = z\n", " i = 1\n",
        'n = "q"\n', "o\n", "p = 'r'\n", "t =\n", "u = a;b\n", "x = #f\n", "y=#f\n", "  more\n", "e = é\n",
        "r = \udcff\n", "s    = pad\n", "j = a\r\n",
    ),
    "env": (
        "A=1\n", "B='x y'\n", 'C="a b"\n', "export D=4\n", "E=$HOME\n", "F='a\nb'\n", "# c\n", "\n", "G=`id`\n",
        'H="$(id)"\n', "A=2 # c\n", "I=a\\ b\n", "J=\n", "K=é\n", "export A\n", "  L=1\n", "M=~/x\n", "N='\udcff'\n",
        "O='it'\\''s'\n",
    ),
    "toml": (
        "k# = 1\n", "k#.x = 'y'\n", "k1.y# = 2\n", "[t#]\n", "[t1.u#]\n", "[[arr]]\n", "[arr.s]\n", "[[t2.arr]]\n",
        "k# = { x = 1, y.z = 2, y.w = 3 } # c\n", "k# = [1, 2]\n", "k# = [\n  1, # c\n  [2, 3],\n  {a = 1}\n]\n",
        "# c\n", "\n", 'k# = """\nx\n\\"""q""""\n', "  k# = 1979-05-27 07:32:00 # x\n", "k# = []\n", "k# = {}\n",
        '"a b" . k# = -0.0\n', "k# = '\udcff'\r\n",
    ),
    "yaml": (
        "k#: 1\n", "k#: 'y'  # c\n", 'k#: "a\\tb"\n', "k#:\n  a: 1\n  b: no\n", "k#:\n- a\n- b: 1\n  c: 2\n# c\n",
        "k#:\n  - a\n  # c\n  -\n", "k#:\n", "k#: # c\n    x: {a: 1, b: [1, 2]}\n", "k#: |\n  a\n\n   b\n\n",
        "k#: >-\n  a\n  b\n", "k#: |+ # c\n  a\n\n", "# c\n", "\n", "k#: &x# {a: 1}\n", "k#: &y [1, 2]\nu#: *y\n",
        "k#: &z\n  a: 1\nu#:\n  <<: *z\n  b: 2\n", "k#: !t 1\n", "k#: !t {a: 1}\n", "k#: !!str 1\n", "k#: 2001-12-14\n",
        "k#: a\n  b\n", '"k #": 1\n', "#: x\n", "on: 1\n", "? k#\n: 1\n", "? [k#]\n: 1\n", "k#: [\n  a, # c\n  b\n]\n",
        "k#: [a: 1, b]\n", "k#: {a, b: }\n", "k#: \udcff\r\n", "k#: é\n", "k#:\n    a:\n        b: ~\n", "k#: 1:20\n",
        "---\n", "k#: ''\n",
    ),
}  # fmt: skip
"""What the texts are made of that mostly are."""

SPECIAL = (
    "", "x", "a b", " x", "x ;", "#", "'", '"', "\\", "a\\", "\n", "x\n[r]\nk=1", "$(id)", "${K}", "%(k)s", "yes no",
    "1", "true", "null", "1979-05-27", "[x]", "=", "a=b", "\u2028", "\x85", "\x00", "\r", "\udcff", "é",
)  # fmt: skip
"""Strings that mean something to some reader."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(SPECIAL),
)
names = st.one_of(
    st.sampled_from(("a", "k", "k1", "t1", "arr", "0", "1", "new", "A", "B", "", "a b", "é", "x", "yes", "DEFAULT")),
    st.text(max_size=4),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=5
)


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """JSON in the ways in which programs write it."""
    tree = draw(st.dictionaries(names, values, max_size=4) | st.lists(values, max_size=3))
    indent = draw(st.sampled_from((None, None, 0, 2, 4, "\t")))
    separators = draw(st.sampled_from((None, (",", ":"), (" , ", " : "))))
    text = json.dumps(tree, indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    return draw(st.sampled_from(("", "\ufeff"))) + text + draw(st.sampled_from(("", "\n", "\r\n")))


@st.composite
def texts_of_lines(draw: st.DrawFn, form: str) -> str:
    """Lines of a format, some of them numbered, with or without the last line end."""
    lines = draw(st.lists(st.sampled_from(LINES[form]), max_size=9))
    text = "".join(
        line.replace("k#", f"k{number}")
        .replace("u#", f"u{number}")
        .replace("y#", f"y{number}")
        .replace("t#", f"t{number % 3}")
        for number, line in enumerate(lines)
    )
    return draw(st.sampled_from(("", "", "\ufeff"))) + (text if draw(st.booleans()) else text.removesuffix("\n"))


TEXTS: Mapping[str, st.SearchStrategy[str]] = {
    **{form: texts_of_lines(form) for form in LINES},
    "json": json_texts(),
}


@st.composite
def edits(draw: st.DrawFn, form: str) -> tuple[str, Key, object]:
    """A text of the format, a key that is often there, and a value, or `GONE`."""
    text = draw(TEXTS[form])
    try:
        entries = documents.open_document(documents.resolve(form), documents.encode(text)).entries()
    except Refused:
        reject()
    known = [entry.key for entry in entries] or [("a",)]
    new = st.lists(names, min_size=1, max_size=2).map(tuple)
    at = st.sampled_from(known)
    key = draw(at | at | st.builds(lambda table, name: (*table, name), at, names) | new)
    return text, key, draw(values | st.just(GONE))


def attempt(function: Callable[..., T], *arguments: object) -> T | Refused:
    """What a function gives, or how it refuses."""
    try:
        return function(*arguments)
    except Refused as refusal:
        return refusal


def leaves(tree: object, key: Key = ()) -> dict[Key, str]:
    """Every value of a tree by its key; tables and arrays have their own entries, so that empty ones count."""
    found = {key: type(tree).__name__ if isinstance(tree, dict | list) else f"{type(tree).__name__} {tree!r}"}
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, held in parts:
        found |= leaves(held, (*key, str(name)))
    return found


def scope(tree: object, key: Key) -> Key:
    """What an edit of `key` may touch: the key, or the first array on its way, whose elements move."""
    found = leaves(tree)
    return next((key[:depth] for depth in range(len(key)) if found.get(key[:depth], "").startswith("list")), key)


def others(tree: object, touched: Key) -> dict[Key, str]:
    """The values that an edit must not touch: neither on its way, nor below."""
    return {
        key: held for key, held in leaves(tree).items() if key[: len(touched)] != touched and touched[: len(key)] != key
    }


@pytest.mark.parametrize("form", ["env", "ini", "json", "toml", "yaml"])
@given(data=st.data())
@generated
def test_an_edit_does_what_was_asked_and_nothing_else(form: str, data: st.DataObject) -> None:
    """The key has the value, all other keys have theirs, and outside the splice every character is the same."""
    judged(documents.resolve(form), *data.draw(edits(form)))


def judged(form: documents.Format, text: str, key: Key, value: Any) -> bool:
    """Whether a value could be set, or taken away, once that has been looked at."""
    content = documents.encode(text)
    document = documents.open_document(form, content)
    asked = () if value is GONE else (value,)
    result = attempt(documents.update if asked else documents.delete, form, content, key, *asked)
    if isinstance(result, Refused):
        assert result.kind in {"not_editable", "no_such_key"}
        return False
    after = documents.decode(result)
    splice = document.put(key, value) if asked else document.remove(key)
    assert after == apply(text, splice)
    assert text.startswith(after[: splice.start])
    assert text.endswith(after[splice.start + len(splice.text) :])
    judge = form.judge
    touched = scope(judge(text), key)
    assert others(judge(after), touched) == others(judge(text), touched)
    document = documents.open_document(form, documents.encode(after))
    if value is not GONE:
        assert documents.same(document.get(key), value)
    elif not key[-1].isdigit():
        with pytest.raises(Refused, match="no_such_key"):
            document.get(key)
    return True


CASES = {
    "env": ("env", {}),
    "ini": ("ini", {}),
    "toml": ("toml", {}),
    **{preset: ("ini", {"preset": preset}) for preset in PRESETS},
    **{dialect: ("env", {"dialect": dialect}) for dialect in ("dotenv", "systemd", "docker")},
}  # fmt: skip
"""Formats and their options, by what tells them apart."""

STRINGS = (*SPECIAL, "a;b", "a#b", "it's", 'say "x"', "a:b", "C:\\x", "x y")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), CASES.values(), ids=CASES)
def test_thousands_of_edits_do_what_was_asked(name: str, options: dict[str, str]) -> None:
    """Of files of lines put together by chance, five thousand for each format, and two for each reader of one."""
    chance = random.Random(4711)  # noqa: S311 - to be the same each time
    form = documents.resolve(name, options)
    done = tried = 0
    while tried < (2000 if options else 5000):
        lines = [line.replace("k#", f"k{number}") for number, line in enumerate(chance.choices(LINES[name], k=6))]
        text = ("[a]\n" if options.get("preset") else "") + "".join(lines)
        entries = attempt(lambda text=text: documents.open_document(form, documents.encode(text)).entries())
        if isinstance(entries, Refused):
            continue
        tried += 1
        known = chance.choice([entry.key for entry in entries] or [("a",)])
        key = chance.choice((known, known, (*known[:-1], chance.choice(("k", "new", "x y", "A")))))
        done += judged(form, text, key, chance.choice((GONE, *STRINGS)))
    assert done > tried // 5


@pytest.mark.parametrize("form", ["env", "ini", "json", "toml", "yaml"])
@given(data=st.data())
@generated
def test_any_text_is_read_or_refused(form: str, data: st.DataObject) -> None:
    """Any text at all is taken or refused by locator and judge alike, and nothing else escapes from either."""
    text = "".join(data.draw(st.lists(st.sampled_from(MARKS[form]) | st.text(max_size=2), max_size=14)))
    content = text.encode("utf-8", "surrogateescape") if _encodes(text) else b""
    document = attempt(documents.open_document, documents.resolve(form), content)
    if isinstance(document, Refused):
        assert document.kind == "not_editable"
        return
    entries = attempt(document.entries)
    if isinstance(entries, Refused):  # locator and judge differ: nobody could say what stands where
        assert (form, entries.kind, entries.data["reason"]) == ("yaml", "not_editable", "ambiguous")
        return
    for entry in entries:
        assert 0 <= entry.start <= entry.end <= len(text)
        value = attempt(document.get, entry.key)
        assert not isinstance(value, Refused) or value.kind == "not_editable"


def _encodes(text: str) -> bool:
    """Whether a text can come from bytes: half a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udc7f" or "\udd00" <= character <= "\udfff" for character in text)


def located_ini(text: str) -> object:
    """The tree that the ini locator has found."""
    layout = locate_ini(text)

    def table(keys: Mapping[str, list[Item]]) -> dict[str, object]:
        return {
            name: items[0].value if len(items) == 1 else [item.value for item in items] for name, items in keys.items()
        }

    tables = {name: [table(section.keys) for section in found] for name, found in layout.tables.items()}
    return table(layout.top.keys) | {name: found[0] if len(found) == 1 else found for name, found in tables.items()}


def located_env(text: str) -> object:
    """The variables that the env locator has found."""
    return {name: found[-1].value for name, found in locate_env(text).names.items()}


@pytest.mark.parametrize(("form", "located"), [("ini", located_ini), ("env", located_env)])
@given(data=st.data())
@generated
def test_locator_and_judge_read_the_same(form: str, located: Callable[[str], object], data: st.DataObject) -> None:
    """Two readers that share nothing agree about every text: what it holds, what cannot be told, what is none."""
    text = "".join(data.draw(st.lists(st.sampled_from(MARKS[form]), max_size=14)))
    one, other = attempt(located, text), attempt(documents.resolve(form).judge, text)
    assert isinstance(one, Refused) == isinstance(other, Refused)
    assert isinstance(one, Refused) or leaves(one) == leaves(other)


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("toml", tomllib.loads)])
@given(data=st.data())
@generated
def test_the_locator_tells_what_the_judge_reads(form: str, read: Callable[[str], object], data: st.DataObject) -> None:
    """The values of all keys are those of the standard library's readers, but that dates are told as written."""
    text = data.draw(TEXTS[form])
    document = attempt(documents.open_document, documents.resolve(form), documents.encode(text))
    found = document if isinstance(document, Refused) else attempt(document.get, ())
    if isinstance(found, Refused):
        return
    told, expected = leaves(found), leaves(read(text.removeprefix("\ufeff")))
    assert told.keys() == expected.keys()
    assert all(held == told[key] or held.startswith("datetime") for key, held in expected.items())


PLAIN_LINES = (
    "a = 1\n", "b = -0\n", 'c = "x # y"\n', "d = 'z'\n", "e = true # c\n", "f = 1.50\n", "g = [1, 'x', [2.5]]\n",
    'h = [ "a", "b", ]\n', "[t]\n", "[t.u]\n", "[v]# c\n", "  [w]  \n", "\n", "# c\r\n", "i = 007\n", "j = 1_0\n",
    "k = 1e3\n", "l = inf\n", "m = 1979-05-27\n", "n.o = 1\n", "p = {}\n", "[[q]]\n", "r = [[1], []]\n", "s = tru\n",
    "t = 1\n", "u = 2\n", 'w = """x"""\n', "x = [null]\n", "y = [01]\n", 'z = "\\t"\n', "0 = 99999999999999999999\n",
)  # fmt: skip


@given(text=st.lists(st.sampled_from(PLAIN_LINES), max_size=8).map("".join) | TEXTS["toml"])
@generated
def test_plain_toml_is_read_as_tomllib_does(text: str) -> None:
    """What the judge reads itself is what the standard library's reader finds there, and never what that refuses."""
    text = text.removeprefix("\ufeff")
    tree = plain(text)
    if tree is not None:
        assert documents.same(tree, tomllib.loads(text))


@given(edit=edits("ini"))
@generated
def test_configparser_sees_the_one_change(edit: tuple[str, Key, object]) -> None:
    """Where configparser reads the file, it finds the value of a new or replaced key, and all other keys as before."""
    text, key, value = edit
    if value is GONE or len(key) != 2 or not isinstance(value, str):
        return
    after = attempt(documents.update, documents.resolve("ini"), documents.encode(text), key, value)
    if isinstance(after, Refused):
        return
    try:
        before = configured(text)
    except configparser.Error:
        return
    read = configured(documents.decode(after))
    section, name = key
    found = read[section].pop(name)
    if section in before:
        before[section].pop(name, None)
    else:
        before[section] = {}
    assert read == before
    assert found is not None
    assert found.split(" ;")[0].split(" #")[0].strip("\"'") == value.strip("\"'").split(" ;")[0].split(" #")[0]


@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=20, max_size=20))
@settings(generated, max_examples=max(10, EXAMPLES // 20))
def test_the_shell_reads_every_value(texts: list[str]) -> None:
    """`sh` reads exactly what was written, for any text that a variable can hold."""
    content = b""
    expected: list[tuple[str, str]] = []
    for number, text in enumerate(texts):
        after = attempt(documents.update, documents.resolve("env"), content, (f"V{number}",), text)
        if isinstance(after, Refused):
            assert after.data == {"reason": "characters"}
        else:
            content = after
            expected.append((f"V{number}", text))
    script = content.decode() + "".join(f'\nprintf "%s\\0" "${name}"' for name, _ in expected)
    ran = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True, env={"PATH": "/usr/bin:/bin"})
    assert (ran.stdout.decode().split("\0")[:-1], ran.stderr) == ([text for _, text in expected], b"")
