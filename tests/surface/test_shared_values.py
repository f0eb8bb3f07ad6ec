"""Values that several keys share through YAML's aliases, as callers meet them."""

from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd
from tests.harness.users import as_user

ALICE = 20001

TEXT = """\
x-db: &db
  host: a
  password: hush
services:
  web:
    db: *db
  shop:
    <<: *db
    port: 80
"""

SETTINGS = f"""
[targets.app]
path   = "{{scratch}}/app.yaml"
format = "yaml"
secret = ["services.shop.password"]

[[grants]]
users   = [0]
methods = ["get_key", "update_key", "delete_key", "read_file"]
targets = ["*"]

[[grants]]
users   = [{ALICE}]
methods = ["get_key", "update_key", "delete_key"]
targets = ["app"]
keys    = ["services.*"]
"""


@pytest.fixture
def server(serve: Serve) -> Rpcd:
    """A server of one file."""
    return serve(SETTINGS, {"app.yaml": TEXT})


def alice(server: Rpcd, method: str, **params: Any) -> Any:
    """What a user who may change the services only is told."""
    return as_user(ALICE, ALICE, [], lambda: Connection(server.socket).request(method, **params))


def test_what_is_shared_is_changed_by_who_may_change_it_all(server: Rpcd) -> None:
    """Through one key nobody changes what others share, unless they say so and may change every one of them."""
    key = "services.web.db.host"
    assert alice(server, "get_key", target="app", key=key)["result"]["value"] == "a"
    refused = alice(server, "update_key", target="app", key=key, value="b")["error"]["data"]
    assert (refused["kind"], refused["reason"]) == ("not_editable", "shared")
    assert (
        alice(server, "update_key", target="app", key=key, value="b", shared=True)["error"]["data"]["kind"] == "denied"
    )
    assert (server.scratch / "app.yaml").read_text() == TEXT
    server.call("update_key", target="app", key=key, value="b", shared=True)
    assert (server.scratch / "app.yaml").read_text() == TEXT.replace("host: a", "host: b")
    assert alice(server, "get_key", target="app", key="services.shop.host")["result"]["value"] == "b"


def test_what_is_merged_is_overridden(server: Rpcd) -> None:
    """A member that `<<` brings is overridden where the caller asks for it, and the others keep theirs."""
    assert "result" in alice(server, "update_key", target="app", key="services.shop.host", value="c")
    assert (server.scratch / "app.yaml").read_text() == TEXT + "    host: c\n"


def test_a_secret_is_one_where_it_is_written(server: Rpcd) -> None:
    """The line that a secret comes from by way of an anchor is in no diff."""
    change = server.call("update_key", target="app", key="x-db.password", value="shh", shared=True, dry_run=True)
    assert "hush" not in change["diff"]
    assert "shh" not in change["diff"]
    assert "x-db" in change["diff"]
