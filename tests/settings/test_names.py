"""What the files of a directory target may be called."""

import pytest

from rpcd.settings.names import Names


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        (r"[a-z-]+\.conf", "shop-a.conf", True),
        (r"[a-z-]+\.conf", "shop-a.conf\n", False),
        (r"[a-z-]+\.conf", "shop-a.conf~", False),
        (r"[a-z-]+\.conf", "x/shop.conf", False),
        (r"[a-z-]+\.conf", "shopXconf", False),
        (r"a|b", "a", True),
        (r"a|b", "ax", False),
        (r"a|b", "xb", False),
        (r".*", "ü", True),
        (r".*", "\udcff", False),
        (r"^a$", "a", True),
    ],
)
def test_a_name_fits_as_a_whole(pattern: str, name: str, fits: bool) -> None:  # noqa: FBT001
    """Not a part of it, not with a newline behind it, and never one that is no UTF-8."""
    assert Names(pattern).fullmatch(name) == fits


@pytest.mark.parametrize("pattern", ["(", "a)(b", "(?=a)a", r"(a)\1", "[", "*"])
def test_what_is_no_such_expression_is_refused(pattern: str) -> None:
    """Also what takes more than linear time."""
    with pytest.raises(ValueError, match="regex"):
        Names(pattern)


def test_hostile_names_take_no_time() -> None:
    """What makes a backtracking engine hang is one pass here."""
    assert not Names("([a-z]+)*[.]conf").fullmatch("a" * 255)
