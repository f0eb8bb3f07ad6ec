"""What holds for every format: bytes stay, limits hold, nothing is parsed twice."""

import sys
import time

import pytest

from rpcd import documents
from rpcd.documents.document import MAX_DEPTH
from rpcd.errors import Refused
from tests.harness.timing import costs_what_its_size_does

SMALL = {
    "env": b"A=1\n",
    "ini": b"A=1\n",
    "json": b'{"A": "1"}',
    "jsonc": b'{"A": "1",} // x',
    "nginx": b"A 1;\n",
    "properties": b"A=1\n",
    "php": b"<?php\ndefine('A', '1');\n",
    "toml": b"A = '1'\n",
    "yaml": b"A: '1'\n",
}

EDITABLE = [*SMALL]

SIZE = 64 * 1024


def numbered(line: str, size: int) -> str:
    """Lines with a number each, of `size` characters in all."""
    return "".join(line.replace("#", str(number)) for number in range(size // len(line)))


HOSTILE = {
    # format and what is repeated: after a beginning, and before an end
    "spaces": ("ini", "a", " ", ""),
    "spaces before a mark": ("ini", "a", " ", "= 1"),
    "spaces before a comment": ("ini", "a=", " ", ";"),
    "marks": ("ini", "a", "=", ""),
    "comments in a value": ("ini", "a=", " ;", ""),
    "open quotes": ("ini", "", "a='\n", ""),
    "quotes": ("ini", "a=", '"', ""),
    "brackets": ("ini", "", "[", ""),
    "the same section": ("ini", "", "[a]\n", ""),
    "the same key": ("ini", "", "a=1\n", ""),
    "many keys": ("ini", "", "k#=1\n", ""),
    "continuations": ("ini", "a=1\n", " b\n", ""),
    "disputed lines": ("ini", "a=1\n", " b=1\n", ""),
    "backslashes": ("ini", "", "a=\\\n", ""),
    "quoted pieces": ("env", "A=", "''", ""),
    "open single quotes": ("env", "", "A='\n", ""),
    "variables": ("env", "A=", "$a", ""),
    "open commands": ("env", 'A="', "$(a", ""),
    "open braces": ("env", "A=", "${", ""),
    "backslashes in quotes": ("env", 'A="', "\\", ""),
    "the same variable": ("env", "", "A=1\n", ""),
    "many variables": ("env", "", "A#=1\n", ""),
    "exports": ("env", "export ", "A ", ""),
    "blank lines": ("env", "", "\n", ""),
    "open arrays": ("json", "", "[", ""),
    "closed arrays": ("json", "", "]", ""),
    "open objects": ("json", "", '{"a":', ""),
    "an open string": ("json", '"', "a", ""),
    "escapes": ("json", '"', "\\\\", '"'),
    "many elements": ("json", "[0", ",1", "]"),
    "deep elements": ("json", "[" * MAX_DEPTH + "0", ",1", "]" * MAX_DEPTH),
    "deep arrays": ("json", "[0", "," + "[" * 60 + "]" * 60, "]"),
    "many members": ("json", '{"a":1', ',"#":1', "}"),
    "the same member": ("json", '{"a":1', ',"a":1', "}"),
    "many commented elements": ("jsonc", "[0", ",1", "]"),
    "comments": ("jsonc", "[0", "/**/", "]"),
    "comments after elements": ("jsonc", "[\n", "1, // c\n", "]"),
    "an open comment": ("jsonc", "[0 /*", "/*", ""),
    "trailing commas": ("jsonc", "[0", ",[1, /* */ ]", "]"),
    "white space after a comma": ("jsonc", "[0,", " //\n", "]"),
    "open objects with comments": ("jsonc", "", '{"a"://\n', ""),
    "open blocks": ("nginx", "", "a {", ""),
    "deep blocks": ("nginx", "", "a {" * 60 + "}" * 60, ""),
    "directives on one line": ("nginx", "", "a# 1; ", ""),
    "the same directive": ("nginx", "", "a 1;\n", ""),
    "many blocks": ("nginx", "", "a# { b 1; }\n", ""),
    "the same block": ("nginx", "", "server { }\n", ""),
    "many arguments": ("nginx", "a", " x", ";"),
    "quoted arguments": ("nginx", "a", " ''", ";"),
    "an open quote": ("nginx", "a '", "\\'", ""),
    "escapes in a word": ("nginx", "a x", "\\'", ";"),
    "dollars": ("nginx", "a ", "$", ";"),
    "comments between": ("nginx", "a", " #\n", ";"),
    "open strings of Lua": ("nginx", "a_by_lua_block {", "[=", "}"),
    "open comments of Lua": ("nginx", "a_by_lua_block {", "--[[", "}"),
    "braces of Lua": ("nginx", "a_by_lua_block {", "{}", "}"),
    "long names": ("properties", "", ".", "=1"),
    "deep names": ("properties", "", "a." * 60 + "#=1\n", ""),
    "many properties": ("properties", "", "k#=1\n", ""),
    "properties of one table": ("properties", "", "a.k#=1\n", ""),
    "the same property": ("properties", "", "a=1\n", ""),
    "joined lines": ("properties", "a=", "\\\n ", "1"),
    "backslashes in a property": ("properties", "a=", "\\", "1"),
    "escapes in a name": ("properties", "", "\\u0041", "=1"),
    "blanks after a name": ("properties", "a", " ", "1"),
    "blank lines of properties": ("properties", "", "\f\n", "a=1"),
    "empty elements": ("xml", "<a>", "<b/>", "</a>"),
    "open elements": ("xml", "", "<a>", ""),
    "deep elements of XML": ("xml", "<a>", "<a>" * 60 + "</a>" * 60, "</a>"),
    "different elements": ("xml", "<a>", "<k#>1</k#>", "</a>"),
    "attributes": ("xml", "<a", " k#='1'", "/>"),
    "open tags": ("xml", "", "<a ", ""),
    "open attributes": ("xml", "", "<a b='", ""),
    "open notes": ("xml", "", "<!--", ""),
    "notes": ("xml", "<a>", "<!---->", "</a>"),
    "text beside elements": ("xml", "<a>", "x<b/>", "</a>"),
    "references": ("xml", "<a>", "&lt;", "</a>"),
    "sections": ("xml", "<a>", "<![CDATA[]]>", "</a>"),
    "open sections": ("xml", "<a>", "<![CDATA[", ""),
    "entities": ("xml", "<!DOCTYPE a [", "<!ENTITY a# 'x'>", "]><a/>"),
    "one long line": ("xml", "<a>" + " " * 8000, "<b>1</b>", "</a>"),
    "lines that are far in": ("xml", "<a>", "\n" + " " * 200 + "<b>1</b>", "</a>"),
    "a type and references": ("xml", "<!DOCTYPE a SYSTEM 'x'><a>", "&lt;", "</a>"),
    "open PHP arrays": ("php", "<?php $a=", "[", ""),
    "deep PHP arrays": ("php", "<?php return [0", "," + "[" * 60 + "]" * 60, "];"),
    "many PHP items": ("php", "<?php return [0", ",'k#'=>1", "];"),
    "many definitions": ("php", "<?php\n", "define('K#', 1);\n", ""),
    "the same definition": ("php", "<?php\n", "define('K', 1);\n", ""),
    "many assignments": ("php", "<?php\n", "$a['b']['c#'] = 1;\n", ""),
    "many doubts": ("php", "<?php\n", "f($a[1][2][3]);", ""),
    "indexes": ("php", "<?php $a", "[1]", "=1;"),
    "concatenations": ("php", "<?php $a=1", ".'x'", ";"),
    "open heredocs": ("php", "<?php ", "<<<A\n", ""),
    "a long heredoc": ("php", "<?php $a=<<<A\n", "\nAB ", "\nA;"),
    "heredocs": ("php", "<?php ", "$a=<<<A\nx{$b}\nA;\n", ""),
    "open braces in quotes": ("php", '<?php $a="', "{$a", '";'),
    "braces in quotes": ("php", '<?php $a="', "{$a['b']}", '";'),
    "PHP escapes": ("php", '<?php $a="', "\\x41", '";'),
    "open PHP comments": ("php", "<?php ", "/*", ""),
    "question marks in a comment": ("php", "<?php #", "?", ""),
    "PHP and HTML": ("php", "", "<?php ?><", ""),
    "names": ("php", "<?php ", "a\\", ""),
    "signs": ("php", "<?php $a=", "-", "1;"),
    "open TOML arrays": ("toml", "a=", "[", ""),
    "a long dotted key": ("toml", "a", ".a", "=1"),
    "many dotted keys": ("toml", "", "a.b.c.d.k#=1\n", ""),
    "many tables": ("toml", "", "[t#]\n", ""),
    "many tables in one": ("toml", "[[a]]\n", "[a.b#]\n", ""),
    "arrays of tables": ("toml", "", "[[a]]\n[[a.b]]\n", ""),
    "many TOML elements": ("toml", "a=[", "1,", "]"),
    "arrays in an array": ("toml", "a=[", "[],", "]"),
    "quotes in a long string": ("toml", 'a="""', '"" ', '"""'),
    "an open long string": ("toml", 'a="""', '"" ', ""),
    "deep TOML arrays": ("toml", "", "k#=" + "[" * 30 + "]" * 30 + "\n", ""),
    "open YAML sequences": ("yaml", "", "[", ""),
    "deep YAML sequences": ("yaml", "", "- ", ""),
    "deep YAML mappings": ("yaml", "", "? ", ""),
    "flow in flow": ("yaml", "[", "[[[[]]]], ", "]"),
    "pairs in flow": ("yaml", "[", "a: b, ", "]"),
    "lines in flow": ("yaml", "a: [\n", "b, # c\n", "]"),
    "many YAML keys": ("yaml", "", "k#: v\n", ""),
    "many quoted YAML keys": ("yaml", "", '"k#": v\n', ""),
    "many YAML elements": ("yaml", "", "- a\n", ""),
    "sequences in sequences": ("yaml", "", "- - - a\n", ""),
    "aliases": ("yaml", "x: &x 1\ny:\n", "- *x\n", ""),
    "aliases of much": ("yaml", "x: &x [" + "a, " * 8000 + "]\ny:\n", "- *x\n", ""),
    "anchors": ("yaml", "", "k#: &a# 1\n", ""),
    "merges": ("yaml", "x: &x {a: 1, b: 2}\n", "k#: {<<: *x}\n", ""),
    "a chain of merges": ("yaml", "x: &x {a: 1}\n", "k#: &x {<<: *x, a#: 1}\n", ""),
    "documents": ("yaml", "", "---\na: 1\n", ""),
    "directives": ("yaml", "", "%A b\n", "---\n"),
    "tag directives": ("yaml", "", "%TAG !a#! b\n", "--- x\n"),
    "tags in tags": ("yaml", "", "!a [", "]"),
    "YAML comments": ("yaml", "", "# c\n", ""),
    "marks of comments": ("yaml", "a: b", " #", ""),
    "lines of a plain scalar": ("yaml", "a: ", "b\n ", ""),
    "a long plain scalar": ("yaml", "a: ", "b ", ""),
    "a long number": ("yaml", "a: 1", ":1", ""),
    "YAML escapes": ("yaml", 'a: "', "\\n", '"'),
    "single quotes": ("yaml", "a: ", "'", ""),
    "literals": ("yaml", "", "- |\n a\n", ""),
    "blank lines of a literal": ("yaml", "a: |\n", "\n", ""),
    "empty values": ("yaml", "", "a#:\n", ""),
    "complex keys": ("yaml", "", "? [a, #]\n: b\n", ""),
}


def cost(form: str, content: bytes) -> float:
    """Seconds of processor time to open a document, list it, change it and delete from it."""
    documents._keep_small.cache_clear()
    documents._keep_large.cache_clear()
    start = time.process_time()
    try:
        entries = documents.open_document(documents.resolve(form), content).entries()
        key = entries[-1].key if entries else ("A",)
        documents.update(documents.resolve(form), content, key, "z")
        documents.delete(documents.resolve(form), content, key)
    except Refused:
        pass
    return time.process_time() - start


@pytest.mark.parametrize(("form", "start", "repeated", "end"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_documents_cost_what_their_size_does(form: str, start: str, repeated: str, end: str) -> None:
    """Eight times the size takes some eight times as long, where a square would be sixty-four."""
    assert costs_what_its_size_does(lambda size: cost(form, (start + numbered(repeated, size) + end).encode()), SIZE)


@pytest.mark.parametrize(
    ("form", "opening", "closing"),
    [
        ("json", "[", "]"),
        ("json", '{"a":[', "]}"),
        ("jsonc", '{"a":[', ",]}"),
        ("nginx", "a {", "}"),
        ("php", "[", "]"),
        ("toml", "[", "]"),
        ("toml", "{a=[", "]}"),
        ("toml", "{a={b=", "}}"),
        ("yaml", "[", "]"),
        ("yaml", "{a: [", "]}"),
    ],
)
def test_depth_is_bounded(form: str, opening: str, closing: str) -> None:
    """As deep as the limit is read; one deeper is refused before it is parsed."""
    levels = sum(opening.count(bracket) for bracket in "[{")
    start = {"toml": "a = ", "php": "<?php return "}.get(form, "")
    inner = "1" if form == "toml" or opening.endswith("[") else ""
    for depth, refused in ((MAX_DEPTH // levels, False), (MAX_DEPTH // levels + 1, True), (20_000, True)):
        content = (start + opening * depth + inner + closing * depth + ";" * (form == "php")).encode()
        if refused:
            with pytest.raises(Refused) as refusal:
                documents.open_document(documents.resolve(form), content)
            assert refusal.value.data["reason"] == "depth"
        else:
            assert documents.open_document(documents.resolve(form), content).entries()


@pytest.mark.parametrize(
    "key", ["a." * MAX_DEPTH + "a = 1", "[" + "a." * MAX_DEPTH + "a]", '"a" . ' * MAX_DEPTH + "'a' = 1"]
)
def test_dotted_keys_are_as_deep_as_tables(key: str) -> None:
    """A dotted key is a depth too; dots in strings, comments and numbers are none."""
    with pytest.raises(Refused) as refused:
        documents.open_document(documents.resolve("toml"), key.encode())
    assert refused.value.data["reason"] == "depth"
    fine = "a = '" + "." * 100 + "'\nb = \"" + "[" * 100 + '"\n# ' + "{" * 100 + "\nc = [" + "1.5, " * 100 + "]\n"
    assert documents.open_document(documents.resolve("toml"), fine.encode()).entries()


@pytest.mark.parametrize("form", ["json", "jsonc", "toml", "yaml"])
def test_values_are_not_deeper_than_documents(form: str) -> None:
    """A value that would make a document deeper than the limit is refused, whatever Python could stand."""
    value: documents.Value = "x"
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    after = documents.update(documents.resolve(form), SMALL[form], ("A",), value)
    assert documents.open_document(documents.resolve(form), after).get(("A",)) == value
    with pytest.raises(Refused) as refused:
        documents.update(documents.resolve(form), SMALL[form], ("A",), [value])
    assert refused.value.data["reason"] == "depth"
    for _ in range(2 * sys.getrecursionlimit()):
        value = [value]
    with pytest.raises(Refused):
        documents.update(documents.resolve(form), SMALL[form], ("A",), value)


@pytest.mark.parametrize("form", EDITABLE)
@pytest.mark.parametrize("value", [object(), b"x", {1: 2}, (1,), {"a": b""}])
def test_values_are_what_json_can_say(form: str, value: documents.Value) -> None:
    """Anything that is no JSON value is refused as a type, or as a name."""
    with pytest.raises(Refused) as refused:
        documents.update(documents.resolve(form), SMALL[form], ("A",), value)
    assert refused.value.data["reason"] in {"type", "characters"}


@pytest.mark.parametrize("form", EDITABLE)
@pytest.mark.parametrize("name", ["a\n", "a\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\udcff"])
def test_no_key_has_control_characters(form: str, name: str) -> None:
    """Whoever calls, no key or table with a control character in its name is written."""
    for key in ((name,), ("T", name), (name, "k")):
        with pytest.raises(Refused) as refused:
            documents.update(documents.resolve(form), SMALL[form], key, "x")
        assert refused.value.data["reason"] in {"characters", "structure"}


@pytest.mark.parametrize("form", EDITABLE)
def test_the_order_of_edits_does_not_matter_to_others(form: str) -> None:
    """A key that comes and goes leaves the very bytes that were there."""
    after = documents.update(documents.resolve(form), SMALL[form], ("B",), "x")
    assert after != SMALL[form]
    assert documents.delete(documents.resolve(form), after, ("B",)) == SMALL[form]


@pytest.mark.parametrize("form", EDITABLE)
def test_what_is_known_is_not_parsed_again(form: str) -> None:
    """The same bytes give the same document, also where they are the result of an edit; a few are kept."""
    after = documents.update(documents.resolve(form), SMALL[form], ("A",), "2")
    document = documents.open_document(documents.resolve(form), after)
    assert documents.open_document(documents.resolve(form), bytes(bytearray(after))) is document
    for number in range(200):
        documents.check(
            documents.resolve(form), documents.update(documents.resolve(form), SMALL[form], ("A",), str(number))
        )
    assert documents.open_document(documents.resolve(form), after) is not document


def test_a_text_has_no_keys() -> None:
    """Any bytes are a text, which is only read and replaced whole."""
    content = bytes(range(256))
    documents.check(documents.resolve("text"), content)
    with pytest.raises(Refused) as refused:
        documents.update(documents.resolve("text"), content, ("a",), "x")
    assert refused.value.data == {"reason": "format"}
    assert documents.resolve("text").judge("x") == "x"


def test_every_byte_survives() -> None:
    """Bytes that are no UTF-8 are text for as long as it takes, and the same bytes afterwards."""
    content = bytes(range(256)) + "é\u2028\U0001f600".encode()
    assert documents.encode(documents.decode(content)) == content
