"""`rpcd explain`, `whoami`, `may` and `discover`: what an administrator and a caller are told about grants."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rpcd.cli import main
from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import REPOSITORY, Rpcd, settings_text

USERS = ("www-data", "daemon", "backup", "games", "root")
"""Users that every Debian has; the last is named by no grant."""

SETTINGS = """
[targets.shop]
path   = "{scratch}/shop.ini"
format = "ini"

[targets.vhosts]
directory = "{scratch}/vhosts"
names     = '[a-z-]+\\.conf'
format    = "text"

[[grants]]
users   = ["www-data"]
methods = ["get_key", "update_key"]
targets = ["shop"]
keys    = ["ui.*", "mail.from"]

[[grants]]
groups  = ["backup"]
methods = ["read_file", "list_files"]
targets = ["vhosts/shop-*.conf"]

[[grants]]
users   = ["daemon"]
units   = ["shop.service"]
methods = ["read_file"]
targets = ["*"]

[[grants]]
users   = ["daemon", "games"]
methods = ["status"]

[[grants]]
users   = ["games"]
methods = ["delete_key"]
targets = ["shop"]
"""

FILES = {"shop.ini": "[ui]\ntheme = light\n", "vhosts/shop-a.conf": "a\n"}

QUESTIONS: tuple[tuple[str, ...], ...] = (
    ("ping",),
    ("may",),
    ("status",),
    ("status", "shop"),
    ("nonsense",),
    ("get_key",),
    ("get_key", "shop"),
    ("get_key", "shop", "ui.theme"),
    ("get_key", "shop", "ui"),
    ("get_key", "shop", "mail.from"),
    ("get_key", "shop", "mail"),
    ("get_key", "shop", "mail.password"),
    ("update_key", "shop", '"ui.theme"'),
    ("delete_key", "shop", "ui.theme"),
    ("get_key", "vhosts/shop-a.conf", "ui.theme"),
    ("read_file", "shop"),
    ("read_file", "vhosts"),
    ("read_file", "vhosts/shop-a.conf"),
    ("read_file", "vhosts/blog.conf"),
    ("list_files", "vhosts"),
    ("read_file", "nowhere"),
)


def explained(config: Path, user: str, *arguments: str) -> Result:
    """What `rpcd explain` says."""
    return CliRunner().invoke(main, ["explain", "--config", str(config), "--user", user, *arguments])


@pytest.fixture
def server(serve: Serve) -> Rpcd:
    """A server with these grants."""
    return serve(SETTINGS, FILES)


@pytest.mark.parametrize("user", USERS)
def test_explain_says_what_the_running_server_does(user: str, server: Rpcd, as_user: Callable[..., Any]) -> None:
    """Each question has the same answer as the server's `may` has for that user, with all groups it has."""
    entry = pwd.getpwnam(user)

    def answers() -> list[bool]:
        said = []
        with Connection(server.socket) as connection:
            for question in QUESTIONS:
                params: dict[str, Any] = dict(zip(("method", "target", "key"), question, strict=False))
                reply = connection.request("may", **params)
                said.append("result" in reply and reply["result"]["allowed"])
        return said

    groups = os.getgrouplist(user, entry.pw_gid)
    told = as_user(entry.pw_uid, entry.pw_gid, groups, answers)
    found = [explained(server.config, user, *question).exit_code == 0 for question in QUESTIONS]
    assert dict(zip(QUESTIONS, found, strict=True)) == dict(zip(QUESTIONS, told, strict=True))
    assert any(told) == (user != "root")


REASONS: tuple[tuple[str, tuple[str, ...], int, str], ...] = (
    ("www-data", ("get_key", "shop", "ui.theme"), 0, "yes: rpcd.toml:{0} lets www-data call get_key on shop for the"),
    ("www-data", ("get_key", "shop", "mail.from"), 0, "Only as a value"),
    ("www-data", ("get_key", "shop", "ui"), 0, "Only as a table"),
    ("games", ("delete_key", "shop", "ui"), 0, "With expect it is denied: that takes get_key there, too."),
    ("www-data", ("get_key", "shop", "mail.frm"), 1, "its keys are ui.*, mail.from, not mail.frm; did you mean"),
    ("www-data", ("get_key", "shop", "mail"), 1, "some of what is below mail, not all of it"),
    ("www-data", ("delete_key", "shop", "ui.theme"), 1, "its methods are get_key, update_key, not delete_key"),
    ("www-data", ("get_key", "shpo"), 1, "its targets are shop, not shpo"),
    ("www-data", ("get_key", "shpo"), 1, "There is no target 'shpo'; did you mean 'shop'?"),
    ("www-data", ("get_kye", "shop"), 1, "no: there is no method 'get_kye'; did you mean 'get_key'?"),
    ("www-data", ("ping",), 0, "yes: rpcd.toml:{0} names www-data, and ping needs no more"),
    ("www-data", ("status",), 1, "it is for daemon, games, not for www-data"),
    ("root", ("ping",), 1, "no: no grant names root"),
    ("root", ("read_file", "vhosts/shop-a.conf"), 1, "it is for the group backup, not for root"),
    ("root", ("read_file", "vhosts/shop-a.conf", "--group", "backup"), 0, "lets root call read_file"),
    ("daemon", ("read_file", "shop"), 1, "it is for callers in shop.service, see --unit"),
    ("daemon", ("read_file", "shop", "--unit", "x.service"), 1, "not in x.service"),
    ("daemon", ("read_file", "shop", "--unit", "shop.service"), 0, "yes"),
    ("daemon", ("read_file", "nowhere", "--unit", "shop.service"), 0, "There is no target 'nowhere'"),
    ("daemon", ("read_file", "shop/x", "--unit", "shop.service"), 0, "'shop' is a single file"),
    ("daemon", ("read_file", "vhosts/X", "--unit", "shop.service"), 0, "'X' is not among the names of 'vhosts'"),
    ("4711", ("ping",), 1, "it is for www-data, not for 4711"),
    ("65534", ("ping",), 1, "stands for every user that cannot be named"),
    ("www-dta", ("ping",), 2, "no user is named 'www-dta'; did you mean 'www-data'?"),
    ("root", ("ping", "--group", "bakup"), 2, "no group is named 'bakup'; did you mean 'backup'?"),
    ("root", ("get_key", "../x"), 2, "'../x' is no target"),
    ("root", ("get_key", "shop", "a..b"), 2, "'a..b' is no key"),
    ("root", ("x" * 200,), 2, "is no method"),
)


@pytest.mark.parametrize(("user", "question", "status", "said"), REASONS)
def test_the_reason_is_told_in_words(
    user: str, question: tuple[str, ...], status: int, said: str, serve: Serve
) -> None:
    """Yes with the grant's file and line, no with what it lacks, and what was probably meant."""
    server = serve(SETTINGS, FILES, start=False)
    lines = server.config.read_text().splitlines()
    headers = [number for number, line in enumerate(lines, 1) if line == "[[grants]]"]
    done = explained(server.config, user, *question)
    assert done.exit_code == status, done.output
    assert said.format(*headers) in done.output


def test_programs_get_json(serve: Serve) -> None:
    """With --json the answer is one object, which names the conditions that fail."""
    server = serve(SETTINGS, FILES, start=False)
    no = json.loads(explained(server.config, "www-data", "get_key", "shop", "x", "--json").stdout)
    assert (no["allowed"], no["grant"]) == (False, None)
    assert [entry["failed"] for entry in no["closest"]] == [["key"]]
    yes = json.loads(explained(server.config, "www-data", "get_key", "shop", "mail.from", "--json").stdout)
    assert (yes["allowed"], yes["value"], yes["table"], yes["closest"]) == (True, True, False, [])


def test_many_grants_are_cut_short(scratch: Path) -> None:
    """Of grants that come as close the first ten are told, and how many others there are."""
    grant = '[[grants]]\nusers = ["daemon"]\nmethods = ["status"]\n'
    config = scratch / "rpcd.toml"
    config.write_text(settings_text(scratch, grant * 13))
    said = explained(config, "root", "status").stdout
    assert said.count("it is for daemon") == 10
    assert "and 3 more" in said


def test_settings_that_do_not_hold_explain_nothing(scratch: Path) -> None:
    """Their faults are told, and the end is 2."""
    config = scratch / "rpcd.toml"
    config.write_text("[servr]\n")
    done = explained(config, "root", "ping")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "servr" in done.stderr


# whoami, may and discover


def run(server: Rpcd, *arguments: str, wrapper: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    """One command, as a person or a script runs it."""
    command = [*wrapper, sys.executable, "-m", "rpcd", *arguments, "--socket", server.socket]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})


def on_a_terminal(server: Rpcd, *arguments: str) -> str:
    """What one command says where its output is a terminal."""
    line = " ".join([sys.executable, "-m", "rpcd", *arguments, "--socket", server.socket])
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", line, "/dev/null"],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "dumb"},
    )
    return done.stdout.decode().replace("\r", "")


def test_whoami_is_for_people_and_programs(rpcd: Rpcd) -> None:
    """One line of JSON where it is piped, a short list on a terminal."""
    found = json.loads(run(rpcd, "whoami").stdout)
    assert (found["uid"], found["gid"]) == (os.getuid(), os.getgid())
    assert found.keys() == {"uid", "gid", "groups", "user", "unit"}
    assert f"(uid {os.getuid()})" in on_a_terminal(rpcd, "whoami").splitlines()[0]


@pytest.mark.parametrize(
    ("question", "allowed"),
    [(("ping",), True), (("get_key", "shop", "ui.theme"), True), (("nonsense",), False)],
)
def test_may_answers_by_its_exit_status(question: tuple[str, ...], allowed: bool, rpcd: Rpcd) -> None:  # noqa: FBT001
    """0 is yes and 1 is no; a person reads the word."""
    done = run(rpcd, "may", *question)
    assert (done.returncode, json.loads(done.stdout)) == (0 if allowed else 1, {"allowed": allowed})
    assert on_a_terminal(rpcd, "may", *question).strip() == ("yes" if allowed else "no")


def test_discover_prints_the_document(rpcd: Rpcd) -> None:
    """One line of JSON where it is piped: an OpenRPC document."""
    document = json.loads(run(rpcd, "discover").stdout)
    assert document["openrpc"].startswith("1.")
    assert "update_key" in {method["name"] for method in document["methods"]}


def test_may_is_not_answered_without_a_server(scratch: Path) -> None:
    """No answer is not a no: it ends with 3."""
    done = CliRunner().invoke(main, ["may", "ping", "--socket", str(scratch / "none.sock")])
    assert done.exit_code == 3
