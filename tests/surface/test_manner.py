"""Comments and commented-out defaults, as callers meet them."""

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd
from tests.harness.users import as_user

ALICE = 20001

TEXT = "[db]\n; The port.\n;port = 3306\n# The host.\nhost = a\n"

SETTINGS = f"""
[targets.db]
path   = "{{scratch}}/db.ini"
format = "ini"

[[grants]]
users   = [0]
methods = ["update_key", "delete_key", "list_keys", "read_file"]
targets = ["*"]

[[grants]]
users   = [{ALICE}]
methods = ["update_key", "delete_key", "list_keys"]
targets = ["*"]
"""


@pytest.fixture
def server(serve: Serve) -> Rpcd:
    """A server of one file."""
    return serve(SETTINGS, {"db.ini": TEXT})


def test_comments_are_for_who_may_read_the_file(server: Rpcd) -> None:
    """Who may read the file gets the comment above a key with it; nobody else does."""
    told = {entry["key"]: entry.get("comment") for entry in server.call("list_keys", target="db")["keys"]}
    assert told == {"db": None, "db.host": "The host."}
    listed = as_user(ALICE, ALICE, [], lambda: Connection(server.socket).call("list_keys", target="db"))
    assert [entry.keys() for entry in listed["keys"]] == [{"key", "type"}] * 2


def test_edits_are_made_as_asked(server: Rpcd) -> None:
    """A default comes to life where it stands, and a key goes with its comment; what the format cannot do is told."""
    path = server.scratch / "db.ini"
    server.call("update_key", target="db", key="db.port", value="3307", use_commented=True)
    assert path.read_text() == TEXT.replace(";port = 3306", "port = 3307")
    server.call("delete_key", target="db", key="db.port", comments="with")
    assert path.read_text() == "[db]\n# The host.\nhost = a\n"
    refused = server.error("update_key", target="db", key="db.host", value="b", shared=True)
    assert refused["data"] == {"kind": "not_editable", "reason": "manner"}
