"""The commented example is what it says: complete, and its values the defaults."""

import re
from pathlib import Path
from typing import Any

import pytest

from rpcd.methods import METHODS
from rpcd.schemas import shipped
from rpcd.settings import Settings, SettingsFault, read
from tests.harness.server import REPOSITORY

EXAMPLE = (REPOSITORY / "contrib" / "examples" / "rpcd.toml").read_text(encoding="utf-8")
DIRECTORIES = ("run", "var/lib", "var/log", "etc/shop", "etc/nginx/conf.d", "etc/rpcd/methods")


def settings(scratch: Path, text: str) -> Settings:
    """The settings of `text` with every path below `scratch`."""
    for name in DIRECTORIES:
        (scratch / name).mkdir(parents=True, exist_ok=True)
    (scratch / "rpcd.toml").write_text(re.sub(r'"/(?=run|var|etc)', f'"{scratch}/', text), encoding="utf-8")
    return read(str(scratch / "rpcd.toml")).settings(METHODS)


def test_it_holds(scratch: Path) -> None:
    """Three targets and two grants, which the server takes."""
    found = settings(scratch, EXAMPLE)
    assert set(found.targets) == {"shop", "environment", "vhosts"}
    assert len(found.grants) == 2


def test_what_it_has_for_the_server_are_the_defaults(scratch: Path) -> None:
    """Leaving [server], [audit], [quotas] and [history] out changes nothing."""
    given = settings(scratch, EXAMPLE)
    _, _, rest = EXAMPLE.partition("[targets.shop]")
    (scratch / "rpcd.toml").write_text("", encoding="utf-8")
    default = read(str(scratch / "rpcd.toml")).settings(METHODS)
    assert rest
    for name in ("socket", "state", "audit_log"):
        assert getattr(given, name) == str(scratch) + getattr(default, name)
    for name in (
        "socket_mode",
        "max_message",
        "max_content",
        "max_document",
        "descriptors",
        "drain",
        "modules",
        "quotas",
    ):
        assert getattr(given, name) == getattr(default, name), name


def names(schema: dict[str, Any]) -> set[str]:
    """The settings that a table of rpcd.toml may have."""
    return set(schema["properties"])


def test_it_shows_every_setting() -> None:
    """What the schema has stands in the example, if only in a comment."""
    document = shipped()["rpcd"].document["properties"]
    tables = [document[name] for name in ("server", "audit", "quotas", "history", "methods")]
    tables += [document["targets"]["additionalProperties"], document["grants"]["items"]]
    shown = set(re.findall(r"^(?:# )?([a-z_]+) *= ", EXAMPLE, re.MULTILINE))
    nested = set(re.findall(r"^(?:# )?\[targets\.[a-z]+\.([a-z]+)\]", EXAMPLE, re.MULTILINE))
    assert shown | nested == set[str]().union(*map(names, tables))


def test_its_comments_are_settings_too(scratch: Path) -> None:
    """What is commented out holds when it is not, as far as this machine has such groups and modules."""
    (scratch / "shop.schema.json").write_text(
        '{"type": "object", "additionalProperties": {"type": "string"}}', encoding="ascii"
    )
    text = re.sub(r"^# (\[methods\]|\[targets\.shop\.history\]|(?:[a-z_]+) *= )", r"\1", EXAMPLE, flags=re.MULTILINE)
    with pytest.raises(SettingsFault) as caught:
        settings(scratch, text)
    assert all("no group is named 'shop-admins'" in fault for fault in caught.value.faults)
