"""Java properties, held against Java itself."""

import base64
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rpcd import documents
from rpcd.documents.key import Key, format_key, parse_key
from rpcd.documents.splice import apply
from rpcd.errors import Refused

PROPERTIES = documents.resolve("properties")

READER = """
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;

class Reader {
    static String encode(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    public static void main(String[] arguments) throws IOException {
        for (String line : new String(System.in.readAllBytes(), StandardCharsets.US_ASCII).split("\\n", -1)) {
            byte[] content = Base64.getDecoder().decode(line);
            Properties properties = new Properties();
            StringBuilder told = new StringBuilder();
            try {
                if (arguments[0].equals("stream")) {
                    properties.load(new ByteArrayInputStream(content));
                } else {
                    var bundle = new PropertyResourceBundle(new ByteArrayInputStream(content));
                    for (String name : bundle.keySet()) properties.setProperty(name, bundle.getString(name));
                }
                for (String name : properties.stringPropertyNames())
                    told.append(encode(name) + ":" + encode(properties.getProperty(name)) + " ");
            } catch (IllegalArgumentException fault) {
                told.append("-");
            }
            System.out.println(told);
        }
    }
}
"""

APP = """\
# the server
server.port = 8080
server.host = a.example, \\
              b.example
! who writes

mail.from: shop@example.org
mail.password hunter2
rootLogger=WARN
rootLogger.level=x
empty
# the end
"""

PUT: list[tuple[str, str, documents.Value, str]] = [
    (APP, "server.port", "80", APP.replace("8080", "80")),
    (APP, "server.port", "", APP.replace("8080", "")),
    (APP, "server.host", "c", APP.replace("a.example, \\\n              b.example", "c")),
    (APP, "server.new", "x", APP.replace("b.example\n", "b.example\nserver.new = x\n")),
    (APP, "mail.password", "= x", APP.replace("hunter2", "\\= x")),
    (APP, "mail.password", " x ", APP.replace("hunter2", "\\ x ")),
    (APP, "mail.cc", "x", APP.replace("hunter2\n", "hunter2\nmail.cc x\n")),
    (APP, 'mail.""', "x", APP.replace("hunter2\n", "hunter2\nmail x\n")),
    (APP, 'rootLogger.""', "INFO", APP.replace("WARN", "INFO")),
    (APP, "rootLogger.level", "y", APP.replace("level=x", "level=y")),
    (APP, "rootLogger.more", "y", APP.replace("level=x\n", "level=x\nrootLogger.more=y\n")),
    (APP, "empty", "x", APP.replace("empty", "empty=x")),
    (APP, "new", "x", APP.replace("empty\n", "empty\nnew=x\n")),
    (APP, "new.table", {"a": "1", "b": {"c": "2"}}, APP.replace("y\n#", "y\nnew.table.a=1\nnew.table.b.c=2\n#")),
    (APP, "mail", {"from": "x", "to": "y"}, APP.replace("shop@example.org", "x").replace("password hunter2", "to y")),
    (
        "a = 1\n",
        "b",
        "x\ny\t\\ \u00e9\U0001f600\x00\u2028",
        "a = 1\nb = x\\ny\\t\\\\ \\u00e9\\ud83d\\ude00\\u0000\\u2028\n",
    ),
    ("a=1\na=2\n", "a", "3", "a=1\na=3\n"),
    ("", "a", "1", "a=1\n"),
    ("# only a comment", "a", "1", "# only a comment\na=1"),
    ("a=1", "b", "2", "a=1\nb=2"),
    ("a=1\r\n", "b", "2", "a=1\r\nb=2\r\n"),
    ("a=1\r", "b", "2", "a=1\rb=2\r"),
    ("\ta=1\n", "b", "2", "\ta=1\n\tb=2\n"),
    ("long   = 1\n", "a", "2", "long   = 1\na      = 2\n"),
    ("a=1\n", '"x y"."=z"."#"', "2", "a=1\nx\\ y.\\=z.#=2\n"),
    ("a=1\n", '"#x"', "2", "a=1\n\\#x=2\n"),
    ("a=1\n", '""', "2", "a=1\n=2\n"),
    ("a=1\n", '"é"', "2", "a=1\n\\u00e9=2\n"),
    ("a\\:b=1\n", '"a:b"', "2", "a\\:b=2\n"),
    ("\\u0061=1\n", "a", "2", "\\u0061=2\n"),
    ("a = \\\n  1\n", "a", "2", "a = \\\n  2\n"),
    ("a..b=1\n", 'a."".b', "2", "a..b=2\n"),
]

REMOVE = [
    (APP, "server.port", APP.replace("server.port = 8080\n", "")),
    (APP, "server.host", APP.replace("server.host = a.example, \\\n              b.example\n", "")),
    (APP, "mail", APP.replace("mail.from: shop@example.org\nmail.password hunter2\n", "")),
    (APP, "rootLogger", APP.replace("rootLogger=WARN\nrootLogger.level=x\n", "")),
    (APP, 'rootLogger.""', APP.replace("rootLogger=WARN\n", "")),
    ("a=1\nb=2\na=3", "a", "b=2\n"),
]

REFUSED: list[tuple[str, str, documents.Value, str]] = [
    (APP, "server.port", 80, "type"),
    (APP, "server.port", None, "type"),
    (APP, "server.port", ["80"], "type"),
    (APP, "server.port", {"x": "1"}, "structure"),
    (APP, "server.port.x", "1", "structure"),
    (APP, "server", "1", "structure"),
    (APP, "server", {}, "type"),
    (APP, '"server.new"', "1", "characters"),
    ("a=\\u12\n", "b", "1", "syntax"),
    ("a=\\u12g4\n", "b", "1", "syntax"),
    ("\\\n# comment, or not\na=1\n", "b", "1", "ambiguous"),
    ("a=1\na.=2\n", "b", "1", "duplicate"),
    ("a." * 64 + "a=1\n", "b", "1", "depth"),
    ("a=1\\", "b", "1", "proof"),
]


class Java:
    """Java's own reader."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "Reader.java").write_text(READER)
        subprocess.run(["javac", "-d", ".", "Reader.java"], cwd=directory, check=True)

    def read(self, contents: Sequence[bytes], way: str = "stream") -> list[dict[str, str] | None]:
        """The properties of each file, or None where it is faulty; as bytes (`stream`) or as a `bundle` reads them."""
        asked = b"\n".join(map(base64.b64encode, contents))
        ran = subprocess.run(
            ["java", "-XX:TieredStopAtLevel=1", "Reader", way],
            cwd=self.directory,
            input=asked,
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return [self._properties(line.decode()) for line in ran.stdout.splitlines()]

    @staticmethod
    def _properties(line: str) -> dict[str, str] | None:
        if line == "-":
            return None
        pairs = (pair.split(":") for pair in line.split())
        return {base64.b64decode(name).decode(): base64.b64decode(value).decode() for name, value in pairs}


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Java:
    """Java's own reader."""
    return Java(tmp_path_factory.mktemp("java"))


def flat(tree: Any, key: Key = ()) -> dict[str, str]:
    """The properties of a tree by their names."""
    found: dict[str, str] = {}
    for segment, held in tree.items():
        below = (*key, segment)
        if isinstance(held, dict):
            found |= flat(held, below)
        else:
            found[".".join(key if key and segment == "" else below)] = held
    return found


def judged(content: bytes) -> tuple[dict[str, str] | None, str]:
    """The properties of a file, or None and why there are none."""
    try:
        return flat(PROPERTIES.judge(documents.decode(content))), ""
    except Refused as refusal:
        return None, str(refusal.data["reason"])


@pytest.mark.parametrize(("before", "key", "value", "after"), PUT)
def test_values_are_put(before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands, or added below what shares its name, as that is written."""
    assert documents.update(PROPERTIES, before.encode(), parse_key(key), value).decode() == after
    assert documents.open_document(PROPERTIES, after.encode()).get(parse_key(key)) == value


@pytest.mark.parametrize(("before", "key", "after"), REMOVE)
def test_values_are_removed(before: str, key: str, after: str) -> None:
    """A property goes with its lines, and with every line of the same name; a table with all below it."""
    assert documents.delete(PROPERTIES, before.encode(), parse_key(key)).decode() == after


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_what_properties_cannot_hold_is_refused(text: str, key: str, value: documents.Value, reason: str) -> None:
    """Strings only; no value is made a table; what Java cannot read, or has read in two ways, is not edited."""
    with pytest.raises(Refused) as refused:
        documents.update(PROPERTIES, text.encode(), parse_key(key), value)
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)


@pytest.mark.parametrize("key", [("server.port",), ("server", "x"), ("empty", "x"), ("server", "port", "")])
def test_keys_that_are_not_there(key: Key) -> None:
    """A name is reached by its segments, and by no other spelling."""
    document = documents.open_document(PROPERTIES, APP.encode())
    for ask in (document.get, document.remove):
        with pytest.raises(Refused, match="no_such_key"):
            ask(key)


def test_what_is_left_keeps_its_key() -> None:
    """The last name that goes on after another is not taken away alone: the other would have another key."""
    for text, key in ((APP, ("rootLogger", "level")), ("a=1\na.b.c=2\n", ("a", "b", "c"))):
        with pytest.raises(Refused) as refused:
            documents.delete(PROPERTIES, text.encode(), key)
        assert refused.value.data["reason"] == "structure"
    assert documents.delete(PROPERTIES, b"a=1\na.b.c=2\na.b.d=3\n", ("a", "b", "c")) == b"a=1\na.b.d=3\n"


def test_entries_tell_what_there_is() -> None:
    """Tables and properties come in the order of the text, each with its lines."""
    found = documents.open_document(PROPERTIES, APP.encode()).entries()
    assert [(format_key(entry.key), entry.type, APP[entry.start : entry.end].count("\n")) for entry in found] == [
        ("server", "object", 3),
        ("server.port", "string", 1),
        ("server.host", "string", 2),
        ("mail", "object", 2),
        ("mail.from", "string", 1),
        ("mail.password", "string", 1),
        ("rootLogger", "object", 2),
        ('rootLogger.""', "string", 1),
        ("rootLogger.level", "string", 1),
        ("empty", "string", 1),
    ]


def test_comments_are_told_and_go_along() -> None:
    """The comment above a property is listed with it, and goes with it where that is asked for; defaults come alive."""
    text = b"# the port\nport=1\n#host=a\n"
    assert documents.comments(PROPERTIES, text) == {("port",): "the port"}
    assert documents.delete(PROPERTIES, text, ("port",), documents.Manner(comments="with")) == b"#host=a\n"
    manner = documents.Manner(use_commented=True)
    assert documents.update(PROPERTIES, text, ("host",), "b", manner) == b"# the port\nport=1\nhost=b\n"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"a=caf\xc3\xa9\n", "caf\u00e9"),  # UTF-8
        (b"a=caf\xe9\n", "caf\u00e9"),  # ISO-8859-1
        (b"a=caf\xc3\xa9\nb=\xe9\n", "caf\u00c3\u00a9"),  # no UTF-8, hence not here either
        (b"\xef\xbb\xbfb=1\na=\\u20ac\n", "\u20ac"),  # a byte order mark is part of the first name, as Java has it
    ],
)
def test_bytes_are_read_as_resource_bundles_read_them(content: bytes, value: str, java: Java) -> None:
    """UTF-8 is read as that, other bytes as ISO-8859-1, the whole file; and they stay as they are in every edit."""
    assert documents.open_document(PROPERTIES, content).get(("a",)) == value
    (bundle,) = java.read([content], "bundle")
    assert judged(content) == (bundle, "")
    after = documents.update(PROPERTIES, content, ("c",), "\u20ac")
    assert after == content + b"c=\\u20ac\n"
    for way in ("stream", "bundle"):
        (found,) = java.read([after], way)
        assert found is not None
        assert found["c"] == "\u20ac"


PIECES = (
    "a", "b", ".", "a.b", "=", ":", " ", "\t", "\f", "\\", "\\", "\n", "\n", "\r", "\r\n", "#", "!", "\\u0041", "\\u",
    "\\t", "\\ ", "\\:", "\\\n", "é", "\xa0", "\u2028", "\x85", "\x0b", "x=y\n", "# c\n",
)  # fmt: skip


@pytest.mark.slow
def test_the_judge_reads_what_java_reads(java: Java) -> None:
    """In 20,000 texts of loose pieces the two agree about what is none, about every name and about every value."""
    chance = random.Random(3)  # noqa: S311 - the same cases every time
    texts = ["".join(chance.choices(PIECES, k=chance.randrange(1, 14))) for _ in range(20_000)]
    contents = [text.encode("iso-8859-1", "ignore") for text in texts]
    for content, found in zip(contents, java.read(contents), strict=True):
        told, reason = judged(content.decode("iso-8859-1").encode())
        if told is not None:
            document = documents.open_document(PROPERTIES, content.decode("iso-8859-1").encode())
            assert flat(document.get(())) == told, content
        if told is None:
            assert found is None or reason in {"ambiguous", "duplicate"}, content
        elif found is None or not any(name.endswith(".") for name in found):  # they look like values of tables
            assert told == found, content


NAMES = ("a", "b", "a.b", "a.c", "d.e.f", "x y", "#", "!", "=", ":", "é", "\\", "a..z", "\U0001f600", "d.g")
VALUES = (
    "", "x", " x", "  ", "=x", ":", "#", "a b ", "\\", "x\\", "\n", "x\n[root]\nadmin=1", "\t\f\r", "\x00\x1b",
    "\u2028\x85", "é", "\U0001f600", "${user.home}", "\\u0041", "\ufeff", "a=b", "long " * 40,
)  # fmt: skip


def written(chance: random.Random) -> str:
    """A file, written in the ways in which people might."""
    newline = chance.choice(("\n", "\n", "\r\n", "\r"))
    lines: list[str] = []
    for _ in range(chance.randrange(8)):
        kind = chance.random()
        if kind < 0.25:
            lines.append(chance.choice(("", "# c", "  ! = d", "\f", "#a=1", "# c \\")))
            continue
        name = chance.choice(("a", "b", "a.b", "a.c", "d.e.f", "x\\ y", "\\u0061", "\\#", "a\\=", "é", "d.\\\n  g"))
        mark = chance.choice(("=", " = ", ":", " ", "\t", "=\\\n   ", "  :  "))
        value = chance.choice(("", "1", "x y", "a\\tb", "\\u00e9", "a,\\\n   b", "x\\\\", "é", "\\ x", "= 2 #"))
        lines.append((chance.choice(("", "", "  ", "\t")) + name + mark + value).replace("\n", newline))
    return newline.join(lines) + (newline if chance.random() < 0.8 else "")


def attempt(content: bytes, key: Key, value: str | None) -> bytes | Refused:
    """A file with this value, or without the key; or how that is refused."""
    try:
        if value is None:
            return documents.delete(PROPERTIES, content, key)
        return documents.update(PROPERTIES, content, key, value)
    except Refused as refusal:
        return refusal


@pytest.mark.slow
def test_java_reads_what_was_asked(java: Java) -> None:
    """In 6,000 generated files the one name has the one value, all others have theirs, and other bytes are the same."""
    chance = random.Random(5)  # noqa: S311 - the same cases every time
    asked: dict[str, list[tuple[bytes, dict[str, str]]]] = {"bundle": [], "stream": []}
    refused = 0
    for number in range(7000):
        text = written(chance)
        way, encoding = ("bundle", "utf-8") if number % 2 else ("stream", "iso-8859-1")
        content = text.encode(encoding)
        document = documents.open_document(PROPERTIES, content)
        before = flat(document.get(()))
        known = [entry.key for entry in document.entries() if entry.type == "string"]
        key = chance.choice([*known, tuple(chance.choice(NAMES).split("."))])
        name = ".".join(key[:-1] if len(key) > 1 and key[-1] == "" else key)
        value = None if key in known and chance.random() < 0.3 else chance.choice(VALUES)
        after = attempt(content, key, value)
        if isinstance(after, Refused):
            assert after.data["reason"] == "structure"
            refused += 1
            continue
        splice = document.remove(key) if value is None else document.put(key, value)
        if value is None:
            del before[name]
        else:
            before[name] = value
        assert documents.decode(after) == apply(documents.decode(content), splice)
        asked[way].append((after, before))
    assert refused < 1000
    for way, cases in asked.items():
        for (content, expected), found in zip(cases, java.read([content for content, _ in cases], way), strict=True):
            assert found == expected, content


def test_every_value_of_a_real_file_is_changed_and_changed_back(java: Java) -> None:
    """Debian's own properties of its Java: byte for byte what they were, and Java reads each change."""
    directory = Path("/etc/java-17-openjdk")
    files = [path for name in ("*.properties", "*.security", "*/*.properties") for path in directory.glob(name)]
    contents, wanted = [], []
    for path in files:
        content = path.read_bytes()
        document = documents.open_document(PROPERTIES, content)
        for entry in document.entries():
            if entry.type == "string":
                before = document.get(entry.key)
                after = documents.update(PROPERTIES, content, entry.key, "# changed\n = \\")
                back = documents.update(PROPERTIES, after, entry.key, before)
                assert judged(back) == judged(content)
                assert back == content or b"\\" in content.splitlines()[content[: entry.start].count(b"\n")]
                contents.append(after)
                wanted.append(".".join(entry.key[:-1] if entry.key[-1] == "" else entry.key))
    assert len(contents) > 50
    for found, name in zip(java.read(contents), wanted, strict=True):
        assert found is not None
        assert found[name] == "# changed\n = \\"
