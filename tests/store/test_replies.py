"""The kept answers themselves: how long, how many, and what a damaged file or a strange clock does to them."""

import errno
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcd.errors import Refused
from rpcd.store import replies as module
from rpcd.store.replies import DAY, Clock, Replies
from rpcd.store.replyfile import Answer, Retry

KEY = b"k" * 32
DIGEST = "ab" * 32


@dataclass
class Time:
    """A clock that the test sets: the wall's, and seconds since the start of the machine."""

    wall: int = 1_900_000_000
    boot: int = 1_000
    boot_id: str = "11111111-1111-1111-1111-111111111111"

    def pass_(self, seconds: int) -> None:
        """Real time passes."""
        self.wall += seconds
        self.boot += seconds

    def reboot(self, *, after: int = 60) -> None:
        """The machine starts again."""
        self.wall += after
        self.boot, self.boot_id = 5, secrets.token_hex(18)


class Kept:
    """The answers in a state directory, and the clock they go by."""

    def __init__(self, scratch: Path) -> None:
        self.state = scratch / "state"
        self.state.mkdir(exist_ok=True)
        self.file = self.state / "replies"
        self.time = Time()
        self.replies = self.open()

    def open(self, key: bytes = KEY) -> Replies:
        """Open them, as a start does."""
        time = self.time
        return Replies(str(self.state), key, Clock(lambda: time.wall, lambda: time.boot, lambda: time.boot_id))

    def restart(self, key: bytes = KEY) -> None:
        """Open them anew."""
        self.replies.close()
        self.replies = self.open(key)

    def retry(self, request_id: str = "r", value: object = 1, uid: int = 33) -> Retry:
        """What a change of a key is known by."""
        return self.replies.retry(uid, request_id, "update_key", {"target": "shop", "value": value})

    def keep(self, *retries: Retry) -> None:
        """Keep an answer for each, on disk."""
        answers = [Answer(retry, secrets.token_hex(8), changed=True, before=None, after=DIGEST) for retry in retries]
        self.replies.sync(self.replies.keep(answers))

    def has(self, retry: Retry) -> bool:
        """Whether an answer is kept."""
        return self.replies.find(retry) is not None


@pytest.fixture
def kept(scratch: Path) -> Kept:
    """Answers, and there are none yet."""
    return Kept(scratch)


def test_an_answer_comes_back_as_it_was(kept: Kept) -> None:
    """Change, digests and whether anything was written survive a restart; a file that is not there stays `None`."""
    answers = [
        Answer(kept.retry(str(number)), secrets.token_hex(8), changed=changed, before=before, after=after)
        for number, (changed, before, after) in enumerate(
            [(True, None, DIGEST), (True, DIGEST, None), (False, DIGEST, DIGEST), (False, None, None)]
        )
    ]
    kept.replies.keep(answers)
    for _ in range(2):
        for answer in answers:
            found = kept.replies.find(answer.retry)
            assert found is not None
            assert (found.change, found.changed, found.before, found.after) == (
                answer.change, answer.changed, answer.before, answer.after
            )  # fmt: skip
        kept.restart()


# uid, id and value of what is asked, after "r" with 1 by 33: whether it was made before, or how it is refused
ASKED: dict[str, tuple[int, str, object, bool | str]] = {
    "the same": (33, "r", 1, True),
    "another uid": (34, "r", 1, False),
    "another uid, another body": (34, "r", 2, False),
    "another id": (33, "s", 1, False),
    "another body": (33, "r", 2, "request_id_reused"),
    "another number": (33, "r", 1.0, "request_id_reused"),
    "another type": (33, "r", "1", "request_id_reused"),
    "a uid that runs into the id": (3, "3 r", 1, False),
}


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("case", ASKED)
def test_who_asks_again(kept: Kept, case: str, *, restarted: bool, late: bool) -> None:
    """The same uid, id and body within a day are the same change; the same id with another body is refused."""
    kept.keep(kept.retry())
    kept.time.pass_(DAY if late else DAY - 1)
    if restarted:
        kept.restart()
    uid, request_id, value, expected = ASKED[case]
    asked = kept.retry(request_id, value, uid)
    if expected == "request_id_reused" and not late:
        with pytest.raises(Refused, match="request_id_reused"):
            kept.replies.find(asked)
    else:
        assert kept.has(asked) == (expected is True and not late)


def test_a_replay_does_not_make_it_younger(kept: Kept) -> None:
    """The day begins when the change was made, however often it is asked for again."""
    kept.keep(kept.retry())
    for _ in range(24):
        assert kept.has(kept.retry())
        kept.time.pass_(DAY // 24)
    assert not kept.has(kept.retry())


@pytest.mark.parametrize("jump", [-10 * 365 * DAY, -1, 1, DAY, 10 * 365 * DAY])
@pytest.mark.parametrize("restarted", [False, True])
def test_the_wall_clock_may_jump_while_the_machine_runs(kept: Kept, jump: int, *, restarted: bool) -> None:
    """A day is a day of the machine's own, also where the server starts anew."""
    kept.keep(kept.retry())
    kept.time.wall += jump
    for passed, there in [(DAY - 1, True), (1, False)]:
        kept.time.pass_(passed)
        if restarted:
            kept.restart()
        assert kept.has(kept.retry()) == there


def test_a_reboot_counts_by_the_wall_clock(kept: Kept) -> None:
    """Over a reboot an answer keeps its age, the time of the reboot included."""
    kept.keep(kept.retry())
    kept.time.pass_(1000)
    kept.time.reboot(after=DAY - 2000)
    kept.restart()
    kept.time.pass_(999)
    assert kept.has(kept.retry())
    kept.time.pass_(1)
    assert not kept.has(kept.retry())


def test_a_reboot_under_a_clock_that_went_back_keeps_it_for_a_day(kept: Kept) -> None:
    """An answer from the future counts as made at that start: it does not vanish early, and does not live for ever."""
    kept.keep(kept.retry())
    kept.time.reboot(after=-10 * 365 * DAY)
    kept.restart()
    kept.time.pass_(DAY - 1)
    assert kept.has(kept.retry())
    kept.time.reboot(after=1)
    kept.restart()
    assert not kept.has(kept.retry())


def test_where_nobody_can_name_the_boot_the_wall_clock_counts(kept: Kept) -> None:
    """Without the kernel's name for its run no two runs are taken for the same."""
    kept.time.boot_id = ""
    kept.restart()
    kept.keep(kept.retry())
    kept.time.boot = 5
    kept.time.wall += DAY - 1
    kept.restart()
    assert kept.has(kept.retry())
    kept.time.pass_(1)
    assert not kept.has(kept.retry())


def test_the_machine_has_a_clock() -> None:
    """Time passes, the machine has run for some of it, and the kernel names its run."""
    clock = Clock()
    assert 0 < clock.boot() < clock.wall()
    assert len(clock.boot_id()) == 36
    assert clock.boot_id() == clock.boot_id()


def test_a_uid_has_ten_thousand(kept: Kept) -> None:
    """The oldest of a uid go first, and nobody else's; memory and disk stay bounded, and a restart changes nothing."""
    other = kept.retry("other", uid=34)
    kept.keep(other)
    for start in range(0, 30_000, 500):
        kept.replies.require()
        kept.keep(*(kept.retry(str(number)) for number in range(start, start + 500)))
    size = len(Answer(other, "00" * 8, changed=True, before=None, after=None).pack()) + 8
    for _ in range(2):
        assert [kept.has(kept.retry(str(number))) for number in (19_999, 20_000, 29_999)] == [False, True, True]
        assert kept.has(other)
        assert kept.file.stat().st_size <= size * (2 * 10_001 + module.SPARE + 501)
        kept.restart()
    assert kept.file.stat().st_size == size * 10_002


def test_many_uids_push_out_nobody_who_has_few(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many in all, those who have the most give way, and it is never more than that."""
    monkeypatch.setattr(module, "MAX_KEPT", 1000)
    few = [kept.retry(str(number), uid=7) for number in range(5)]
    kept.keep(*few)
    kept.keep(*(kept.retry(str(number), uid=8) for number in range(900)))
    for uid in range(1000, 1400):
        kept.keep(*(kept.retry(str(number), uid=uid) for number in range(2)))
        assert kept.replies._count <= 1000
        assert kept.replies._count == sum(map(len, kept.replies._held.values()))
    assert all(map(kept.has, few))
    assert kept.has(kept.retry("1", uid=1399))
    assert not kept.has(kept.retry("0", uid=8))


def test_what_is_over_takes_no_room(kept: Kept) -> None:
    """Answers older than a day leave memory and file, also those of a uid that never comes again."""
    kept.keep(*(kept.retry(str(number), uid=number) for number in range(100)))
    kept.time.pass_(DAY)
    kept.restart()
    assert kept.replies._held == {}
    assert len(kept.file.read_bytes()) < 200


@settings(max_examples=40)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.sampled_from("ab"), st.integers(1, 2), st.integers(1, 2)),
            st.tuples(st.just("pass"), st.integers(0, DAY)),
            st.tuples(st.just("jump"), st.integers(-2 * DAY, 2 * DAY)),
            st.just(("restart",)),
        ),
        max_size=30,
    )
)
def test_whatever_happens_one_change_for_one_id_a_day(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]]
) -> None:
    """A model: while the machine runs, an id stands for its first body for a day, through restarts and jumps."""
    kept = Kept(tmp_path_factory.mktemp("kept"))
    made: dict[tuple[object, object], tuple[object, int]] = {}
    for step in steps:
        match step:
            case ("pass", int(seconds)):
                kept.time.pass_(seconds)
            case ("jump", int(seconds)):
                kept.time.wall += seconds
            case ("restart",):
                kept.restart()
            case ("ask", str(request_id), int(uid), value):
                retry = kept.retry(request_id, value, uid)
                before, when = made.get((request_id, uid), (None, -DAY - 1))
                try:
                    found = kept.replies.find(retry) is not None
                except Refused:
                    found = None
                if kept.time.boot - when >= DAY:
                    assert found is False
                    kept.keep(retry)
                    made[request_id, uid] = (value, kept.time.boot)
                else:
                    assert found == (True if before == value else None)
    kept.replies.close()


# A damaged file


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


# How the file was damaged, which of ten answers are left, and whether the file was set aside
DAMAGES: dict[str, tuple[Callable[[bytes], bytes], list[int], bool]] = {
    "torn at its end": (lambda data: data[:-1], [0, 1, 2, 3, 4, 5, 6, 7, 8], False),
    "torn in the last but one": (lambda data: data[:-137], [0, 1, 2, 3, 4, 5, 6, 7], False),
    "a bit in one": (lambda data: flipped(data, 136 * 4 + 60), [0, 1, 2, 4, 5, 6, 7, 8, 9], True),
    "a bit in the check of one": (lambda data: flipped(data, 136 * 5 - 1), [0, 1, 2, 4, 5, 6, 7, 8, 9], True),
    "one too few bytes in the middle": (lambda data: data[:500] + data[501:], [0, 1], True),
    "two changed places": (lambda data: data[:136] + data[272:408] + data[136:272] + data[408:], [*range(10)], False),
    "a bit in the header": (lambda data: flipped(data, 20), [], True),
    "another version": (lambda data: b"rpcd replies 2\n" + data[15:], [], True),
    "torn in the header": (lambda data: data[:100], [], True),
    "empty": (lambda _: b"", [], True),
    "something else": (lambda _: os.urandom(5000), [], True),
    "zeros": (lambda data: bytes(len(data)), [], True),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_never_answers_wrongly(kept: Kept, damage: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What is whole is answered, what is not is not; the file is set aside with a line in the log, and made anew."""
    inflict, left, aside = DAMAGES[damage]
    kept.keep(*(kept.retry(str(number)) for number in range(10)))
    damaged = inflict(kept.file.read_bytes())
    kept.file.write_bytes(damaged)
    kept.restart()
    assert [number for number in range(10) if kept.has(kept.retry(str(number)))] == left
    kept_aside = kept.state / "replies.damaged"
    assert kept_aside.exists() == aside
    if aside:
        assert kept_aside.read_bytes() == damaged
        assert "the kept replies are set aside" in "".join(capfd.readouterr())
    kept.keep(kept.retry("new"))
    kept.restart()
    assert [number for number in range(10) if kept.has(kept.retry(str(number)))] == left
    assert kept.has(kept.retry("new"))


def a_directory(path: Path) -> None:
    path.mkdir()


def a_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [a_directory, a_link, a_pipe])
def test_what_is_no_file_keeps_nobody_from_starting(kept: Kept, make: Callable[[Path], None]) -> None:
    """Something else under the file's name is set aside, and is not followed."""
    kept.file.unlink()
    make(kept.file)
    kept.restart()
    kept.replies.require()
    kept.keep(kept.retry())
    kept.restart()
    assert kept.has(kept.retry())
    assert kept.file.is_file()


def test_with_another_key_nothing_is_answered(kept: Kept) -> None:
    """Where the key was removed, answers are set aside with it: nobody could tell whose they are."""
    kept.keep(kept.retry())
    kept.restart(b"x" * 32)
    assert not kept.has(kept.retry())
    assert (kept.state / "replies.damaged").exists()


def test_nobody_else_can_read_it(kept: Kept) -> None:
    """The file is the server's own, and what callers sent does not stand in it, neither their id nor their values."""
    kept.keep(kept.retry("canary-id", "canary-value"))
    kept.restart()
    assert kept.file.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in kept.file.read_bytes()
    assert os.listdir(kept.state) == ["replies"]


# A disk that fails


def fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["os.write", "os.fdatasync"])
def test_what_the_disk_does_not_take_is_kept_in_memory_and_written_later(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The change is made, so its answer holds; no other is taken until all are on disk, and then nothing is lost."""
    kept.keep(kept.retry("before"))
    with monkeypatch.context() as full:
        full.setattr(step, fail)
        kept.keep(kept.retry("meanwhile"))
        assert kept.has(kept.retry("meanwhile"))
        full.setattr("os.write", fail)
        with pytest.raises(Refused, match="unavailable"):
            kept.replies.require()
    kept.replies.require()
    kept.keep(kept.retry("after"))
    kept.restart()
    assert all(kept.has(kept.retry(name)) for name in ("before", "meanwhile", "after"))


def test_half_a_record_is_behind_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a write that was cut short, what is kept next is not lost behind the torn record."""
    write = os.write
    with monkeypatch.context() as full:
        full.setattr("os.write", lambda descriptor, data: write(descriptor, data[:50]) if len(data) == 136 else fail())
        kept.keep(kept.retry("torn"))
    kept.replies.require()
    kept.keep(kept.retry("next"))
    kept.restart()
    assert kept.has(kept.retry("torn"))
    assert kept.has(kept.retry("next"))


def test_a_start_on_a_full_disk_is_a_start(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is answered; nothing new is taken until there is room."""
    kept.keep(kept.retry())
    with monkeypatch.context() as full:
        full.setattr("os.fsync", fail)
        kept.restart()
        assert kept.has(kept.retry())
        with pytest.raises(Refused, match="unavailable"):
            kept.replies.require()
    kept.replies.require()
    kept.restart()
    assert kept.has(kept.retry())


def test_what_is_taken_back_is_gone_for_good(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten answer does not come back with a restart; where the disk fails, it is gone from memory, and later."""
    kept.keep(kept.retry("a"), kept.retry("b"), kept.retry("c"))
    kept.replies.forget([kept.retry("a"), kept.retry("never")])
    with monkeypatch.context() as full:
        full.setattr("os.write", fail)
        kept.replies.forget([kept.retry("b")])
    assert not kept.has(kept.retry("b"))
    kept.replies.require()
    kept.restart()
    assert [kept.has(kept.retry(name)) for name in "abc"] == [False, False, True]


def test_one_sync_is_enough_for_all_who_wait(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before a sync needs none of its own; where no thread can be had, who waits syncs by itself."""
    synced: list[int] = []
    monkeypatch.setattr("os.fdatasync", synced.append)
    kept.replies._syncer.shutdown()
    numbers = [
        kept.replies.keep([Answer(kept.retry(name), "00" * 8, changed=True, before=None, after=None)]) for name in "abc"
    ]
    for number in reversed(numbers):
        kept.replies.sync(number)
    assert len(synced) == 1


def test_a_sync_that_failed_is_not_asked_for_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may have thrown away what it could not write: the file is written anew instead."""
    synced: list[int] = []

    def fail_and_count(descriptor: int) -> None:
        synced.append(descriptor)
        fail()

    kept.replies._syncer.shutdown()
    with monkeypatch.context() as failing:
        failing.setattr("os.fdatasync", fail_and_count)
        kept.keep(kept.retry("lost"))
        kept.replies.sync(1)
    assert len(synced) == 1
    kept.file.write_bytes(kept.file.read_bytes()[:136])
    kept.replies.require()
    kept.restart()
    assert kept.has(kept.retry("lost"))
