"""PHP itself, and the server, on files that have been edited."""

import base64
import json
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rpcd import documents
from rpcd.documents.document import Untold
from rpcd.documents.php.edit import PhpDocument
from rpcd.errors import Refused
from tests.conftest import Serve
from tests.documents.test_generated import attempt

PHP = documents.resolve("php")

pytestmark = pytest.mark.skipif(not shutil.which("php"), reason="php is not installed")

EVALUATE = r"""<?php
error_reporting(0);
function told($value) {
    if (is_string($value)) return ['s', base64_encode($value)];
    if (is_float($value)) return ['f', var_export($value, true)];
    if (!is_array($value)) return ['v', $value];
    $parts = [];
    foreach ($value as $key => $part) $parts[] = [base64_encode((string) $key), told($part)];
    return ['a', $parts];
}
function run($__text) {
    try {
        $__returned = eval('?>' . $__text);
    } catch (Throwable $__error) {
        return null;
    }
    $all = get_defined_constants(true)['user'] ?? [];
    foreach (get_defined_vars() as $name => $value)
        if (!str_starts_with($name, '__') && $name !== 'all') $all['$' . $name] = $value;
    if (is_array($__returned)) foreach ($__returned as $key => $value) $all[$key] = $value;
    return told(array_filter($all, fn ($value) => !is_object($value)));
}
foreach (json_decode(stream_get_contents(STDIN)) as $text) {
    ob_start();
    $child = pcntl_fork();
    if (!$child) {
        register_shutdown_function(function () { fwrite(STDOUT, "[null, \"\"]\n"); posix_kill(getmypid(), SIGKILL); });
        $found = run(base64_decode($text));
        $written = ob_get_contents();
        while (ob_get_level()) ob_end_clean();
        fwrite(STDOUT, json_encode([$found, base64_encode($written)]) . "\n");
        posix_kill(getmypid(), SIGKILL);
    }
    pcntl_waitpid($child, $status);
    ob_end_clean();
}
"""


def value_of(told: Any) -> object:
    """A value that PHP has told."""
    kind, value = told
    if kind == "s":
        return base64.b64decode(value).decode("utf-8", "surrogateescape")
    if kind == "f":
        return float(value)
    if kind == "v":
        return value
    members = {base64.b64decode(key).decode("utf-8", "surrogateescape"): value_of(part) for key, part in value}
    return [*members.values()] if [*members] == [str(number) for number in range(len(members))] else members


def evaluated(texts: Sequence[str]) -> list[tuple[dict[str, object] | None, str]]:
    """What PHP makes of each text: everything that is set, None for what it cannot run, and what was printed."""
    given = json.dumps([base64.b64encode(documents.encode(text)).decode() for text in texts])
    ran = subprocess.run(
        ["php", "-d", "short_open_tag=0", "-r", EVALUATE.removeprefix("<?php")],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[tuple[dict[str, object] | None, str]] = []
    for line in ran.stdout.splitlines():
        told, printed = json.loads(line)
        tree = None if told is None else value_of(told)
        if isinstance(tree, list):
            tree = {str(number): value for number, value in enumerate(tree)}
        found.append((tree, base64.b64decode(printed).decode("utf-8", "replace")))  # type: ignore[arg-type]
    assert len(found) == len(texts)
    return found


def literals(tree: object) -> object:
    """A tree without what is not told."""
    if isinstance(tree, dict):
        return {name: literals(held) for name, held in tree.items() if not isinstance(held, Untold)}
    return [literals(held) for held in tree] if isinstance(tree, list) else tree


def agrees(told: object, real: object) -> bool:
    """Whether everything that is told is so."""
    if isinstance(told, Untold):
        return True
    if isinstance(told, dict):
        return isinstance(real, dict | list) and all(
            name in members and agrees(held, members[name])
            for members in [
                real if isinstance(real, dict) else dict(zip(map(str, range(len(real))), real, strict=True))
            ]
            for name, held in told.items()
        )
    if isinstance(told, list) and isinstance(real, list):
        return len(told) == len(real) and all(map(agrees, told, real))
    return documents.same(told, real)


ATTACKS = (
    "'; system('id'); //", '"; system("id"); //', "?><?php system('id');", "${system('id')}", "{$x}", "$x", "\\",
    "a\\", "\\'", '\\"', "\\\\'",
    "\0", "\n", "\r\n", "'", '"', "*/", "<<<A\nA;", "é", "\x7f", "\x85", "\u2028", "\\x41", "\\u{41}", "\\101",
    "\\n", "`id`", "{${phpinfo()}}", "",
    "0", "1e3", "true", "?>", "//", "#", "\x1b[0m", "\v\f\b", "$", "{$", "${",
)  # fmt: skip
PLACES = (
    ("<?php define('A', 'x'); define('Z', 1);", ("A",)),
    ('<?php define("A", "x"); define("Z", 1);', ("A",)),
    ("<?php $a = ['x' => 'x']; define('Z', 1);", ("$a", "x")),
    ("<?php $a['x'] = 'x'; define('Z', 1);", ("$a", "x")),
    ("<?php define('Z', 1); return array('a' => array('b', \"c\"));", ("a", "1")),
    ("<?php define('Z', 1);", ("N",)),
    ("<?php define('Z', 1);", ("$n",)),
    ("<?php $a = []; define('Z', 1);", ("$a", "n")),
)  # fmt: skip


def test_php_reads_attack_strings_as_the_strings_they_are() -> None:
    """Whatever stands in a value, PHP has that string and everything else as before, and nothing else has happened."""
    texts, expected = [], []
    for attack in ATTACKS:
        for text, key in PLACES:
            after = documents.update(PHP, text.encode(), key, attack)
            texts.append(documents.decode(after))
            expected.append(documents.open_document(PHP, after).get(()))
            assert documents.open_document(PHP, after).get(key) == attack
    for text, tree, (real, printed) in zip(texts, expected, evaluated(texts), strict=True):
        assert (real, printed) == (tree, ""), text


def test_php_reads_attack_names_as_the_names_they_are() -> None:
    """Whatever stands in a key, it is that key to PHP, or refused."""
    texts, expected = [], []
    for attack in ATTACKS:
        for text in (
            "<?php $a = ['x' => 1];",
            '<?php $a["x"] = 1;',
            "<?php return array('x' => 1);",
            "<?php define('Z', 1);",
        ):
            above = ("$a",) if "$a" in text else ()
            after = attempt(documents.update, PHP, text.encode(), (*above, attack), 1)
            if not isinstance(after, Refused):
                texts.append(documents.decode(after))
                expected.append(documents.open_document(PHP, after).get(()))
    for text, tree, (real, printed) in zip(texts, expected, evaluated(texts), strict=True):
        assert (real, printed) == (tree, ""), text
    assert len(texts) > 50


PIECES = (
    "';'", "'=>'", "','", "'='", "[';', '=>' => ',', 'a' => '=']", "'-'", "['...', '&']",
    "'a'", '"b"', "'it\\'s'", '"\\n\\x41\\u{e9}\\101\\$"', "1", "0x1F", "017", "0b11", "1_000", "1.5", ".5", "1e3",
    "-1", "+2", "true", "NULL", "False",
    "[]", "array()", "[1, 2]", "['a' => 1, 'b' => [2],]", "array(0 => 'x', 1 => 'y')", "[5 => 1, 2]",
    "['5' => 1, '05' => 2]", "[-3 => 1]", "'a' . 'b'",
    '"$q"', "PHP_INT_MAX", "strlen('x')", "[strlen('a'), 2]", "[PHP_EOL => 1, 'k' => 2]", "<<<X\n q\n X", "'?>'",
    "'\\\\'", "'\\x41'", "'é'", '"\\e\\v\\f\\8"',
    "9223372036854775807", "9223372036854775808", "0.1", "1E-5", "'\n'", "[1 => 'a', 0 => 'b']",
    "['x' => 1, 'x' => 2]", "[...[1]]", "fn() => 1", "-'3'",
)  # fmt: skip
STATEMENTS = (
    "define('A@', #);\n", "const B@ = #;\n", "$c@ = #;\n", "$d['x']['y@'] = #;\n", "$d['z@'] = #;\n",
    "// $c1 = 5;\n", "/* define('A1', 2); */\n", "$e = array();\n",
    "$e['k@'] = #;\n", "if (true) { $c@ = #; }\n", "define( 'F@' , # ) ; # c\n", "?>\n text <?php\n",
    "function f@() { return 1; }\n", "$g@ = # + 1;\n", "\\define('H@', #);\n",
    "$i@[] = #;\n", "$x = 'define(\\'A1\\', 7);';\n", "if (!defined('A@')) define('A@', #);\n", "$c@ .= 'x';\n",
    '$z = "q";\n', "$j@ = $k@ = #;\n", "unset($c@);\n",
    "$l@ = function () { return 1; };\n", "$e = #;\n",
)  # fmt: skip


def generated(chance: random.Random) -> str:
    """A PHP file."""
    text = "<?php\n"
    for _ in range(chance.randrange(7)):
        text += chance.choice(STATEMENTS).replace("@", str(chance.randrange(3))).replace("#", chance.choice(PIECES), 1)
    return text + (f"return {chance.choice(PIECES)};\n" if chance.random() < 0.3 else "")


VALUES: tuple[documents.Value, ...] = (
    ";", "=>", "x", "", "it's", '"', "$y", "\\", 1, -5, 1.5, True, None, [], [1, "a"], {"k": "v"}, {"k": {"l": [1]}},
    {"5": 1}, {}, "\n", "é", "\udcff", 2**64, ["x", {"y": 2}],
)  # fmt: skip


@pytest.mark.slow
def test_php_finds_what_was_asked_and_nothing_else() -> None:
    """Of five thousand edits of generated files, PHP finds after each what was asked and nothing else."""
    chance = random.Random(8)  # noqa: S311 - cases, no secrets
    cases: list[tuple[str, str, documents.Key, object]] = []
    while len(cases) < 5000:
        text = generated(chance)
        content = documents.encode(text)
        document = attempt(documents.open_document, PHP, content)
        if isinstance(document, Refused):
            continue
        keys = [entry.key for entry in document.entries()]
        key = (*chance.choice([*keys, ()]), *chance.choice(((), (), ("new",), ("0",), ("N",), ("$n", "x")))) or ("$v",)
        gone, value = chance.random() < 0.2, chance.choice(VALUES)
        asked = () if gone else (value,)
        after = attempt(documents.delete if gone else documents.update, PHP, content, key, *asked)
        if not isinstance(after, Refused):
            cases.append((text, documents.decode(after), key, attempt(documents.open_document(PHP, after).get, key)))
    before = evaluated([text for text, *_ in cases])
    after_all = evaluated([text for _, text, *_ in cases])
    ran = 0
    for (text, after_text, key, wanted), (old, _), (new, _) in zip(cases, before, after_all, strict=True):
        assert (old is None) == (new is None), after_text
        if old is None or new is None:
            continue
        ran += 1
        told = attempt(documents.open_document(PHP, documents.encode(after_text)).get, ())
        assert agrees(told, new) or isinstance(told, Refused), after_text
        found: object = new
        for segment in key:
            members = (
                found
                if isinstance(found, dict)
                else dict(zip(map(str, range(len(found))), found, strict=True))
                if isinstance(found, list)
                else {}
            )
            found = members.get(segment)
        assert isinstance(wanted, Refused) or agrees(wanted, found) or found == wanted == [], after_text
        assert {name: held for name, held in old.items() if name != key[0]} == {
            name: held for name, held in new.items() if name != key[0]
        }, (text, after_text)
    assert ran > 3000


MARKS = (
    "define('A', 1);", "$b=[1, 'x'=>2];", "const C='y';", '$c="z";', "return ['d'=>1];",
    "<?php ", "?>", "<?=", "define('A', ", "'", '"', "\\", "$a", "=", "[", "]", "(", ")", ",", ";", "1", "/*", "*/",
    "//", "#", "\n", "{", "}", "{$", "${",
    "=>", "array(", "const B=", "return ", "<<<X\n", "X", "\nX\n", "<<<'X'\n", "x", "-", ".5", "0x1", "`", "é", "\r",
    "if", "\\x41", "\\u{41}", "...", "&", "null",
)  # fmt: skip


def test_locator_and_judge_read_the_same() -> None:
    """Two readers that share nothing agree about any text: whether its words can be told, and what it sets."""
    chance = random.Random(9)  # noqa: S311 - cases, no secrets
    read = 0
    for _ in range(20_000):
        text = "<?php " + "".join(chance.choice(MARKS) for _ in range(chance.randrange(1, 14)))
        tree, located = attempt(PHP.judge, text), attempt(lambda text: PhpDocument(text).entries(), text)
        assert isinstance(tree, Refused) == isinstance(located, Refused), text
        if isinstance(located, Refused):
            continue
        told = attempt(PhpDocument(text).get, ())
        assert isinstance(told, Refused) or agrees(told, tree), text
        read += bool(told)
    assert read > 200


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("apt-get"), reason="Debian packages are unpacked as root")
def test_every_literal_of_real_files_changes_and_changes_back(tmp_path: Path) -> None:
    """In files of WordPress and phpMyAdmin each literal is given another value, and then its own."""
    packages = ["wordpress", "phpmyadmin"]
    subprocess.run(["apt-get", "-qq", "download", *packages], cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    for package in tmp_path.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, tmp_path], check=True)
    paths = [
        "usr/share/wordpress/wp-config-sample.php",
        "usr/share/doc/wordpress/examples/config-default.php",
        "etc/phpmyadmin/config.inc.php",
        "usr/share/phpmyadmin/config.sample.inc.php",
        "usr/share/phpmyadmin/libraries/config.default.php",
    ]
    changed = 0
    for path in paths:
        content = (tmp_path / path).read_bytes()
        document = documents.open_document(PHP, content)
        for entry in document.entries()[:200]:
            value = document.get(entry.key)
            if isinstance(value, list | dict) or "\\" in str(value):
                continue
            after = documents.update(PHP, content, entry.key, "it's new")
            assert documents.update(PHP, after, entry.key, value) == content
            changed += 1
    assert changed > 100
    content = (tmp_path / paths[0]).read_bytes()
    for name in ("DB_NAME", "DB_USER", "AUTH_KEY"):
        content = documents.update(PHP, content, (name,), "x'; system('id'); //")
    ((real, printed),) = evaluated([documents.decode(content).replace("require_once", "// require_once")])
    assert real is not None
    assert [real[name] for name in ("DB_NAME", "DB_USER", "AUTH_KEY")] == ["x'; system('id'); //"] * 3
    assert printed == ""


def test_the_server_edits_php(serve: Serve) -> None:
    """Constants, variables and members are got, listed, updated and deleted over the socket; code stays as it is."""
    text = "<?php\n// Host.\ndefine('DB_HOST', 'localhost');\n$db['port'] = 3306;\ndefine('ROOT', __DIR__);\n"
    server = serve(
        """
[targets.shop]
path   = "{scratch}/config.php"
format = "php"

[[grants]]
users   = [0]
methods = ["get_key", "update_key", "delete_key", "list_keys", "read_file"]
targets = ["shop"]
""",
        {"config.php": text},
    )
    path = server.scratch / "config.php"
    assert server.call("get_key", target="shop", key="DB_HOST")["value"] == "localhost"
    assert server.call("get_key", target="shop", key=["$db", "port"])["value"] == 3306
    assert [
        (one["key"], one["type"], one.get("comment")) for one in server.call("list_keys", target="shop")["keys"]
    ] == [
        ("DB_HOST", "string", "Host."),
        ('"$db"', "object", None),
        ('"$db".port', "integer", None),
    ]
    server.call("update_key", target="shop", key="DB_HOST", value="'; system('id'); //")
    server.call("update_key", target="shop", key='"$db".user', value="shop")
    assert path.read_text() == text.replace("'localhost'", "'\\'; system(\\'id\\'); //'").replace(
        "3306;\n", "3306;\n$db['user'] = 'shop';\n"
    )
    server.call("delete_key", target="shop", key="DB_HOST", comments="with")
    assert "Host" not in path.read_text()
    for key, reason in (("ROOT", "expression"), ("ROOT.x", "expression"), ("a b", "invalid_params")):
        refused = server.error("update_key", target="shop", key=key, value="x")["data"]
        assert refused.get("reason", refused["kind"]) == reason
