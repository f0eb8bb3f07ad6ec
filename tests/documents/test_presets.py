"""Ini files of known programs: what is written there is what the program itself reads."""

import configparser
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpcd import documents
from rpcd.documents import Format, FormatFault, resolve
from rpcd.documents.document import Untold
from rpcd.documents.ini.grammar import PRESETS
from rpcd.documents.ini.layout import Item
from rpcd.documents.ini.scan import Scanner
from rpcd.documents.key import parse_key
from rpcd.errors import Refused

Read = dict[tuple[str, str], Any]
"""What a program reads, by section and key."""


def preset(name: str) -> Format:
    """The format of a preset."""
    return resolve("ini", {"preset": name})


def run(*command: str | Path, **options: Any) -> str:
    """What a program writes to its standard output."""
    ran: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, check=True, text=True, **options
    )
    return ran.stdout


def read_systemd(path: Path) -> Read:
    """What systemd takes for the value of a setting that it then cannot use, which it tells as it is."""
    unit = path.with_name("x.service")
    unit.write_bytes(path.read_bytes().replace(b"[s]\n", b"[Service]\nExecStart=/bin/true\n"))
    names = re.findall(r"(?m)^(\w+)[ \t]*=", path.read_text())
    text = re.sub(r"(?m)^k\w*([ \t]*=)", r"Restart\1", unit.read_text())
    unit.write_text(text)
    ran = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    told = re.findall(r"(?m)service restart specifier, ignoring: (.*)$", ran.stderr)
    return {("s", name): value for name, value in zip(names, told, strict=True)}


def read_desktop(path: Path) -> Read:
    """What GLib's key files hold."""
    glib = ctypes.CDLL("libglib-2.0.so.0")
    for name in ("new", "get_groups", "get_keys", "get_string"):
        getattr(glib, f"g_key_file_{name}").restype = ctypes.c_void_p
    file = ctypes.c_void_p(glib.g_key_file_new())
    assert glib.g_key_file_load_from_file(file, str(path).encode(), 0, None)

    def strings(found: int) -> list[bytes]:
        array = ctypes.cast(found, ctypes.POINTER(ctypes.c_char_p))
        names: list[bytes] = []
        while (name := array[len(names)]) is not None:
            names.append(name)
        return names

    values = {}
    for group in strings(glib.g_key_file_get_groups(file, None)):
        for key in strings(glib.g_key_file_get_keys(file, group, None, None)):
            found = glib.g_key_file_get_string(file, group, key, None)
            values[group.decode(), key.decode()] = ctypes.string_at(found).decode() if found else None
    return values


def read_php(path: Path) -> Read:
    """What PHP's parse_ini_file gives."""
    code = "echo json_encode(parse_ini_file($argv[1], true), JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);"
    read = json.loads(run("php", "-r", code, path))
    assert isinstance(read, dict), "PHP cannot read it"
    return {
        (section, key): value for section, keys in read.items() if isinstance(keys, dict) for key, value in keys.items()
    }


def read_mysql(path: Path) -> Read:
    """What a program of MariaDB would be started with, one key in each of its files."""
    values = {}
    for line in path.read_text().splitlines()[1:]:
        one = path.with_name("one.cnf")
        one.write_text(f"[client]\n{line}\n")
        ran = subprocess.run(["mariadb", f"--defaults-file={one}", "--print-defaults"], capture_output=True, check=True)
        told = ran.stdout.decode().split("\n", 1)[1]
        if told.strip():
            name, _, value = told.removesuffix("\n").removesuffix(" ").partition("=")
            values["s", name.removeprefix("--")] = value
    return values


def read_configparser(path: Path, **options: Any) -> Read:
    """What configparser reads."""
    parser = configparser.RawConfigParser(**options)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return {(section, key): value for section in parser.sections() for key, value in parser.items(section)}


def read_git(path: Path) -> Read:
    """What git reads."""
    values: Read = {}
    for pair in run("git", "config", "-f", path, "--null", "--list").split("\0")[:-1]:
        name, _, value = pair.partition("\n")
        section, _, key = name.rpartition(".")
        values[section, key] = value
    return values


def read_supervisor(path: Path) -> Read:
    """What supervisor's own parser reads."""
    code = """
import json, sys
from supervisor.options import UnhosedConfigParser
parser = UnhosedConfigParser()
parser.optionxform = str
parser.read([sys.argv[1]])
print(json.dumps([[s, k, v] for s in parser.sections() for k, v in parser.items(s)]))
"""
    return {(section, key): value for section, key, value in json.loads(run("/usr/bin/python3", "-c", code, path))}


def read_wireguard(path: Path) -> Read:
    """What wg takes for a line that it does not know, without white space."""
    values = {}
    for line in path.read_text().splitlines()[1:]:
        one = path.with_name("one.conf")
        one.write_text(f"[Peer]\n{line}\n")
        ran = subprocess.run(["wg", "setconf", "wg0", one], capture_output=True, text=True, check=False)
        if told := re.search(r"Line unrecognized: `(\w+)=(.*)'", ran.stderr):
            values["s", told[1]] = told[2]
    return values


READERS: Mapping[str, Callable[[Path], Read]] = {
    "systemd": read_systemd,
    "desktop": read_desktop,
    "php": read_php,
    "my.cnf": read_mysql,
    "pip": read_configparser,
    "git": read_git,
    "supervisor": read_supervisor,
    "wireguard": read_wireguard,
}

VALUES = (
    "a", "", "x y", "a;b", "a ; b", "a#b", "a # b", "#a", ";a", "a&b", "it's", '"', "'", 'say "x"', "'q'", '"q"', "a=b",
    "a:b", "=a", "a\\", "\\", "a\\n", "C:\\x", "a\\\\", "[x]", "a[b]", "$a", "${HOME}", "%n", "%(a)s", "%%", "`id`",
    "$(id)", " a", "a ", "\ta", "a\tb", "é", "1", "1.50", "0644", "on", "null", "no way", "a|b", "~a", "!a", "(a)",
    "{a}", "a,b", "-", "@a", "*", "a\nb", "a\n[root]\nadmin=1", "a\r[root]", "a\\\n[x]", "a\x0bb", "a\x85b", "a\u2028b",
    "x" * 999,
)  # fmt: skip

OLD = ("old", '"old"', "'old'", "E_ALL & ~E_NOTICE", "")
"""What stood there before."""


def fits(name: str, value: str) -> str:
    """The value as the reader of the tests can tell it."""
    return re.sub(r"\s", "", value) if name == "wireguard" else value


def attempt(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function gives, or how it refuses."""
    try:
        return function(*arguments)
    except Refused as refusal:
        return refusal


@pytest.mark.parametrize("old", OLD)
@pytest.mark.parametrize("name", PRESETS)
def test_the_program_reads_what_was_written(name: str, old: str, tmp_path: Path) -> None:
    """Each value that is taken comes back from the program itself, and nothing else does; of those tried, most are."""
    content = f"[s]\nk = {old}\n".encode()
    lines, expected = "[s]\n", {}
    for number, value in enumerate(VALUES):
        after = attempt(documents.update, preset(name), content, ("s", "k"), value)
        if isinstance(after, Refused):
            assert after.data["reason"] in {"characters", "quoting"}
            continue
        assert documents.open_document(preset(name), after).get(("s", "k")) == value
        lines += re.sub(r"(?m)^k", f"k{number}", after.decode().removeprefix("[s]\n"))
        expected["s", f"k{number}"] = fits(name, value)
    path = tmp_path / "file.conf"
    path.write_text(lines)
    read = READERS[name](path)
    if name == "php":
        read = {key: expected[key] if expected[key] in WORDS else value for key, value in read.items()}
    assert read == expected
    assert len(expected) > len(VALUES) // 2


WORDS = {"on", "null", "E_ALL & ~E_NOTICE"}
"""What PHP calculates with: it is told, and written, as it stands there."""

LINES = (
    "[a]\n", "[b]\n", "[a]\r\n", "[Peer]\n", '[c "d e"]\n', "[a] ; c\n", "; c\n", "# d\n", "\n", "k = v\n", "k=w ; c\n",
    "m: x\n", "k = z # c\n", " i = 1\n", 'n = "q"\n', "o\n", "p = 'r'\n", "t =\n", "u = a;b\n", "x = #f\n", "y=#f\n",
    "  more\n", "e = é\n", "r = \udcff\n", "s    = pad\n", "j = a\r\n", "g = a \\\n", 'h = "a\\\\b" c\n', "l = a\\tb\n",
    'w = "a ; b" ; c\n', "  ; c\n", "v[] = 1\n", "!include x\n", "z = it's\n", "q = a\tb\n", "d = \\\n", " f = \\s\n",
)  # fmt: skip

MARKS = (
    "[a]", "[b]\n", " ", "\t", "k", "l", "=", "=", ":", "v", '"', "'", ";", "#", "\\", "\n", "\n", "\r\n", "\r", "%",
    "$", "é", "\udcff", "k = v\n", "  i = 1\n", "[", "]", "\ufeff", "[a]\nk=", "\\\n", '"a b"', "!", "\x00", '[a "b"]',
)  # fmt: skip

EXAMPLES = int(os.environ.get("RPCD_EXAMPLES", "200"))
generated = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])

texts = st.lists(st.sampled_from(LINES), max_size=9).map("".join).map("[a]\n".__add__)
scraps = st.lists(st.sampled_from(MARKS), max_size=14).map("".join)
values = st.sampled_from(VALUES) | st.text(max_size=6)


def located(name: str, text: str) -> object:
    """The tree that the locator has found."""
    layout = Scanner(PRESETS[name]).locate(text)

    def table(keys: Mapping[str, list[Item]]) -> dict[str, object]:
        return {
            key: items[0].value if len(items) == 1 else [item.value for item in items] for key, items in keys.items()
        }

    tables = {title: [table(section.keys) for section in found] for title, found in layout.tables.items()}
    lists = PRESETS[name].arrays
    return table(layout.top.keys) | {
        title: found if len(found) > 1 or title in lists else found[0] for title, found in tables.items()
    }


def marked(tree: object) -> object:
    """A tree in which what cannot be told is told apart."""
    if isinstance(tree, dict):
        return {name: marked(held) for name, held in tree.items()}
    if isinstance(tree, list):
        return [marked(held) for held in tree]
    return Untold if isinstance(tree, Untold) else tree


@pytest.mark.parametrize("name", PRESETS)
@given(text=texts | scraps)
@generated
def test_locator_and_judge_read_the_same(name: str, text: str) -> None:
    """Two readers that share the grammar only agree about every text: what it holds, and what is none."""
    one, other = attempt(located, name, text), attempt(preset(name).judge, text)
    assert isinstance(one, Refused) == isinstance(other, Refused)
    assert isinstance(one, Refused) or marked(one) == marked(other)


@pytest.mark.parametrize("text", ["[a]\nk=[b]\n [a][a]", "[a]\nk=b\n [c", "[a]\nk=b\n []x\n"])
def test_a_deeper_line_goes_on_whatever_it_begins_with(text: str) -> None:
    """A bracket that opens no section is part of the value above, as configparser reads it."""
    value = text.partition("=")[2].strip().replace("\n ", "\n")
    assert located("supervisor", text) == preset("supervisor").judge(text) == {"a": {"k": value}}


@pytest.mark.parametrize("name", PRESETS)
@given(text=texts, key=st.sampled_from(("k", "n", "new", "o", "g", "x", "h")), value=values | st.none())
@generated
def test_an_edit_does_what_was_asked_and_nothing_else(name: str, text: str, key: str, value: str | None) -> None:
    """The key has the value, or is gone, and all others have theirs; or it is refused, and says why."""
    content = documents.encode(text)
    before: Any = attempt(documents.read, preset(name), content)
    if isinstance(before, Refused) or not isinstance(table := before["a"], dict):
        return
    if value is None:
        after = attempt(documents.delete, preset(name), content, ("a", key))
    else:
        after = attempt(documents.update, preset(name), content, ("a", key), value)
    if isinstance(after, Refused):
        assert after.kind in {"not_editable", "no_such_key"}
        return
    table.pop(key, None)
    found: Any = documents.read(preset(name), after)
    assert found["a"].pop(key, None) == value
    assert marked(found) == marked(before)


@pytest.mark.parametrize("name", ["desktop", "pip", "git", "supervisor", "php"])
@given(text=texts)
@settings(generated, max_examples=max(30, EXAMPLES // 8))
def test_the_judge_reads_what_the_program_reads(name: str, text: str) -> None:
    """Where both read a file, they find the same keys and values in it, but for what is there twice."""
    tree = attempt(preset(name).judge, text)
    if isinstance(tree, Refused) or "\udcff" in text:
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "file.conf"
        path.write_text(text.replace("[Peer]", "[peer]"), newline="")
        try:
            read = READERS[name](path)
        except (subprocess.CalledProcessError, configparser.Error, AssertionError, ValueError):
            return
    for section, keys in tree.items():
        single = isinstance(keys, dict) and section != "Peer"
        for key, value in keys.items() if single else ():
            told = {"key": value}["key"]
            if type(told) is str and not (name == "php" and re.search(r"[&|!~^()$=\\]|\[", key + told)):
                assert read[section, key] == told


WIREGUARD = """\
[Interface]
PrivateKey = abc=
# ours
ListenPort = 51820

[Peer]
# Anna
PublicKey = def=
AllowedIPs = 10.0.0.2/32 # laptop

[Peer]
PublicKey = ghi=
AllowedIPs = 10.0.0.3/32
AllowedIPs = 10.0.0.4/32
"""

GIT = '[core]\n\tbare = false\n\tfilemode\n[remote "origin"]\n\turl = "a;b"\n\tfetch = +x \\\n  y ; why\n'

PIP = "[global]\nindex-url = https://a\nextra-index-url =\n    https://b\n    https://c\ntimeout: 60\n"

UNIT = "[Service]\nEnvironment=A=1 \\\n  # why\n  B=2\nExecStart=\nExecStart=/bin/a -x 'b;c'\n\n# the end\n[Install]\n"

EDITS: list[tuple[str, str, str, documents.Value, str]] = [
    # preset, before, key, value, after
    ("wireguard", WIREGUARD, "Peer.0.AllowedIPs", "10.0.0.9/32", WIREGUARD.replace("10.0.0.2/32", "10.0.0.9/32")),
    ("wireguard", WIREGUARD, "Peer.1.AllowedIPs.1", "x", WIREGUARD.replace("10.0.0.4/32", "x")),
    ("wireguard", WIREGUARD, "Peer.0.Endpoint", "h:1", WIREGUARD.replace("# laptop\n", "# laptop\nEndpoint = h:1\n")),
    (
        "wireguard", WIREGUARD, "Peer.2", {"PublicKey": "jkl=", "AllowedIPs": ["a", "b"]},
        WIREGUARD + "\n[Peer]\nPublicKey = jkl=\nAllowedIPs = a\nAllowedIPs = b\n",
    ),
    ("wireguard", "[Interface]\n", "Peer", [{"PublicKey": "x"}], "[Interface]\n\n[Peer]\nPublicKey = x\n"),
    ("wireguard", "[Peer]\nA = 1\n", "Peer.0.A", "2", "[Peer]\nA = 2\n"),
    ("git", GIT, '"remote.origin".url', "c#d", GIT.replace("a;b", "c#d")),
    ("git", GIT, '"remote.origin".fetch', "z", GIT.replace("+x \\\n  y", "z")),
    ("git", GIT, "core.filemode", "true", GIT.replace("filemode", "filemode = true")),
    ("git", GIT, "core.editor", "vi -c 'x'", GIT.replace("filemode\n", "filemode\n\teditor = vi -c 'x'\n")),
    ("git", GIT, '"branch.a\\"b"', {"merge": "m"}, GIT + '[branch "a\\"b"]\n\tmerge = m\n'),
    ("pip", PIP, "global.extra-index-url", "\nhttps://d\nhttps://e", PIP.replace("/b", "/d").replace("/c", "/e")),
    ("pip", PIP, "global.extra-index-url", "d", PIP.replace("\n    https://b\n    https://c", " d")),
    ("pip", PIP, "global.timeout", "5", PIP.replace("60", "5")),
    ("systemd", UNIT, "Service.Environment", "C=3", UNIT.replace("A=1 \\\n  # why\n  B=2", "C=3")),
    ("systemd", UNIT, "Service.ExecStart", ["", "/b # c"], UNIT.replace("/bin/a -x 'b;c'", "/b # c")),
    ("systemd", UNIT, "Service.Type", "x;y", UNIT.replace("\n\n# the end", "\nType=x;y\n\n# the end")),
    ("systemd", UNIT, "Install.WantedBy", "a.target", UNIT + "WantedBy=a.target\n"),
    ("php", "a[] = 1\na[] = 2\n", '"a[]"', ["x", "y z"], 'a[] = x\na[] = "y z"\n'),
    ("php", "a = E_ALL ; all\n", "a", "E_ALL & ~E_NOTICE", "a = E_ALL & ~E_NOTICE ; all\n"),
    ("php", 'a = "x" ; all\r\n', "a", 'y "z"', 'a = "y \\"z\\"" ; all\r\n'),
    ("my.cnf", "!include x\n[a]\nskip # why\n", "a.port", "3306", "!include x\n[a]\nskip # why\nport = 3306\n"),
    ("my.cnf", '[a]\np = "a#b" # c\n', "a.p", "it's #1", '[a]\np = "it\'s #1" # c\n'),
    ("desktop", "[D]\nName=a\nName[de]=b\n", 'D."Name[de]"', " c\nd", "[D]\nName=a\nName[de]=\\sc\\nd\n"),
    ("supervisor", "[p:x]\na = b ; c\n", "p:x.a".replace("p:x", '"p:x"'), "d;e", "[p:x]\na = d;e ; c\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "key", "value", "after"), EDITS)
def test_values_are_put(name: str, before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands, a new one written as its neighbours are; all else is as it was."""
    form = preset(name)
    assert documents.update(form, before.encode(), parse_key(key), value).decode() == after
    assert documents.open_document(form, after.encode()).get(parse_key(key)) == value


def test_pip_reads_its_own_file(tmp_path: Path) -> None:
    """`pip config` lists the value of several lines that was written."""
    path = tmp_path / "pip.conf"
    path.write_bytes(documents.update(preset("pip"), PIP.encode(), ("global", "trusted-host"), "a # b\nc"))
    environment = {**os.environ, "PIP_CONFIG_FILE": str(path)}
    told = run(sys.executable, "-m", "pip", "--no-input", "config", "list", env=environment)
    assert "global.trusted-host='a # b\\nc'" in told
    assert "global.timeout='60'" in told


def test_settings_say_what_marks_mean() -> None:
    """Comment marks, separators and quotes are those that are named; what else stands there is text."""
    form = resolve("ini", {"comment_marks": "!", "separators": ":", "quotes": "`"})
    text = b"! c\na=b: `x # y` ! d\nplain\n[s]\nk: 'v' ; w\n"
    assert documents.read(form, text) == {"a=b": "x # y", "plain": None, "s": {"k": "'v' ; w"}}
    after = documents.update(form, text, ("s", "k"), "a ! b")
    assert after == text.replace(b"'v' ; w", b"`a ! b`")
    known = resolve("ini", {"preset": "systemd", "comment_marks": "#"})
    assert documents.read(known, b"[s]\n;a=b\n") == {"s": {";a": "b"}}
    assert known != form != resolve("ini")


@pytest.mark.parametrize(
    ("options", "setting"),
    [({"preset": "samba"}, "preset"), ({"quotes": "''"}, "quotes"), ({"dialect": "x"}, "dialect")],
)
def test_options_that_are_none_are_faults(options: dict[str, str], setting: str) -> None:
    """A preset that nobody knows, and a mark that is named twice, are told."""
    with pytest.raises(FormatFault) as fault:
        resolve("ini", options)
    assert fault.value.setting == setting


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("systemd", "[a]\nb\n"),
        ("systemd", "a=1\n"),
        ("desktop", "[a]\n;b=1\nc\n"),
        ("php", 'a = "b\nc = "d\n'),
        ("php", "a = b\rc = d\n"),
        ("git", '[a]\nb = "c\n'),
        ("git", "[a]\nb = \\x\n"),
        ("git", '[a "b]\n'),
        ("git", "[a]\nb_c = 1\n"),
        ("git", "[a] b = 1\n"),
        ("pip", "[a]\nb\n"),
        ("wireguard", "[a]\nb # = c\n"),
        ("my.cnf", "[a\n"),
        ("supervisor", "[a]\nb ; = c\n"),
    ],
)
def test_what_the_program_does_not_read_is_refused(name: str, text: str) -> None:
    """Locator and judge refuse it alike."""
    for read in (preset(name).open, preset(name).judge):
        with pytest.raises(Refused):
            read(text)
