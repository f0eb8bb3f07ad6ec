"""JSON with comments and trailing commas, held against Microsoft's own parser of it."""

import json
import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rpcd import documents
from rpcd.documents.key import Key, parse_key
from rpcd.documents.splice import apply
from rpcd.errors import Refused
from tests.harness.npm import fetch

JSONC = documents.resolve("jsonc")

PARSER = (
    "jsonc-parser@3.3.1",
    "HUgH65KyejrUFPvHFPbqOY0rsFip3Bo5wb4ngvdi1EpCYWUQDC5V+Y7mZws+DLkr4M//zQJoanu1SP+87Dv1oQ==",
)

READER = """
const { parse } = require("./package");
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => {
    const faults = [];
    const value = parse(text, faults, { allowTrailingComma: true });
    return faults.length ? null : [value];
})));
"""

CODE = """\
{
  // how it looks
  "editor.fontSize": 12, // points
  /* how it
     wraps */
  "wrap": "on",
  "files": {
    "**/*.o": true, // objects
    // "**/*.a": true
  },
  "plain": {
    "a": 1, // about a
    "b": 2 // about b
    // nothing else
  }
  // the end
}
// after it
"""

PUT: list[tuple[str, str, documents.Value, str]] = [
    (CODE, '"editor.fontSize"', 14, CODE.replace("12", "14")),
    (CODE, "wrap", "off", CODE.replace('"on"', '"off"')),
    (CODE, "plain.a", None, CODE.replace("1, // about a", "null, // about a")),
    (CODE, "plain.c", 3, CODE.replace("2 // about b", '2, // about b\n    "c": 3')),
    (CODE, "files.x", False, CODE.replace("true, // objects", 'true, // objects\n    "x": false,')),
    (CODE, "new.x", [1], CODE.replace("  }\n  // the", '  },\n  "new": {\n    "x": [\n      1\n    ]\n  }\n  // the')),
    ('{"a": 1, "b": 2,}', "c", 3, '{"a": 1, "b": 2, "c": 3,}'),
    ('{"a": 1, /* b */ "b": 2 /* two */}', "c", 3, '{"a": 1, /* b */ "b": 2 /* two */, "c": 3}'),
    ('{"a": 1 // one\n}', "b", 2, '{"a": 1, "b": 2 // one\n}'),
    ("[1, 2 /* two */, ]", '"2"', 3, "[1, 2 /* two */, 3, ]"),
    ("[\n  1, // one\n]", '"1"', 2, "[\n  1, // one\n  2,\n]"),
    ("[\n  1 // one, two\n  , // and\n]", '"1"', 2, "[\n  1 // one, two\n  , // and\n  2,\n]"),
    ("[\r\n\t1 // one\r\n]\r\n", '"1"', 2, "[\r\n\t1, // one\r\n\t2\r\n]\r\n"),
    ("{\n  // nothing yet\n}", "a", 1, '{\n  "a": 1\n  // nothing yet\n}'),
    ("{ // nothing yet\n}", "a", 1, '{ // nothing yet\n  "a": 1\n}'),
    ("{/* nothing */}", "a", 1, '{"a": 1/* nothing */}'),
    ("{/* no\n thing */}", "a", 1, '{\n  "a": 1/* no\n thing */}'),
    ("\ufeff// a\n{}", "a", 1, '\ufeff// a\n{"a": 1}'),
    ('{"a": "//", "b": "/*", "c": 1,}', "c", "*/", '{"a": "//", "b": "/*", "c": "*/",}'),
    ('{"a": [1, /* , */ 2, ], }', "a.1", [], '{"a": [1, /* , */ [], ], }'),
    ("/* 1 */ 2 // 3", "x", 1, ""),
]

REMOVE = [
    (CODE, '"editor.fontSize"', CODE.replace('  "editor.fontSize": 12, // points\n', "")),
    (CODE, "plain.a", CODE.replace('    "a": 1, // about a\n', "")),
    (CODE, "plain.b", CODE.replace('1, // about a\n    "b": 2 // about b', "1 // about a")),
    (CODE, 'files."**/*.o"', CODE.replace('    "**/*.o": true, // objects\n', "")),
    (CODE, "plain", CODE.replace("  },\n  " + CODE[CODE.index('"plain"') : CODE.index("  // the end")], "  }\n")),
    ('{"a": 1, /* b */ "b": 2, "c": 3}', "a", '{/* b */ "b": 2, "c": 3}'),
    ('{"a": 1, /* b */ "b": 2, "c": 3}', "b", '{"a": 1, /* b */ "c": 3}'),
    ('{"a": 1, /* b */ "b": 2}', "b", '{"a": 1 /* b */}'),
    ('{"a": 1 /* a */, "b": 2}', "b", '{"a": 1 /* a */}'),
    ('{"a": 1, "b": 2, }', "b", '{"a": 1, }'),
    ('{"a": 1, "b": 2, }', "a", '{"b": 2, }'),
    ("[1, // one\n 2]", '"1"', "[1 // one\n ]"),
    ("[ 1, // one\n 2]", '"0"', "[ // one\n 2]"),
    ("[1 /* one */,]", '"0"', "[]"),
    ("[\n  1, // one\n]", '"0"', "[]"),
    ("[ // which\n  1, // one\n]", '"0"', "[ // which\n]"),
    ("[ /* a */ 1 /* b */ ]", '"0"', "[ /* a */ /* b */ ]"),
    ('{\n  "a": 1\n  , "b": 2\n}', "b", '{\n  "a": 1\n}'),
]


class Reader:
    """Microsoft's parser, in a process of its own for each list of texts."""

    def __init__(self, directory: Path) -> None:
        with fetch(directory, *PARSER) as archive:
            archive.extractall(directory, filter="data")
        self.directory = directory

    def read(self, texts: Sequence[str]) -> list[list[Any] | None]:
        """The value of each text in a list, or None where it is faulty."""
        asked = json.dumps([text.removeprefix("\ufeff") for text in texts])
        ran = subprocess.run(
            ["node", "-e", READER], cwd=self.directory, input=asked, capture_output=True, check=True, text=True
        )
        found: list[list[Any] | None] = json.loads(ran.stdout)
        return found


@pytest.fixture(scope="module")
def vscode(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """What VS Code reads its settings with."""
    return Reader(tmp_path_factory.mktemp("npm"))


@pytest.mark.parametrize(("before", "key", "value", "after"), PUT)
def test_values_are_put(before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands, or added below its neighbours and above the comments that follow them."""
    if not after:
        with pytest.raises(Refused, match="not_editable"):
            documents.update(JSONC, before.encode(), parse_key(key), value)
        return
    assert documents.update(JSONC, before.encode(), parse_key(key), value).decode() == after
    assert documents.same(documents.open_document(JSONC, after.encode()).get(parse_key(key)), value)


@pytest.mark.parametrize(("before", "key", "after"), REMOVE)
def test_values_are_removed(before: str, key: str, after: str) -> None:
    """A member goes with its line, or with its comma; other comments stay."""
    assert documents.delete(JSONC, before.encode(), parse_key(key)).decode() == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1,, }', "syntax"),
        ("[,]", "syntax"),
        ("{,}", "syntax"),
        ("[1 2]", "syntax"),
        ("['a']", "syntax"),
        ("{a: 1}", "syntax"),
        ("[1] /* ", "syntax"),
        ("[1] / 2", "syntax"),
        ("[1] # 2", "syntax"),
        ("// nothing", "syntax"),
        ("[01]", "syntax"),
        ("[1a]", "syntax"),
        ('["\t"]', "syntax"),
        ('["\\x"]', "syntax"),
        ("[NaN]", "syntax"),
        ("[" + "9" * 5000 + "]", "syntax"),
        ('{"a": 1, /* */ "\\u0061": 2}', "duplicate"),
        ('// a\r{"b": 1}\n', "ambiguous"),
        ('// a\u2028{"b": 1}\n', "ambiguous"),
    ],
)
def test_what_is_none_is_refused(text: str, reason: str) -> None:
    """Nothing of JavaScript beyond comments and trailing commas is taken, and no comment that readers end elsewhere."""
    with pytest.raises(Refused) as refused:
        documents.check(JSONC, text.encode())
    assert refused.value.data["reason"] == reason


def test_faults_have_their_places() -> None:
    """A refusal names line and column of the token that may not stand there."""
    with pytest.raises(Refused) as refused:
        documents.check(JSONC, b'\xef\xbb\xbf{ // one\n  "a": 1\n  "b": 2\n}')
    assert refused.value.data == {"reason": "syntax", "line": 3, "column": 3}


def test_comments_are_told_and_go_along() -> None:
    """The comment above a key is listed with it, and goes with it where that is asked for."""
    text = CODE.encode()
    told = documents.comments(JSONC, text)
    assert told["editor.fontSize",] == "how it looks"
    assert told["wrap",].split() == ["how", "it", "wraps"]
    with_comment = documents.Manner(comments="with")
    assert (
        documents.delete(JSONC, text, ("wrap",), with_comment).decode()
        == CODE[: CODE.index("  /*")] + CODE[CODE.index('  "files"') :]
    )


def test_what_is_commented_out_can_be_used() -> None:
    """A member that stands commented out is the place where its value goes, when that is asked for."""
    manner = documents.Manner(use_commented=True)
    after = documents.update(JSONC, CODE.encode(), ("files", "**/*.a"), False, manner)
    assert after.decode() == CODE.replace('// "**/*.a": true', '"**/*.a": false')


ATTACKS = (
    '", "root": true, "',
    '"} // ',
    "*/ , //",
    "// x",
    "/*",
    '\n"root": 1\n',
    "\\",
    '\\"',
    "\u2028,",
    "</script>",
)


@pytest.mark.parametrize("text", ["{}", CODE, '{"a": 1, /* x */}', "{ // x\n}"])
def test_no_value_or_key_is_more_than_itself(text: str, vscode: Reader) -> None:
    """What looks like the end of a string or a comment is text, as a value and as a name."""
    keys: list[tuple[str, documents.Value]] = [("new", attack) for attack in ATTACKS]
    keys += [(attack, 1) for attack in ATTACKS if "\n" not in attack and "\u2028" not in attack]
    texts = [documents.update(JSONC, text.encode(), (name,), value).decode() for name, value in keys]
    before, *found = vscode.read([text, *texts])
    assert before is not None
    assert found == [[{**before[0], name: value}] for name, value in keys]


COMMENTS = ("// a, b\n", "/* [ */", "/*\n * }\n */", "//\n", "/**/", '// "x": 1,\n', "// é \\\n", "// https://x\r\n")
NAMES = ("a", "b", "c", "a.b", "", "//", "/*", "é", '"', "\\", "x y")
SCALARS: tuple[documents.Value, ...] = (0, -1, 1.5, True, None, "", "x", "// no", "/* no */", ",]", '"', "\\", "é\n")


class Writer:
    """Writes trees in ways in which people might."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.newline = chance.choice(("\n", "\n", "\r\n"))
        self.indent = chance.choice(("  ", "\t", "    "))
        self.lines = chance.random() < 0.7
        self.comments = chance.choice((0, 0.1, 0.5))

    def gap(self) -> str:
        """Perhaps a comment."""
        if self.chance.random() >= self.comments:
            return ""
        return " " * self.chance.randrange(2) + self.chance.choice(COMMENTS)

    def tree(self, depth: int = 0) -> documents.Value:
        """Any value."""
        kind = self.chance.random()
        if depth > 2 or (depth and kind < 0.5):
            return self.chance.choice(SCALARS)
        if kind < 0.8:
            return {name: self.tree(depth + 1) for name in self.chance.sample(NAMES, self.chance.randrange(4))}
        return [self.tree(depth + 1) for _ in range(self.chance.randrange(4))]

    def write(self, value: documents.Value, depth: int = 0) -> str:
        """The text of a value."""
        if isinstance(value, dict):
            parts = [f"{json.dumps(name)}{self.gap()}: {self.write(held, depth + 1)}" for name, held in value.items()]
            return self.join("{}", parts, depth)
        if isinstance(value, list):
            return self.join("[]", [self.write(held, depth + 1) for held in value], depth)
        return json.dumps(value, ensure_ascii=self.chance.random() < 0.5)

    def join(self, brackets: str, parts: list[str], depth: int) -> str:
        """Parts between brackets."""
        between = self.newline + self.indent * (depth + 1) if self.lines and self.chance.random() < 0.9 else ""
        text = brackets[0] + self.gap()
        for number, part in enumerate(parts):
            comma = "," if number < len(parts) - 1 or self.chance.random() < 0.3 else ""
            text += f"{between or ' ' * (number > 0)}{self.gap()}{part}{self.gap()}{comma}{self.gap()}"
        return text + (self.newline + self.indent * depth if between else "") + brackets[1]


def keys_of(tree: documents.Value, key: Key = ()) -> list[Key]:
    """The keys of everything in a tree."""
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found: list[Key] = []
    for name, held in parts:
        found += [(*key, str(name)), *keys_of(held, (*key, str(name)))]
    return found


def edited(tree: Any, key: Key, value: Sequence[documents.Value]) -> Any:
    """A tree with another value at a key, or with nothing there."""
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    at: Any = int(key[0]) if isinstance(tree, list) else key[0]
    if len(key) > 1:
        copy[at] = edited(copy[at], key[1:], value)
    elif not value:
        del copy[at]
    elif isinstance(copy, list) and at == len(copy):
        copy.append(value[0])
    else:
        copy[at] = value[0]
    return copy


def comments_in(text: str) -> list[str]:
    """The comments of a text."""
    found = re.findall(r'"(?:[^"\\]|\\.)*"|(//[^\n]*|/\*.*?\*/)', text, re.DOTALL)
    return [comment.rstrip("\r") for comment in found if comment]


@pytest.mark.slow
def test_microsofts_parser_reads_what_was_asked(vscode: Reader) -> None:
    """In 6,000 generated files the one key has the one value, all others have theirs, and no comment is lost."""
    chance = random.Random(7)  # noqa: S311 - the same cases every time
    texts: list[str] = []
    wanted: list[documents.Value] = []
    for _ in range(6000):
        writer = Writer(chance)
        tree = writer.tree()
        text = (
            chance.choice(("", "", "\ufeff"))
            + writer.gap()
            + writer.write(tree)
            + writer.gap()
            + chance.choice(("", "\n"))
        )
        keys = keys_of(tree)
        new: Key = ("new",) if isinstance(tree, dict) else (str(len(tree)),) if isinstance(tree, list) else ()
        key = chance.choice([*keys, new])
        value = [] if key in keys and chance.random() < 0.3 else [writer.tree(depth=chance.choice((1, 2, 3)))]
        content = text.encode()
        document = documents.open_document(JSONC, content)
        assert documents.same(document.get(()), tree)
        assert {entry.key for entry in document.entries()} == {*keys}
        if value:
            splice = document.put(key, value[0])
            after = documents.update(JSONC, content, key, value[0]).decode()
            at = next((entry for entry in document.entries() if entry.key == key), None)
            lost = comments_in(text[at.start : at.end]) if at else []
            left = comments_in(after)
            assert [one for one in comments_in(text) if one not in lost] == [one for one in left if one not in lost]
        else:
            splice = document.remove(key)
            after = documents.delete(JSONC, content, key).decode()
        assert after == apply(text, splice)
        texts.append(after)
        wanted.append(edited(tree, key, value))
    for text, found, tree in zip(texts, vscode.read(texts), wanted, strict=True):
        assert found == [tree], text


PIECES = (
    "{", "}", "[", "]", ",", ":", '"a"', '"b"', "1", "-1.5e3", "null", "true", " ", "\n", "// c\n", "/* c */", "//",
    "/*", "*/", "/", "*", '"', "\\", "\t", "\r\n", "0", ".", "e", "-", "a", "\x00", "\u00a0",
)  # fmt: skip


@pytest.mark.slow
def test_the_judge_takes_what_microsofts_parser_takes(vscode: Reader) -> None:
    """In 20,000 texts of loose pieces the two agree about what is one, and what its value is."""
    chance = random.Random(11)  # noqa: S311 - the same cases every time
    texts = ["".join(chance.choices(PIECES, k=chance.randrange(1, 9))) for _ in range(20_000)]
    for text, found in zip(texts, vscode.read(texts), strict=True):
        told, reason = judged(text)
        assert found == told or (reason == "duplicate" and told is None), text
        assert told is None or [documents.open_document(JSONC, text.encode()).get(())] == told, text


def judged(text: str) -> tuple[list[object] | None, str]:
    """The value in a list, or None and why there is none."""
    try:
        return [JSONC.judge(text)], ""
    except Refused as refusal:
        return None, str(refusal.data["reason"])


def test_settings_of_vs_code_are_edited_key_by_key(vscode: Reader) -> None:
    """Every scalar of a file can be changed and changed back, and the file is byte for byte what it was."""
    texts = []
    for entry in documents.open_document(JSONC, CODE.encode()).entries():
        before = documents.open_document(JSONC, CODE.encode()).get(entry.key)
        if not isinstance(before, dict):
            after = documents.update(JSONC, CODE.encode(), entry.key, "changed")
            assert documents.update(JSONC, after, entry.key, before) == CODE.encode()
            texts.append(after.decode())
    assert len(texts) == 5
    assert None not in vscode.read(texts)
