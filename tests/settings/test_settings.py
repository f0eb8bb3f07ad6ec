"""Settings: what they become, and every fault with its place."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rpcd.documents import FORMATS
from rpcd.documents.key import KeyPattern
from rpcd.methods import METHODS
from rpcd.quotas import Quotas
from rpcd.settings import Settings, SettingsFault, read
from tests.conftest import SETTINGS
from tests.harness.server import settings_text
from tests.harness.timing import cost, costs_what_its_size_does
from tests.harness.users import WWW_DATA

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

Load = Callable[..., Settings]

GRANT = '[[grants]]\nusers = ["www-data"]\nmethods = ["get_key"]\ntargets = ["shop"]\n'
SHOP = '[targets.shop]\npath = "{scratch}/shop/shop.ini"\nformat = "ini"\n'
VHOSTS = '[targets.vhosts]\ndirectory = "{scratch}/vhosts"\nnames = \'[a-z-]+\\.conf\'\nformat = "text"\n'


@pytest.fixture
def load(scratch: Path) -> Load:
    """`load(settings, drop_ins)` writes them, and reads them as the server does.

    `{scratch}` in them is the directory, which has the files of the usual targets.
    """
    for name in ("shop/shop.ini", "site/motd", "vhosts/shop-a.conf"):
        (scratch / name).parent.mkdir()
        (scratch / name).write_text("", encoding="ascii")

    def load(settings: str = SETTINGS, drop_ins: Mapping[str, str] = {}) -> Settings:
        (scratch / "rpcd.toml").write_text(settings_text(scratch, settings), encoding="utf-8")
        if drop_ins:
            (scratch / "rpcd.d").mkdir()
        for name, text in drop_ins.items():
            (scratch / "rpcd.d" / name).write_text(text.replace("{scratch}", str(scratch)), encoding="utf-8")
        return read(str(scratch / "rpcd.toml")).settings(METHODS)

    return load


def faults(load: Load, scratch: Path, *arguments: Any) -> list[str]:
    """The faults of settings, with `{scratch}` for the directory."""
    with pytest.raises(SettingsFault) as caught:
        load(*arguments)
    return [fault.replace(str(scratch), "{scratch}") for fault in caught.value.faults]


def test_the_default_quotas(load: Load) -> None:
    """What `[quotas]` does not say is as the design has it; times are in seconds, contents in bytes."""
    assert load("[server]\n[audit]\n").quotas == Quotas(
        connections=1024,
        connections_of_uid=256,
        connections_for_root=8,
        connections_of_strangers=64,
        idle=600,
        idle_of_strangers=5,
        stall=5,
        calls=5000,
        changes=500,
        checks=2,
        contents=128 * 1024 * 1024,
    )


def test_defaults_are_the_designs(load: Load) -> None:
    """What settings do not say is as the example of the design has it."""
    settings = load("[server]\n[audit]\n")
    assert (settings.socket, settings.socket_mode) == ("/run/rpcd/rpcd.sock", 0o666)
    assert (settings.state, settings.audit_log) == ("/var/lib/rpcd", "/var/log/rpcd/audit.jsonl")
    assert (settings.max_message, settings.max_content, settings.max_document) == (196608, 16777216, 1048576)
    assert (settings.descriptors, settings.drain) == (True, 10.0)
    assert (settings.methods_path, settings.modules) == ("/etc/rpcd/methods", ())
    assert (settings.targets, settings.grants, settings.users) == ({}, (), {})


def test_what_settings_say_is_what_they_become(load: Load, scratch: Path) -> None:
    """Sizes become bytes, times seconds, modes numbers, names ids, and patterns are parsed."""
    settings = load(
        'socket_mode = "0660"\nmax_message = "64 KiB"\nmax_content = 65536\nmax_document = "2MiB"\n'
        'descriptors = false\ndrain = "1 min"\n'
        '[targets.shop]\npath = "{scratch}/shop/shop.ini"\nformat = "ini"\nsecret = ["mail.*"]\nowner = "root"\n'
        'group = "www-data"\nmode = "0640"\nin_place = true\n'
        '[targets.motd]\npath = "{scratch}/site/motd"\nformat = "text"\nsecret = true\nfollow = true\n'
        + VHOSTS
        + 'max_files = 5\nmax_bytes = "1 MiB"\nuntrusted_directory = true\n'
        '[[grants]]\nusers = ["www-data", 1234]\ngroups = ["www-data", 77]\nunits = ["php8.2-fpm.service"]\n'
        'methods = ["get_key", "update_key"]\ntargets = ["shop", "vhosts/shop-*.conf"]\nkeys = ["ui.*", "mail.from"]\n'
    )
    assert (settings.socket_mode, settings.max_message, settings.max_content) == (0o660, 65536, 65536)
    assert (settings.max_document, settings.descriptors, settings.drain) == (2 * 1024**2, False, 60.0)
    shop, motd, vhosts = settings.targets["shop"], settings.targets["motd"], settings.targets["vhosts"]
    assert (shop.directory, shop.file, shop.names) == (str(scratch / "shop"), "shop.ini", None)
    assert (shop.owner, shop.group, shop.mode, shop.in_place) == (0, WWW_DATA, 0o640, True)
    assert (shop.secret, shop.secret_content) == ((KeyPattern.parse("mail.*"),), False)
    assert (motd.secret, motd.secret_content, motd.follow) == ((), True, True)
    assert (motd.owner, motd.group, motd.mode) == (None, None, None)
    assert (vhosts.directory, vhosts.file) == (str(scratch / "vhosts"), None)
    assert vhosts.names is not None
    assert vhosts.names.text == r"[a-z-]+\.conf"
    assert (vhosts.max_files, vhosts.max_bytes, vhosts.untrusted_directory) == (5, 1024**2, True)
    (grant,) = settings.grants
    assert grant.uids == {WWW_DATA, 1234}
    assert grant.gids == {WWW_DATA, 77}
    assert grant.units == {"php8.2-fpm.service"}
    assert grant.methods == {"get_key", "update_key"}
    assert grant.targets == ("shop", "vhosts/shop-*.conf")
    assert grant.keys == (KeyPattern.parse("ui.*"), KeyPattern.parse("mail.from"))
    assert settings.users == {0: "root", WWW_DATA: "www-data"}
    assert settings.sources == (str(scratch / "rpcd.toml"),)


def test_grants_are_known_by_file_and_line(load: Load, scratch: Path) -> None:
    """The line is that of the header, whatever looks like one in comments and in the lines of strings."""
    grant = "users = [5]\nmethods = ['ping']\nunits = ['''\n[[grants]].service''', \"\"\"\n[[grants]].scope\"\"\"]\n"
    settings = load(f"[server]\n[audit]\n# [[grants]]\n[[grants]] # 'one\n{grant}  [[ grants ]]  # 'two\n{grant}")
    lines = (scratch / "rpcd.toml").read_text(encoding="utf-8").splitlines()
    found = [int(grant.source.removeprefix("rpcd.toml:")) for grant in settings.grants]
    assert [lines[number - 1].partition("# '")[2] for number in found] == ["one", "two"]


def test_whole_files_are_granted_with_all_keys(load: Load) -> None:
    """`keys = ["*"]` says the same as no keys: also of methods on whole files, and of a text."""
    for target in ("shop", "vhosts"):
        grant = GRANT.replace("get_key", "read_file").replace("shop", target) + 'keys = ["*"]\n'
        (found,) = load(SHOP + VHOSTS + grant).grants
        assert found.keys == (KeyPattern.parse("*"),)


def test_grants_without_headers_are_known_by_number(load: Load) -> None:
    """A list that is written in one line has no line for each."""
    settings = load('grants = [{users = [5], methods = ["ping"]}]\n[server]\n[audit]\n')
    assert [grant.source for grant in settings.grants] == ["rpcd.toml: grants[0]"]


def test_drop_ins_add_up(load: Load, scratch: Path) -> None:
    """Targets and grants of all files count, in the order of their names; other files are left alone."""
    drop_ins = {"b.toml": GRANT, "a.toml": SHOP + GRANT, "c.toml~": "x", ".d.toml": "x", "README": "x"}
    settings = load("[server]\n[audit]\n" + VHOSTS, drop_ins)
    assert set(settings.targets) == {"shop", "vhosts"}
    assert [grant.source for grant in settings.grants] == ["rpcd.d/a.toml:4", "rpcd.d/b.toml:1"]
    assert settings.sources == tuple(str(scratch / name) for name in ("rpcd.toml", "rpcd.d/a.toml", "rpcd.d/b.toml"))


def test_nothing_is_said_twice(load: Load, scratch: Path) -> None:
    """A target, or a setting of the server, that two files have is a fault; different settings of one table are not."""
    drop_ins = {"a.toml": SHOP + '[server]\ndrain = "5 s"\nstate = "/x"\n', "b.toml": '[server]\ndrain = "6 s"\n'}
    assert faults(load, scratch, SHOP, drop_ins) == [
        "rpcd.d/a.toml: server.state: rpcd.toml has it already",
        "rpcd.d/b.toml: server.drain: rpcd.d/a.toml has it already",
        "rpcd.d/a.toml: targets.shop: rpcd.toml has a target of this name already",
    ]


FAULTS: tuple[tuple[str, str], ...] = (
    # form
    ('drain = "soon"', "server.drain: 'soon' will not do. How long it waits at its end for what has begun: "),
    ("sokcet = 1", "server.sokcet: there is no such setting; did you mean 'socket'?"),
    ("socket_mode = 0o666", "server.socket_mode: 438 is not a string"),
    ("descriptors = 1", "server.descriptors: 1 is not true or false"),
    ("drain = 1979-05-27", "server.drain: datetime.date(1979, 5, 27) is not a string"),
    ("max_message = nan", "server.max_message: nan is not an integer or a string"),
    ("max_message = 65536.0", "server.max_message: 65536.0 is not an integer or a string"),
    ("max_message = 1e5", "server.max_message: 1e5 is not an integer or a string"),
    (VHOSTS + "max_files = 5.0", "targets.vhosts.max_files: 5.0 is not an integer"),
    (GRANT.replace('"www-data"', "33.0"), "grants[0].users[0]: 33.0 is not a string or an integer"),
    ('[targets."a\\u001b"]\npath = "/x/y"\nformat = "ini"', "targets: 'a\\x1b' cannot name a target"),
    ('"\\u001b" = 1', "server.'\\x1b': there is no such setting"),
    (f'[server]\nsocket = "/{"x" * 107}"\n[audit]', "server.socket: longer than 107 bytes"),
    ('[methods]\npath = "/etc/../x"', "methods.path: write it as /x"),
    ("max_message = 0", "server.max_message: 0 is less than 1"),
    ("[grant]", "grant: there is no such setting; did you mean 'grants'?"),
    ("[history]\nrevisions = 1", "history.revisions: 1 is less than 2"),
    ('[history]\nsize = "1 KiB"', "history.size: 1 KiB is not from 64 KiB to 64 GiB"),
    ("[quotas]\ncalls = 0", "quotas.calls: 0 is less than 1"),
    ("[quotas]\nchecks = 1001", "quotas.checks: 1001 is more than 1000"),
    ('[quotas]\nidle = "0 s"', "quotas.idle: '0 s' will not do. After which time without a request"),
    ("[quotas]\nconnections = 8", "quotas.connections_for_root: all connections would be root's"),
    ('[quotas]\ncontents = "31 MiB"', "quotas.contents: less than twice server.max_content"),
    ('[quotas]\ncontents = "1 MiB"', "quotas.contents: 1 MiB is not from 8 MiB to 64 GiB"),
    ("probe = 1", "server.probe: this version does not carry out 'probe'"),
    ('[methods]\nmodules = ["../acme"]', "methods.modules[0]: '../acme' will not do. A module's name."),
    ("[[targets]]", "targets: [{}] is not a table"),
    ('[targets."a/b"]\npath = "/x/y"\nformat = "ini"', "targets: 'a/b' cannot name a target"),
    ("[targets]\nshop = 1", "targets.shop: 1 is not a table"),
    ('[targets.x]\nformat = "ini"', "targets.x: it has neither a path nor a directory"),
    ('[targets.x]\ndirectory = "/x"\nformat = "ini"', "targets.x: 'names' is missing"),
    ('[targets.x]\npath = "/x/y"', "targets.x: 'format' is missing"),
    ('[targets.x]\npath = "/x/y"\ndirectory = "/x"\nformat = "ini"', "targets.x: it has both a path and a directory"),
    (SHOP + "names = 'x'", "targets.shop: 'names' is for a directory, and this is a single file"),
    (SHOP + 'chekc = "x"', "targets.shop.chekc: there is no such setting"),
    (SHOP + "secret = []", "targets.shop.secret: [] will not do. Keys whose values appear in no diff"),
    *(
        (SHOP + f"{name} = 1", f"targets.shop.{name}: this version does not carry out '{name}'")
        for name in ("check", "activate", "confirm", "probe", "check_sandbox")
    ),
    ("grants = 1\n[server]\n[audit]", "grants: 1 is not a list"),
    ("[[grants]]\nusers = [5]", "grants[0]: 'methods' is missing"),
    ('[[grants]]\nmethods = ["ping"]', "grants[0]: it names neither users nor groups"),
    ('[[grants]]\nusers = []\nmethods = ["ping"]', "grants[0].users: it is empty"),
    (GRANT + 'units = ["user.slice"]', "grants[0].units[0]: 'user.slice' will not do. A unit: NAME.service"),
    (SHOP + "refuse = []", "targets.shop.refuse: it is empty"),
    # the server
    ('max_message = "15 KiB"', "server.max_message: 15 KiB is not from 16 KiB to 200 KiB"),
    ('max_message = "201 KiB"', "server.max_message: 201 KiB is not from 16 KiB to 200 KiB"),
    ('max_content = "2 GiB"', "server.max_content: 2 GiB is not from 1 KiB to 1 GiB"),
    # targets
    (SHOP + "refuse = ['(?=a)', 'a)(b']", "targets.shop.refuse[0]: '(?=a)' is no regular expression that takes linear"),
    (SHOP + "refuse = ['(?=a)', 'a)(b']", "targets.shop.refuse[1]: 'a)(b' is no regular expression that takes linear"),
    (SHOP + 'schema = "../x.json"', "targets.shop.schema: write it as /tmp/x.json"),
    (SHOP + 'schema = "none.json"', "targets.shop.schema: {scratch}/none.json: No such file or directory"),
    (SHOP.replace("ini", "text") + 'schema = "x.json"', "targets.shop.schema: a text has no keys; refuse says"),
    ('[targets.x]\npath = "{scratch}/shop/../y"\nformat = "ini"', "targets.x.path: write it as {scratch}/y"),
    ('[targets.x]\npath = "//etc/y"\nformat = "ini"', "targets.x.path: write it as //etc/y"),
    ('[targets.x]\npath = "{scratch}/none/y"\nformat = "ini"', "targets.x: {scratch}/none: there is no such directory"),
    ('[targets.x]\npath = "{scratch}/site/motd/y"\nformat = "ini"', "{scratch}/site/motd: there is no such directory"),
    (
        SHOP.replace('"ini"', '"inj"'),
        "targets.shop.format: this version has no format 'inj', but "
        + ", ".join(f"{name}:…" if row.family else name for name, row in FORMATS.items()),
    ),
    (SHOP + 'preset = "samba"', "targets.shop.preset: there is no preset 'samba', but systemd, desktop, php,"),
    (SHOP + 'comment_marks = "=;"', "targets.shop.comment_marks: '=;' will not do. Of ini: the characters"),
    (SHOP + 'comment_marks = "#"\nquotes = "\'\'"', "targets.shop.quotes: \"''\" names a mark twice"),
    (SHOP + 'dialect = "shell"', "targets.shop.dialect: is not for ini"),
    (SHOP.replace("ini", "env") + 'dialect = "fish"', "targets.shop.dialect: there is no dialect 'fish', but shell,"),
    (VHOSTS + 'preset = "php"', "targets.vhosts.preset: is not for text"),
    (
        VHOSTS.replace("[a-z-]+", "("),
        "targets.vhosts.names: '(\\\\.conf' is no regular expression that takes linear time",
    ),
    (VHOSTS + "follow = true", "targets.vhosts.follow: is for a single file"),
    (VHOSTS + "in_place = true", "targets.vhosts.in_place: is for a single file"),
    (VHOSTS + 'secret = ["a"]', "targets.vhosts.secret: a text has no keys; true makes all of it secret"),
    (SHOP + "secret = true", "targets.shop.secret: true is for text; name the keys of a structured document"),
    (SHOP + 'secret = ["a..b"]', "targets.shop.secret[0]: not a pattern of keys"),
    (SHOP + 'owner = "www-dta"', "targets.shop.owner: no user is named 'www-dta'"),
    (SHOP + "group = -1", "targets.shop.group: -1 stands for an unknown user or group"),
    # where none may be
    *(
        (
            f'[targets.x]\npath = "{{scratch}}/{path}"\nformat = "ini"',
            f"targets.x: it is among rpcd's own files: {what}",
        )
        for path, what in (
            ("rpcd.toml", "settings"),
            ("rpcd.d/a.toml", "settings"),
            ("state/lock", "state"),
            ("log/audit.jsonl", "audit log"),
            ("log/audit.jsonl.1", "audit log"),
            ("methods/acme.py", "methods"),
        )
    ),
    (VHOSTS.replace("{scratch}/vhosts", "{scratch}"), "targets.vhosts: it is among rpcd's own files: settings"),
    (VHOSTS.replace("{scratch}/vhosts", "{scratch}/log"), "targets.vhosts: it is among rpcd's own files: audit log"),
    # two that reach one file
    (SHOP + SHOP.replace("targets.shop", "targets.b"), "targets.b: reaches a file that targets.shop reaches"),
    (VHOSTS + VHOSTS.replace("targets.vhosts", "targets.b"), "targets.b: reaches a file that targets.vhosts reaches"),
    (
        VHOSTS + '[targets.b]\npath = "{scratch}/vhosts/new.conf"\nformat = "ini"',
        "targets.b: reaches a file that targets.vhosts reaches",
    ),
    # grants
    (GRANT.replace("www-data", "www-dta"), "grants[0].users[0]: no user is named 'www-dta'"),
    (GRANT.replace("www-data", "www\\u0000data"), "grants[0].users[0]: no user is named"),
    (GRANT.replace("users", "groups").replace("www-data", "wwww"), "grants[0].groups[0]: no group is named 'wwww'"),
    *(
        (GRANT.replace('"www-data"', number), f"grants[0].users[0]: {number} stands for an unknown user or group")
        for number in ("-1", "65534", "4294967295", "4294967296", "99999999999999999")
    ),
    (GRANT.replace("www-data", "nobody"), "grants[0].users[0]: 65534 stands for an unknown user or group"),
    (GRANT.replace("get_key", "get_kye"), "grants[0].methods: there is no method 'get_kye'; did you mean 'get_key'?"),
    (GRANT.replace("get_key", "*"), "grants[0].methods: there is no method '*'"),
    (GRANT.replace("targets", "#"), "grants[0]: 'get_key' needs targets"),
    (
        SHOP + GRANT.replace('["shop"]', '["shpo"]'),
        "grants[0].targets: there is no target 'shpo'; did you mean 'shop'?",
    ),
    (SHOP + GRANT.replace('["shop"]', '["sh*"]'), "grants[0].targets: there is no target 'sh*'"),
    (
        SHOP + GRANT.replace('["shop"]', '["shop/x"]'),
        "grants[0].targets: 'shop' is a single file, and has none below it",
    ),
    (VHOSTS + GRANT.replace('["shop"]', '["vhosts/"]'), "grants[0].targets: 'vhosts/' means no file"),
    (VHOSTS + GRANT.replace('["shop"]', '["vhosts/a/b"]'), "grants[0].targets: 'vhosts/a/b' means no file"),
    (
        VHOSTS + GRANT.replace('["shop"]', '["vhosts/A"]'),
        "grants[0].targets: 'vhosts/A' is not among the names of 'vhosts'",
    ),
    (SHOP + GRANT + 'keys = ["a..b"]', "grants[0].keys: 'a..b': not a pattern of keys"),
    (SHOP + GRANT + 'keys = ["a.**"]', "grants[0].keys: 'a.**': not a pattern of keys"),
    (VHOSTS + GRANT.replace("shop", "vhosts") + 'keys = ["a"]', "grants[0].keys: a text has no keys"),
    *(
        (
            SHOP + GRANT.replace("get_key", method) + 'keys = ["ui.*"]',
            f"grants[0].keys: '{method}' acts on whole files: grant it without keys",
        )
        for method, row in METHODS.items()
        if row.whole_file
    ),
)


@pytest.mark.parametrize(("settings", "fault"), FAULTS, ids=[fault for _, fault in FAULTS])
def test_faults_have_their_place(load: Load, scratch: Path, settings: str, fault: str) -> None:
    """What is wrong is told with file, place and what would be right."""
    methods = "" if "[methods]" in settings else '\n[methods]\npath = "{scratch}/methods"\n'
    (scratch / "methods").mkdir()
    (scratch / "rpcd.d").mkdir()
    (scratch / "log").mkdir()
    (scratch / "state").mkdir()
    found = faults(load, scratch, settings + methods)
    assert any(one.startswith("rpcd.toml: ") and fault in one for one in found), found


def test_all_faults_are_told_at_once(load: Load, scratch: Path) -> None:
    """One round of mending is enough: a fault in the form of one thing does not hide those of others."""
    text = 'drain = 5\n[targets.x]\npath = "/none/y"\nformat = "ini"\nmode = "9"\n' + GRANT.replace("www-data", "w")
    found = faults(load, scratch, text, {"a.toml": "sever = 1\n" + GRANT.replace("get_key", "gte_key")})
    assert [fault.split(": ")[:2] for fault in found] == [
        ["rpcd.toml", "server.drain"],
        ["rpcd.toml", "targets.x.mode"],
        ["rpcd.d/a.toml", "sever"],
        ["rpcd.toml", "grants[0].users[0]"],
        ["rpcd.toml", "grants[0].targets"],
        ["rpcd.d/a.toml", "grants[0].methods"],
        ["rpcd.d/a.toml", "grants[0].targets"],
        ["rpcd.toml", "targets.x"],
    ]


@pytest.mark.parametrize(
    "text",
    [b"x = [", b"\xff", b"\xef\xbb\xbf", b"x = " + b"[" * 100_000, b"x = " + b"9" * 5000, b"x = 1\nx = 2", b"\0"],
)
def test_what_is_no_toml_is_a_fault(scratch: Path, text: bytes) -> None:
    """Whatever the file holds, what comes is a fault that names it, or an empty file's settings."""
    (scratch / "rpcd.toml").write_bytes(text)
    with pytest.raises(SettingsFault) as caught:
        read(str(scratch / "rpcd.toml")).settings(METHODS)
    assert all("rpcd.toml: " in fault for fault in caught.value.faults)


def test_a_file_is_neither_a_directory_nor_endless(scratch: Path) -> None:
    """What is there instead of a file, and a file that nobody wrote by hand, are faults."""
    (scratch / "rpcd.toml").mkdir()
    with pytest.raises(SettingsFault, match=r"rpcd.toml: Is a directory"):
        read(str(scratch / "rpcd.toml"))
    (scratch / "rpcd.toml").rmdir()
    with (scratch / "rpcd.toml").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(SettingsFault, match=r"rpcd.toml: larger than 4194304 bytes"):
        read(str(scratch / "rpcd.toml"))


@pytest.mark.parametrize(("kind", "fault"), [("file", "Not a directory"), ("link", "is a symbolic link")])
def test_drop_ins_are_in_a_directory(load: Load, scratch: Path, kind: str, fault: str) -> None:
    """Whatever else is called rpcd.d is a fault, and not passed over."""
    if kind == "file":
        (scratch / "rpcd.d").touch()
    else:
        (scratch / "rpcd.d").symlink_to(scratch / "vhosts")
    assert faults(load, scratch, "[server]\n[audit]\n") == [f"{{scratch}}/rpcd.d: {fault}"]


def test_a_missing_file_is_a_fault(scratch: Path) -> None:
    """There is nothing to serve without settings."""
    with pytest.raises(SettingsFault, match="No such file"):
        read(str(scratch / "rpcd.toml"))


def test_settings_that_others_can_write_are_not_read(load: Load, scratch: Path) -> None:
    """Neither the file, nor one of the drop-ins, nor their directory."""
    load("[server]\n[audit]\n", {"a.toml": ""})
    for path in (scratch / "rpcd.toml", scratch / "rpcd.d", scratch / "rpcd.d" / "a.toml"):
        mode = path.stat().st_mode & 0o7777
        path.chmod(mode | 0o020)
        with pytest.raises(SettingsFault, match=f"{path}: others than its owner can write it"):
            read(str(scratch / "rpcd.toml")).settings(METHODS)
        path.chmod(mode)
    assert read(str(scratch / "rpcd.toml")).settings(METHODS).sources


@pytest.mark.parametrize(("setting", "table"), [("state", "server"), ("log", "audit")])
def test_state_and_log_are_trusted_before_they_are_made(load: Load, scratch: Path, setting: str, table: str) -> None:
    """Where the directory is still to be made, nobody else may be able to make it first."""
    (scratch / "open").mkdir()
    (scratch / "open").chmod(0o1777)
    found = faults(load, scratch, f'[{table}]\n{setting} = "{{scratch}}/open/new/x"\n')
    assert found == [f"rpcd.toml: {table}.{setting}: {{scratch}}/open: others than its owner can write it (mode 1777)"]


def test_a_directory_that_others_can_write_has_to_be_allowed(load: Load, scratch: Path) -> None:
    """It is a fault unless the target says that it is known."""
    (scratch / "shop").chmod(0o777)
    (fault,) = faults(load, scratch, SHOP)
    assert fault.startswith("rpcd.toml: targets.shop: {scratch}/shop: others than its owner can write it")
    assert load(SHOP + "untrusted_directory = true").targets["shop"].untrusted_directory


def test_a_directory_over_a_link_is_a_fault(load: Load, scratch: Path) -> None:
    """The server follows no link on the way to a target, and says where it leads."""
    (scratch / "link").symlink_to(scratch / "shop")
    found = faults(load, scratch, SHOP.replace("shop/", "link/"))
    assert found == ["rpcd.toml: targets.shop: {scratch}/link: leads over a symbolic link; write it as {scratch}/shop"]


@pytest.mark.parametrize("kind", ["hard link", "link that is followed", "directory over another name"])
def test_one_file_by_two_names_is_noticed(load: Load, scratch: Path, kind: str) -> None:
    """Two targets that are one file for the kernel are a fault, whatever their names say."""
    other = '[targets.b]\npath = "{scratch}/site/b"\nformat = "ini"\n'
    match kind:
        case "hard link":
            os.link(scratch / "shop" / "shop.ini", scratch / "site" / "b")
        case "link that is followed":
            (scratch / "site" / "b").symlink_to(scratch / "shop" / "shop.ini")
            other += "follow = true\n"
        case _:
            (scratch / "link").symlink_to(scratch / "shop")
            other = other.replace("site/b", "link/shop.ini") + "follow = true\n"
    assert faults(load, scratch, SHOP + other) == ["rpcd.toml: targets.b: reaches a file that targets.shop reaches"]


def test_files_of_one_directory_are_different_targets(load: Load) -> None:
    """Two files side by side, and a file that no name of a directory target fits."""
    other = '[targets.{}]\npath = "{{scratch}}/vhosts/{}"\nformat = "ini"\n'
    assert len(load(VHOSTS + other.format("a", "A") + other.format("b", "B")).targets) == 3


def test_a_link_that_is_followed_leads_to_nothing_of_ours(load: Load, scratch: Path) -> None:
    """What counts is where the file lies, not what the target calls it."""
    (scratch / "site" / "b").symlink_to(scratch / "rpcd.toml")
    text = '[targets.b]\npath = "{scratch}/site/b"\nformat = "toml"\nfollow = true\n'.replace('"toml"', '"ini"')
    assert faults(load, scratch, text) == ["rpcd.toml: targets.b: it is among rpcd's own files: settings"]


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6644])
@pytest.mark.parametrize(("name", "settings"), [("shop/shop.ini", SHOP), ("vhosts/shop-a.conf", VHOSTS)])
def test_set_id_files_are_no_targets(load: Load, scratch: Path, name: str, settings: str, mode: int) -> None:
    """Who may write a set-id program is its owner."""
    (scratch / name).chmod(mode)
    (fault,) = faults(load, scratch, settings)
    assert fault.endswith(f"{{scratch}}/{name}: is set-id (mode {mode:04o})")


@ROOT_ONLY
def test_programs_with_capabilities_are_no_targets(load: Load, scratch: Path) -> None:
    """They have some of root's powers without being root's."""
    capability = b"\x00\x00\x00\x02\x00\x04\x00\x00" + bytes(12)  # VFS_CAP_REVISION_2, cap_net_bind_service
    os.setxattr(scratch / "shop" / "shop.ini", "security.capability", capability)
    assert faults(load, scratch, SHOP) == ["rpcd.toml: targets.shop: {scratch}/shop/shop.ini: has file capabilities"]


def test_a_fault_is_one_line_that_a_terminal_shows(load: Load, scratch: Path) -> None:
    """Whatever stands in a file, a fault repeats no control character of it."""
    told = faults(load, scratch, GRANT.replace("get_key", "\\u001b[2J\\n\\u2028") + SHOP)
    assert told == ["rpcd.toml: grants[0].methods: there is no method '\\u001b[2J\\u000a\\u2028'"]


def test_many_targets_are_read(load: Load, scratch: Path) -> None:
    """Files of one directory take what their number does; of a thousand the one that is there twice is found."""
    one = '[targets.t{}]\npath = "{{scratch}}/site/{}"\nformat = "ini"\n'

    def written(count: int) -> str:
        return "".join(one.format(number, number) for number in range(count))

    def read(count: int) -> float:
        return cost(lambda: load("[server]\n[audit]\n" + written(count)))

    assert costs_what_its_size_does(read, 1000)
    text = written(1000)
    assert faults(load, scratch, text + one.format("x", 500)) == [
        "rpcd.toml: targets.tx: reaches a file that targets.t500 reaches"
    ]


def test_ten_thousand_grants_are_read(load: Load, scratch: Path) -> None:
    """Each is known by its line."""
    settings = load("[server]\n[audit]\n" + SHOP + (GRANT + 'keys = ["ui.*"]\n') * 10_000)
    lines = (scratch / "rpcd.toml").read_text().splitlines()
    known = [int(grant.source.removeprefix("rpcd.toml:")) for grant in settings.grants]
    assert len(known) == 10_000
    assert {lines[number - 1] for number in known} == {"[[grants]]"}
    assert sorted(set(known)) == known
