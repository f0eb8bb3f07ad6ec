"""The surface: every method there is, on one screen.

A method is one row here, one handler in a file beside this one, and two schemas, `schemas/NAME.params.json` and
`schemas/NAME.result.json`; a test proves that these agree. An administrator's own module has a `METHODS` like this one
and imports `Method` and `Call` from here.
"""

from collections.abc import Mapping
from typing import Final

from rpcd.methods import describe, discover, files, history, keys, meta, server
from rpcd.methods.control import Control
from rpcd.methods.method import Call, Method, Rules

__all__ = ["METHODS", "Call", "Control", "Method", "Rules"]

TELLS_VALUE: Final = {"expect": "get_key"}
"""Whether a value is what the caller expects tells the value, sooner or later."""

METHODS: Final[Mapping[str, Method]] = {
    # what a caller can ask about itself and the server
    "ping": Method(handler=meta.ping, open=True),
    "whoami": Method(handler=meta.whoami, open=True),
    "may": Method(handler=meta.may, params=("method", "target", "key"), open=True),
    "targets": Method(handler=meta.targets, open=True),
    "rpc.discover": Method(handler=discover.discover, params=("as",), open=True),
    # the server itself
    "status": Method(handler=server.status),
    "server.metrics": Method(handler=server.metrics),
    "server.reload": Method(handler=server.reload, administers=True),
    "server.read_only": Method(handler=server.read_only, params=("reason",), administers=True),
    # keys of structured documents
    "get_key": Method(handler=keys.get_key, params=("target", "key"), target="target", key="key"),
    "describe": Method(handler=describe.describe, params=("target",), target="target"),
    "list_keys": Method(handler=keys.list_keys, params=("target", "prefix", "limit", "after"), target="target"),
    "update_key": Method(
        handler=keys.update_key,
        params=("target", "key", "value"),
        changes=True,
        target="target",
        key="key",
        needs=TELLS_VALUE,
    ),
    "delete_key": Method(
        handler=keys.delete_key,
        params=("target", "key"),
        changes=True,
        target="target",
        key="key",
        needs=TELLS_VALUE,
    ),
    # whole files
    "read_file": Method(handler=files.read_file, params=("target", "as"), target="target", whole_file=True),
    "list_files": Method(handler=files.list_files, params=("target", "limit", "after"), target="target"),
    "replace_file": Method(
        handler=files.replace_file, params=("target", "content"), changes=True, target="target", whole_file=True
    ),
    "delete_file": Method(
        handler=files.delete_file, params=("target",), changes=True, target="target", whole_file=True
    ),
    # earlier revisions
    "history": Method(handler=history.history, params=("target", "limit", "after"), target="target", whole_file=True),
    "diff": Method(handler=history.diff, params=("target", "from", "to"), target="target", whole_file=True),
    "restore": Method(
        handler=history.restore, params=("target", "revision"), changes=True, target="target", whole_file=True
    ),
}
