"""Mixed calls for a while leave the server as it was (CASES 158)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Serve
from tests.load.conftest import settings
from tests.load.soak import soak


@pytest.mark.slow
def test_nothing_grows(serve: Serve, as_user: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """20,000 calls that succeed, fail, lie and vanish leave descriptors, threads and memory where they were."""
    assert as_user is not None  # it takes root
    server = serve(settings())
    with server.nothing_leaks():
        report = soak(server, 20_000)
    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201 - figures for who runs it
    report.judge()
