"""XML files, held against Java's own parser, which Tomcat, Maven and log4j read theirs with."""

import base64
import json
import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rpcd import documents
from rpcd.documents.document import MAX_DEPTH, Untold
from rpcd.documents.key import Key, format_key, parse_key
from rpcd.documents.proof import held_at
from rpcd.documents.splice import apply
from rpcd.errors import Refused

XML = documents.resolve("xml")

READER = """
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import javax.xml.parsers.*;
import org.w3c.dom.*;
import org.xml.sax.*;

class XmlReader {
    static String quoted(String text) {
        return '"' + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8)) + '"';
    }

    static String told(Node node) {
        if (node instanceof Text) return quoted(node.getNodeValue());
        if (!(node instanceof Element)) return "null";
        StringJoiner attributes = new StringJoiner(",", "[", "]"), inner = new StringJoiner(",", "[", "]");
        for (int at = 0; at < node.getAttributes().getLength(); at++) {
            Node attribute = node.getAttributes().item(at);
            attributes.add("[" + quoted(attribute.getNodeName()) + "," + quoted(attribute.getNodeValue()) + "]");
        }
        for (Node part = node.getFirstChild(); part != null; part = part.getNextSibling()) inner.add(told(part));
        return "[" + quoted(node.getNodeName()) + "," + attributes + "," + inner + "]";
    }

    public static void main(String[] arguments) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
        DocumentBuilder builder = factory.newDocumentBuilder();
        builder.setErrorHandler(null);
        for (String line : new String(System.in.readAllBytes(), StandardCharsets.US_ASCII).split("\\n", -1)) {
            try {
                byte[] content = Base64.getDecoder().decode(line);
                System.out.println(told(builder.parse(new ByteArrayInputStream(content)).getDocumentElement()));
            } catch (SAXException | IOException fault) {
                System.out.println("null");
            }
        }
    }
}
"""

SERVER = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE Server SYSTEM "server.dtd">
<!-- top -->
<Server port="8005" shutdown='SHUTDOWN'>
  <!-- about the service -->
  <Service name="Catalina">
    <Connector port="8080"
               protocol="HTTP/1.1" /> <!-- plain -->
    <!-- the other -->
    <Connector port="8443"/>
    <Name>x &amp; y</Name>
    <Doc><![CDATA[a < b]]></Doc>
    <Empty></Empty>
    <Set>
    </Set>
    <p>some <b>bold</b> text</p>
    <!-- the end -->
  </Service>
  <users/>
  <role name="admin">all<!-- of it --></role>
</Server>
"""

PUT: list[tuple[str, str, documents.Value, str]] = [
    (SERVER, 'Server."@port"', "1", SERVER.replace("8005", "1")),
    (SERVER, 'Server."@shutdown"', "it's\n\"<&>\t", SERVER.replace("SHUTDOWN'", "it&apos;s&#xA;\"&lt;&amp;>&#x9;'")),
    (SERVER, 'Server.Service.Connector.1."@port"', "1", SERVER.replace("8443", "1")),
    (SERVER, 'Server.Service.Connector.0."@x"', "1", SERVER.replace('1.1"', '1.1"\n               x="1"')),
    (SERVER, 'Server.users."@x"', "1", SERVER.replace("<users/>", '<users x="1"/>')),
    (SERVER, "Server.Service.Name", "<z>", SERVER.replace("x &amp; y", "&lt;z&gt;")),
    (SERVER, "Server.Service.Name", "", SERVER.replace("x &amp; y", "")),
    (SERVER, "Server.Service.Name", {}, SERVER.replace("<Name>x &amp; y</Name>", "<Name/>")),
    (SERVER, "Server.Service.Doc", "a > b", SERVER.replace("a < b", "a > b")),
    (SERVER, "Server.Service.Doc", "]]>", SERVER.replace("<![CDATA[a < b]]>", "]]&gt;")),
    (SERVER, "Server.Service.Empty", "x\r\ny", SERVER.replace("<Empty>", "<Empty>x&#xD;\ny")),
    (SERVER, "Server.users", "x", SERVER.replace("<users/>", "<users>x</users>")),
    (SERVER, "Server.users", "", SERVER.replace("<users/>", "<users></users>")),
    (SERVER, 'Server.role."#text"', "none", SERVER.replace("all<", "none<")),
    (SERVER, "Server.Service.p.b", "x", SERVER.replace("bold", "x")),
    (SERVER, "Server.new", "x", SERVER.replace("</role>\n", "</role>\n  <new>x</new>\n")),
    (SERVER, "Server.Service.New", "x", SERVER.replace("</p>\n", "</p>\n    <New>x</New>\n")),
    (SERVER, "Server.Service.Set.k", "x", SERVER.replace("<Set>\n", "<Set>\n      <k>x</k>\n")),
    (SERVER, "Server.users.user.name", "x", SERVER.replace(
        "<users/>", "<users>\n    <user>\n      <name>x</name>\n    </user>\n  </users>")),
    (SERVER, "Server.new", {"@a": "1", "k": ["x", {"@b": "2"}], "e": {}, "t": {"@c": "3", "#text": "y"}},
     SERVER.replace("</role>\n", '</role>\n  <new a="1">\n    <k>x</k>\n    <k b="2"/>'
     '\n    <e/>\n    <t c="3">y</t>\n  </new>\n')),
    (SERVER, "Server.Service.Connector.2", {"@port": "1"}, SERVER.replace(
        '"8443"/>\n', '"8443"/>\n    <Connector port="1"/>\n')),
    (SERVER, "Server.users.1", {"@port": "1"}, SERVER.replace("<users/>\n", '<users/>\n  <users port="1"/>\n')),
    (SERVER, "Server.Service.Name.1", "z", SERVER.replace("</Name>\n", "</Name>\n    <Name>z</Name>\n")),
    (SERVER, "Server.Service.Connector", [{"@port": "1"}, {"@port": "2"}, {"@port": "3"}], SERVER.replace(
        '"8443"/>\n', '"2"/>\n    <Connector port="3"/>\n').replace(
        '"8080"\n               protocol="HTTP/1.1"', '"1"')),
    (SERVER, "Server.role", {"@name": "user", "#text": "all"}, SERVER.replace('"admin"', '"user"')),
    ('<a>\n  <b x="1">\n    <!-- c -->\n    <c>1</c>\n  </b>\n</a>', "a.b", {"@x": "2", "c": "2", "d": "3"},
     '<a>\n  <b x="2">\n    <!-- c -->\n    <c>2</c>\n    <d>3</d>\n  </b>\n</a>'),
    ("<a><b/></a>", "a.c", {"d": "1"}, "<a><b/><c><d>1</d></c></a>"),
    ("<a/>", "a.b", "1", "<a><b>1</b></a>"),
    ("<a/>\n", "a", "1", "<a>1</a>\n"),
    ("<a />", "a", {"@x": "1"}, '<a x="1" />'),
    ('<a x="1"/>', 'a."#text"', "t", '<a x="1">t</a>'),
    ('<a x="1"></a>', "a.b", {}, '<a x="1"><b/></a>'),
    ("<a>\n<!-- none -->\n</a>", "a.b", "1", "<a>\n  <b>1</b>\n<!-- none -->\n</a>"),
    ("\ufeff<a>\r\n\t<b>1</b>\r\n</a>", "a.c", "2", "\ufeff<a>\r\n\t<b>1</b>\r\n\t<c>2</c>\r\n</a>"),
    ('<x:a xmlns:x="u"><x:b>1</x:b></x:a>', '"x:a"."x:b"', "2", '<x:a xmlns:x="u"><x:b>2</x:b></x:a>'),
    ('<x:a xmlns:x="u"/>', '"x:a"."x:b"', "2", '<x:a xmlns:x="u"><x:b>2</x:b></x:a>'),
    ("<a>é</a>", "a", "ü\x85\u2028\U0001f600", "<a>ü&#x85;&#x2028;\U0001f600</a>"),
    ('<?xml version="1.0" encoding="us-ascii"?><a/>', "a", "é",
     '<?xml version="1.0" encoding="us-ascii"?><a>&#xE9;</a>'),
]  # fmt: skip

REMOVE = [
    (SERVER, 'Server."@shutdown"', SERVER.replace(" shutdown='SHUTDOWN'", "")),
    (SERVER, "Server.Service.Name", SERVER.replace("    <Name>x &amp; y</Name>\n", "")),
    (SERVER, "Server.Service.Connector.0", SERVER.replace(
        '    <Connector port="8080"\n               protocol="HTTP/1.1" /> <!-- plain -->\n', "")),
    ("<p>x <b/> y <b/> z</p>", "p.b.0", "<p>x  y <b/> z</p>"),
    (SERVER, "Server.users", SERVER.replace("  <users/>\n", "")),
    (SERVER, 'Server.role."#text"', SERVER.replace("all<", "<")),
    ("<a><b/><c/></a>", "a.b", "<a><c/></a>"),
    ("<a>\n  <b/>\n</a>", "a.b", "<a/>"),
    ('<a x="1">\n  <b/>\n</a>', "a.b", '<a x="1"></a>'),
    ("<a>\n  <!-- c -->\n  <b/>\n</a>", "a.b", "<a>\n  <!-- c -->\n</a>"),
    ('<a><b x="1"/></a>', 'a.b."@x"', "<a><b/></a>"),
    ('<a><b x="1"></b></a>', 'a.b."@x"', "<a><b/></a>"),
    ("<a><b/><c/><b/></a>", "a.b", "<a><c/></a>"),
    ("<a><b/><c/><b>x</b></a>", "a.b.0", "<a><c/><b>x</b></a>"),
]  # fmt: skip

REFUSED: list[tuple[str, str, documents.Value, str]] = [
    (SERVER, "Server", "x", "structure"),
    (SERVER, "Other", "x", "structure"),
    (SERVER, "Other.x", "x", "structure"),
    (SERVER, 'Server."@port".x', "x", "structure"),
    (SERVER, 'Server."@new".x', "x", "structure"),
    (SERVER, 'Server."@port"', 1, "type"),
    (SERVER, 'Server."@port"', {}, "structure"),
    (SERVER, "Server.Service.Name", None, "type"),
    (SERVER, "Server.Service.Name", ["x", "y"], "type"),
    (SERVER, "Server.Service.Name.x", "y", "structure"),
    (SERVER, "Server.Service.Connector", [{}], "type"),
    (SERVER, "Server.Service.Connector", {}, "structure"),
    (SERVER, "Server.Service.p", "x", "mixed"),
    (SERVER, "Server.Service.p", {"b": "x"}, "mixed"),
    (SERVER, 'Server.Service.p."#text"', "x", "mixed"),
    (SERVER, "Server.Service.p.c", "x", "mixed"),
    (SERVER, 'Server.Service."#text"', "x", "mixed"),
    (SERVER, "Server.role.x", "x", "mixed"),
    (SERVER, 'Server.users."#text"', "x", "structure"),
    (SERVER, "Server.Service.Connector.0.1", {}, "characters"),
    (SERVER, "Server.new", {"#text": "x", "y": "z"}, "mixed"),
    (SERVER, "Server.new", {"x": ["y"]}, "type"),
    (SERVER, "Server.Service", {"@name": "x"}, "structure"),  # its comments would go
    (SERVER, "Server.Service.Name", "\x00", "characters"),
    (SERVER, "Server.Service.Name", "\ufffe", "characters"),
    (SERVER, 'Server."a b"', "x", "characters"),
    (SERVER, 'Server."a><b"', "x", "characters"),
    (SERVER, "Server.\"@a='1' b\"", "x", "characters"),
    (SERVER, 'Server."x:y"', "x", "characters"),
    (SERVER, 'Server.""', "x", "characters"),
    ('<a x="1">t</a>', "a", {"#text": "t"}, "proof"),
    ("<a>1<!-- c -->2</a>", "a", "x", "structure"),
    ("<a><b>1<!-- c --></b></a>", "a.b", {"c": "x"}, "structure"),
    ('<a><b x="1"><c><!-- c --></c></b></a>', "a.b", {}, "structure"),
]

NO_XML = [
    ("", "syntax"),
    ("x", "syntax"),
    ("<a>", "syntax"),
    ("<a></b>", "syntax"),
    ("<a/><b/>", "syntax"),
    ("<a>&x;</a>", "syntax"),
    ("<a x=1/>", "syntax"),
    ("<a x='1' x='2'/>", "syntax"),
    ("<a>\x01</a>", "syntax"),
    ("<a>&#1;</a>", "syntax"),
    ("<a>\udcff</a>", "syntax"),
    ("<a><!-- -- --></a>", "syntax"),
    ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "declarations"),
    ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/shadow">]><a>&x;</a>', "declarations"),
    ('<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/shadow">%x;]><a/>', "declarations"),
    ('<!DOCTYPE a SYSTEM "x.dtd" []><a/>', "declarations"),
    ('<!DOCTYPE a SYSTEM "x.dtd"><a>&x;</a>', "declarations"),
    ('<!DOCTYPE a SYSTEM "x.dtd"><a x="&x;"/>', "declarations"),
    ("<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1), "depth"),
    ('<?xml version="1.0" encoding="utf-16"?><a/>', "encoding"),
    ('<?xml version="1.0" encoding="utf-7"?><a/>', "encoding"),
    ('<?xml version="1.1"?><a/>', "encoding"),
    ('\ufeff<?xml version="1.0" encoding="iso-8859-1"?><a/>', "encoding"),
    ("<\0a\0/\0>\0", "encoding"),
]


class Java:
    """Java's own parser."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "XmlReader.java").write_text(READER)
        subprocess.run(["javac", "-d", ".", "XmlReader.java"], cwd=directory, check=True)

    def read(self, contents: Sequence[bytes]) -> list[Any]:
        """The tables of each file, as the format has them; None where it is none."""
        ran = subprocess.run(
            ["java", "-XX:TieredStopAtLevel=1", "XmlReader"],
            cwd=self.directory,
            input=b"\n".join(map(base64.b64encode, contents)),
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        nodes = map(json.loads, ran.stdout.splitlines())
        return [node and {text_of(node[0]): table_of(node)} for node in nodes]


def text_of(encoded: str) -> str:
    """A string as the reader tells it."""
    return base64.b64decode(encoded).decode()


def table_of(node: Any) -> Any:
    """The table or string of an element as the reader tells it; no element says whether it was one tag or two."""
    _, attributes, inner = node
    table: dict[str, Any] = {"@" + text_of(name): text_of(value) for name, value in attributes}
    for part in inner:
        if isinstance(part, list):
            table.setdefault(text_of(part[0]), []).append(table_of(part))
    for name, held in table.items():
        if isinstance(held, list) and len(held) == 1:
            table[name] = held[0]
    text = "".join(text_of(part) for part in inner if isinstance(part, str))
    if text.strip(" \t\r\n") or (text and "\n" not in text and not any(isinstance(part, list) for part in inner)):
        return {**table, "#text": text} if table else text
    return table


def plain(tree: Any) -> Any:
    """A tree in which nothing says whether an element was one tag or two."""
    if isinstance(tree, dict):
        return {name: plain(held) for name, held in tree.items()}
    if isinstance(tree, list):
        return [plain(held) for held in tree]
    return str(tree) if tree else {}


def judged(tree: Any) -> Any:
    """`plain`, but that an attribute may be empty."""
    if isinstance(tree, dict):
        return {name: held if name.startswith("@") else judged(held) for name, held in tree.items()}
    return [judged(held) for held in tree] if isinstance(tree, list) else plain(tree)


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Java:
    """Java's own parser."""
    return Java(tmp_path_factory.mktemp("java"))


@pytest.mark.parametrize(("before", "key", "value", "after"), PUT)
def test_values_are_put(before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands, or added as its neighbours are written."""
    assert documents.update(XML, before.encode(), parse_key(key), value).decode() == after
    assert documents.same(documents.open_document(XML, after.encode()).get(parse_key(key)), value)


@pytest.mark.parametrize(("before", "key", "after"), REMOVE)
def test_values_are_removed(before: str, key: str, after: str) -> None:
    """An element goes with its line where it has that to itself; what is left without parts is an empty table."""
    assert documents.delete(XML, before.encode(), parse_key(key)).decode() == after


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_what_xml_cannot_hold_is_refused(text: str, key: str, value: documents.Value, reason: str) -> None:
    """Strings and tables only; nothing that would lose a comment, a text beside elements or the root."""
    with pytest.raises(Refused) as refused:
        documents.update(XML, text.encode(), parse_key(key), value)
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        (SERVER, "Server", "structure"),
        (SERVER, 'Server.Service.p."#text"', "mixed"),
        (SERVER, "Server.Service.p.b", "mixed"),
        ('<a><b x="1">t</b></a>', 'a.b."@x"', "structure"),
    ],
)
def test_what_must_stay_is_not_removed(text: str, key: str, reason: str) -> None:
    """The root stays, and so does what would change what its neighbours are."""
    with pytest.raises(Refused) as refused:
        documents.delete(XML, text.encode(), parse_key(key))
    assert refused.value.data["reason"] == reason


@pytest.mark.parametrize(("text", "reason"), NO_XML)
def test_what_is_none_is_refused(text: str, reason: str) -> None:
    """Neither entities nor what lies elsewhere, no other encodings, nothing too deep, nothing but XML."""
    with pytest.raises(Refused) as refused:
        documents.check(XML, documents.encode(text))
    assert refused.value.data["reason"] == reason


def test_faults_have_their_places() -> None:
    """A refusal names line and column."""
    with pytest.raises(Refused) as refused:
        documents.check(XML, b"<a>\n  <b></c>\n</a>")
    assert refused.value.data == {"reason": "syntax", "line": 2, "column": 8}


def test_keys_that_are_not_there() -> None:
    """Neither getting nor removing finds what is not there."""
    document = documents.open_document(XML, SERVER.encode())
    for key in ('Server."@x"', "Server.x", "Server.Service.Connector.2", "Server.Service.Connector.x",
                "Server.Service.0", "Server.Service.Name.x", 'Server."@port".x', 'Server.Service."#text"',
                "Service"):  # fmt: skip
        for ask in (document.get, document.remove):
            with pytest.raises(Refused, match="no_such_key"):
                ask(parse_key(key))
    with pytest.raises(Refused) as refused:
        documents.update(XML, SERVER.encode(), ("Server", "Service", "Connector", "5"), {})
    assert refused.value.kind == "no_such_key"


def test_text_beside_elements_is_not_told() -> None:
    """Of a paragraph its elements are told; it as a whole is not, nor is anything around it."""
    document = documents.open_document(XML, SERVER.encode())
    assert document.get(parse_key("Server.Service.p.b")) == "bold"
    for key in ("Server", "Server.Service.p", 'Server.Service.p."#text"'):
        with pytest.raises(Refused) as refused:
            document.get(parse_key(key))
        assert refused.value.data == {"reason": "mixed"}


def test_entries_tell_what_there_is() -> None:
    """Elements, attributes and texts come in the order of the file, each with its place."""
    text = '<a x="1">\n  <b>t</b><c y="2">u</c>\n  <b/>\n</a>'
    found = documents.open_document(XML, text.encode()).entries()
    assert [(format_key(entry.key), entry.type, text[entry.start : entry.end]) for entry in found] == [
        ("a", "object", text),
        ('a."@x"', "string", ' x="1"'),
        ("a.b", "array", '<b>t</b><c y="2">u</c>\n  <b/>'),
        ("a.b.0", "string", "<b>t</b>"),
        ("a.c", "object", '<c y="2">u</c>'),
        ('a.c."@y"', "string", ' y="2"'),
        ('a.c."#text"', "string", "u"),
        ("a.b.1", "object", "<b/>"),
    ]


def test_comments_are_told_and_go_along() -> None:
    """The comment above an element is listed with it, and goes with it where that is asked for."""
    told = documents.comments(XML, SERVER.encode())
    assert told["Server", "Service"] == "about the service"
    assert told["Server", "Service", "Connector", "1"] == "the other"
    manner = documents.Manner(comments="with")
    after = documents.delete(XML, SERVER.encode(), parse_key("Server.Service.Connector.1"), manner)
    assert after.decode() == SERVER.replace('    <!-- the other -->\n    <Connector port="8443"/>\n', "")


def test_other_encodings_keep_their_bytes(java: Java) -> None:
    """In ISO-8859-1 bytes are told as that, stay as they are, and what is new is ASCII."""
    content = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<a x="\xe9"><b>\xfc\xa0\xc3\xa9</b></a>'.encode(
        "iso-8859-1"
    )
    document = documents.open_document(XML, content)
    assert document.get(()) == {"a": {"@x": "\xe9", "b": "\xfc\xa0\xc3\xa9"}}
    after = documents.update(XML, content, ("a", "c"), "\u20ac")
    assert after == content.replace(b"</b>", b"</b><c>&#x20AC;</c>")
    assert java.read([after]) == [{"a": {"@x": "\xe9", "b": "\xfc\xa0\xc3\xa9", "c": "\u20ac"}}]
    with pytest.raises(Refused):
        documents.update(XML, content, ("a", "\xe9"), "x")


ATTACKS = (
    "</a><root/>", '"/><root admin="1"/><a b="', "'/><root/>", "]]><root/><![CDATA[", "--><root/><!--", "&root;",
    "&#60;x>", "<!DOCTYPE a [<!ENTITY x 'y'>]>", "<?php ?>", "\n<root>\n",
    "\r", "\t x ", "&", "&amp;", "<", ">", "\u2028\x85\x7f",
)  # fmt: skip


@pytest.mark.parametrize(
    "text", ["<a/>", "<a>x</a>", "<a><![CDATA[x]]></a>", "<a x='1'/>", '<a x="1">y<!-- z --></a>', "<a>\n\t<b/>\n</a>"]
)
def test_no_value_is_more_than_itself(text: str, java: Java) -> None:
    """What looks like a tag, a reference or the end of anything is text, in every place that a value may have."""
    (before,) = java.read([text.encode()])
    contents: list[bytes] = []
    wanted: list[Any] = []
    for attack in ATTACKS:
        for key in (("a",), ("a", "#text"), ("a", "@x"), ("a", "@new"), ("a", "new")):
            try:
                contents.append(documents.update(XML, text.encode(), key, attack))
            except Refused as refusal:
                if refusal.data["reason"] not in {"structure", "mixed", "proof"}:
                    raise
                continue
            table = before["a"] if isinstance(before["a"], dict) else {}
            wanted.append({"a": {**table, key[-1]: attack} if key[1:] else attack})
    assert len(contents) >= len(ATTACKS)
    assert java.read(contents) == wanted


PIECES = (
    "<a>", "</a>", "<a/>", "<b x='1'>", "</b>", "<b/>", "<a", "/>", ">", "<", " x='1'", ' y="2"', "=", "'", '"', "&lt;",
    "&#10;", "&", "x", " ", "\n", "\r\n", "\r", "\t", "<!-- c -->", "<!--", "-->", "<![CDATA[", "]]>", "<?p i?>",
    "<![CDATA[<z>]]>", "<?xml version='1.0'?>", "<!DOCTYPE a>", "<!DOCTYPE a SYSTEM '>'>", "é", "\ufeff", "\u2028",
    "\x85", ";", "--", "?>", "!", "/",
)  # fmt: skip


@pytest.mark.slow
def test_expat_the_locator_and_java_agree(java: Java) -> None:
    """In 20,000 texts of loose pieces the three agree about what is XML, and about all that is in it."""
    chance = random.Random(17)  # noqa: S311 - the same cases every time
    texts = ["".join(chance.choices(PIECES, k=chance.randrange(1, 8))) for _ in range(20_000)]
    texts = [f"<a>{text}</a>" if chance.random() < 0.7 else text for text in texts]
    for text, found in zip(texts, java.read([text.encode() for text in texts]), strict=True):
        told, reason = read_or_refused(text)
        assert told is not None or found is None or reason in {"encoding", "declarations"}, text
        if told is None:
            continue
        assert found == plain(told), text
        document = documents.open_document(XML, text.encode())
        for entry in document.entries():
            if entry.type == "string" and not isinstance(held := held_at(told, entry.key), Untold):
                assert document.get(entry.key) == held, text


def read_or_refused(text: str) -> tuple[object, str]:
    """What the judge reads, or None and why it does not."""
    try:
        return XML.judge(text), ""
    except Refused as refusal:
        return None, str(refusal.data["reason"])


NAMES = ("a", "b", "c", "d-e", "x.y", "é")
TEXTS = (
    "x",
    "1",
    "a b",
    "<",
    "&",
    "]]>",
    '"',
    "'",
    " x ",
    "é",
    "\U0001f600",
    "x\ny",
    "--",
    "<!-- -->",
    "a\tb",
    "\u2028",
)


class Writer:
    """Writes trees in ways in which people might."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.newline = chance.choice(("\n", "\n", "\r\n"))
        self.indent = chance.choice(("  ", "\t", "    "))
        self.lines = chance.random() < 0.7
        self.notes = chance.choice((0, 0.2))
        self.references = chance.random() < 0.2

    def tree(self, depth: int) -> documents.Value:
        """An element: a string or a table."""
        chance = self.chance
        if depth > 3 or chance.random() < 0.4:
            return chance.choice((*TEXTS, {}))
        attributes = {f"@{name}": chance.choice(("", *TEXTS)) for name in chance.sample(NAMES, chance.randrange(3))}
        if attributes and chance.random() < 0.3:
            return {**attributes, "#text": chance.choice(TEXTS)}
        children: dict[str, documents.Value] = {}
        for name in chance.sample(NAMES, chance.randrange(4)):
            count = chance.choice((1, 1, 2, 3))
            items = [self.tree(depth + 1) for _ in range(count)]
            children[name] = items if count > 1 else items[0]
        return {**attributes, **children}

    def escaped(self, text: str, marks: str) -> str:
        """Text with references where they must be, and sometimes elsewhere."""
        if self.references:
            return "".join(f"&#{ord(character)};" for character in text)
        for mark, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "apos")):
            text = text.replace(mark, f"&{name};") if mark in marks else text
        return text

    def text(self, text: str) -> str:
        """Text between tags."""
        if "]]>" not in text and "\r" not in text and self.chance.random() < 0.1:
            return f"<![CDATA[{text}]]>"
        return self.escaped(text, "&<>").replace("\n", self.newline)

    def note(self) -> str:
        """Perhaps a comment."""
        return self.chance.choice(("<!-- <x> -->", "<?do it?>")) if self.chance.random() < self.notes else ""

    def element(self, name: str, value: documents.Value, depth: int = 0) -> str:
        """The text of an element."""
        chance = self.chance
        if not isinstance(value, dict):
            return f"<{name}>{self.text(str(value))}</{name}>"
        space = chance.choice((" ", " ", self.newline + self.indent))
        first = f"<{name}"
        for part, held in value.items():
            quote = chance.choice("\"'")
            if part.startswith("@"):
                text = self.escaped(str(held), "&<" + quote).replace("\n", "&#10;").replace("\t", "&#9;")
                first += f"{space}{part[1:]}={quote}{text}{quote}"
        if "#text" in value:
            return f"{first}>{self.text(str(value['#text']))}</{name}>"
        children = [
            self.element(part, held, depth + 1)
            for part, all_of in value.items()
            if not part.startswith("@")
            for held in (all_of if isinstance(all_of, list) else [all_of])
        ]
        if not children:
            return first + chance.choice(("/>", " />"))
        line = self.newline + self.indent * (depth + 1) if self.lines else ""
        inner = "".join(line + self.note() * bool(line) + line + child for child in children)
        return first + ">" + inner + line[: len(line) - len(self.indent)] + f"</{name}>"


def keys_of(tree: documents.Value, key: Key = ()) -> list[Key]:
    """The keys of everything in a tree."""
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found: list[Key] = []
    for name, held in parts:
        found += [(*key, str(name)), *keys_of(held, (*key, str(name)))]
    return found


def edited(tree: Any, key: Key, value: Sequence[documents.Value]) -> Any:
    """A tree with another value at a key, or with nothing there; an array of one is that one."""
    if not isinstance(tree, list) and key == ("1",):
        return [tree, value[0]]
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
    return copy[0] if isinstance(copy, list) and len(copy) == 1 else copy


def attempt(content: bytes, key: Key, value: Sequence[documents.Value]) -> bytes | Refused:
    """A file with this value, or without the key; or how that is refused."""
    try:
        if value:
            return documents.update(XML, content, key, value[0])
        return documents.delete(XML, content, key)
    except Refused as refusal:
        return refusal


@pytest.mark.slow
def test_java_reads_what_was_asked(java: Java) -> None:
    """In 6,000 generated files the one key has the one value, all others have theirs, and other bytes are the same."""
    chance = random.Random(13)  # noqa: S311 - the same cases every time
    contents: list[bytes] = []
    wanted: list[Any] = []
    refused: dict[str, int] = {}
    while len(contents) < 6000:
        writer = Writer(chance)
        tree: documents.Value = {"root": writer.tree(0)}
        assert isinstance(tree, dict)
        text = chance.choice(("", "<?xml version='1.0'?>\n", "<!DOCTYPE root PUBLIC '-//x' 'y>'>\n")) + writer.note()
        text += writer.element("root", tree["root"]) + chance.choice(("", "\n", "<!-- end -->"))
        content = text.encode()
        document = documents.open_document(XML, content)
        assert judged(document.get(())) == judged(tree)
        keys = keys_of(tree)
        assert {entry.key for entry in document.entries()} == {*keys}
        at = chance.choice(keys)
        new = (*at, chance.choice((*(f"@{name}" for name in NAMES), *NAMES, "#text", "0", "1", "2")))
        key = chance.choice([at, at, new])
        value = [] if key in keys and chance.random() < 0.3 else [writer.tree(chance.randrange(2, 5))]
        after = attempt(content, key, value)
        if isinstance(after, Refused):
            reason = str(after.data.get("reason", after.kind))
            refused[reason] = refused.get(reason, 0) + 1
            continue
        splice = document.put(key, value[0]) if value else document.remove(key)
        assert after.decode() == apply(text, splice)
        if value and (key not in keys or isinstance(value[0], str)):
            assert after.decode().count("<!-- <x> -->") == text.count("<!-- <x> -->")
        contents.append(after)
        wanted.append(judged(edited(tree, key, value)))
    assert refused.keys() <= {"structure", "mixed", "type", "no_such_key", "characters"}
    for content, found, expected in zip(contents, java.read(contents), wanted, strict=True):
        assert judged(found) == expected, content


@pytest.mark.slow
def test_files_of_debian_are_changed_and_changed_back(java: Java) -> None:
    """D-Bus, fontconfig and Java: each text and attribute of theirs is changed, read by Java, and changed back."""
    files = [
        path
        for directory, pattern in (
            ("/usr/share/dbus-1", "*.conf"),
            ("/etc/fonts", "*.conf"),
            ("/usr/share/fontconfig/conf.avail", "*.conf"),
            ("/etc/java-17-openjdk/jfr", "*.jfc"),
        )
        for path in sorted(Path(directory).glob(pattern))
    ]
    assert len(files) > 30
    contents: list[bytes] = []
    wanted: list[Any] = []
    for path in files:
        content = path.read_bytes()
        document = documents.open_document(XML, content)
        whole = document.get(())
        for entry in document.entries()[:25]:
            if entry.type != "string" or entry.key[-1].startswith("@xmlns"):
                continue
            before = document.get(entry.key)
            after = attempt(content, entry.key, ['<changed> & "it\'s"'])
            if isinstance(after, Refused):
                assert after.data["reason"] == "structure", (path, entry.key)  # a comment stands in the text
                continue
            back = documents.update(XML, after, entry.key, before)
            spelled = documents.decode(content)[entry.start : entry.end]
            assert back == content or re.search(r"[&\r\n\t]|<!\[", spelled), (path, entry.key)
            contents.append(after)
            wanted.append(judged(edited(whole, entry.key, ['<changed> & "it\'s"'])))
    assert len(contents) > 300
    for found, expected in zip(java.read(contents), wanted, strict=True):
        assert judged(found) == expected
