"""The schemas of common files, held against the files that Debian ships."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rpcd import documents
from rpcd.schemas import load_file
from rpcd.schemas.document import DocumentSchema
from rpcd.schemas.instance import instance
from tests.conftest import Serve
from tests.harness.server import REPOSITORY

SCHEMAS = REPOSITORY / "contrib" / "schemas"

FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    "hostapd.conf": ("ini", {"comment_marks": "#", "separators": "=", "quotes": ""}),
    "my.cnf": ("ini", {"preset": "my.cnf"}),
    "php.ini": ("ini", {"preset": "php"}),
    "sshd_config": ("augeas:sshd", {}),
    "systemd.service": ("ini", {"preset": "systemd"}),
}
"""How each file is read, by the name of its schema."""

SHIPPED = {
    "hostapd.conf": [("hostapd", "usr/share/doc/hostapd/examples/hostapd.conf")],
    "my.cnf": [("mysql-common", "etc/mysql/**/*.cnf"), ("mariadb-common", "etc/mysql/**/*.cnf")],
    "php.ini": [("php8.2-common", "usr/lib/php/8.2/php.ini-*")],
    "sshd_config": [("openssh-server", "usr/share/openssh/sshd_config")],
    "systemd.service": [
        ("systemd", "lib/systemd/system/*.service"),
        ("openssh-server", "lib/systemd/system/*.service"),
        ("hostapd", "lib/systemd/system/*.service"),
        ("php8.2-fpm", "lib/systemd/system/*.service"),
        ("nginx-common", "lib/systemd/system/*.service"),
        ("cron", "lib/systemd/system/*.service"),
    ],
}
"""The packages whose files they are, and where those are in them."""


def schema(name: str) -> DocumentSchema:
    """A schema, as the server reads it: it is strict, and judges in bounded time."""
    return DocumentSchema(load_file(str(SCHEMAS / f"{name}.json")))


def form(name: str) -> documents.Format:
    """The format of the files that a schema is for, which types their strings."""
    kind, options = FORMATS[name]
    return replace(documents.resolve(kind, options), types=schema(name).types)


@pytest.fixture(scope="session")
def unpacked() -> Callable[[str], Path]:
    """Where the files of a Debian package are."""
    if shutil.which("apt-get") is None:
        pytest.skip("Debian's packages are had with apt")

    def unpack(package: str) -> Path:
        directory = REPOSITORY / "build" / "debian"
        subprocess.run([REPOSITORY / ".ci" / "unpack", directory, package], check=True)
        return directory / package

    return unpack


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_debians_own_files_hold(name: str, unpacked: Callable[[str], Path]) -> None:
    """Each file that Debian ships satisfies the schema, once it is read as its program does."""
    found = [path for package, where in SHIPPED[name] for path in sorted(unpacked(package).glob(where))]
    assert found
    judge = schema(name)
    read = {str(path): documents.read(form(name), path.read_bytes()) for path in found if not path.is_symlink()}
    assert {path: broken for path, tree in read.items() if (broken := judge.broken(instance(tree)))} == {}
    assert any(read.values())


WRONG: dict[str, list[tuple[str, list[tuple[str, str]]]]] = {
    "hostapd.conf": [
        ("interface=wlan0\nchannel=36\nwpa_passphrase=long enough\n", []),
        ("ssid=x\n", [("interface", "required")]),
        ("interface=wlan0\nchannel=many\n", [("channel", "pattern")]),
        ("interface=wlan0\ncountry_code=de\n", [("country_code", "pattern")]),
        ("interface=wlan0\nbeacon_int=1\n", [("beacon_int", "minimum")]),
        ("interface=wlan0\nwpa_passphrase=short\n", [("wpa_passphrase", "pattern")]),
        ("interface=wlan0\nown_ip_addr=1.2.3\n", [("own_ip_addr", "format")]),
        ("interface=wlan0\nwpa=2\nwpa_key_mgmt=WPA-PSK\n", [("", "anyOf")]),
        ("interface=wlan0\nwpa=2\nwpa_key_mgmt=WPA-PSK\nwpa_passphrase=long enough\n", []),
    ],
    "my.cnf": [
        ("[mysqld]\nport = 3307\nmax-connections = 200\nskip-name-resolve\nnew_option = x\n", []),
        ("[mysqld]\nport = 70000\n", [("mysqld.port", "maximum")]),
        ("[client]\nport = many\n", [("client.port", "type")]),
        ("[mysqld]\nmax_connections = 1\n", [("mysqld.max_connections", "minimum")]),
        ("[mariadb-10.11]\ninnodb-buffer-pool-size = lots\n", [("mariadb-10~11.innodb-buffer-pool-size", "pattern")]),
        ("[mysqld]\nslow_query_log = maybe\n", [("mysqld.slow_query_log", "type")]),
    ],
    "php.ini": [
        ("[PHP]\nmemory_limit = 256M\ndisplay_errors = stderr\nmax_execution_time = 0\n", []),
        ("[PHP]\nmemory_limit = lots\n", [("PHP.memory_limit", "pattern")]),
        ("[PHP]\nmax_execution_time = -5\n", [("PHP.max_execution_time", "minimum")]),
        ("[PHP]\nexpose_php = maybe\n", [("PHP.expose_php", "type")]),
        ("[PHP]\nerror_reporting = 'all of them'\n", [("PHP.error_reporting", "pattern")]),
        ("[Session]\nsession.sid_length = 8\n", [("Session.session~sid_length", "minimum")]),
        ("[Session]\nsession.cookie_samesite = Sometimes\n", [("Session.session~cookie_samesite", "enum")]),
        ("[Date]\ndate.timezone = 'Europe Berlin'\n", [("Date.date~timezone", "pattern")]),
    ],
    "systemd.service": [
        ("[Unit]\nAfter=a.service b.service\n[Service]\nExecStart=/bin/a\nExecStart=/bin/b\nLimitNOFILE=1:2\n", []),
        ("[Service]\nType=fork\n", [("Service.Type", "enum")]),
        ("[Service]\nRestart=sometimes\n", [("Service.Restart", "enum")]),
        ("[Service]\nTimeoutStopSec=soon\n", [("Service.TimeoutStopSec", "pattern")]),
        ("[Service]\nMemoryMax=lots\n", [("Service.MemoryMax", "pattern")]),
        ("[Service]\nNice=100\n", [("Service.Nice", "maximum")]),
        ("[Service]\nNoNewPrivileges=maybe\n", [("Service.NoNewPrivileges", "type")]),
        ("[Service]\nLimitNOFILE=many\n", [("Service.LimitNOFILE", "pattern")]),
        ("[Service]\nexecstart=/bin/a\n", [("Service.execstart", "pattern")]),
        ("[Install]\nWantedBy='x y'\n", [("Install.WantedBy", "pattern")]),
        ("[Sevrice]\nType=simple\n", [("Sevrice", "additionalProperties")]),
    ],
    "sshd_config": [
        ("Port 22\nPort 2222\nPermitRootLogin no\nMatch User git\n  X11Forwarding no\n", []),
        ("Port 70000\n", [("Port.0", "maximum")]),
        ("PermitRootLogin maybe\n", [("PermitRootLogin", "enum")]),
        ("PasswordAuthentication sometimes\n", [("PasswordAuthentication", "type")]),
        ("MaxAuthTries 0\n", [("MaxAuthTries", "minimum")]),
        ("LoginGraceTime soon\n", [("LoginGraceTime", "pattern")]),
        ("Match User git\n  PermitTTY maybe\n", [("Match.Settings.PermitTTY", "type")]),
        ("Match User a\n  PermitTTY no\nMatch User b\n  PermitTTY x\n", [("Match.1.Settings.PermitTTY", "type")]),
    ],
}


def wrong() -> Iterator[Any]:
    """Each text, with where it breaks which rule."""
    for name, cases in WRONG.items():
        yield from (pytest.param(name, *case, id=f"{name}-{number}") for number, case in enumerate(cases))


@pytest.mark.parametrize(("name", "text", "broken"), wrong())
def test_wrong_values_are_refused(name: str, text: str, broken: list[tuple[str, str]]) -> None:
    """What no program of that kind takes, or takes for something else, is named; what it takes is not."""
    found = schema(name).broken(instance(documents.read(form(name), text.encode())))
    assert [(_written(place), rule) for place, rule in found] == broken


def _written(place: tuple[str, ...]) -> str:
    """A place in one word; a dot of a name is a `~`."""
    return ".".join(segment.replace(".", "~") for segment in place)


@pytest.mark.parametrize("name", FORMATS)
def test_a_form_can_be_made_of_it(name: str) -> None:
    """Every setting and section is described, and defaults hold."""
    document = load_file(str(SCHEMAS / f"{name}.json"))
    undescribed: list[str] = []

    def look(part: Any, at: str) -> None:
        if isinstance(part, list):
            for number, one in enumerate(part):
                look(one, f"{at}[{number}]")
        elif isinstance(part, dict):
            for word, below in part.items():
                if word == "properties" and not {"if", "then"} & set(at.split(".")):
                    undescribed.extend(f"{at}.{key}" for key, one in below.items() if not _is_described(one))
                look(below, f"{at}.{word}")
            if "default" in part:
                assert DocumentSchema({**part, "$defs": document.get("$defs", {})}).holds(part["default"]), at

    look(document, "")
    assert undescribed == []
    assert document["title"]
    assert (SCHEMAS / "README.md").read_text(encoding="utf-8").count(f"`{name}.json`") == 1


def _is_described(part: Any) -> bool:
    return bool(part.get("description") or part.get("title"))


def test_every_schema_is_tried() -> None:
    """A new one has its file of Debian's, and values that are wrong."""
    assert {path.name.removesuffix(".json") for path in SCHEMAS.glob("*.json")} == FORMATS.keys()
    assert FORMATS.keys() == SHIPPED.keys() == WRONG.keys()


def test_a_target_is_guarded_by_one(serve: Serve) -> None:
    """php.ini's numbers are numbers to callers, and written as PHP reads them."""
    settings = f"""
[targets.php]
path   = "{{scratch}}/php/php.ini"
format = "ini"
preset = "php"
schema = "php.ini.json"

[[grants]]
users   = [{os.getuid()}]
methods = ["get_key", "update_key", "describe"]
targets = ["php"]
keys    = ["PHP.max_execution_time", "PHP.memory_limit", "PHP.expose_php"]
"""
    text = "[PHP]\nexpose_php = Off\nmax_execution_time = 30\nmemory_limit = 128M\n"
    rules = (SCHEMAS / "php.ini.json").read_text(encoding="utf-8")
    server = serve(settings, {"php/php.ini": text, "php.ini.json": rules})
    described = server.call("describe", target="php")
    assert described["values"] == {"PHP": {"expose_php": False, "max_execution_time": 30, "memory_limit": "128M"}}
    members = described["schema"]["properties"]["PHP"]["properties"]
    assert members.keys() == {"expose_php", "max_execution_time", "memory_limit"}
    assert (
        members["max_execution_time"]["maximum"]
        == json.loads(rules)["properties"]["PHP"]["properties"]["max_execution_time"]["maximum"]
    )
    server.call("update_key", target="php", key="PHP.max_execution_time", value=60)
    server.call("update_key", target="php", key="PHP.expose_php", value=True)
    assert server.kind("update_key", target="php", key="PHP.memory_limit", value="lots") == "rejected"
    written = (server.scratch / "php/php.ini").read_text()
    assert written == text.replace("= 30", "= 60").replace("Off", "On")
