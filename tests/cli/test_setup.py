"""What a newcomer needs: `rpcd init`, `--help`, and completion in the shell."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rpcd.cli import COMMANDS, main
from rpcd.methods import METHODS
from rpcd.settings.starter import example, starter
from tests.harness.server import REPOSITORY, Rpcd
from tests.harness.users import WWW_DATA


def run(*arguments: str, **environment: str) -> Result:
    """What a command says on a terminal of 80 columns."""
    return CliRunner().invoke(main, arguments, prog_name="rpcd", env={"COLUMNS": "80", **environment})


# init


def test_the_first_settings_hold(scratch: Path) -> None:
    """`rpcd check --strict` has nothing to say about them, and root can look after the server."""
    done = run("init", str(scratch / "rpcd"))
    assert done.exit_code == 0, done.output
    config = scratch / "rpcd" / "rpcd.toml"
    assert f"rpcd check --config {config}" in done.stdout
    checked = run("check", "--strict", "--config", str(config))
    assert (checked.exit_code, checked.stderr) == (0, "no faults: 0 targets, 1 grant\n")
    for method, status in (("status", 0), ("server.reload", 0), ("get_key", 1)):
        assert run("explain", "--config", str(config), "--user", "root", method).exit_code == status
    assert config.stat().st_mode & 0o7777 == 0o600
    assert config.parent.stat().st_mode & 0o7777 == 0o755


def test_a_file_that_is_there_stays(scratch: Path) -> None:
    """It is never overwritten, whatever it is; the end is 1."""
    config = scratch / "rpcd.toml"
    config.write_text("mine")
    assert run("init", str(scratch)).exit_code == 1
    assert config.read_text() == "mine"
    config.unlink()
    config.symlink_to("nowhere")
    assert run("init", str(scratch)).exit_code == 1
    assert config.is_symlink()
    assert list(scratch.iterdir()) == [config]


def test_nothing_is_written_where_others_could_change_it(scratch: Path, as_user: Callable[..., Any]) -> None:
    """Neither into a directory that others can write, nor where we cannot."""
    scratch.chmod(0o777)
    done = run("init", str(scratch))
    assert done.exit_code == 1
    assert "others than its owner can write it" in done.stderr
    assert list(scratch.iterdir()) == []
    scratch.chmod(0o755)
    assert "Permission denied" in as_user(WWW_DATA, WWW_DATA, [], lambda: run("init", str(scratch)).stderr)
    assert "No such file" in run("init", str(scratch / "a" / "b")).stderr


def test_the_first_settings_are_the_example() -> None:
    """Every line of the commented example is there, and without the marks on its settings it is the same."""
    text = starter(METHODS)
    assert not {"targets", "methods"} & tomllib.loads(text).keys()
    begin = text.index("[targets.") - 1
    bare = text[:begin] + re.sub(r"^#(?=[^ \n])", "", text[begin:], flags=re.MULTILINE)
    assert bare.startswith(example())
    assert tomllib.loads(bare)["targets"] == tomllib.loads(example())["targets"]


# help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    """On 80 columns, with an example, and a sentence in the list of commands that is not cut."""
    done = run(command, "--help")
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert re.search(rf"^    (.* )?rpcd {command}\b", done.stdout, re.MULTILINE)


def test_the_first_page_names_the_first_steps() -> None:
    """What there is, in an order that tells a story; no line is too long, no sentence cut."""
    text = run("--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.partition("Options:")[2]
    steps = [text.index(f"    rpcd {step}") for step in ("init", "check", "serve", "call ping")]
    assert steps == sorted(steps)
    listed = re.findall(r"^  ([a-z][a-z-]*)  +\S", text.partition("Options:")[2], re.MULTILINE)
    assert listed == list(COMMANDS)


# completion


SHIPPED = {"bash": "rpcd.bash", "zsh": "_rpcd", "fish": "rpcd.fish"}


@pytest.mark.parametrize("shell", SHIPPED)
def test_the_shipped_completion_is_what_the_command_prints(shell: str) -> None:
    """Distributions install contrib/completion: `rpcd completion SHELL` writes it again."""
    shipped = (REPOSITORY / "contrib" / "completion" / SHIPPED[shell]).read_text()
    assert run("completion", shell).stdout == shipped


def completed(words: list[str], *, server: str) -> list[str]:
    """What is completed for the last of these words, by the protocol of the shells."""
    done = run(
        COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1), _RPCD_COMPLETE="bash_complete", RPCD_SOCKET=server
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_methods_and_targets_are_the_callers_own(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """What the server describes to whoever types is what a shell offers."""

    def ask() -> list[list[str]]:
        return [
            completed(words.split(" "), server=rpcd.socket)
            for words in (
                "rpcd may upd",
                "rpcd may del",
                "rpcd may update_key ",
                "rpcd explain --user x get_key s",
                "rpcd call get_key ",
                "rpcd call get_key target=",
                "rpcd call get_key target =",
                "rpcd call get_key target = sh",
                "rpcd call get_key target = mo",
                "rpcd call ping ",
            )
        ]

    expected = [["update_key"], [], ["shop"], ["shop"], ["target=shop"], ["target=shop"], ["shop"], ["shop"], [], []]
    assert as_user(WWW_DATA, WWW_DATA, [], ask) == expected
    mine = completed(["rpcd", "may", "de"], server=rpcd.socket)
    assert mine == ["describe", "delete_key", "delete_file"]


def test_commands_are_completed_without_a_server(scratch: Path) -> None:
    """Nothing is said about a server that is not there."""
    nobody = str(scratch / "none.sock")
    assert completed(["rpcd", "com"], server=nobody) == ["completion"]
    assert completed(["rpcd", "may", "p"], server=nobody) == []


def test_a_server_that_does_not_answer_is_not_waited_for(rpcd: Rpcd) -> None:
    """The shell gets nothing, soon."""
    os.kill(rpcd.pid, 19)
    try:
        assert completed(["rpcd", "may", "p"], server=rpcd.socket) == []
    finally:
        os.kill(rpcd.pid, 18)


COMPLETES = {
    "bash": '. "{file}"; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _rpcd_completion rpcd;'
    ' echo "${{COMPREPLY[@]}}"',
    "fish": 'source "{file}"; complete --do-complete "{words}"',
}


@pytest.mark.parametrize("shell", COMPLETES)
@pytest.mark.parametrize(("words", "said"), [("rpcd may update_key sh", "shop"), ("rpcd disc", "discover")])
def test_shells_themselves_complete(shell: str, words: str, said: str, rpcd: Rpcd, scratch: Path) -> None:
    """The shipped file, read by the real shell, fills in what a person has begun to type."""
    installed(shell)
    program = scratch / "rpcd"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{REPOSITORY}" exec "{sys.executable}" -m rpcd "$@"\n')
    program.chmod(0o755)
    file = REPOSITORY / "contrib" / "completion" / SHIPPED[shell]
    done = subprocess.run(
        [shell, "-c", COMPLETES[shell].format(file=file, words=words)],
        capture_output=True,
        check=True,
        env={"PATH": f"{scratch}:{os.environ['PATH']}", "RPCD_SOCKET": rpcd.socket, "HOME": str(scratch)},
    )
    assert (done.stdout.decode().split()[:1], done.stderr) == ([said], b"")


@pytest.mark.parametrize("shell", SHIPPED)
def test_shells_take_the_shipped_completion(shell: str) -> None:
    """Each shell parses its file."""
    installed(shell)
    file = REPOSITORY / "contrib" / "completion" / SHIPPED[shell]
    subprocess.run([shell, "-n", str(file)], check=True, capture_output=True)


def installed(shell: str) -> None:
    """Skip the test where this machine does not have the shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"Debian's {shell} is not installed")
