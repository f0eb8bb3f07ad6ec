"""What is installed from the wheel is all that is needed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.harness.server import REPOSITORY

pytestmark = pytest.mark.slow


def run(*command: str, directory: Path | None = None) -> str:
    """What a command says, and it succeeds."""
    done = subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the source distribution, as package builders do."""
    built = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(REPOSITORY))
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel, what it asks for, and nothing else: its `bin`."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", str(wheel))
    return environment / "bin"


def test_the_wheel_has_every_schema(wheel: Path) -> None:
    """Each schema of the checkout is in the wheel, byte for byte."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name.removeprefix("rpcd/_schemas/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith("rpcd/_schemas/")
        }
    schemas = REPOSITORY / "schemas"
    assert packed == {
        str(path.relative_to(schemas)): path.read_bytes() for path in schemas.rglob("*") if path.is_file()
    }


def test_the_wheel_has_nothing_else(wheel: Path) -> None:
    """No tests, caches or settings of ours are installed on an administrator's machine."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        suffixes = {os.path.splitext(name)[1] for name in archive.namelist() if name.startswith("rpcd/")}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"rpcd"}
    assert suffixes <= {".py", ".json", ".toml", ".typed"}


def test_what_is_installed_serves(installed: Path, serve: Serve) -> None:
    """A server from the wheel alone reads, changes, and judges parameters by its own schemas."""
    server = serve(python=str(installed / "python"))
    assert server.call("ping") == "pong"
    assert server.call("update_key", target="shop", key="ui.theme", value="dark")["changed"]
    assert server.call("get_key", target="shop", key="ui.theme")["value"] == "dark"
    assert server.kind("get_key", target="shop") == "invalid_params"
    assert str(REPOSITORY) not in " ".join(server.usage().descriptors)


def test_the_first_settings_come_along(installed: Path, scratch: Path) -> None:
    """`rpcd init` writes them from what the wheel has, and they hold."""
    run(str(installed / "rpcd"), "init", str(scratch))
    run(str(installed / "rpcd"), "check", "--strict", "--config", str(scratch / "rpcd.toml"))
    assert "[targets.shop]" in (scratch / "rpcd.toml").read_text()


def test_the_command_is_installed(installed: Path) -> None:
    """`rpcd --version` says the version of the wheel."""
    assert (
        run(str(installed / "rpcd"), "--version")
        .strip()
        .endswith(
            run(
                str(installed / "python"),
                "-c",
                "from importlib.metadata import version; print(version('rpcd-seqpacket'))",
            ).strip()
        )
    )
