"""`AsyncClient` against the server: that it is `Client` in an event loop, and what an event loop adds."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from rpcd.client import (
    AnswerLostError,
    AsyncClient,
    ConnectionFailedError,
    NoSuchKeyError,
    TimedOutError,
    prepare,
)
from tests.clients.conftest import full_backlog, stopped
from tests.harness.server import Rpcd

pytestmark = pytest.mark.usefixtures("no_descriptor_stays")

T = TypeVar("T")


def run(server: Rpcd, act: Callable[[AsyncClient], Coroutine[Any, Any, T]], **options: float) -> T:
    """What `act` returns, in an event loop of its own."""

    async def main() -> T:
        async with AsyncClient(server.socket, **options) as client:
            return await act(client)

    return asyncio.run(main(), debug=True)


def test_calls(server: Rpcd) -> None:
    """Keys, files of 16 MiB, batches and refusals are those of `Client`."""
    content = os.urandom(1 << 24)

    async def act(client: AsyncClient) -> None:
        assert await client.ping() == "pong"
        change = await client.update_key("shop", "ui.theme", "dark", expect="light")
        assert (await client.get_key("shop", "ui.theme")).revision == change.revision
        await client.replace_file("big", content)
        assert (await client.read_file("big")).content == content
        pong, missing = await client.batch([prepare.ping(), prepare.get_key("shop", "nothing")])
        assert pong == "pong"
        assert isinstance(missing, NoSuchKeyError)
        with pytest.raises(NoSuchKeyError):
            await client.get_key("shop", "nothing")

    run(server, act)


def test_a_change_that_was_cancelled_is_asked_for_again(server: Rpcd) -> None:
    """Whether a cancelled change took effect is not known; under its `request_id` it is found out, and made once."""

    async def act(client: AsyncClient) -> None:
        first = asyncio.create_task(client.update_key("shop", "ui.theme", "dark", request_id="1"))
        await asyncio.sleep(0.001)
        first.cancel()
        await asyncio.wait([first])
        answers = [await client.update_key("shop", "ui.theme", "dark", request_id="1") for _ in range(2)]
        assert answers[0] == answers[1]
        assert answers[0].changed is True

    run(server, act)
    assert len(server.records("outcome", changed=True)) == 1


def test_tasks_share_a_client(server: Rpcd) -> None:
    """Calls of several tasks wait for each other, and each gets its own answer."""

    async def act(client: AsyncClient) -> list[object]:
        keys = ["ui.theme", "ui.title"] * 50
        return [held.value for held in await asyncio.gather(*(client.get_key("shop", key) for key in keys))]

    assert run(server, act) == ["light", "A shop"] * 50


def test_the_loop_goes_on(server: Rpcd) -> None:
    """While one client waits for its answer, another gets its own, and the event loop does not stand still."""

    async def act(client: AsyncClient) -> None:
        async with AsyncClient(server.socket) as other:
            resting = asyncio.create_task(client.call("lab_pause", seconds=0.5))
            began = time.monotonic()
            assert await other.ping() == "pong"
            assert time.monotonic() - began < 0.4
            assert await resting == "rested"

    run(server, act)


def test_a_cancelled_call(server: Rpcd) -> None:
    """After a call was cancelled the next gets its own answer, over a connection of its own."""

    async def act(client: AsyncClient) -> None:
        assert await client.ping() == "pong"
        for seconds in (0, 0.05):
            task = asyncio.create_task(client.call("lab_pause", seconds=0.3))
            await asyncio.sleep(seconds)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.get_key("shop", "ui.theme")).value == "light"

    run(server, act)


def test_a_call_cancelled_while_it_waits_for_its_turn(server: Rpcd) -> None:
    """Cancelling a call that has not begun leaves the one that is under way alone."""

    async def act(client: AsyncClient) -> None:
        resting = asyncio.create_task(client.call("lab_pause", seconds=0.3))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(client.ping())
        await asyncio.sleep(0.05)
        waiting.cancel()
        assert await resting == "rested"

    run(server, act)


def test_a_silent_server(server: Rpcd) -> None:
    """A read has timed out, a change is lost, and the client goes on once the server does."""

    async def act(client: AsyncClient) -> None:
        with stopped(server):
            with pytest.raises(TimedOutError):
                await client.get_key("shop", "ui.theme")
            with pytest.raises(AnswerLostError):
                await client.update_key("shop", "ui.theme", "dark")
        assert await client.ping() == "pong"

    run(server, act, timeout=0.3)


def test_a_server_that_does_not_accept(server: Rpcd) -> None:
    """Where no connection comes about in time, a call has timed out."""

    async def act(client: AsyncClient) -> None:
        with full_backlog(server), pytest.raises(TimedOutError):
            await client.ping()
        assert await client.ping() == "pong"

    run(server, act, connect_timeout=0.2)


def test_a_server_that_was_started_again(server: Rpcd) -> None:
    """A connection that has gone is made again; where it cannot be, the call says so."""

    async def act(client: AsyncClient) -> None:
        await client.ping()
        server.stop()
        with pytest.raises(ConnectionFailedError):
            await client.ping()
        server.start()
        assert (await client.update_key("shop", "ui.theme", "dark")).changed is True
        server.kill()
        server.start()
        assert (await client.get_key("shop", "ui.theme")).value == "dark"

    run(server, act)


def test_one_client_in_two_loops(server: Rpcd) -> None:
    """A client that was used in one event loop goes on in the next."""
    client = AsyncClient(server.socket)
    assert asyncio.run(client.ping()) == "pong"
    assert asyncio.run(client.ping()) == "pong"
    asyncio.run(client.close())
