"""Quotas: what is counted, for whom, and that nothing is kept of who uses nothing."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from rpcd.errors import Refused
from rpcd.quotas import KEPT_UIDS, LEAST_LENT, SECOND, AtOnce, Contents, Quotas, Rate, Seats, Usage

QUOTAS = Quotas(
    connections=10,
    connections_of_uid=4,
    connections_for_root=3,
    connections_of_strangers=2,
    idle=600,
    idle_of_strangers=5,
    stall=5,
    calls=5,
    changes=2,
    checks=2,
    contents=100,
)


def seated(*uids: int) -> Seats:
    """Seats that known peers of these uids have taken."""
    seats = Seats()
    for uid in uids:
        seats.take(uid)
    return seats


@pytest.mark.parametrize(
    ("taken", "group", "full"),
    [
        ([], 1, None),
        ([1, 1, 1], 1, None),
        ([1, 1, 1, 1], 1, "connections_of_uid"),
        ([1, 1, 1, 1], 2, None),
        ([1, 1, 1, 2, 2, 2], 3, None),
        ([1, 1, 1, 2, 2, 2, 3], 3, "connections"),  # three are kept for root
        ([1, 1, 1, 2, 2, 2, 3], 0, None),
        ([1, 1, 1, 2, 2, 2, 3, 0, 0], 0, None),
        ([1, 1, 1, 2, 2, 2, 3, 0, 0, 0], 0, "connections"),
        ([1, 1, 1, 2, 2, 0, 0, 0, 0], 3, None),  # root has all that is kept for it
        ([0, 0, 0, 0], 0, "connections_of_uid"),
        ([-1], -1, None),
        ([-1, -1], -1, "connections_of_strangers"),
        ([-1, -1], 1, None),
    ],
)
def test_seats(taken: list[int], group: int, full: str | None) -> None:
    """A connection finds a seat within its uid's share, the strangers' share, and what is not kept for root."""
    assert seated(*taken).full(group, QUOTAS) == full


def test_strangers_sit_together() -> None:
    """Whom no grant names counts for one group whatever its uid; root never does."""
    seats = Seats()
    assert seats.group(1000, known=True) == 1000
    assert {seats.group(uid, known=False) for uid in range(1000, 2000)} == {Seats.STRANGERS}
    assert seats.group(0, known=False) == 0


def test_nothing_is_kept_of_who_has_left() -> None:
    """Once everybody has left, nothing says that they were there."""
    seats = seated(1, 2, 3)
    for uid in (1, 2, 3):
        seats.leave(uid)
    assert (len(seats), seats._taken) == (0, {})


def taken(rate: Rate, uid: int, now: int) -> int:
    """How many a uid gets at one moment."""
    for number in range(10_000):
        try:
            rate.take(uid, now)
        except Refused:
            return number
    raise AssertionError("there is no end of it")


def test_a_rate_has_a_burst_and_comes_back() -> None:
    """At once there is a second's worth; then as much as time has passed, and never more than a second's worth."""
    rate, start = Rate(100), 10**15
    assert taken(rate, 1, start) == 100
    assert taken(rate, 1, start) == 0
    assert taken(rate, 2, start) == 100
    assert taken(rate, 1, start + SECOND // 10) == 10
    assert taken(rate, 1, start + 3600 * SECOND) == 100


def test_a_refusal_says_when_to_come_back() -> None:
    """After `retry_after` seconds, and not much before, there is one more."""
    rate, start = Rate(2), 10**15
    assert taken(rate, 1, start) == 2
    with pytest.raises(Refused) as refused:
        rate.take(1, start)
    assert refused.value.kind == "busy"
    assert refused.value.data == {"retry_after": 0.5}
    assert taken(rate, 1, start + SECOND // 2 - 10) == 0
    assert taken(rate, 1, start + SECOND // 2) == 1


def test_uids_that_are_idle_are_forgotten() -> None:
    """A user with 65,536 uids leaves no more behind than those that called within the last second."""
    rate, now = Rate(5), 10**15
    for uid in range(65_536):
        rate.take(uid, now)
        now += SECOND // 1000
    assert len(rate._full_at) <= 2 * KEPT_UIDS
    assert taken(rate, 65_535, now) == 4, "but those that are not idle are not"


def test_so_many_at_once() -> None:
    """Two at once by uid; one that ends makes room, and who runs nothing is forgotten."""
    checks = AtOnce(2)
    ends = [checks.take(1), checks.take(1), checks.take(2)]
    with pytest.raises(Refused, match="busy"):
        checks.take(1)
    ends.pop(0)()
    ends.append(checks.take(1))
    for end in ends:
        end()
    assert checks._running == {}


def test_contents() -> None:
    """All together hold what is set, one uid half of it, and what is given back can be held again."""
    contents = Contents(100)
    ends = [contents.take(1, 50)]
    with pytest.raises(Refused, match="busy"):
        contents.take(1, 1)
    ends.append(contents.take(2, 49))
    with pytest.raises(Refused, match="busy"):
        contents.take(3, 2)
    ends.append(contents.take(3, 1))
    for end in ends:
        end()
    assert contents._held == {}


def test_what_is_lent_counts_until_it_is_back() -> None:
    """What was given away is looked for when there is no room, and now and then; it counts for a least size."""
    contents = Contents(4 * LEAST_LENT)
    back: set[str] = set()
    for name in ("one", "two"):
        assert contents.lend(1, 1, partial(lambda name: (name, lambda: name in back), name)) == name
    with pytest.raises(Refused, match="busy"):
        contents.lend(1, 1, lambda: (2, lambda: False))
    back.add("one")
    assert contents.lend(1, 1, lambda: (2, lambda: True)) == 2
    with pytest.raises(Refused, match="busy"):
        contents.take(1, 2 * LEAST_LENT)
    back.add("two")
    contents.settle()
    assert (contents._held, contents._lent) == ({}, [])


def test_what_could_not_be_given_is_not_lent() -> None:
    """Where nothing could be given away nothing counts."""

    def fail() -> tuple[int, Callable[[], bool]]:
        raise Refused("busy")

    contents = Contents(4 * LEAST_LENT)
    with pytest.raises(Refused, match="busy"):
        contents.lend(1, 1, fail)
    assert (contents._held, contents._lent) == ({}, [])


def test_new_quotas_are_taken_as_they_are() -> None:
    """What is in use stays in use, and is judged by the new numbers."""
    usage = Usage(QUOTAS)
    usage.checks.take(1)
    usage.contents.take(1, 50)
    usage.replace(replace(QUOTAS, calls=50, changes=20, checks=1, contents=102))
    assert taken(usage.calls, 1, 10**15) == 50
    assert taken(usage.changes, 1, 10**15) == 20
    with pytest.raises(Refused):
        usage.checks.take(1)
    usage.contents.take(1, 1)
