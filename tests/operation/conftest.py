"""Fixtures: methods that hold the server up, and a manager that is told how it is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SETTINGS
from tests.harness.manager import Manager


@pytest.fixture
def holding(scratch: Path) -> str:
    """Settings with the methods of `methods/hold.py`."""
    shutil.copytree(Path(__file__).parent / "methods", scratch / "methods")  # where nobody else can write
    return f'{SETTINGS}\n[methods]\npath = "{scratch}/methods"\nmodules = ["hold"]\n'


@pytest.fixture
def manager(scratch: Path) -> Iterator[Manager]:
    """A manager that a server can tell how it is."""
    with Manager(scratch / "manager.sock") as manager:
        yield manager
