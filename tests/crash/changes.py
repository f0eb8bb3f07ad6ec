"""The changes that are interrupted, each with what its file held before and is to hold after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.conftest import FILES, SHOP_INI
from tests.harness.server import Rpcd

__all__ = ["CHANGES", "WORLD", "Interrupted"]

BEFORE: Final = SHOP_INI.replace("light", "dark")
"""What the shop holds before: it has been changed once, so that there is something to restore."""

LARGE: Final = "x" * 100_000

WORLD: Final[Mapping[str, str | bytes]] = FILES
"""The files of the world before its first change."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A change: the file that it is about, before and after it (None: no file), and the call."""

    file: str
    before: str | None
    after: str | None
    method: str
    params: Callable[[Rpcd], dict[str, Any]]


def _first_revision(server: Rpcd) -> dict[str, Any]:
    revision = server.call("history", target="shop")["revisions"][-1]["revision"]
    return {"target": "shop", "revision": revision}


CHANGES: Final[Mapping[str, Interrupted]] = {
    "a key": Interrupted(
        "shop/shop.ini",
        BEFORE,
        SHOP_INI.replace("light", "blue"),
        "update_key",
        lambda _: {"target": "shop", "key": "ui.theme", "value": "blue", "request_id": "7"},
    ),
    "a file": Interrupted(
        "site/motd", str(FILES["site/motd"]), LARGE, "replace_file", lambda _: {"target": "motd", "content": LARGE}
    ),
    "a new file": Interrupted(
        "vhosts/new.conf", None, "a\n", "replace_file", lambda _: {"target": "vhosts/new.conf", "content": "a\n"}
    ),
    "a deletion": Interrupted(
        "vhosts/shop-a.conf",
        str(FILES["vhosts/shop-a.conf"]),
        None,
        "delete_file",
        lambda _: {"target": "vhosts/shop-a.conf"},
    ),
    "a restore": Interrupted("shop/shop.ini", BEFORE, SHOP_INI, "restore", _first_revision),
}
