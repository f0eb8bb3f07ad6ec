"""Changes that are asked for again while they are being made."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import pytest

from rpcd.errors import Refused
from rpcd.store import Change, Edit, Retry
from tests.store.conftest import Disk, edit


def retry(disk: Disk, request_id: str = "r", value: object = 1) -> Retry:
    """What a change is known by."""
    return disk.store.replies.retry(0, request_id, "replace_file", {"value": value})


async def ask(disk: Disk, wish: Edit, known: Retry) -> Change:
    """Ask for a change as a handler does."""
    done = await disk.store.once.made(known)
    return done if done is not None else await disk.store.once.make(wish, known)


def together(*asked: Callable[[], Awaitable[Change]]) -> list[Change | BaseException]:
    """What becomes of changes that are asked for at once."""

    async def gather() -> list[Change | BaseException]:
        return await asyncio.gather(*(one() for one in asked), return_exceptions=True)

    return asyncio.run(gather())


def writing(content: bytes, known: Retry) -> Edit:
    """The wish that the message of the day be this."""
    return edit("motd", content, retry=known)


def test_many_twins_are_one_change(disk: Disk) -> None:
    """Who asks while it is being made waits, and gets the same answer; there is one intent and one outcome."""
    known = retry(disk)
    done = together(*[lambda: ask(disk, writing(b"ours", known), known)] * 200)
    assert len({one.name for one in done if isinstance(one, Change)}) == 1
    assert all(isinstance(one, Change) and one.changed for one in done)
    assert len(disk.records("intent")) == len(disk.records("outcome")) == 1


def test_who_waited_for_a_failure_tries_by_itself(disk: Disk) -> None:
    """The first fails and is told so; the second succeeds; the others get the second's answer."""
    known = retry(disk)
    attempts: list[int] = []

    def second_time(_content: bytes | None) -> bytes:
        attempts.append(1)
        if len(attempts) == 1:
            raise Refused("rejected")
        return b"ours"

    wish = Edit(
        uid=0, target="motd", apply=second_time, retry=known, record={"method": "replace_file", "target": "motd"}
    )
    done = together(*[lambda: ask(disk, wish, known)] * 20)
    assert isinstance(done[0], Refused)
    assert len({one.name for one in done[1:] if isinstance(one, Change)}) == 1
    assert len(attempts) == 2


def test_another_body_does_not_wait(disk: Disk) -> None:
    """The same id with another body is refused while the first is being made, and after; the first is made."""
    first, other = retry(disk, value=1), retry(disk, value=2)
    done = together(
        lambda: ask(disk, writing(b"first", first), first),
        lambda: ask(disk, writing(b"other", other), other),
    )
    assert isinstance(done[0], Change)
    assert isinstance(done[1], Refused)
    assert done[1].kind == "request_id_reused"
    (later,) = together(lambda: ask(disk, writing(b"other", other), other))
    assert isinstance(later, Refused)
    assert (disk.scratch / "site/motd").read_bytes() == b"first"


def test_a_caller_that_goes_away_leaves_its_change_to_who_asks_again(disk: Disk) -> None:
    """A change whose caller was cancelled is still under way: a twin waits for it instead of making a second."""
    known = retry(disk)
    begun, go_on = threading.Event(), threading.Event()

    def slow(_content: bytes | None) -> bytes:
        begun.set()
        go_on.wait(10)
        return b"ours"

    async def leave_and_come_back() -> Change:
        wish = Edit(uid=0, target="motd", apply=slow, retry=known, record={"method": "replace_file", "target": "motd"})
        first = asyncio.create_task(ask(disk, wish, known))
        await asyncio.to_thread(begun.wait, 10)
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(ask(disk, writing(b"twice", known), known))
        await asyncio.sleep(0.05)
        assert not second.done()
        go_on.set()
        return await second

    assert asyncio.run(leave_and_come_back()).changed
    assert (disk.scratch / "site/motd").read_bytes() == b"ours"
    assert len(disk.records("intent")) == 1


def test_a_failure_that_nobody_waits_for_is_no_noise(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    """Where the caller has gone and the change fails, asyncio has nothing to complain about."""
    known = retry(disk)

    def refuse(_content: bytes | None) -> bytes:
        raise Refused("rejected")

    async def leave() -> None:
        wish = Edit(
            uid=0, target="motd", apply=refuse, retry=known, record={"method": "replace_file", "target": "motd"}
        )
        caller = asyncio.create_task(ask(disk, wish, known))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(0.1)
        assert await disk.store.once.made(known) is None

    asyncio.run(leave())
    assert "never retrieved" not in caplog.text


def test_an_error_of_the_directorys_sync_is_not_kept(disk: Disk, meanwhile: Callable[..., None]) -> None:
    """`unknown` is no answer to repeat: who asks again tries again, and the file holds what was wished for."""
    known = retry(disk)

    def fail() -> None:
        raise OSError(5, "I/O error")

    meanwhile("os.fsync", fail, call=4)  # after the candidate's, and two that make room for the history
    (first,) = together(lambda: ask(disk, writing(b"ours", known), known))
    assert isinstance(first, Refused)
    assert first.kind == "unknown"
    (second,) = together(lambda: ask(disk, writing(b"ours", known), known))
    assert isinstance(second, Change)
    assert len(disk.records("outcome")) == 2


def test_where_answers_cannot_be_kept_only_those_fail_that_need_it(disk: Disk) -> None:
    """`unavailable`, before anything is changed, for a change that may be asked for again; any other is made."""
    disk.store.replies._file.whole = False
    (disk.scratch / "state/replies~").mkdir()
    known = retry(disk)
    refused, made = together(
        lambda: ask(disk, writing(b"ours", known), known),
        lambda: disk.store.committers.change(edit("motd", b"other")),
    )
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.data) == ("unavailable", {"reason": "replies"})
    assert isinstance(made, Change)
    assert (disk.scratch / "site/motd").read_bytes() == b"other"
    (disk.scratch / "state/replies~").rmdir()
    (again,) = together(lambda: ask(disk, writing(b"ours", known), known))
    assert isinstance(again, Change)


def test_nobody_is_told_of_a_change_before_it_is_on_disk(disk: Disk, meanwhile: Callable[..., None]) -> None:
    """Who asks again while the directory is being synced waits for that; where it fails, no success is told."""
    known = retry(disk)
    asked: list[Future[Change | None]] = []

    async def ask_twice() -> None:
        loop = asyncio.get_running_loop()

        def fail_when_asked_again() -> None:
            asked.append(asyncio.run_coroutine_threadsafe(disk.store.once.made(known), loop))
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()  # whoever asked has looked
            raise Refused("unknown")

        meanwhile("rpcd.store.commit.sync_directory", fail_when_asked_again)
        with pytest.raises(Refused):
            await disk.store.once.make(writing(b"ours", known), known)
        assert await asyncio.wrap_future(asked[0]) is None

    asyncio.run(ask_twice())
