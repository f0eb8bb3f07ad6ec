"""Who may do what: a truth table, and what a decision costs."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcd.documents.key import KeyPattern, parse_key
from rpcd.peer import OVERFLOW_ID, Peer
from rpcd.policy import KEPT_PEERS, Grant, Policy
from tests.harness.timing import cost


def peer(uid: int = 33, gid: int = 33, groups: Iterable[int] = (), unit: str | None = None) -> Peer:
    """A caller."""
    return Peer(pid=7, uid=uid, gid=gid, groups=frozenset(groups), unit=unit)


def grant(**fields: Any) -> Grant:
    """A grant of `get_key` on `shop` for uid 33, but for what is given."""
    keys = tuple(map(KeyPattern.parse, fields.pop("keys", ())))
    every: dict[str, Any] = {"uids": {33}, "methods": {"get_key"}, "targets": ["shop"], "source": "rpcd.toml:1"}
    every |= fields
    sets = {name: frozenset(every[name]) for name in ("uids", "gids", "units", "methods") if name in every}
    return Grant(**sets, targets=tuple(every["targets"]), keys=keys, source=every["source"])


MATCHES: tuple[tuple[dict[str, Any], dict[str, Any], bool], ...] = (
    # users
    ({}, {}, True),
    ({}, {"uid": 34}, False),
    ({}, {"uid": 0, "gid": 0}, False),
    ({"uids": {0}}, {}, False),
    ({"uids": {33, 34}}, {"uid": 34}, True),
    # groups: the primary one and the others
    ({"uids": (), "gids": {50}}, {"gid": 50}, True),
    ({"uids": (), "gids": {50}}, {"groups": {50, 51}}, True),
    ({"uids": (), "gids": {50}}, {"groups": {51}}, False),
    ({"uids": (), "gids": {50}}, {"uid": 50}, False),
    ({"uids": {50}}, {"gid": 50, "groups": {50}}, False),
    ({"uids": {33}, "gids": {50}}, {"gid": 1}, True),
    ({"uids": (), "gids": {OVERFLOW_ID}}, {"gid": OVERFLOW_ID}, False),
    ({"uids": (), "gids": {OVERFLOW_ID}}, {"groups": {OVERFLOW_ID}}, False),
    # units only narrow
    ({"units": {"a.service"}}, {"unit": "a.service"}, True),
    ({"units": {"a.service"}}, {"unit": "b.service"}, False),
    ({"units": {"a.service"}}, {}, False),
    ({"units": {"a.service"}}, {"uid": 34, "unit": "a.service"}, False),
    ({}, {"unit": "a.service"}, True),
)


@pytest.mark.parametrize(("fields", "who", "held"), MATCHES)
def test_a_grant_names_its_peers(fields: dict[str, Any], who: dict[str, Any], held: bool) -> None:  # noqa: FBT001
    """By uid, or by any of its groups; a unit narrows, and an unmapped group is nobody's."""
    policy = Policy([grant(**fields)])
    assert policy.knows(peer(**who)) == held
    assert (policy.permits(peer(**who), "get_key", "shop", ("a",)) is not None) == held


TARGETS: tuple[tuple[str, str, bool], ...] = (
    ("shop", "shop", True),
    ("shop", "shop2", False),
    ("shop", "sho", False),
    ("shop", "Shop", False),
    ("shop", "*", False),
    ("*", "shop", True),
    ("*", "vhosts/a.conf", True),
    ("vhosts", "vhosts", True),
    ("vhosts", "vhosts/a.conf", True),
    ("vhosts", "vhosts2/a.conf", False),
    ("vhosts/a.conf", "vhosts/a.conf", True),
    ("vhosts/a.conf", "vhosts/aXconf", False),
    ("vhosts/a.conf", "vhosts/b.conf", False),
    ("vhosts/a-*.conf", "vhosts/a-1.conf", True),
    ("vhosts/a-*.conf", "vhosts/a-.conf", True),
    ("vhosts/a-*.conf", "vhosts/a-1.conf~", False),
    ("vhosts/a-*.conf", "vhosts/a-1.conf\n", False),
    ("vhosts/a-*.conf", "vhosts/b-1.conf", False),
    ("vhosts/a-*.conf", "vhosts/a-/x.conf", False),
    ("vhosts/a-*.conf", "vhosts/a-\n/x.conf", False),
    ("vhosts/a-*.conf", "vhosts/a-\n.conf/", False),
    ("vhosts/a-*.conf", "other/a-1.conf", False),
    ("vhosts/[ab].conf", "vhosts/a.conf", False),
    ("vhosts/*[ab].conf", "vhosts/xa.conf", False),
    ("vhosts/*[ab].conf", "vhosts/x[ab].conf", True),
    ("vhosts/*?.conf", "vhosts/ab.conf", False),
    ("vhosts/*?.conf", "vhosts/a?.conf", True),
)


@pytest.mark.parametrize(("pattern", "target", "held"), TARGETS)
def test_a_grant_names_its_targets(pattern: str, target: str, held: bool) -> None:  # noqa: FBT001
    """A name, all or some files of a directory, or everything; `*` stays within one file's name."""
    policy = Policy([grant(targets=[pattern])])
    assert (policy.permits(peer(), "get_key", target) is not None) == held


def test_some_files_of_a_directory_let_it_be_listed() -> None:
    """Who is granted some files of a directory reaches the directory itself, where only those are shown."""
    policy = Policy([grant(targets=["vhosts/a-*.conf"], methods={"list_files"})])
    assert policy.permits(peer(), "list_files", "vhosts") is not None
    assert policy.permits(peer(), "get_key", "vhosts") is None


KEYS: tuple[tuple[list[str], str, tuple[bool, bool] | None], ...] = (
    ([], "ui.theme", (True, True)),
    (["*"], "ui", (True, True)),
    (["*"], "ui.theme.dark", (True, True)),
    (["ui.theme"], "ui.theme", (True, False)),
    (["ui.theme"], "ui", None),
    (["ui.theme"], "ui.theme.dark", None),
    (["ui.theme"], '"ui.theme"', None),
    (['"ui.theme"'], "ui.theme", None),
    (["ui.*"], "ui", (False, True)),
    (["ui.*"], "ui.theme", (True, True)),
    (["ui.*"], "ui.theme.dark", (True, True)),
    (["ui.*"], "uix.theme", None),
    (["ui.*"], '"ui.theme"', None),
    (["*.port"], "a.port", (True, False)),
    (["*.port"], "port", None),
    (["*.port"], "a.b.port", None),
    (["a.*.c"], "a.b.c", (True, False)),
    (["a.*.c"], "a.c", None),
    (['"*"'], "ui", None),
    (['"*"'], '"*"', (True, False)),
    (["ui", "ui.*"], "ui", (True, True)),
    (["mail.from", "ui.*"], "mail.from", (True, False)),
)


@pytest.mark.parametrize(("patterns", "key", "permit"), KEYS)
def test_a_grant_names_its_keys(patterns: list[str], key: str, permit: tuple[bool, bool] | None) -> None:
    """Segment by segment, as a value and as a table with all below it; never on joined text."""
    found = Policy([grant(keys=patterns)]).permits(peer(), "get_key", "shop", parse_key(key))
    assert (None if found is None else (found.value, found.table)) == permit


def test_grants_add_up() -> None:
    """What one does not cover another may, also the value of a key and the table below it."""
    policy = Policy([grant(keys=["ui"], source="a:1"), grant(keys=["ui.*"], source="a:2"), grant(methods={"ping"})])
    found = policy.permits(peer(), "get_key", "shop", ("ui",))
    assert found is not None
    assert (found.value, found.table, found.grant.source) == (True, True, "a:1")


def test_parts_of_two_grants_are_not_one() -> None:
    """The method of one and the target of another give nothing."""
    policy = Policy([grant(), grant(methods={"update_key"}, targets=["blog"])])
    assert policy.permits(peer(), "update_key", "shop") is None
    assert policy.permits(peer(), "get_key", "blog") is None


def test_nothing_is_allowed_without_grants() -> None:
    """Not even to root."""
    assert not Policy([]).knows(peer(0, 0))
    assert Policy([]).permits(peer(0, 0), "get_key", "shop") is None


def test_a_method_is_known_before_its_target() -> None:
    """Without a target the question is whether the peer may call the method on anything."""
    policy = Policy([grant()])
    assert policy.permits(peer(), "get_key") is not None
    assert policy.permits(peer(), "update_key") is None


def test_peers_that_differ_are_not_mixed_up() -> None:
    """What is kept of one identity is not given to another that shares its uid."""
    policy = Policy([grant(uids=(), gids={50}, methods={"get_key"}), grant(units={"a.service"}, methods={"ping"})])
    assert policy.permits(peer(groups={50}), "get_key", "shop") is not None
    assert policy.permits(peer(), "get_key", "shop") is None
    assert policy.permits(peer(unit="a.service"), "ping") is not None
    assert policy.permits(peer(), "ping") is None


class Counted(str):
    """Text that counts how often it is compared or hashed."""

    __slots__ = ()
    looks = 0

    def __eq__(self, other: object) -> bool:
        Counted.looks += 1
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        Counted.looks += 1
        return str.__hash__(self)


def looks(others: int) -> int:
    """How often one decision looks at targets and methods of grants, where `others` are for other peers."""
    grants = [
        grant(uids={100_000 + number}, targets=[Counted("shop")], methods={Counted("get_key")})
        for number in range(others)
    ]
    policy = Policy([*grants, grant(targets=[Counted("shop")], methods={Counted("get_key")}), *grants])
    policy.permits(peer(), "get_key", "shop")  # its grants are found once
    Counted.looks = 0
    assert policy.permits(peer(), "get_key", "shop", ("a",)) is not None
    assert policy.permits(peer(), "get_key", "blog", ("a",)) is None
    return Counted.looks


def test_ten_thousand_grants_cost_what_ten_cost() -> None:
    """A decision looks only at the grants of its peer, counted in comparisons."""
    assert looks(10) == looks(10_000) > 0


def test_grants_of_other_targets_cost_nothing() -> None:
    """Of a peer's own ten thousand grants a decision looks only at those of its target, however many others it has."""
    other = [grant(targets=[f"t{number}"], source=str(number)) for number in range(10_000)]
    policy = Policy([*other, grant(source="shop")])
    policy.permits(peer(), "get_key", "shop")  # its grants are found once
    alone = Policy([grant(source="shop")])

    def ask(policy: Policy) -> None:
        for _ in range(100):
            assert policy.permits(peer(), "get_key", "shop", ("a",)) is not None
            assert policy.permits(peer(), "get_key", "blog", ("a",)) is None

    few, many = (min(cost(partial(ask, one)) for _ in range(5)) for one in (alone, policy))
    assert many < 20 * few  # some 1,000 times where it looks at all of them


def test_the_first_grant_that_covers_is_told() -> None:
    """In the order of the settings, also where grants of the target and of all targets take turns."""
    targets = (["blog"], ["shop", "*"], ["shop"], ["*"], ["shop"])
    grants = [grant(targets=some, keys=[f"k{number}"], source=str(number)) for number, some in enumerate(targets)]
    policy = Policy([*grants, grant(targets=["*"], keys=["*"], source="all"), grant(keys=["*"], source="late")])
    for key, source in (("k0", "all"), ("k1", "1"), ("k2", "2"), ("k3", "3"), ("k4", "4"), ("k5", "all")):
        found = policy.permits(peer(), "get_key", "shop", (key,))
        assert found is not None
        assert found.grant.source == source


def test_methods_without_a_target_need_none() -> None:
    """A grant without targets covers its methods, and no target."""
    policy = Policy([grant(methods={"status"}, targets=[])])
    assert policy.allows(peer(), "status")
    assert policy.permits(peer(), "status") is not None
    assert policy.permits(peer(), "status", "shop") is None
    assert policy.permits(peer(), "status", "") is None


def test_identities_that_are_kept_are_bounded() -> None:
    """However many different peers ask, the grants of only so many are kept, and every answer is right."""
    policy = Policy([grant(uids=(), gids={50})])
    for other in range(2 * KEPT_PEERS):
        assert policy.permits(peer(groups={50, 100 + other}), "get_key", "shop") is not None
        assert policy.permits(peer(groups={100 + other}), "get_key", "shop") is None
    assert len(policy._kept) == KEPT_PEERS


# explanations

NAMES = ("a", "b", "*")
callers = st.builds(
    peer,
    uid=st.integers(1, 3),
    gid=st.integers(1, 3) | st.just(OVERFLOW_ID),
    groups=st.sets(st.integers(1, 3)),
    unit=st.sampled_from((None, "a.service", "b.service")),
)
some_grants = st.lists(
    st.builds(
        grant,
        uids=st.sets(st.integers(1, 3), max_size=1),
        gids=st.sets(st.integers(1, 3) | st.just(OVERFLOW_ID), max_size=1),
        units=st.sets(st.sampled_from(("a.service", "b.service")), max_size=1),
        methods=st.sets(st.sampled_from(("get_key", "update_key", "status")), min_size=1, max_size=2),
        targets=st.lists(st.sampled_from(("shop", "vhosts", "vhosts/a*", "vhosts/b", "*")), max_size=2),
        keys=st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join), max_size=2),
    ),
    max_size=6,
)
asked = st.tuples(
    st.sampled_from((None, "get_key", "update_key", "status", "nonsense")),
    st.sampled_from((None, "shop", "vhosts", "vhosts/a1", "vhosts/b", "nowhere", "")),
    st.none() | st.lists(st.sampled_from(("a", "b", "c")), min_size=1, max_size=3).map(tuple),
)


@given(some_grants, callers, asked)
def test_an_explanation_is_the_decision(
    grants: list[Grant], who: Peer, call: tuple[str | None, str | None, tuple[str, ...] | None]
) -> None:
    """It says yes where `permits` does, with the same grant; else every grant that it tells of lacks something."""
    policy = Policy(grants)
    method, target, key = call
    explained = policy.explain(who, method, target, key)
    if method is None:
        assert (explained.permit is not None) == policy.knows(who)
    else:
        assert explained.permit == policy.permits(who, method, target, key)
    if explained.permit is not None:
        assert explained.misses == ()
    else:
        assert bool(explained.misses) == bool(grants)
        assert all(miss.failed for miss in explained.misses)


@given(some_grants, callers, asked)
def test_what_an_explanation_says_is_true(
    grants: list[Grant], who: Peer, call: tuple[str | None, str | None, tuple[str, ...] | None]
) -> None:
    """A grant without the conditions that are said to fail covers the call; with any one of them it does not."""
    method, target, key = call
    if method is None or target == "":
        return
    widest: dict[str, dict[str, Any]] = {
        "caller": {"uids": {who.uid}},
        "unit": {"units": ()},
        "method": {"methods": {method}},
        "target": {"targets": ["*"]},
        "key": {"keys": ()},
        "table": {"keys": ()},
    }
    for miss in Policy(grants).explain(who, method, target, key).misses:
        own = {name: getattr(miss.grant, name) for name in ("uids", "gids", "units", "methods", "targets", "keys")}
        for missing in (None, *miss.failed):
            widened: dict[str, Any] = dict(own)
            for condition in miss.failed:
                widened |= widest[condition] if condition != missing else {}
            widened = {
                name: tuple(value) if name in {"targets", "keys"} else frozenset(value)
                for name, value in widened.items()
            }
            covered = Policy([Grant(**widened, source="x:1")]).permits(who, method, target, key) is not None
            assert covered == (missing is None)


CLOSEST: tuple[tuple[list[dict[str, Any]], dict[str, Any], tuple[str, str, str | None], list[tuple[str, ...]]], ...] = (
    ([{}], {"uid": 34}, ("get_key", "shop", "a"), [("caller",)]),
    ([{"units": {"a.service"}}], {}, ("get_key", "shop", "a"), [("unit",)]),
    ([{}], {}, ("update_key", "shop", "a"), [("method",)]),
    ([{}], {}, ("get_key", "blog", "a"), [("target",)]),
    ([{"keys": ["ui.*"]}], {}, ("get_key", "shop", "mail.from"), [("key",)]),
    ([{"keys": ["ui.theme"]}], {}, ("get_key", "shop", "ui"), [("table",)]),
    ([{"keys": ["ui.theme"]}], {}, ("get_key", "shop", "ui.theme.dark"), [("key",)]),
    ([{"keys": ["a"]}, {"targets": ["blog"], "keys": ["a"]}], {}, ("get_key", "shop", "b"), [("key",)]),
    ([{"keys": ["a"]}, {"methods": {"x"}, "source": "x:2"}], {}, ("get_key", "shop", "b"), [("key",), ("method",)]),
    ([{"uids": {1}}, {"keys": ["a"]}], {}, ("get_key", "shop", "b"), [("key",), ("caller",)]),
    ([], {}, ("get_key", "shop", "b"), []),
)  # fmt: skip


@pytest.mark.parametrize(("fields", "who", "call", "failed"), CLOSEST)
def test_the_closest_grants_are_told(
    fields: list[dict[str, Any]],
    who: dict[str, Any],
    call: tuple[str, str, str | None],
    failed: list[tuple[str, ...]],
) -> None:
    """Those that lack least, the caller's own first, each with the conditions that fail."""
    method, target, key = call
    explained = Policy([grant(**some) for some in fields]).explain(
        peer(**who), method, target, parse_key(key) if key else None
    )
    assert [miss.failed for miss in explained.misses] == failed
