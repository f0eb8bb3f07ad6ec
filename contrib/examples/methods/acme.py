"""An example of an administrator's own methods: one sentence for the shop's visitors.

Put this file and its two schemas into /etc/rpcd/methods, owned by root, and name it in rpcd.toml:

    [methods]
    modules = ["acme"]

    [targets.motd]
    path   = "/etc/shop/motd"
    format = "text"

    [[grants]]
    users   = ["www-data"]
    methods = ["announce"]

www-data may then call `announce`, and can change the file in this one way: it has no grant on the target itself. Who
calls, with which parameters, and what became of it is checked and audited as for every other method; and since its
schema has `request_id`, who did not get the answer may ask again.
"""

from collections.abc import Awaitable
from typing import Any

from rpcd.methods import Call, Method
from rpcd.methods.changes import change


def announce(call: Call, params: dict[str, Any]) -> Awaitable[object]:
    """Make the message of the day say `text`."""
    call.target = "motd"
    content = params["text"].encode() + b"\n"
    return change(call, params, lambda _before: content, blind=True)


METHODS = {"announce": Method(handler=announce, params=("text",), changes=True)}
