"""What `rpcd check` warns of, rule by rule, and the drop-in that it prints for the unit."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rpcd.cli import main
from rpcd.documents import resolve
from rpcd.documents.key import KeyPattern
from rpcd.methods import METHODS
from rpcd.settings import HistoryLimits, read
from rpcd.settings.advice import advise
from rpcd.settings.advice.executed import ENDINGS, FILES, TREES, executed
from rpcd.settings.advice.targets import _meet
from rpcd.settings.dropin import SHIPPED, quoted
from rpcd.settings.names import Names
from rpcd.settings.targets import Target
from tests.harness.server import REPOSITORY, settings_text

TARGETS = """
[targets.shop]
path   = "{scratch}/shop/shop.ini"
format = "ini"
secret = ["mail.password", "db.*"]

[targets.motd]
path   = "{scratch}/shop/motd"
format = "text"
secret = true

[targets.app]
path   = "{scratch}/shop/app.json"
format = "json"
schema = "app.schema.json"

[targets.vhosts]
directory = "{scratch}/vhosts"
names     = '[a-z0-9-]+\\.conf'
format    = "text"
"""


APP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "login": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "password": {"type": "string", "writeOnly": True}},
            "additionalProperties": False,
        },
        "hosts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/host"}},
        "list": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
    "$defs": {
        "host": {
            "type": "object",
            "properties": {"token": {"type": "string", "writeOnly": True}, "hosts": {"$ref": "#/properties/hosts"}},
            "additionalProperties": False,
        }
    },
}


def grant(users: str = "[4711]", methods: str = '["get_key"]', more: str = "") -> str:
    """A grant on shop, but for what is given."""
    targets = "" if "targets" in more else 'targets = ["shop"]'
    return f"[[grants]]\nusers = {users}\nmethods = {methods}\n{targets}\n{more}\n"


def written(scratch: Path, settings: str) -> Path:
    """Settings in `scratch`, with the directories that they name."""
    for name in ("shop", "vhosts", "state", "log"):
        (scratch / name).mkdir(exist_ok=True)
    (scratch / "app.schema.json").write_text(json.dumps(APP))
    config = scratch / "rpcd.toml"
    config.write_text(settings_text(scratch, settings))
    config.chmod(0o600)
    return config


def advice(scratch: Path, settings: str) -> list[str]:
    """What is unwise in settings that hold."""
    return list(map(str, advise(read(str(written(scratch, settings))).settings(METHODS), METHODS)))


def checked(config: Path, *options: str) -> Result:
    """What `rpcd check` says."""
    return CliRunner().invoke(main, ["check", "--config", str(config), *options])


NARROW = 'keys = ["ui.*"]'

CASES: dict[str, tuple[str, str | None]] = {
    "what one needs": (grant(more=NARROW), None),
    # users that several share
    "shared user": (grant('["www-data"]', more=NARROW), "it is for www-data, as whom several applications may run"),
    "shared user, by number": (grant("[33]", more=NARROW), "it is for www-data"),
    "shared user in a unit": (grant('["www-data"]', more=NARROW + '\nunits = ["shop.service"]'), None),
    "shared group": (grant("[4711]", more=NARROW + '\ngroups = ["www-data"]'), "it is for the group www-data"),
    # secrets
    "all keys are readable": (grant(), "it lets what is secret in shop be read (mail.password, db.*)"),
    "one secret is readable": (grant(more='keys = ["mail.*"]'), "(mail.password)"),
    "below a secret": (grant(more='keys = ["db.main.password"]'), "(db.*)"),
    "a secret can be written": (grant(methods='["update_key"]'), None),
    "the whole file is readable": (grant(methods='["read_file"]'), "(mail.password, db.*)"),
    "a secret text is readable": (grant(methods='["read_file"]', more='targets = ["motd"]'), "in motd be read (all)"),
    "a secret text can be written": (grant(methods='["replace_file"]', more='targets = ["motd"]'), None),
    "what is write-only is readable": (
        grant(more='targets = ["app"]'),
        "in app be read (login.password, hosts.*.token)",
    ),
    "one write-only member": (grant(more='targets = ["app"]\nkeys = ["hosts.a.*"]'), "in app be read (hosts.a.token)"),
    "nothing write-only": (grant(more='targets = ["app"]\nkeys = ["login.name", "list.0"]'), None),
    "write-only in a file": (
        grant(methods='["read_file"]', more='targets = ["app"]\nkeys = ["*"]'),
        "(login.password,",
    ),
    "write-only is written": (grant(methods='["update_key"]', more='targets = ["app"]'), None),
    "root reads secrets": (grant("[0]"), None),
    # everything
    "everything": (grant(methods='["replace_file"]', more='targets = ["*"]'), "it lets every target be changed"),
    "every key of everything": (grant(methods='["update_key"]', more='targets = ["*"]\nkeys = ["*"]'), "every target"),
    "some keys of everything": (grant(methods='["update_key"]', more='targets = ["*"]\nkeys = ["ui"]'), None),
    "list everything": (grant(methods='["list_keys", "list_files"]', more='targets = ["*"]'), None),
    "root changes everything": (grant('["root"]', '["replace_file"]', 'targets = ["*"]'), None),
    # grants that never apply
    "keys of a text": (
        grant(methods='["get_key", "read_file"]', more='targets = ["vhosts"]'),
        "nobody can ever call get_key on vhosts: they are texts",
    ),
    "keys of some texts": (grant(methods='["list_keys"]', more='targets = ["vhosts", "shop"]'), None),
    "files of a file": (grant(methods='["list_files"]'), "nobody can ever call list_files on shop: they are single"),
    "files of a directory": (grant(methods='["list_files"]', more='targets = ["vhosts/a-*.conf"]'), None),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule_has_its_cases(case: str, scratch: Path) -> None:
    """What is unwise is told with what could happen, once; what is not, is not."""
    settings, expected = CASES[case]
    found = advice(scratch, TARGETS + settings)
    assert len(found) == (expected is not None), found
    assert expected is None or expected in found[0]
    assert all(re.fullmatch(r"rpcd\.toml:\d+: .+: .+\. .+\.", line) for line in found), found


def test_a_shared_user_is_told_once(scratch: Path) -> None:
    """However many grants name it, with the lines of the others."""
    (one,) = advice(scratch, TARGETS + 3 * grant('["www-data"]', '["update_key"]', NARROW))
    lines = [number for number, line in enumerate((scratch / "rpcd.toml").read_text().splitlines(), 1) if "[[" in line]
    assert one.startswith(f"rpcd.toml:{lines[0]}: ")
    assert f"(so do rpcd.toml:{lines[1]}, rpcd.toml:{lines[2]})" in one


def test_a_directory_of_others_is_told(scratch: Path) -> None:
    """That untrusted_directory allows it does not make it safe; where it allows nothing there is nothing to tell."""
    open_target = '[targets.shop]\npath = "{scratch}/shop/x"\nformat = "text"\nuntrusted_directory = true\n'
    assert advice(scratch, open_target) == []
    (scratch / "shop").chmod(0o777)
    (one,) = advice(scratch, open_target)
    assert one.startswith("targets.shop: ")
    assert "others than its owner can write it" in one
    assert "Move it into a directory" in one


@pytest.mark.parametrize("mode", ["0660", "0600", "0666"])
def test_a_socket_that_granted_users_cannot_open_is_told(mode: str, scratch: Path) -> None:
    """Its mode shuts out whoever is neither the server's user nor, as far as it goes, in its group."""
    server = f'[server]\nsocket = "{{scratch}}/s"\nstate = "{{scratch}}/state"\nsocket_mode = "{mode}"\n'
    found = advice(scratch, server + TARGETS + grant('["root", 4711]', more='keys = ["ui"]\ngroups = ["adm"]'))
    if mode == "0666":
        assert found == []
    else:
        (one,) = found
        assert f"4711, the group adm cannot open the socket, whose mode is {mode}" in one


EXECUTED = {
    "/etc/systemd/system/shop.service": "systemd",
    "/etc/cron.d/shop": "cron",
    "/etc/crontab": "cron",
    "/etc/sudoers": "sudo",
    "/etc/sudoers.d/shop": "sudo",
    "/etc/nginx/nginx.conf": "nginx's master",
    "/etc/nginx/conf.d/shop.conf": None,
    "/etc/nginx/modules-enabled/x.conf": "nginx's master",
    "/etc/ld.so.preload": "every program",
    "/etc/pam.d/sshd": "every login",
    "/etc/profile.d/shop.sh": "root's shell",
    "/root/.bashrc": "a shell",
    "/root/x": "root's programs",
    "/home/shop/.ssh/authorized_keys": "sshd",
    "/home/shop/shop.ini": None,
    "/etc/php/8.2/fpm/php.ini": "PHP",
    "/usr/local/bin/x": "root runs programs",
    "/usr/share/shop/shop.ini": None,
    "/etc/shop/shop.ini": None,
    "/srv/shop/settings.php": "PHP runs it",
    "/srv/shop/run.sh": "a shell runs it",
    "/srv/shop/php": None,
    "/etcetera/crontab": None,
    "/usrlocal/x": None,
}


def target(directory: str, file: str | None, names: str = "") -> Target:
    """A target there."""
    rest: dict[str, Any] = {
        "secret": (), "secret_content": False, "owner": None, "group": None, "mode": None, "follow": False,
        "in_place": False, "untrusted_directory": False, "max_files": 1, "max_bytes": 1,
        "history": HistoryLimits(50, 90, 1),
    }  # fmt: skip
    pattern = Names(names) if names else None
    return Target(name="x", directory=directory, file=file, names=pattern, format=resolve("text"), **rest)


@pytest.mark.parametrize("path", EXECUTED)
def test_what_root_executes_is_known(path: str) -> None:
    """By where it is and what it is called."""
    found, expected = executed(target(*os.path.split(path))), EXECUTED[path]
    assert (found is None) == (expected is None)
    assert expected is None or (found or "").startswith(expected)


def test_a_directory_with_such_files_is_known() -> None:
    """A directory of files that is below one of the trees, or whose names allow one of the files."""
    assert executed(target("/etc/cron.d", None, "[a-z]+")) == TREES["/etc/cron.d"]
    assert executed(target("/etc", None, "[a-z]+")) == FILES["/etc/crontab"]
    assert executed(target("/etc", None, r"shop-[a-z]+\.ini")) is None
    assert executed(target("/srv/shop", None, r"[a-z]+\.php")) == ENDINGS[".php"]


def test_somebody_must_be_able_to_change_it(scratch: Path) -> None:
    """What root executes is told where somebody else is granted a change of it, with the grants that do."""
    ssh = scratch / ".ssh"
    ssh.mkdir()
    target = '[targets.keys]\npath = "{scratch}/.ssh/authorized_keys"\nformat = "text"\n'
    assert advice(scratch, target + grant(methods='["read_file"]', more='targets = ["keys"]')) == []
    assert advice(scratch, target + grant("[0]", '["replace_file"]', 'targets = ["keys"]')) == []
    (one,) = advice(scratch, target + grant(methods='["replace_file"]', more='targets = ["keys"]'))
    assert one.startswith("targets.keys: sshd lets in whom it names")
    assert "can become root (granted at rpcd.toml:" in one


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", "a.b", False),
        ("a.*", "a", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", True),
        ("*", "a.b.c", True),
        ("*.b", "a.*", True),
        ("*.b", "a.c", False),
        ("*.b", "a.b.c", False),
        ("*.b.c", "a.*", True),
        ('""', "a", False),
        ('""', '"".a', False),
    ],
)
def test_patterns_meet_where_some_key_is_meant_by_both(one: str, other: str, meet: bool) -> None:  # noqa: FBT001
    """In both orders."""
    patterns = KeyPattern.parse(one), KeyPattern.parse(other)
    assert (_meet(*patterns), _meet(*reversed(patterns))) == (meet, meet)


# the command


def test_warnings_are_no_faults(scratch: Path) -> None:
    """They are lines on standard error, and the end is 0; with --strict it is 1."""
    config = written(scratch, TARGETS + grant())
    done = checked(config)
    assert (done.exit_code, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert [line.startswith("warning: rpcd.toml:") for line in lines] == [True, False]
    assert lines[-1] == "no faults, 1 warning: 4 targets, 1 grant"
    assert checked(config, "--strict").exit_code == 1
    config = written(scratch, TARGETS + grant(more=NARROW))
    assert checked(config, "--strict").exit_code == 0


def test_a_file_that_breaks_its_schema_is_a_warning(scratch: Path) -> None:
    """Where, and by which rule; of a directory each file. What holds, or is not there yet, is fine."""
    directory = (
        '[targets.apps]\ndirectory = "{scratch}/apps"\nnames = ".*json"\nformat = "json"\nschema = "app.schema.json"\n'
    )
    (scratch / "apps").mkdir()
    (scratch / "apps" / "a.json").write_text('{"login": {}}')
    (scratch / "apps" / "b.json").write_text('{"login": 1, "x/y": 2, "list": [1, 2, 3, 4, 5]}')
    config = written(scratch, TARGETS + directory + grant(more=NARROW))
    (scratch / "shop" / "app.json").write_text("[]")
    done = checked(config)
    assert done.exit_code == 0
    told = [line.replace(str(scratch), "") for line in done.stderr.splitlines()]
    assert told[0].startswith("warning: targets.app: /shop/app.json breaks its schema: / (type); what is wrong already")
    assert told[1].startswith("warning: targets.apps: /apps/b.json breaks its schema: ")
    assert " and 2 more; " in told[1]
    assert told[2] == "no faults, 2 warnings: 5 targets, 1 grant"


# the drop-in


def test_the_drop_in_names_what_the_unit_lacks(scratch: Path) -> None:
    """Directories of targets, state and log, sorted and without those below another; and what hides them."""
    extra = '[targets.below]\npath = "{scratch}/shop/below/x"\nformat = "text"\n'
    (scratch / "shop" / "below").mkdir(parents=True)
    done = checked(written(scratch, TARGETS + extra + grant(more=NARROW)), "--unit")
    assert done.exit_code == 0
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert lines == [
        "[Service]",
        "PrivateTmp=no",
        *(f"ReadWritePaths={scratch}/{name}" for name in ("log", "shop", "state", "vhosts")),
    ]


def test_the_drop_in_knows_the_shipped_unit() -> None:
    """What it takes for written already, and for hidden, is what contrib/systemd/rpcd.service says."""
    lines = (REPOSITORY / "contrib/systemd/rpcd.service").read_text().splitlines()
    assert {"StateDirectory=rpcd", "LogsDirectory=rpcd", "ProtectHome=yes", "PrivateTmp=yes"} <= set(lines)
    assert SHIPPED == ("/var/lib/rpcd", "/var/log/rpcd")
    assert not [line for line in lines if line.startswith("ReadWritePaths=")]


QUOTED = {
    "/etc/shop": "/etc/shop",
    "/etc/a b": '"/etc/a b"',
    "/etc/100%": "/etc/100%%",
    "/etc/%n": "/etc/%%n",
    '/etc/"x"': '"/etc/\\"x\\""',
    "/etc/it's": '"/etc/it\'s"',
    "/etc/a\\b": '"/etc/a\\\\b"',
    "/etc/ü": "/etc/ü",
    "/etc/a;b": "/etc/a;b",
    "/etc/$HOME": "/etc/$HOME",
}


@pytest.mark.parametrize("path", QUOTED)
def test_paths_are_one_word_each(path: str) -> None:
    """Spaces, quotes and specifiers are what systemd reads back as themselves."""
    assert quoted(path) == QUOTED[path]


def verified(directory: Path, drop_in: str) -> str:
    """What `systemd-analyze verify` has to say about the shipped unit with a drop-in."""
    for name in ("rpcd.socket", "rpcd.service"):
        unit = (REPOSITORY / "contrib/systemd" / name).read_text()
        (directory / name).write_text(unit.replace("/usr/bin/rpcd", shutil.which("true") or "/bin/true"))
    (directory / "rpcd.service.d").mkdir(exist_ok=True)
    (directory / "rpcd.service.d" / "override.conf").write_text(drop_in)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(directory / "rpcd.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_systemd_takes_the_drop_in(scratch: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say about unit and drop-in, whatever the directories are called."""
    odd = ""
    for number, name in enumerate(("a b", "100%", "%n%", 'say "x"', "it's", "ü;$HOME", "-x")):
        (scratch / name).mkdir()
        path = f"{scratch}/{name}/x".replace("\\", "\\\\").replace('"', '\\"')
        odd += f'[targets.t{number}]\npath = "{path}"\nformat = "text"\n'
    done = checked(written(scratch, TARGETS + odd + grant(more=NARROW)), "--unit")
    assert done.exit_code == 0, done.output
    assert verified(tmp_path, done.stdout) == ""
    assert "is not absolute" in verified(tmp_path, done.stdout.replace('"', ""))
