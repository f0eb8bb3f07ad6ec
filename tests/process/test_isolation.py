"""What a server imports, wherever and however it is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.harness.server import REPOSITORY, Rpcd

pytestmark = pytest.mark.usefixtures("unmeasured")

COMMANDS = {
    "module": [sys.executable, "-m", "rpcd"],
    "optimised": [sys.executable, "-O", "-m", "rpcd"],
    "isolated": [sys.executable, "-I", "-m", "rpcd"],
    "file": [sys.executable, str(REPOSITORY / "rpcd" / "__main__.py")],
    "command": [os.path.join(os.path.dirname(sys.executable), "rpcd")],
}
"""Every way to start it."""

SHADOWED = ("json", "tomllib", "structlog", "click", "resource", "jsonschema", "_socket", "email", "rpcd.wire")
"""Modules that a server imports after it has begun."""

EVIL = "import os\nos.close(os.open({mark!r}, os.O_WRONLY | os.O_CREAT))\nraise SystemExit('evil')\n"


def plant(directory: Path, names: tuple[str, ...], mark: Path) -> None:
    """Put modules of these names into a directory which, once imported, leave a mark."""
    for name in names:
        path = directory.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(EVIL.format(mark=str(mark)))


def cmdline(server: Rpcd) -> list[str]:
    """What the server's process was executed with."""
    return Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")[:-1]


@pytest.mark.parametrize("how", COMMANDS)
def test_nothing_around_it_is_imported(how: str, serve: Serve, scratch: Path) -> None:
    """Modules in the working directory, beside the settings and along PYTHONPATH are left alone."""
    mark = scratch / "imported"
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir()
    plant(scratch, SHADOWED, mark)
    plant(elsewhere, SHADOWED[:-1], mark)
    server = serve(
        command=COMMANDS[how], directory=str(scratch if how != "module" else elsewhere),
        environment={"PYTHONPATH": str(elsewhere), "PYTHONSTARTUP": str(elsewhere / "json.py")}, start=False,
    )  # fmt: skip
    server.start()
    assert server.call("update_key", target="shop", key="ui.theme", value="dark")["changed"]
    assert not mark.exists()
    assert "-I" in cmdline(server)
    environment = Path(f"/proc/{server.pid}/environ").read_bytes().split(b"\0")
    assert how == "isolated" or not [one for one in environment if one.startswith(b"PYTHON")]


def test_a_package_of_its_name_is_not_taken_for_it(serve: Serve, scratch: Path) -> None:
    """The command serves with the rpcd that it came with, whatever the working directory holds."""
    mark = scratch / "imported"
    plant(scratch, ("rpcd.__init__", "rpcd.__main__", "sitecustomize", "usercustomize"), mark)
    server = serve(command=COMMANDS["command"], directory=str(scratch))
    assert server.call("ping") == "pong"
    assert not mark.exists()


def test_the_unit_keeps_out_what_runs_first(serve: Serve, scratch: Path) -> None:
    """A sitecustomize along PYTHONPATH runs before any code of rpcd; with -I, or without PYTHONPATH, it does not."""
    mark = scratch / "imported"
    plant(scratch, ("sitecustomize",), mark)
    (scratch / "sitecustomize.py").write_text(EVIL.format(mark=str(mark)).replace("raise", "#"))
    first = serve(environment={"PYTHONPATH": f"{scratch}:{REPOSITORY}"})
    assert mark.exists()
    first.stop()
    mark.unlink()
    serve(command=COMMANDS["isolated"], environment={"PYTHONPATH": str(scratch)})
    assert not mark.exists()


def test_the_process_stays_the_same(serve: Serve) -> None:
    """Becoming isolated is an exec: who started the server knows its process id."""
    server = serve()
    assert server.process is not None
    assert server.pid == server.process.pid


def test_options_of_the_interpreter_stay(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """-O, -B, -X and -W are kept; what PYTHONWARNINGS asked for is not."""
    monkeypatch.setenv("PYTHONWARNINGS", "ignore::ImportWarning")
    server = serve(flags=["-OO", "-B", "-X", "frozen_modules=on", "-X", "faulthandler", "-W", "ignore::BytesWarning"])
    assert cmdline(server)[1:8] == [
        "-I", "-O", "-O", "-B", "-Xfrozen_modules=on", "-Xfaulthandler", "-Wignore::BytesWarning",
    ]  # fmt: skip
    assert cmdline(server)[8].endswith("/rpcd/__main__.py")


def test_an_interpreter_that_is_never_isolated_does_not_serve(scratch: Path) -> None:
    """A wrapper that drops -I is found out at the second time, instead of executing itself for ever."""
    wrapper = scratch / "python"
    wrapper.write_text(f'#!/bin/sh\nshift\nexec -a "$0" {sys.executable} "$@"\n'.replace("/bin/sh", "/bin/bash"))
    wrapper.chmod(0o755)
    code = (
        f"import sys; sys.executable = {str(wrapper)!r}; sys.argv = ['rpcd', 'serve'];"
        f"import rpcd.__main__ as m; m.main()"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.returncode, done.stderr) == (1, "rpcd: this interpreter does not run isolated (-I)\n")


def test_other_commands_start_at_once(scratch: Path) -> None:
    """Only a server is isolated: what a person types does not start twice."""
    trace = scratch / "trace"
    subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace), *COMMANDS["module"], "--version"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, check=True, cwd="/",
    )  # fmt: skip
    assert trace.read_text().count("execve(") == 1
