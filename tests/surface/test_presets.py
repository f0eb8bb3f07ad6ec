"""Ini files of a known program, as callers meet them."""

from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd
from tests.harness.users import as_user

ALICE = 20001

WG = "[Interface]\nListenPort = 51820\n\n[Peer]\nPublicKey = abc=\nAllowedIPs = 10.0.0.2/32\n"

SETTINGS = f"""
[targets.vpn]
path   = "{{scratch}}/wg0.conf"
format = "ini"
preset = "wireguard"

[targets.unit]
path   = "{{scratch}}/shop.service"
format = "ini"
preset = "systemd"

[[grants]]
users   = [0]
methods = ["get_key", "update_key", "delete_key", "list_keys"]
targets = ["*"]

[[grants]]
users   = [{ALICE}]
methods = ["update_key"]
targets = ["vpn"]
keys    = ["Peer.*.AllowedIPs"]
"""


@pytest.fixture
def server(serve: Serve) -> Rpcd:
    """A server of a WireGuard configuration and a unit."""
    return serve(SETTINGS, {"wg0.conf": WG, "shop.service": "[Service]\nExecStart=/bin/shop\n"})


def test_a_peer_is_named_by_its_key(server: Rpcd) -> None:
    """Its values are read, changed and deleted by what it holds, and by its number; a new one goes to the end."""
    named: dict[str, Any] = {"target": "vpn", "key": 'Peer."PublicKey=abc=".AllowedIPs'}
    assert server.call("get_key", **named)["value"] == "10.0.0.2/32"
    server.call("update_key", **named, value="10.0.0.9/32")
    server.call("update_key", target="vpn", key="Peer.1", value={"PublicKey": "def=", "AllowedIPs": "::/0"})
    added = "\n[Peer]\nPublicKey = def=\nAllowedIPs = ::/0\n"
    assert (server.scratch / "wg0.conf").read_text() == WG.replace("0.2/", "0.9/") + added
    server.call("delete_key", target="vpn", key='Peer."PublicKey=def="')
    assert (server.scratch / "wg0.conf").read_text() == WG.replace("0.2/", "0.9/")
    assert server.kind("get_key", target="vpn", key='Peer."PublicKey=x".AllowedIPs') == "no_such_key"
    keys = [entry["key"] for entry in server.call("list_keys", target="vpn")["keys"]]
    assert keys == ["Interface", "Interface.ListenPort", "Peer", "Peer.0", "Peer.0.PublicKey", "Peer.0.AllowedIPs"]


@pytest.mark.parametrize("value", ["abc=", "guessed"])
def test_who_may_not_read_a_key_names_nobody_by_it(server: Rpcd, value: str) -> None:
    """Naming an element by what it holds would tell whether it holds that."""
    key = f'Peer."PublicKey={value}".AllowedIPs'

    def ask() -> Any:
        return Connection(server.socket).request("update_key", target="vpn", key=key, value="::/0")

    assert as_user(ALICE, ALICE, [], ask)["error"]["data"] == {"kind": "denied"}


def test_values_mean_what_they_mean_to_the_program(server: Rpcd) -> None:
    """A semicolon is text to systemd; a line end is none of its values."""
    server.call("update_key", target="unit", key="Service.ExecStart", value="/bin/sh -c 'a; b # c'")
    assert (server.scratch / "shop.service").read_text() == "[Service]\nExecStart=/bin/sh -c 'a; b # c'\n"
    assert server.kind("update_key", target="unit", key="Service.ExecStart", value="a\n[Install]") == "not_editable"
