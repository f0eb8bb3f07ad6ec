"""`rpcd history`, `rpcd diff` and `rpcd restore`, as a person and a program use them."""

import json
import subprocess
import sys

import click
import pytest

from rpcd.cli.revision import pick
from tests.conftest import SETTINGS, SHOP_INI
from tests.harness.server import REPOSITORY, Rpcd
from tests.operation.test_commands import run, seen


@pytest.fixture
def changed(rpcd: Rpcd) -> Rpcd:
    """A server whose shop has been changed twice."""
    for value in ("dark", "blue"):
        rpcd.call("update_key", target="shop", key="ui.theme", value=value, actor="anna", note=f"now {value}")
    return rpcd


def test_programs_get_a_line_for_each(changed: Rpcd) -> None:
    """JSON, the newest first."""
    done = run(changed, "history", "shop")
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["number"] for line in lines] == [3, 2, 1]
    assert lines[0]["edits"][0]["note"] == "now blue"


def test_people_get_a_table(changed: Rpcd) -> None:
    """Who, on whose behalf, what and why; what nobody made has a star."""
    status, shown = seen(changed, "history", "shop")
    assert status == 0
    for part in ("when", "who", "for anna", "update_key ui.theme (now blue)", "1*", "past rpcd"):
        assert part in shown, shown


def test_a_diff_says_whether_there_is_one(changed: Rpcd) -> None:
    """As diff(1): 1 where they differ, 0 where they do not; revisions by number or by how they begin."""
    done = run(changed, "diff", "shop")
    assert (done.returncode, "-theme = dark\n+theme = blue\n" in done.stdout) == (1, True)
    assert "-theme = light\n+theme = blue\n" in run(changed, "diff", "shop", "1").stdout
    assert (run(changed, "diff", "shop", "2", "2").returncode, run(changed, "diff", "motd").returncode) == (0, 0)
    first = changed.call("history", target="shop")["revisions"][-1]["revision"]
    assert "-theme = light\n+theme = dark\n" in run(changed, "diff", "shop", first.partition(":")[2][:12], "2").stdout


@pytest.mark.parametrize("said", ["99", "zzz", "", "r1:", "sha256:", "0"])
def test_a_revision_that_is_none_is_a_mistake(changed: Rpcd, said: str) -> None:
    """Nothing happens, and the exit status is that of a wrong command line."""
    done = run(changed, "restore", "shop", said)
    assert done.returncode == 2
    assert "revision" in done.stderr
    assert "blue" in (changed.scratch / "shop/shop.ini").read_text()


def test_an_earlier_revision_comes_back(changed: Rpcd) -> None:
    """First seen, then done, with a note."""
    shown = run(changed, "restore", "--dry-run", "shop", "1")
    assert "+theme = light" in shown.stdout
    assert "blue" in (changed.scratch / "shop/shop.ini").read_text()
    done = run(changed, "restore", "shop", "1", "--note", "as it was")
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (0, True)
    assert (changed.scratch / "shop/shop.ini").read_text() == SHOP_INI
    assert changed.call("history", target="shop")["revisions"][0]["edits"][0]["note"] == "as it was"
    assert "was like that already" in seen(changed, "restore", "shop", "1")[1]


@pytest.mark.parametrize(
    ("said", "picked"),
    [
        ("2", 2),
        ("absent", 3),
        ("sha256:12ab", 1),
        ("12ab", 1),
        ("12345678", 2),
        ("r1:9f9f9", 1),
        ("9f9f9", 1),
        *((wrong, None) for wrong in ("12", "123", "12a", "sha256:12a", "sha256:", "abse", "9f9f", "", "4")),
    ],
)
def test_what_a_person_means(said: str, picked: int | None) -> None:
    """A short number is a number and never a beginning; a beginning has four characters, and begins one only."""
    kept = [
        (1, 1, ("sha256:12ab" + "0" * 60, "r1:9f9f9" + "0" * 59)),
        (2, 2, ("sha256:12345678" + "0" * 56, "r1:9f9f8" + "0" * 59)),
        (3, 3, ("absent",)),
    ]
    if picked is None:
        with pytest.raises(click.UsageError):
            pick(said, kept)
    else:
        assert pick(said, kept) == picked


def purge(server: Rpcd, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `rpcd history --purge` does with the server's settings."""
    return subprocess.run(
        [sys.executable, "-m", "rpcd", "history", "--purge", "--config", str(server.config), *arguments],
        capture_output=True, check=False, cwd=REPOSITORY, text=True,
    )  # fmt: skip


def test_what_leaked_is_forgotten(changed: Rpcd) -> None:
    """By a command of root's beside the running server, which knows at once; a mistake forgets nothing."""
    revision = changed.call("history", target="shop")["revisions"][1]["revision"]
    assert purge(changed, "shop", "zzz").returncode == 2
    assert purge(changed, "nothing").returncode == 1
    done = purge(changed, "shop", revision.partition(":")[2][:16])
    assert (done.returncode, done.stderr) == (0, "rpcd: forgot 1 revision of shop\n")
    assert [one["number"] for one in changed.call("history", target="shop")["revisions"]] == [3, 1]
    assert changed.kind("restore", target="shop", revision=revision) == "no_such_revision"
    named = changed.call("history", target="shop")["revisions"][0]["revision"]
    changed.configure(SETTINGS.replace('"read_file", ', ""))
    changed.reload()
    keyed = changed.call("history", target="shop")["revisions"][0]["revision"]
    assert (named[:7], keyed[:3]) == ("sha256:", "r1:")
    assert purge(changed, "shop", "absent").returncode == 2
    assert purge(changed, "shop", keyed[:13]).stderr == "rpcd: forgot 1 revision of shop\n", "as it was shown"
    assert purge(changed, "shop").stderr == "rpcd: forgot 1 revision of shop\n"
    assert [one["external"] for one in changed.call("history", target="shop")["revisions"]] == [True]


def test_that_there_was_no_file_is_forgotten_by_itself(rpcd: Rpcd) -> None:
    """`absent` is one revision, and not all of them."""
    rpcd.call("replace_file", target="vhosts/new.conf", content="a\n")
    assert purge(rpcd, "vhosts/new.conf", "absent").stderr == "rpcd: forgot 1 revision of vhosts/new.conf\n"
    assert [one["number"] for one in rpcd.call("history", target="vhosts/new.conf")["revisions"]] == [2]
