"""What is handed to workers runs, or is refused: exactly one of the two."""

import threading
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from rpcd.errors import Refused
from rpcd.store.workers import Workers
from tests.harness.server import wait_until
from tests.store.conftest import Open


def no_thread() -> None:
    """What Python says where the system has none."""
    raise RuntimeError("can't start new thread")


def test_what_is_submitted_runs_or_is_refused() -> None:
    """Without any worker a job is refused and never runs; with one it runs, whatever further threads can be had."""
    workers = Workers(4)
    ran: list[str] = []
    with pytest.MonkeyPatch.context() as limited:
        limited.setattr("threading.Thread.start", lambda _: no_thread())
        with pytest.raises(Refused) as refused:
            workers.submit(1, lambda: ran.append("never"))
        assert refused.value.data == {"reason": "threads"}
    free = threading.Event()
    jobs: list[Future[Any]] = [workers.submit(1, free.wait)]
    with pytest.MonkeyPatch.context() as limited:
        limited.setattr("threading.Thread.start", lambda _: no_thread())
        jobs += [workers.submit(uid, partial(ran.append, f"of {uid}")) for uid in (1, 2, 2, 3)]
        free.set()
        for job in jobs:
            job.result(10)
    assert sorted(ran) == ["of 1", "of 2", "of 2", "of 3"]
    workers.shutdown()


def test_what_was_submitted_before_the_end_runs_before_it() -> None:
    """Jobs that wait for their turn when the workers are to end are done first; later ones are refused."""
    workers = Workers(2)
    ran: list[int] = []
    free = threading.Event()
    workers.submit(1, free.wait)
    for number in range(20):
        workers.submit(1, partial(ran.append, number))
    ending = threading.Thread(target=workers.shutdown)
    ending.start()
    wait_until(lambda: refuses(workers))
    free.set()
    ending.join()
    assert ran == list(range(20))


def refuses(workers: Workers) -> bool:
    """Whether workers take nothing more."""
    try:
        workers.submit(2, int)
    except Refused as refused:
        return refused.data == {"reason": "stopping"}
    return False


def test_who_comes_after_the_end_is_refused_and_recorded(open_disk: Open) -> None:
    """A change that is asked for once the store has been closed is not begun, and the log says so."""
    disk = open_disk()
    disk.store.committers.close()
    assert disk.told(("motd", b"ours")) == [{"kind": "unavailable", "reason": "stopping"}]
    assert disk.settled()
    assert [record["kind"] for record in disk.records("outcome")] == ["unavailable"]
