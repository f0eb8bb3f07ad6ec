"""Whose turn it is, where the kernel has room for nothing more and where a request took long."""

import asyncio
import errno
import os
import select
import socket
from collections.abc import Awaitable, Callable

import pytest

from rpcd.server.lanes import LATELY, NOTHING, READABLE, REST, Lanes

ONE, OTHER = 1, 2


class Caller:
    """One end of a connection in a lane, and what its other end has been told."""

    def __init__(self, lanes: Lanes, group: int) -> None:
        self.lanes, self.group = lanes, group
        self.mine, self.theirs = socket.socketpair()
        self.heard = 0

    def join(self) -> None:
        """Be watched from now on."""
        self.lanes.join(self.group, self.theirs.fileno(), READABLE, self.hear)

    def hear(self, _events: int) -> None:
        """Take one byte."""
        self.heard += len(self.theirs.recv(1))

    def watch(self, watched: int) -> None:
        """Be watched for something else."""
        self.lanes.watch(self.group, self.theirs.fileno(), watched)

    async def speak(self) -> int:
        """Send a byte; how many have been taken when the loop has gone round."""
        self.mine.send(b"x")
        for _ in range(3):
            await asyncio.sleep(0)
        return self.heard

    def leave(self) -> None:
        """Be watched no more."""
        self.lanes.leave(self.group, self.theirs.fileno())
        self.mine.close()
        self.theirs.close()


def with_lanes(test: Callable[[Lanes], Awaitable[None]]) -> None:
    """Run a test on a loop of its own; no descriptor is left."""

    async def run() -> None:
        before = len(os.listdir("/proc/self/fd"))
        await test(Lanes(asyncio.get_running_loop()))
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(run())


def scarce(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    """Have the kernel make one more epoll instance, with room for so many descriptors (ENOSPC, epoll_ctl(2))."""

    class Scarce:
        def __init__(self) -> None:
            self.epoll, self.left = real(), left

        def register(self, descriptor: int, events: int) -> None:
            if not self.left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.left -= 1
            self.epoll.register(descriptor, events)

        def __getattr__(self, name: str) -> object:
            return getattr(self.epoll, name)

    real = select.epoll
    monkeypatch.setattr(select, "epoll", Scarce)


@pytest.mark.parametrize("left", [0, 1])
def test_who_cannot_join_changes_nothing(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    """Where there is no room for a second connection of a uid, that one is an error and the first is served on."""

    async def test(lanes: Lanes) -> None:
        first, second = Caller(lanes, ONE), Caller(lanes, ONE)
        first.join()
        with monkeypatch.context() as patch:
            scarce(patch, left)
            with pytest.raises(OSError, match="No space"):
                second.join()
        assert await first.speak() == 1
        assert await second.speak() == 0
        if not left:
            second.join()
            assert await second.speak() == 2
            second.leave()
        else:
            second.mine.close()
            second.theirs.close()
        assert await first.speak() == 2
        first.leave()

    with_lanes(test)


def test_without_descriptors_there_is_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where not even an epoll instance can be had."""

    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def test(lanes: Lanes) -> None:
        first, second = Caller(lanes, ONE), Caller(lanes, ONE)
        first.join()
        with monkeypatch.context() as patch:
            patch.setattr(select, "epoll", refuse)
            with pytest.raises(OSError, match="Too many"):
                second.join()
        assert await first.speak() == 1
        second.join()
        assert await second.speak() == 1
        second.leave()
        first.leave()

    with_lanes(test)


def test_who_cannot_be_watched_can_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was not watched for a while, and cannot be again, is an error, and nothing of it stays."""

    async def test(lanes: Lanes) -> None:
        only = Caller(lanes, ONE)
        only.join()
        only.watch(NOTHING)

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(lanes.loop, "add_reader", refuse)
            with pytest.raises(OSError, match="No space"):
                only.watch(READABLE)
        assert await only.speak() == 0
        only.leave()

    with_lanes(test)


@pytest.mark.parametrize("connections", [1, 2])
def test_who_took_long_waits_while_others_are_there(connections: int) -> None:
    """After a long request a uid has no turn until others have had many; then it goes on, and nothing is lost."""

    async def test(lanes: Lanes) -> None:
        callers = [Caller(lanes, ONE) for _ in range(connections)]
        other = Caller(lanes, OTHER)
        for caller in (*callers, other):
            caller.join()
        assert await other.speak() == 1
        assert await callers[0].speak() == 1
        lanes.pay(ONE, 0.002)
        began = asyncio.get_running_loop().time()
        assert [await caller.speak() for caller in callers] == [1, 0][:connections]
        assert await other.speak() == 2
        while await other.speak() and callers[0].heard < 2:
            pass
        assert asyncio.get_running_loop().time() - began >= 0.002 * REST
        for caller in (*callers, other):
            caller.leave()

    with_lanes(test)


def test_who_is_alone_need_not_wait() -> None:
    """Where nobody else had a turn lately, or ever, a request may take as long as it likes."""

    async def test(lanes: Lanes) -> None:
        only, gone = Caller(lanes, ONE), Caller(lanes, OTHER)
        gone.join()
        assert await gone.speak() == 1
        gone.leave()
        await asyncio.sleep(LATELY)
        only.join()
        assert await only.speak() == 1
        lanes.pay(ONE, 0.1)
        assert await only.speak() == 2
        only.leave()

    with_lanes(test)


def test_who_leaves_while_it_waits_is_gone() -> None:
    """A lane whose last connection ends before its rest is over leaves nothing behind."""

    async def test(lanes: Lanes) -> None:
        one, other = Caller(lanes, ONE), Caller(lanes, OTHER)
        for caller in (other, one):
            caller.join()
            await caller.speak()
        lanes.pay(ONE, 0.001)
        one.leave()
        other.leave()
        await asyncio.sleep(0.001 * REST * 2)

    with_lanes(test)
