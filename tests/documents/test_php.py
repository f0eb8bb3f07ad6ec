"""PHP files that define or return plain values."""

import difflib

import pytest

from rpcd import documents
from rpcd.documents.key import parse_key
from rpcd.errors import Refused

PHP = documents.resolve("php")

WORDPRESS = """\
<?php
/** The name of the database. */
define( 'DB_NAME', 'database_name_here' );

/** Host. */
define( 'DB_HOST', 'localhost' ); // or a socket

/**#@+
 * Keys: it's "generated".
 */
define( 'AUTH_KEY',         'put your unique phrase here' );
define( 'SECURE_AUTH_KEY',  'put your unique phrase here' );

$table_prefix = 'wp_';
define( 'WP_DEBUG', false );

/* That's all, stop editing! */
if ( ! defined( 'ABSPATH' ) ) {
\tdefine( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
"""

LARAVEL = """\
<?php

use Illuminate\\Support\\Str;

return [

    /*
    | The default connection, isn't it?
    */
    'default' => env('DB_CONNECTION', 'mysql'),

    'connections' => [
        'mysql' => [
            'driver'  => 'mysql',
            'port'    => 3306,
            'strict'  => true,
            'options' => extension_loaded('pdo_mysql') ? array_filter([PDO::MYSQL_ATTR_SSL_CA => env('CA')]) : [],
        ],
    ],
    'prefix' => Str::slug(env('APP_NAME', 'laravel'), '_').'_database_',
    'hosts' => ['a', 'b'],
    'providers' => [
        App\\A::class,
        'x',
    ],
];
"""

NEXTCLOUD = """\
<?php
$CONFIG = array (
  'instanceid' => 'oc1234',
  'trusted_domains' => \n\
  array (
    0 => 'localhost',
    1 => 'cloud.example',
  ),
  'dbport' => '',
  'installed' => true,
);
"""

CONFIG = """\
<?php defined('BASEPATH') OR exit('No direct script access allowed');

$config = array();
$config['base_url']  = "http://localhost";
$config['index']     = 'index.php';
$db['default']['hostname'] = 'localhost';
$db['default']['port'] = 3306;
$i = 0;
$i++;
$cfg['Servers'][$i]['host'] = 'localhost';
$cfg['Upload'] = '';
"""

PUT: list[tuple[str, str, documents.Value, str]] = [
    # text, key, value, the lines that change with their marks, or for one line what it becomes
    ("<?php define('A', 1);", "A", 2, "<?php define('A', 2);"),
    ("<?php define('A', 1);", "A", "x", "<?php define('A', 'x');"),
    ("<?php define('A', 1);", "A", "it's \\", "<?php define('A', 'it\\'s \\\\');"),
    ('<?php define("A", "1");', "A", 'say "$x" {$y} ${z}\\', '<?php define("A", "say \\"\\$x\\" {\\$y} \\${z}\\\\");'),
    ("<?php define('A', 1);", "A", "a\nb\x00", "<?php define('A', \"a\\nb\\x00\");"),
    ("<?php define('A', 1);", "A", "?><?php x", "<?php define('A', '?><?php x');"),
    ("<?php define('A', 1);", "A", "'; system('id'); //", "<?php define('A', '\\'; system(\\'id\\'); //');"),
    ("<?php define('A', 1);", "A", 1e20, "<?php define('A', 1.0e+20);"),
    ("<?php define('A', 1);", "A", -1.5, "<?php define('A', -1.5);"),
    ("<?php define('A', FALSE);", "A", True, "<?php define('A', TRUE);"),
    ("<?php define('A', 1);", "A", None, "<?php define('A', null);"),
    ("<?php define('A', 1);", "A", ["x", 1], "<?php define('A', ['x', 1]);"),
    ("<?php define('A', 1);", "B", 2, "<?php define('A', 1);\ndefine('B', 2);"),
    ('<?php define( "A" , 1 ); ?>', "B", 2, '<?php define( "A" , 1 ); define( "B", 2 ); ?>'),
    ("<?php const A = 1;", "B", "x", "<?php const A = 1;\nconst B = 'x';"),
    ("<?php const A = 1, B = 2;", "B", 3, "<?php const A = 1, B = 3;"),
    ("<?php $a = 1;", "B", 3, "<?php $a = 1;\ndefine('B', 3);"),
    ("<?php $a = 1;", '"$b"', 3, "<?php $a = 1;\n$b = 3;"),
    ("<?php $a=1;", '"$b".x', 3, "<?php $a=1;\n$b=[\n    'x' => 3,\n];"),
    ("<?php $a['x'] = 1;", '"$a".y', 3, "<?php $a['x'] = 1;\n$a['y'] = 3;"),
    ('<?php $a["x"]["z"] = 1;', '"$a".x.y', [], '<?php $a["x"]["z"] = 1;\n$a["x"]["y"] = [];'),
    ("<?php $a = ['x' => 1];", '"$a".y', 3, "<?php $a = ['x' => 1, 'y' => 3];"),
    ("<?php $a = [];", '"$a".y', 3, "<?php $a = ['y' => 3];"),
    ("<?php $a = array( );", '"$a".0', 3, "<?php $a = array(3);"),
    (
        "<?php return array('a' => 1, 'b' => array(2));",
        "b.1",
        "x",
        "<?php return array('a' => 1, 'b' => array(2, 'x'));",
    ),
    (
        "<?php return array('a' => 1);",
        "b",
        {"c": [True]},
        "<?php return array('a' => 1, 'b' => array('c' => array(true)));",
    ),
    ('<?php return ["a" => 1];', "b.c", 1, '<?php return ["a" => 1, "b" => [\'c\' => 1]];'),
    ("<?php return ['5' => 1];", "7", 1, "<?php return ['5' => 1, 7 => 1];"),
    ("<?php return ['5' => 1];", "5", 2, "<?php return ['5' => 2];"),
    ("<?php return ['a' => 1,];", "b", 2, "<?php return ['a' => 1, 'b' => 2,];"),
    ("<?php return ['a' => [1, 2]];", "a", {"x": 1}, "<?php return ['a' => ['x' => 1]];"),
    ("<?php return ['a' => [1, 2]];", "a", [1, 3], "<?php return ['a' => [1, 3]];"),
    ("<?php return ['a' => [1, 2]];", "a", "x", "<?php return ['a' => 'x'];"),
    ("<?php return ['a' => ['x' => 1, 'y' => f()]];", "a.x", 2, "<?php return ['a' => ['x' => 2, 'y' => f()]];"),
    ("", "A", 1, "<?php\ndefine('A', 1);\n"),
    ("<?php\n", "A", 1, "<?php\ndefine('A', 1);\n"),
    ("<?php\r\n// c\r\n", '"$a"', 1, "<?php\r\n$a = 1;\r\n// c\r\n"),
    ("<?php\ndeclare(strict_types=1);\nf();\n", '"$a"', 1, "<?php\ndeclare(strict_types=1);\n$a = 1;\nf();\n"),
    ("<?php $a['x'] = 1;\n$a['y'] = 2;\n", '"$a"', {"x": 3, "z": 4}, "<?php $a['x'] = 3;\n$a['z'] = 4;\n"),
    ("<?php $a = ['x' => 1, 'y' => 2];", '"$a"', {"x": 3, "z": 4}, "<?php $a = ['x' => 3, 'z' => 4];"),
    ("<?php $a = ['x' => 1, 'y' => 2, 'z' => 3];", '"$a"', {"x": 1}, "<?php $a = ['x' => 1];"),
    ("<?php $a = ['y' => [1]];", '"$a"', {"y": [1, 2, 3]}, "<?php $a = ['y' => [1, 2, 3]];"),
    (
        "<?php $a = [\n 'x' => 1, // c\n 'y' => 2\n];",
        '"$a"',
        {"x": 1, "y": 3},
        "<?php $a = [\n 'x' => 1, // c\n 'y' => 3\n];",
    ),
    ("<?php $a = [\n    // none\n];", '"$a".x', 1, "<?php $a = [\n    // none\n    'x' => 1,\n];"),
    ("<?php $a = [ /* none */ ];", '"$a".x', 1, "<?php $a = [ /* none */ 'x' => 1];"),
    ("<?php $a = array();\n$a['x'] = 1;\n", '"$a".y', 2, "<?php $a = array();\n$a['x'] = 1;\n$a['y'] = 2;\n"),
    ("<?php $a = [1, f()];", '"$a".2', 5, "<?php $a = [1, f(), 5];"),
    ("<?php $a['x'][0] = 1;\n$a['x'][1] = 2;\n", '"$a".x.1', 3, "<?php $a['x'][0] = 1;\n$a['x'][1] = 3;\n"),
    ("<?php return ['a' => 1]; define('B', 1);", "C", 2, "<?php return ['a' => 1, 'C' => 2]; define('B', 1);"),
    (WORDPRESS, "DB_NAME", "shop", "-define( 'DB_NAME', 'database_name_here' );\n+define( 'DB_NAME', 'shop' );\n"),
    (WORDPRESS, "WP_CACHE", True, "+define( 'WP_CACHE', true );\n"),
    (WORDPRESS, '"$table_prefix"', "x_", "-$table_prefix = 'wp_';\n+$table_prefix = 'x_';\n"),
    (LARAVEL, "connections.mysql.port", 3307, "-            'port'    => 3306,\n+            'port'    => 3307,\n"),
    (LARAVEL, "connections.mysql.charset", "utf8", "+            'charset' => 'utf8',\n"),
    (LARAVEL, "hosts.2", "c", "-    'hosts' => ['a', 'b'],\n+    'hosts' => ['a', 'b', 'c'],\n"),
    (LARAVEL, "providers.2", "c", "+        'c',\n"),
    (LARAVEL, "cache", {"ttl": 1}, "+    'cache' => [\n+        'ttl' => 1,\n+    ],\n"),
    (NEXTCLOUD, '"$CONFIG".trusted_domains.2', "new", "+    2 => 'new',\n"),
    (NEXTCLOUD, '"$CONFIG".installed', False, "-  'installed' => true,\n+  'installed' => false,\n"),
    (NEXTCLOUD, '"$CONFIG".loglevel', 2, "+  'loglevel' => 2,\n"),
    (
        CONFIG,
        '"$config".base_url',
        "/$x",
        "-$config['base_url']  = \"http://localhost\";\n+$config['base_url']  = \"/\\$x\";\n",
    ),
    (CONFIG, '"$config".language', "en", "+$config['language']  = 'en';\n"),
    (CONFIG, '"$db".default.port', 1, "-$db['default']['port'] = 3306;\n+$db['default']['port'] = 1;\n"),
    (CONFIG, '"$db".default.user', "u", "+$db['default']['user'] = 'u';\n"),
    (CONFIG, '"$cfg".Upload', "/srv", "-$cfg['Upload'] = '';\n+$cfg['Upload'] = '/srv';\n"),
]

REMOVE: list[tuple[str, str, str]] = [
    ("<?php define('A', 1);\ndefine('B', 2); // c\n$c = 1;\n", "B", "<?php define('A', 1);\n$c = 1;\n"),
    ("<?php define('A', 1); define('B', 2);", "A", "<?php  define('B', 2);"),
    ("<?php return ['a' => 1, 'b' => 2];", "a", "<?php return ['b' => 2];"),
    ("<?php return ['a' => 1, 'b' => 2];", "b", "<?php return ['a' => 1];"),
    ("<?php return ['a' => 1, 'b' => 2, ];", "b", "<?php return ['a' => 1, ];"),
    ("<?php return ['a' => ['b' => 2]];", "a.b", "<?php return ['a' => []];"),
    ("<?php return [\n  'a' => 1, // c\n  'b' => 2\n];", "a", "<?php return [\n  'b' => 2\n];"),
    ("<?php return [\n  'a' => 1, // c\n  'b' => 2\n];", "b", "<?php return [\n  'a' => 1 // c\n];"),
    ("<?php return ['a' => [1, 2, 3]];", "a.1", "<?php return ['a' => [1, 3]];"),
    ("<?php return ['a' => [0 => 1, 1 => 2, 2 => 3]];", "a.1", "<?php return ['a' => [0 => 1, 1 => 3]];"),
    ("<?php $a['x'] = 1;\n$a['y'] = 2;\n", '"$a".x', "<?php \n$a['y'] = 2;\n"),
    ("<?php\n$a['x'] = 1;\n$b = 2;\n$a['y'] = 2;\n", '"$a"', "<?php\n$b = 2;\n"),
    ("<?php\n$a = array();\n$a['y'] = 2;\n", '"$a"', "<?php\n"),
]

REFUSED_TEXTS = {
    "<?php 'a": "syntax", '<?php "a': "syntax", "<?php /* a": "syntax", "<?php <<<A\nx": "syntax",
    "<?php )": "syntax",
    "<?php (]": "syntax", "<? a": "syntax", "<?php \x01": "syntax", "<?php \x00": "syntax", "<?php 1a": "syntax",
    '<?php "{$a["x" . "{$b}"]}"': "syntax", "<?php if (a): define('A', 1); endif;": "expression",
    "<?php namespace A; const B = 1;": "expression", "<?php goto a;": "expression", "<?php `": "syntax",
    "<?php __halt_compiler(); x": "expression", "<?php [": "syntax", "<?php <<< ": "syntax",
    "<?php <<<A\n{$b['\nA\n": "syntax", "<?php ?> <? b": "syntax",
}  # fmt: skip

UNTOLD = {
    # what cannot be told, and why
    "define('A', 1 . 2);": "expression", "define('A', \"$b\");": "expression", "define('A', B);": "expression",
    "define('A', f());": "expression", "define('A', <<<X\na\nX);": "expression",
    "define('A', [1, ...$b]);": "expression",
    "define('A', 99999999999999999999);": "expression", "define('A', A::B);": "expression",
    "define('A', -'1');": "expression",
    "define('A', 1); define('A', 2);": "ambiguous", "define('A', 1); if (b()) { define('A', 2); }": "ambiguous",
    "const A = 1; define('A', 2);": "ambiguous", "define('A', 1); foreach ($b as $c) define($c, 1);": "ambiguous",
    "define('A', 1); return ['A' => 1];": "ambiguous", "return ['A' => 1, 'A' => 2];": "expression",
    "return ['A' => &$b];": "expression", "define('A', 1.5e999);": "expression",
    'define(\'A\', "\\u{110000}");': "expression",
}  # fmt: skip

DOUBTS = (
    "$a = 1; $a = 2;", "$a = 1; $a++;", "$a = 1; if (b()) { $a = 2; }", "$a = 1; f($a);", "$a = 1; unset($a);",
    "$a = 1; foreach (b() as $a) { }", "$a = 1; [$a] = b();", "$a = 1; $b = &$a;", "$a = 1; $$b = 1;",
    "$a = 1; eval($b);",
    "$a = 1; extract($b);", "$a = 1; $GLOBALS['a'] = 1;", "$a = 1; $a .= 'x';", "$a = 1; $b = $a = 2;", "$a = f();",
    "$a = 1; $b = $a->c;", "$a = 1; function f() { global $a; }", "$a = 1; $a['x'] = 1;", "$a = 1; ${'a'} = 2;",
    "$a = [1]; $a[] = 2;", "$a = 1; list($a) = b();", "$a = &$b;", "$a = 1; ++$a;",
)  # fmt: skip
SURE = (
    "$a = 1; $b = $a;", "$a = 1; echo $a . 'x';", "$a = 1; if ($a) { }", "$a = 1; return $a;", '$a = 1; $b = "$a";',
    "$a = 1; f('a');", "$a = 1; if (isset($a)) { }", "$a = 1; f(); /* $a = 2; */ // $a = 2;", "$a = 1; exit; $b = 2;",
)  # fmt: skip

REFUSED: list[tuple[str, str, documents.Value, str]] = [
    ("<?php define('A', 1);", "A", 2**63, "type"),
    ("<?php $a = [1, f()];", '"$a"', [1], "expression"),
    ("<?php return ['a' => 1]; define('B', 1);", "B", 2, "ambiguous"),
    ("<?php $a['b'][0] = 1;", '"$a".b.x', 1, "structure"),
    ("<?php $a['b'][0] = 1;", '"$a"', 1, "structure"),
    ("<?php $a['b'] = 1, 2;", '"$a".c.d', [{}], "type"),
    ("<?php define('A', 1);", "A", {}, "type"),
    ("<?php define('A', 1);", "A", {"0": 1}, "type"),
    ("<?php define('A', 1);", "A.b", 1, "structure"),
    ("<?php define('A', 1);", "B.c", 1, "structure"),
    ("<?php define('A', 1);", '"B; c"', 1, "characters"),
    ("<?php define('A', 1);", '"1B"', 1, "characters"),
    ("<?php define('A', 1);", "true", 1, "characters"),
    ("<?php define('A', 1);", '"\'"', 1, "characters"),
    ("<?php define('A', 1);", '"$a b"', 1, "characters"),
    ("<?php define('A', 1);", '"$"', 1, "characters"),
    ("<?php define('A', 1);", '"$this"', 1, "characters"),
    ("<?php define('A', f());", "A", 1, "expression"),
    ("<?php return ['a' => f()];", "a.b", 1, "expression"),
    ("<?php return ['a' => [f()]];", "a", [], "expression"),
    ("<?php return ['a' => ['x' => f()]];", "a", {"y": 1}, "expression"),
    ("<?php return ['a' => [1]];", "a.x", 1, "structure"),
    ("<?php return [B::C => 1];", "7", 1, "ambiguous"),
    ("<?php if (a()) { define('A', 1); }", "A", 2, "ambiguous"),
    (CONFIG, '"$cfg".Servers.1.host', "x", "ambiguous"),
    (CONFIG, '"$cfg"', {"Upload": "x"}, "ambiguous"),
    ("x", "A", 1, "structure"),
    ("<?php ?>", "A", 1, "structure"),
    ("<?php $a = 1 ?>", '"$b"', 1, "structure"),
    ("<?php return;", "A", 1, "structure"),
]


def changed_lines(before: str, after: str) -> str:
    """The lines that went and came."""
    diff = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), n=0)
    return "".join(line for line in diff if not line.startswith(("--- ", "+++ ", "@@")))


@pytest.mark.parametrize(("text", "key", "value", "expected"), PUT)
def test_put(text: str, key: str, value: documents.Value, expected: str) -> None:
    """A value is written where it belongs, and reads as what it is."""
    after = documents.update(PHP, text.encode(), parse_key(key), value).decode()
    assert (changed_lines(text, after) if len(text) > 200 or text is NEXTCLOUD else after) == expected
    assert documents.open_document(PHP, after.encode()).get(parse_key(key)) == value


@pytest.mark.parametrize(("text", "key", "expected"), REMOVE)
def test_remove(text: str, key: str, expected: str) -> None:
    """What is taken away goes with its line, where it has one to itself."""
    assert documents.delete(PHP, text.encode(), parse_key(key)).decode() == expected


@pytest.mark.parametrize(("text", "reason"), REFUSED_TEXTS.items())
def test_no_php(text: str, reason: str) -> None:
    """A text of which the words cannot be told is refused, and one in which statements take effect now and then."""
    with pytest.raises(Refused) as refused:
        documents.open_document(PHP, text.encode()).entries()
    assert refused.value.data["reason"] == reason


@pytest.mark.parametrize(("code", "reason"), UNTOLD.items())
def test_what_is_no_literal_is_not_told(code: str, reason: str) -> None:
    """A value that only PHP can tell has no entry, is not told, and is neither replaced nor taken away."""
    text = f"<?php {code}".encode()
    document = documents.open_document(PHP, text)
    assert ("A",) not in [entry.key for entry in document.entries()]
    for ask in (lambda: document.get(("A",)), lambda: document.remove(("A",)), lambda: document.put(("A",), "x")):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.data["reason"] == reason


@pytest.mark.parametrize("code", DOUBTS)
def test_what_code_may_set_is_not_told(code: str) -> None:
    """A variable that is set twice, or that code might set, is in doubt."""
    document = documents.open_document(PHP, f"<?php {code}".encode())
    assert ("$a",) not in [entry.key for entry in document.entries()]
    with pytest.raises(Refused) as refused:
        document.put(("$a",), 3)
    assert refused.value.data["reason"] in {"ambiguous", "expression"}


@pytest.mark.parametrize("code", SURE)
def test_what_is_only_read_is_told(code: str) -> None:
    """A variable that is read elsewhere is not in doubt."""
    assert documents.open_document(PHP, f"<?php {code}".encode()).get(("$a",)) == 1


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_no_value(text: str, key: str, value: documents.Value, reason: str) -> None:
    """What cannot be written there is refused with its reason."""
    with pytest.raises(Refused) as refused:
        documents.update(PHP, text.encode(), parse_key(key), value)
    assert refused.value.data["reason"] == reason


@pytest.mark.parametrize("key", ["B", "A.x", '"$a".3', '"$a".x', "x.y.z"])
def test_keys_that_are_not_there(key: str) -> None:
    """Neither getting nor removing finds what is not there."""
    document = documents.open_document(PHP, b"<?php define('A', 1); $a = [1, 2];")
    for ask in (document.get, document.remove):
        with pytest.raises(Refused) as refused:
            ask(parse_key(key))
        assert refused.value.kind == "no_such_key"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("<?php const A = 1, B = 2;", "A"),
        ("<?php $a = [f()];", '"$a"'),
        ("<?php $a['x'][0] = 1;\n$a['x'][1] = 2;\n", '"$a".x.0'),
        ("<?php return [1, 2];", "0"),
        ("<?php return [5 => 1, 2];", "5"),
    ],
)
def test_what_cannot_go_alone_stays(text: str, key: str) -> None:
    """What others stand beside in one statement, or would get another key without, is not taken away."""
    with pytest.raises(Refused) as refused:
        documents.delete(PHP, text.encode(), parse_key(key))
    assert refused.value.kind == "not_editable"
