"""What large documents cost those who have none."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import SETTINGS, Serve
from tests.harness.memory import memory_file

MODULE = '''
"""Tells how often the collector has looked at every object."""

import gc

from rpcd.methods import Method


def looks(_call, _params):
    return gc.get_stats()[2]["collections"]


METHODS = {"looks": Method(handler=looks)}
'''

NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}

LARGE = b"[k]\n" + b"a\n b\n" * 200_000
"""Nearly a mebibyte, and hundreds of thousands of objects once it is read."""


@pytest.mark.slow
def test_large_documents_do_not_stop_everybody(serve: Serve, scratch: Path) -> None:
    """The collector, which nobody is served beside, does not look at all objects for each large document."""
    methods = scratch / "methods"
    methods.mkdir()
    (methods / "looks.py").write_text(MODULE)
    (methods / "looks.params.json").write_text(json.dumps(NOTHING))
    (methods / "looks.result.json").write_text(json.dumps({"type": "integer"}))
    settings = '\n[methods]\npath = "{scratch}/methods"\nmodules = ["looks"]\n'
    rpcd = serve(settings + SETTINGS + f'\n[[grants]]\nusers = [{os.getuid()}]\nmethods = ["looks"]\n')
    before = rpcd.call("looks")
    for _ in range(2):
        large = memory_file(LARGE)
        assert rpcd.connection.kind("replace_file", descriptors=[large], target="shop", content={"fd": 0}) is None
        os.close(large)
    assert rpcd.call("looks") - before <= 1


@pytest.mark.usefixtures("unmeasured")
def test_a_server_holds_nothing_that_only_a_person_needs(serve: Serve, scratch: Path) -> None:
    """What draws tables and colours is imported by commands alone; an administrator's module may import them."""
    server = serve(flags=["-X", "importtime"])
    assert server.call("ping") == "pong"
    assert " structlog\n" in server.log()
    assert "rich.console" not in server.log()
    server.stop()
    methods = scratch / "methods"
    methods.mkdir()
    (methods / "looks.py").write_text(f"import rich.console\n{MODULE}")
    for part in ("params", "result"):
        (methods / f"looks.{part}.json").write_text(json.dumps(NOTHING))
    server.configure('\n[methods]\npath = "{scratch}/methods"\nmodules = ["looks"]\n' + SETTINGS)
    server.start()
    assert server.call("ping") == "pong"
