"""Files that lenses of Augeas read: what an edit changes, what it is refused for, and what becomes of the process."""

import os
import signal
import socket
import threading
from collections.abc import Sequence

import pytest

from rpcd import documents
from rpcd.documents import FormatFault
from rpcd.documents.augeas import library, worker
from rpcd.documents.augeas.confinement import SECONDS
from rpcd.documents.augeas.frames import receive, send
from rpcd.documents.augeas.process import Process
from rpcd.documents.key import format_key, parse_key
from rpcd.errors import Refused
from tests.harness.server import wait_until

HOSTS = """\
# who is who
127.0.0.1 localhost lo # ourselves

10.0.0.1\ta   b c
::1 ip6
"""

SSHD = """\
Port 22
#PermitRootLogin yes
PermitRootLogin no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server

Match User backup
\tX11Forwarding no
"""

FSTAB = "/dev/sda1 / ext4 defaults,noatime,errors=remount-ro 0 1\n"

SUDOERS = "root ALL=(ALL:ALL) ALL\n%admin ALL=(ALL) NOPASSWD: /bin/ls, /bin/cat\n"

MAIN_CF = "myhostname = mail.example.org\nmynetworks = 127.0.0.0/8\n\t[::1]/128\n"

PUT: list[tuple[str, str, str, documents.Value, str]] = [
    ("hosts", HOSTS, "2.ipaddr", "10.0.0.2", HOSTS.replace("10.0.0.1", "10.0.0.2")),
    ("hosts", HOSTS, "2.canonical", "é", HOSTS.replace("\ta ", "\té ")),
    ("hosts", HOSTS, "2.alias.1", "d", HOSTS.replace("b c", "b d")),
    ("hosts", HOSTS, "2.alias.2", "d", HOSTS.replace("b c", "b c d")),
    ("hosts", HOSTS, "2.alias.3", "d", ""),
    ("hosts", HOSTS, "2.alias", ["x", "y", "z"], HOSTS.replace("b c", "x y z")),
    ("hosts", HOSTS, "2.alias", "x", HOSTS.replace("b c", "x")),
    ("hosts", HOSTS, "2.alias", [], ""),
    ("hosts", HOSTS, "1.alias.1", "x", HOSTS.replace("lo #", "lo x #")),
    ("hosts", HOSTS, "3.alias", "x", HOSTS.replace("ip6", "ip6 x")),
    ("hosts", HOSTS, '"#comment"', "others", HOSTS.replace("who is who", "others")),
    ("hosts", HOSTS, "4", {"ipaddr": "10.0.0.4", "canonical": "d", "alias": ["e", "f"]}, f"{HOSTS}10.0.0.4\td e f\n"),
    ("hosts", HOSTS, "5", {"ipaddr": "10.0.0.4", "canonical": "d"}, ""),
    ("hosts", HOSTS, "4", {"ipaddr": "10.0.0.4"}, ""),
    ("hosts", HOSTS, "4", "10.0.0.4 d", ""),
    ("hosts", HOSTS, "2.ipaddr", 4, ""),
    ("hosts", HOSTS, "2.ipaddr.x", "y", ""),
    ("hosts", HOSTS, '2.""', "y", ""),
    ("hosts", HOSTS[:-1], "3.canonical", "six", HOSTS[:-1].replace("ip6", "six")),
    ("hosts", HOSTS[:-1], "3.alias", "six", HOSTS[:-1] + " six"),
    ("hosts", HOSTS.replace("who", "wér"), "2.canonical", "x", HOSTS.replace("who", "wér").replace("a  ", "x  ")),
    ("sshd", SSHD, "PermitRootLogin", "yes", SSHD.replace("Login no", "Login yes")),
    ("sshd", SSHD, "AcceptEnv.2", "LC_ALL", SSHD.replace("LC_*", "LC_ALL")),
    ("sshd", SSHD, "Subsystem.sftp", "internal-sftp", SSHD.replace("/usr/lib/openssh/sftp-server", "internal-sftp")),
    ("sshd", SSHD, "Match.Settings.X11Forwarding", "yes", SSHD.replace("Forwarding no", "Forwarding yes")),
    ("sshd", SSHD, "Match.Settings.Banner", "none", f"{SSHD}  Banner none\n"),
    ("sshd", SSHD, "UsePAM", "yes", SSHD.replace("\n\nMatch", "\n\nUsePAM yes\nMatch")),
    ("sshd", SSHD, "Port", "22\nPermitEmptyPasswords yes", ""),
    ("sshd", SSHD, "Port", None, ""),
    ("fstab", FSTAB, "1.opt.1", "relatime", FSTAB.replace("noatime", "relatime")),
    ("fstab", FSTAB, "1.opt.2.value", "panic", FSTAB.replace("remount-ro", "panic")),
    ("fstab", FSTAB, '1.opt.2.""', "error", FSTAB.replace("errors", "error")),
    ("fstab", FSTAB, "1.opt.3", "rw", FSTAB.replace("remount-ro", "remount-ro,rw")),
    ("fstab", FSTAB, "1.file", "/ x", ""),
    ("sudoers", SUDOERS, "spec.1.host_group.command.1", "/bin/cp", SUDOERS.replace("/bin/cat", "/bin/cp")),
    ("sudoers", SUDOERS, "spec.1.host_group.command.1", "/bin/cp\nx ALL=(ALL) ALL", ""),
    ("postfix_main", MAIN_CF, "myhostname", "mx.example.org", MAIN_CF.replace("mail", "mx")),
    ("postfix_main", MAIN_CF, "mynetworks", "10.0.0.0/8", MAIN_CF.replace("127.0.0.0/8\n\t[::1]/128", "10.0.0.0/8")),
    (
        "postfix_main",
        MAIN_CF,
        "mynetworks",
        "10.0.0.0/8\n\t::1",
        MAIN_CF.replace("127.0.0.0/8\n\t[::1]/128", "10.0.0.0/8\n\t::1"),
    ),
    ("postfix_main", MAIN_CF, "mynetworks", "10.0.0.0/8\nrelay = yes", ""),
]

REMOVED: list[tuple[str, str, str, str]] = [
    ("hosts", HOSTS, "2", HOSTS.replace("10.0.0.1\ta   b c\n", "")),
    ("hosts", HOSTS, "2.alias", HOSTS.replace("   b c", "")),
    ("hosts", HOSTS, "2.alias.0", HOSTS.replace("   b c", "   c")),
    ("hosts", HOSTS, '1."#comment"', HOSTS.replace(" # ourselves", "")),
    ("hosts", HOSTS, "2.ipaddr", ""),
    ("hosts", HOSTS, "7", ""),
    ("sshd", SSHD, "Match", SSHD.partition("Match")[0]),
    ("sshd", SSHD, "AcceptEnv", SSHD.replace("AcceptEnv LANG LC_*\n", "")),
    ("fstab", FSTAB, "1.opt.1", FSTAB.replace("noatime,", "")),
    ("fstab", FSTAB, '1.opt.2.""', ""),
    ("sudoers", SUDOERS, "spec.1.host_group.command.1", SUDOERS.replace(", /bin/cat", "")),
    ("postfix_main", MAIN_CF, "mynetworks", MAIN_CF.partition("mynet")[0]),
]


@pytest.mark.parametrize(("lens", "text", "key", "value", "after"), PUT)
def test_a_key_is_given_a_value(lens: str, text: str, key: str, value: documents.Value, after: str) -> None:
    """The result has the value and every other byte; where the lens cannot hold it, nothing is written."""
    form = documents.resolve(f"augeas:{lens}")
    if after:
        assert documents.decode(documents.update(form, documents.encode(text), parse_key(key), value)) == after
        return
    with pytest.raises(Refused) as refused:
        documents.update(form, documents.encode(text), parse_key(key), value)
    assert refused.value.kind in {"not_editable", "no_such_key"}


@pytest.mark.parametrize(("lens", "text", "key", "after"), REMOVED)
def test_a_key_is_taken_away(lens: str, text: str, key: str, after: str) -> None:
    """The result lacks the key, and those that are numbered by their order move up; else nothing is written."""
    form = documents.resolve(f"augeas:{lens}")
    if after:
        assert documents.decode(documents.delete(form, documents.encode(text), parse_key(key))) == after
        return
    with pytest.raises(Refused) as refused:
        documents.delete(form, documents.encode(text), parse_key(key))
    assert refused.value.kind in {"not_editable", "no_such_key"}


def test_the_tree_of_augeas_is_told() -> None:
    """Labels are segments, repeated ones arrays; a node's own value stands beside its children."""
    hosts, fstab = documents.resolve("augeas:hosts"), documents.resolve("augeas:fstab")
    document = documents.open_document(hosts, HOSTS.encode())
    assert document.get(parse_key("2")) == {"ipaddr": "10.0.0.1", "canonical": "a", "alias": ["b", "c"]}
    assert document.get(parse_key("2.alias.1")) == "c"
    assert [(format_key(entry.key), entry.type) for entry in document.entries()] == [
        ('"#comment"', "string"),
        ("1", "object"),
        ("1.ipaddr", "string"),
        ("1.canonical", "string"),
        ("1.alias", "string"),
        ('1."#comment"', "string"),
        ("2", "object"),
        ("2.ipaddr", "string"),
        ("2.canonical", "string"),
        ("2.alias", "array"),
        ("2.alias.0", "string"),
        ("2.alias.1", "string"),
        ("3", "object"),
        ("3.ipaddr", "string"),
        ("3.canonical", "string"),
    ]
    options = documents.open_document(fstab, FSTAB.encode())
    assert options.get(parse_key("1.opt")) == ["defaults", "noatime", {"": "errors", "value": "remount-ro"}]
    assert options.get(parse_key('1.opt.2.""')) == "errors"
    for missing in ("2", '1.opt.0.""', '1.""', "1.opt.7", "1.opt.x", "1.spec.x"):
        with pytest.raises(Refused, match="no_such_key"):
            options.get(parse_key(missing))


def test_what_has_no_place_is_somewhere_in_its_table() -> None:
    """Where the library does not say where a value stands, its place is all of what it is in, and it can be edited."""
    text = "[auto-props]\n*.c = svn:eol-style=native\n*.h = x=y\n"
    form = documents.resolve("augeas:subversion")
    document = documents.open_document(form, text.encode())
    places = {entry.key: (entry.start, entry.end) for entry in document.entries() if entry.type == "string"}
    assert places
    for key, (start, end) in places.items():
        value = document.get(key)
        assert isinstance(value, str)
        assert value in text[start:end]


@pytest.mark.parametrize(
    ("text", "place"),
    [("10.0.0.1 a\n%%%\n", (2, 4)), ("# é\n%%%", (2, 4)), ("10.0.0.1 a\n\0", (2, 1))],
)
def test_what_the_lens_does_not_read_is_refused(text: str, place: tuple[int, int]) -> None:
    """The refusal says where; a text that is too long is not given to it."""
    form = documents.resolve("augeas:hosts")
    with pytest.raises(Refused) as refused:
        documents.check(form, text.encode())
    assert refused.value.data == {"reason": "syntax", "line": place[0], "column": place[1]}
    with pytest.raises(Refused, match="too_large"):
        documents.check(form, b"#\n" * 200_000)


ATTACKS = [
    "\n[root]\nadmin=1",
    "\r",
    "\x0b",
    "\x1c",
    "\x85",
    "\u2028",
    "x\n6.6.6.6 evil",
    "x # y",
    " ",
    "",
    "\0",
    "\udc80",
    "\t",
]


@pytest.mark.parametrize("lens", ["hosts", "sshd", "fstab", "sudoers", "postfix_main", "php", "systemd", "cron"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused_or_hold_exactly(lens: str, attack: str) -> None:
    """Whatever a value holds, either that is what is read back, or it is refused; in a key as well."""
    texts = {
        "hosts": (HOSTS, "2.canonical"),
        "sshd": (SSHD, "Port"),
        "fstab": (FSTAB, "1.file"),
        "sudoers": (SUDOERS, "spec.1.host_group.command.0"),
        "postfix_main": (MAIN_CF, "myhostname"),
        "php": ("[PHP]\nmemory_limit = 1M\n", "PHP.memory_limit"),
        "systemd": ("[Service]\nUser=a\n", "Service.User.value"),
        "cron": ("SHELL=/bin/sh\n1 2 3 4 5 root ls\n", "SHELL"),
    }
    form = documents.resolve(f"augeas:{lens}")
    text, name = texts[lens]
    key = parse_key(name)
    kinds: set[str] = set()
    for place, value in ((key, attack), (key, f"1{attack}"), ((*key[:-1], f"A{attack}"), "1")):
        try:
            after = documents.update(form, text.encode(), place, value)
        except Refused as refused:
            kinds.add(refused.kind)
        else:
            assert documents.open_document(form, after).get(place) == value
            assert after.count(b"\n") <= text.count("\n") + 1
    assert kinds <= {"not_editable"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("augeas:nosuch", "no such lens"),
        ("augeas:../x", "no lens has such a name"),
        ("augeas", "this version has no format"),
    ],
)
def test_what_is_not_installed_is_a_fault(name: str, why: str) -> None:
    """A lens that cannot be had is a fault of the settings, which says why."""
    with pytest.raises(FormatFault, match=why) as fault:
        documents.resolve(name)
    assert fault.value.setting == "format"


def _serve(lens: str, questions: Sequence[object], idle: float = 60.0) -> list[object]:
    """What a worker says that runs in this process, unconfined."""
    own, its = socket.socketpair()
    with own, its:
        thread = threading.Thread(target=worker.main, args=(lens, its, idle))
        thread.start()
        said = [receive(own)]
        for question in questions:
            send(own, question)
            said.append(receive(own))
        own.shutdown(socket.SHUT_WR)
        thread.join()
    return said


def test_a_worker_answers_what_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that it is ready, reads and writes, tells what it cannot, and ends where nobody asks."""
    monkeypatch.setattr(worker, "confine", lambda: None)
    monkeypatch.setattr(worker, "allow_time", lambda: None)
    text = "10.0.0.1 a\n"
    ready, read, unread, written, refused, changed = _serve(
        "hosts.lns",
        [
            {"text": text},
            {"text": "%"},
            {"text": text, "ways": [[["rm", "/*[9]"]], [["set", "/*[1]/*[2]", "b"], ["add", "/*[1]", "alias", "c"]]]},
            {"text": text, "ways": [[["insert", "/*[1]/*[1]", "x", "y"]]]},
            {"text": text, "ways": [[["insert", "/*[1]", "#comment", "y"]]]},
        ],
    )
    assert ready is None
    assert read == {
        "nodes": [
            [0, "1", None, [0, 0, 0, 11]],
            [1, "ipaddr", "10.0.0.1", [0, 8, 0, 8]],
            [1, "canonical", "a", [9, 10, 9, 10]],
        ]
    }
    assert unread == {"fault": "syntax", "at": 1}
    assert written == {"text": "10.0.0.1 b c\n"}
    assert refused == {"fault": "structure"}
    assert changed == {"text": "# y\n10.0.0.1 a\n"}
    assert _serve("nosuch.lns", []) == ["lens"]
    monkeypatch.setattr(library, "NAME", "libnosuch.so.0")
    assert _serve("hosts.lns", []) == ["library"]


def _workers() -> set[int]:
    """The children of this process."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:
        found = {int(pid) for pid in children.read().split()}
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children", encoding="ascii") as children:
            found |= {int(pid) for pid in children.read().split()}
    return found


def test_a_worker_that_is_killed_is_reaped_and_replaced() -> None:
    """Nothing of it is left, and the next question has another one; killed at work, that one question is refused."""
    process, before = Process("hosts"), _workers()
    assert "nodes" in process.ask({"text": HOSTS})
    (first,) = _workers() - before
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{first}"), what="the reaper")
    assert "nodes" in process.ask({"text": HOSTS})
    (second,) = _workers() - before
    os.kill(second, signal.SIGSTOP)
    asked: list[str] = []

    def ask() -> None:
        try:
            process.ask({"text": HOSTS})
        except Refused as refused:
            asked.append(refused.kind)

    thread = threading.Thread(target=ask)
    thread.start()
    os.kill(second, signal.SIGKILL)
    thread.join()
    assert asked in ([], ["unavailable"])
    assert "nodes" in process.ask({"text": HOSTS})


def test_a_worker_gives_up_what_it_does_not_need() -> None:
    """It has no capability, no new privileges, no descriptor but its socket, and bounds on memory and time."""
    process, before = Process("hosts"), _workers()
    process.ask({"text": HOSTS})
    (pid,) = _workers() - before
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":\t") for line in status.read().splitlines() if ":\t" in line)
    assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}
    assert fields["NoNewPrivs"] == "1"
    with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
        bounds = {line[:26].strip(): line[26:46].strip() for line in limits}
    assert bounds["Max file size"] == bounds["Max core file size"] == "0"
    assert int(bounds["Max address space"]) <= 512 * 1024 * 1024
    assert int(bounds["Max cpu time"]) <= SECONDS + 1
    with open(f"/proc/{pid}/environ", encoding="ascii") as environment:
        assert environment.read() == "LC_ALL=C\0"
    assert sorted(os.listdir(f"/proc/{pid}/fd"))[:3] == ["0", "1", "2"]


@pytest.mark.slow
def test_what_takes_too_long_is_refused() -> None:
    """A text that a lens needs more than its time for ends that worker, not the caller, and is not editable."""
    form = documents.resolve("augeas:json")
    with pytest.raises(Refused) as refused:
        documents.check(form, b"[" + b"1," * 30_000 + b"1]")
    assert refused.value.data == {"reason": "limit"}
    documents.check(form, b'{"a": [1, 2]}')
