"""The PHP client against the server: every method, every kind of refusal, and what can go wrong on the way."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from rpcd.errors import KINDS
from tests.clients.conftest import Php, full_backlog, stopped
from tests.harness.server import REPOSITORY, Rpcd, wait_until
from tests.harness.users import WWW_DATA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("php") is None, reason="Debian's php8.2-cli is not installed"),
]

PACKAGE = REPOSITORY / "contrib" / "php"

MIB = 1 << 20


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.php")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_file_is_php(file: Path) -> None:
    """Every file parses, declares strict types, and has at most 120 characters in a line (PSR-12)."""
    subprocess.run(["php", "-l", file], check=True, capture_output=True)
    text = file.read_text()
    assert "\ndeclare(strict_types=1);\n" in text
    assert max(map(len, text.splitlines())) <= 120


def test_composer_knows_what_it_needs() -> None:
    """composer.json names the PHP, the extensions and where the classes are."""
    composer = json.loads((PACKAGE / "composer.json").read_text())
    assert composer["require"] == {"php": ">=8.2", "ext-json": "*", "ext-sockets": "*"}
    assert composer["autoload"]["psr-4"] == {"Rpcd\\": "src/"}


def test_what_a_caller_can_ask_about_itself(shared_php: Php) -> None:
    """ping, whoami, may, targets and status answer with what the server says."""
    told = shared_php.returned(
        """
        $shop = array_values(array_filter($rpcd->targets(), fn ($target) => $target->target === 'shop'))[0];
        return [$rpcd->ping(), $rpcd->whoami(), $rpcd->may('get_key', 'shop', 'ui.theme'), $rpcd->may('nothing'),
            $shop, is_string($rpcd->status()->version)];
        """
    )
    pong, me, may, may_not, shop, version = told
    assert (pong, may, may_not, version) == ("pong", True, False, True)
    assert (me["uid"], me["gid"]) == (os.getuid(), os.getgid())
    assert (shop["format"], shop["kind"]) == ("ini", "file")
    assert "update_key" in shop["methods"]


def test_what_a_caller_may_call(shared_php: Php) -> None:
    """`discover` is the OpenRPC document, which has every method that the caller may call."""
    version, names = shared_php.returned(
        "$document = $rpcd->discover(); return [$document->openrpc, array_column($document->methods, 'name')];"
    )
    assert version == "1.3.2"
    assert {"update_key", "rpc.discover", "lab_refuse"} <= set(names)


def test_keys(php: Php, server: Rpcd) -> None:
    """A key is read, changed under an expectation, listed and deleted; actor and note are recorded."""
    preview, change, held, same, deleted, keys, rest, described = php.returned(
        """
        $preview = $rpcd->updateKey('shop', 'ui.theme', 'dark', dryRun: true);
        $change = $rpcd->updateKey('shop', ['ui', 'theme'], 'dark', expect: 'light', actor: 'alice', note: 'ü');
        $held = $rpcd->getKey('shop', 'ui.theme');
        $same = $rpcd->updateKey('shop', 'ui.theme', 'dark', ifRevision: $change->revision);
        $deleted = $rpcd->deleteKey('shop', 'ui.title', expect: 'A shop');
        $rpcd->updateKey('shop', 'ui.size', '5', useCommented: true);
        $rpcd->deleteKey('shop', 'ui.size', comments: 'with');
        $keys = $rpcd->listKeys('shop', 'ui');
        $first = $rpcd->listKeys('shop', limit: 1);
        $rest = $rpcd->listKeys('shop', after: $first->next);
        return [$preview, $change, $held, $same, $deleted, $keys, $rest, $rpcd->describe('shop')];
        """
    )
    assert "+theme = dark" in preview["diff"]
    assert (change["target"], change["changed"], change["diff"]) == ("shop", True, None)
    assert held == {"value": "dark", "revision": change["revision"]}
    assert (same["changed"], deleted["changed"]) == (False, True)
    assert [(key["key"], key["type"]) for key in keys["keys"]] == [("ui", "object"), ("ui.theme", "string")]
    assert [key["key"] for key in rest["keys"]] == ["ui.theme", "mail", "mail.from", "mail.password"]
    assert described["schema"]["properties"]["mail"]["properties"]["password"] == {"type": "string", "writeOnly": True}
    assert described["values"] == {"ui": {"theme": "dark"}, "mail": {"from": "shop@example.org"}}
    first = server.records("intent")[0]
    assert (first["actor"], first["note"]) == ("alice", "ü")


def test_values_stay_what_they_are(php: Php) -> None:
    """Null, floats, large integers, empty objects and odd text arrive as they stand in the file, and go back so."""
    told = php.returned(
        r"""
        $told = [];
        foreach (['empty', 'list', 'float', 'int', 'null', 'true', 'text', 'greatest', 'nested'] as $key) {
            $value = $rpcd->getKey('doc', $key)->value;
            $rpcd->updateKey('doc', 'copy', $value);
            $told[$key] = [get_debug_type($value), $value, $rpcd->getKey('doc', 'copy')->value == $value];
        }
        return $told;
        """
    )
    assert told == {
        "empty": ["stdClass", {}, True],
        "list": ["array", [], True],
        "float": ["float", 1.0, True],
        "int": ["int", 1, True],
        "null": ["null", None, True],
        "true": ["bool", True, True],
        "text": ["string", "Grüße \0 😀", True],
        "greatest": ["int", 2**63 - 1, True],
        "nested": ["stdClass", {"1": [{}, [], ""]}, True],
    }


SENT = {
    "null": "null",
    "1": "1",
    "1.0": "1.0",
    "0.1": "0.1",
    "true": "true",
    "''": '""',
    "[]": "[]",
    "new \\stdClass()": "{}",
    "['a' => new \\stdClass(), 'b' => [1, 2.0]]": '{"a": {}, "b": [1, 2.0]}',
    "[1 => 'x']": '{"1": "x"}',
    '"\\u{1F600}/\\\\"': '"😀/\\\\"',
    "PHP_INT_MIN": "-9223372036854775808",
}


def test_what_php_sends(php: Php, server: Rpcd) -> None:
    """What PHP sends is in the file as PHP means it: a float stays a float, an empty object an object."""
    for value, text in SENT.items():
        php.returned(f"return $rpcd->updateKey('doc', 'int', {value});")
        held = json.loads((server.scratch / "site" / "doc.json").read_text())["int"]
        assert json.dumps(held) == json.dumps(json.loads(text))


def test_an_integer_that_php_cannot_hold(shared_php: Php) -> None:
    """An integer of more than 64 bits is an exception, and never a float that lost its last digits."""
    told = shared_php.thrown("return $rpcd->getKey('doc', 'beyond')->value;")
    assert told["thrown"] == "ProtocolException"
    assert "64 bits" in told["message"]


@pytest.mark.parametrize("value", ['"\\xff"', "NAN", "INF", "fopen('php://memory', 'r')"])
def test_what_json_cannot_hold(shared_php: Php, shared_server: Rpcd, value: str) -> None:
    """What JSON cannot hold is an InvalidArgumentException, and nothing is sent."""
    before = len(shared_server.audit())
    told = shared_php.thrown(f"return $rpcd->updateKey('doc', 'int', {value});")
    assert told["thrown"] == "InvalidArgumentException"
    assert len(shared_server.audit()) == before


def test_expecting_null(php: Php) -> None:
    """`expect: null` expects null, and leaving it out expects nothing."""
    assert php.thrown("return $rpcd->updateKey('doc', 'int', 2, expect: null);")["thrown"] == "ConflictException"
    assert php.returned("return $rpcd->updateKey('doc', 'null', 2, expect: null)->changed;") is True
    assert php.returned("return $rpcd->updateKey('doc', 'null', 3)->changed;") is True


def test_files(php: Php) -> None:
    """Files are made, replaced, listed page by page, read and removed."""
    made, files, rest, content, gone = php.returned(
        """
        $made = $rpcd->replaceFile('vhosts/b.conf', "server {}\\n", ifRevision: 'absent');
        $files = $rpcd->listFiles('vhosts');
        $rest = $rpcd->listFiles('vhosts', after: $rpcd->listFiles('vhosts', limit: 1)->next);
        return [$made, $files, $rest, $rpcd->readFile('vhosts/b.conf'), $rpcd->deleteFile('vhosts/b.conf')];
        """
    )
    assert (made["previous"], gone["revision"]) == ("absent", "absent")
    assert [file["name"] for file in files["files"]] == ["b.conf", "shop-a.conf"]
    assert [file["name"] for file in rest["files"]] == ["shop-a.conf"]
    assert files["next"] is None
    assert content == {"content": "server {}\n", "revision": made["revision"], "size": 10}


def test_earlier_revisions(php: Php) -> None:
    """They are listed with who made them and when, compared, and brought back."""
    first, history, diff, back = php.returned(
        """
        $first = $rpcd->replaceFile('vhosts/b.conf', "one\n");
        $rpcd->replaceFile('vhosts/b.conf', "two\n", actor: 'anna', note: 'better');
        $history = $rpcd->history('vhosts/b.conf', limit: 2);
        $diff = $rpcd->diff('vhosts/b.conf', $first->revision);
        return [$first, $history, $diff, $rpcd->restore('vhosts/b.conf', $first->revision)];
        """
    )
    assert [one["external"] for one in history["revisions"]] == [False, False]
    assert (history["revisions"][0]["edits"][0]["actor"], history["next"]) == (
        "anna",
        history["revisions"][1]["number"],
    )
    assert "-one\n+two\n" in diff["diff"]
    assert back["revision"] == first["revision"]
    again = php.thrown("return $rpcd->restore('vhosts/b.conf', 'sha256:' . str_repeat('0', 64));")
    assert again["thrown"] == "NoSuchRevisionException"


@pytest.mark.parametrize("as_", ["null", "'text'", "'base64'", "'fd'"])
def test_how_a_file_travels_does_not_show(shared_php: Php, as_: str) -> None:
    """A content is the same bytes as text, as base64 and in a descriptor."""
    assert shared_php.returned(f"return $rpcd->readFile('motd', {as_})->content;") == "Welcome.\n"


@pytest.mark.parametrize("content", [b"", b"\xff\x00\xfe", "Grüße\r\n".encode(), b"\x01" * 30_000])
def test_any_bytes_are_sent(php: Php, server: Rpcd, content: bytes) -> None:
    """Whatever its bytes, a content that fits into a request is written as it is."""
    php.returned(f"return $rpcd->replaceFile('big', hex2bin('{content.hex()}'));")
    assert (server.scratch / "site" / "big").read_bytes() == content


def test_16_mib_through_a_descriptor(php: Php, server: Rpcd) -> None:
    """A file of 16 MiB arrives whole, again and again, and PHP keeps no descriptor."""
    content = os.urandom(16 * MIB)
    (server.scratch / "site" / "big").write_bytes(content)
    told = php.returned(
        """
        $rpcd->ping();
        $before = count(scandir('/proc/self/fd'));
        foreach ([1, 2, 3] as $_) {
            $hash = hash('sha256', $rpcd->readFile('big')->content);
        }
        return [$hash, count(scandir('/proc/self/fd')) - $before];
        """
    )
    assert told == [hashlib.sha256(content).hexdigest(), 0]


def test_what_does_not_fit_is_not_sent(shared_php: Php, shared_server: Rpcd) -> None:
    """A request above 192 KiB is a TooLargeException that names the limit, before anything is sent."""
    before = len(shared_server.audit())
    for call in (
        "replaceFile('big', str_repeat('x', 196608))",
        "updateKey('shop', 'ui.title', str_repeat('x', 200000))",
    ):
        told = shared_php.thrown(f"return $rpcd->{call};")
        assert told["thrown"] == "TooLargeException"
        assert told["data"] == {"kind": "too_large", "limit": 192 * 1024}
        assert "196608" in told["message"]
    assert len(shared_server.audit()) == before


def test_the_largest_that_fits(php: Php, server: Rpcd) -> None:
    """A request just below the limit is carried out."""
    assert php.returned("return $rpcd->replaceFile('big', str_repeat('x', 196000))->changed;") is True
    assert (server.scratch / "site" / "big").stat().st_size == 196_000


@pytest.mark.parametrize(
    ("exception", "call"),
    [
        ("NoSuchMethodException", "call('no_such_thing')"),
        ("NoSuchTargetException", "getKey('nowhere', 'a')"),
        ("NoSuchKeyException", "getKey('shop', 'ui.nothing')"),
        ("NoSuchFileException", "readFile('vhosts/nothing.conf')"),
        ("InvalidParamsException", "call('get_key', ['target' => 'shop'])"),
        ("ConflictException", "updateKey('shop', 'ui.theme', 'dark', expect: 'green')"),
        ("ConflictException", "deleteKey('shop', 'ui.theme', ifRevision: 'absent')"),
        ("NotEditableException", 'updateKey("shop", "ui.theme", "x\\n[root]\\nadmin = yes")'),
        ("StorageException", "readFile('linked')"),
    ],
)
def test_what_is_refused(shared_php: Php, exception: str, call: str) -> None:
    """A refused call throws the exception of its kind, and the connection goes on."""
    assert shared_php.thrown(f"return $rpcd->{call};")["thrown"] == exception
    assert shared_php.returned(f"try {{ $rpcd->{call}; }} catch (\\Throwable) {{ }} return $rpcd->ping();") == "pong"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_refusal(shared_php: Php, kind: str) -> None:
    """Each kind that the server can answer arrives as an exception of its own, with code, sentence and data."""
    told = shared_php.thrown(f"return $rpcd->call('lab_refuse', ['kind' => '{kind}']);")
    stem = "".join(word.capitalize() for word in kind.removesuffix("_error").split("_"))
    assert told["thrown"] == f"{stem}Exception"
    assert "Rpcd\\Exception\\RefusalException" in told["parents"]
    assert ("Rpcd\\Exception\\OutcomeUnknown" in told["parents"]) is (kind == "unknown")
    assert (told["code"], told["message"]) == KINDS[kind]
    assert told["data"]["kind"] == kind


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_caller_without_a_grant(shared_php: Php) -> None:
    """www-data has what it was granted, and is denied the password beside it."""
    assert shared_php.returned("return $rpcd->getKey('shop', 'mail.from')->value;", user=WWW_DATA) == "shop@example.org"
    told = shared_php.thrown("return $rpcd->getKey('shop', 'mail.password')->value;", user=WWW_DATA)
    assert (told["thrown"], told["code"], told["data"]) == ("DeniedException", 403, {"kind": "denied"})


def test_a_method_of_an_administrator(shared_php: Php) -> None:
    """`call` makes any call, and returns its result as it is."""
    assert shared_php.returned("return $rpcd->call('lab_pause', ['seconds' => 0]);") == "rested"


@pytest.mark.parametrize("path", ["/nonexistent/rpcd.sock", "/dev/null", "/" + "x" * 200, ""])
def test_no_server(shared_php: Php, path: str) -> None:
    """Where nobody listens, a call says so."""
    told = shared_php.thrown(f"return (new Client('{path}'))->ping();")
    assert told["thrown"] == "ConnectionException"


def test_where_the_server_is(shared_php: Php, shared_server: Rpcd) -> None:
    """Without a path the client goes where RPCD_SOCKET says."""
    code = f"putenv('RPCD_SOCKET={shared_server.socket}'); return (new Client())->ping();"
    assert shared_php.returned(code) == "pong"


def test_a_server_that_does_not_accept(php: Php, server: Rpcd) -> None:
    """Where no connection comes about in time, a call, even a change, has timed out and nothing was done."""
    with full_backlog(server):
        told = php.thrown("return $rpcd->updateKey('shop', 'ui.theme', 'dark');", connect_timeout=0.2)
    assert told["thrown"] == "TimeoutException"


def test_a_server_that_does_not_answer(php: Php, server: Rpcd) -> None:
    """A read has timed out after its time, and of a change the outcome is not known; it was sent once."""
    with stopped(server):
        code = """
            $began = microtime(true);
            try { $rpcd->getKey('shop', 'ui.theme'); }
            catch (Exception\\TimeoutException $error) { return microtime(true) - $began; }
        """
        assert 0.3 <= php.returned(code, timeout=0.3) < 2
        told = php.thrown("return $rpcd->updateKey('shop', 'ui.theme', 'dark');", timeout=0.3)
    assert told["thrown"] == "AnswerLostException"
    assert "Rpcd\\Exception\\OutcomeUnknown" in told["parents"]
    assert told["previous"] == "Rpcd\\Exception\\TimeoutException"
    wait_until(lambda: server.records("outcome"), what="the change that was waiting")
    assert len(server.records("intent")) == 1


def test_a_change_whose_answer_was_lost_is_asked_for_again(php: Php, server: Rpcd) -> None:
    """Under its `requestId` the same call gets the answer that was lost; another one under it is refused."""
    code = "return $rpcd->updateKey('shop', 'ui.theme', 'dark', requestId: 'form 17');"
    with stopped(server):
        assert php.thrown(code, timeout=0.3)["thrown"] == "AnswerLostException"
    wait_until(lambda: server.records("outcome"), what="the change that was waiting")
    assert php.returned(code)["changed"] is True
    told = php.thrown("return $rpcd->deleteKey('shop', 'ui.theme', requestId: 'form 17');")
    assert (told["thrown"], told["code"]) == ("RequestIdReusedException", 409)
    rest = """
        return [$rpcd->replaceFile('motd', 'a', requestId: '2'), $rpcd->replaceFile('motd', 'a', requestId: '2'),
            $rpcd->deleteFile('motd', requestId: '3'), $rpcd->deleteFile('motd', requestId: '3')];
    """
    replaced, again, deleted, gone = php.returned(rest)
    assert (replaced, deleted) == (again, gone)
    assert len(server.records("outcome", changed=True)) == 3


def test_after_a_timeout(shared_php: Php) -> None:
    """A late answer is nobody's: the next call makes a new connection and gets its own."""
    code = """
        try { $rpcd->call('lab_pause', ['seconds' => 0.5]); return 'it answered'; }
        catch (Exception\\AnswerLostException) { }
        usleep(400000);
        return $rpcd->getKey('shop', 'ui.theme')->value;
    """
    assert shared_php.returned(code, timeout=0.3) == "light"


def test_the_server_dies_over_a_change(php: Php, server: Rpcd) -> None:
    """Where the connection breaks between a change and its answer, the outcome is not known."""
    killer = threading.Timer(0.5, server.kill)
    killer.start()
    told = php.thrown("return $rpcd->call('lab_pause', ['seconds' => 30]);")
    killer.join()
    assert (told["thrown"], told["previous"]) == ("AnswerLostException", "Rpcd\\Exception\\ConnectionException")


@pytest.mark.parametrize(
    "call", ["getKey('shop', 'ui.theme')->value", "updateKey('shop', 'ui.theme', 'light')->target"]
)
def test_a_server_that_was_started_again(php: Php, server: Rpcd, call: str) -> None:
    """A connection that has gone is made again, for reads, and for changes that the kernel did not take."""
    first, again = server.scratch / "first", server.scratch / "again"

    def restart() -> None:
        wait_until(first.exists, what="the first call")
        server.stop()
        server.start()
        again.touch()

    restarting = threading.Thread(target=restart)
    restarting.start()
    before, after = php.returned(
        f"""
        $before = $rpcd->{call};
        touch('{first}');
        while (!file_exists('{again}')) {{ usleep(10000); clearstatcache(); }}
        return [$before, $rpcd->{call}];
        """
    )
    restarting.join()
    assert before == after


def test_without_ext_sockets(shared_php: Php) -> None:
    """PHP without ext-sockets says which extension is missing and how to have it."""
    code = f"""
        require '{shared_php.package}/autoload.php';
        try {{ new Rpcd\\Client(); }} catch (Rpcd\\Exception\\RpcdException $error) {{ echo $error->getMessage(); }}
    """
    finished = subprocess.run(["php", "-n", "-r", code], capture_output=True, text=True, check=True)
    assert "ext-sockets" in finished.stdout
    assert "phpenmod sockets" in finished.stdout


def test_values_stay_out_of_traces(shared_php: Php) -> None:
    """A value that was being sent is not in the stack trace of what went wrong, which ends in logs."""
    code = """
        ini_set('zend.exception_ignore_args', '0');
        try { $rpcd->updateKey('nowhere', 'mail.password', 'hunter2secret', expect: 'hunter1secret'); }
        catch (Exception\\RefusalException $error) { return print_r($error->getTrace(), true); }
    """
    trace = shared_php.returned(code)
    assert "mail.password" in trace
    assert "secret" not in trace
