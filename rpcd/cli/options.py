"""What several commands have in common: their options, and how they end."""

from collections.abc import Mapping
from typing import Final

import click

__all__ = [
    "CONFIG",
    "EXIT_NO",
    "EXIT_NO_ANSWER",
    "EXIT_OUTCOME_UNKNOWN",
    "EXIT_STATUS",
    "config_option",
    "socket_option",
    "timeout_option",
]

EXIT_STATUS: Final[Mapping[str, int]] = {
    "parse_error": 10,
    "invalid_request": 11,
    "no_such_method": 12,
    "invalid_params": 13,
    "internal": 14,
    "denied": 20,
    "no_such_target": 21,
    "no_such_key": 22,
    "no_such_file": 23,
    "conflict": 24,
    "too_large": 25,
    "not_editable": 26,
    "rejected": 27,
    "busy": 28,
    "unknown": 29,
    "unavailable": 30,
    "storage": 31,
    "request_id_reused": 32,
    "no_such_revision": 33,
}
"""What `rpcd call` ends with, by the kind of refusal; 1 is a kind that this version does not know."""

EXIT_NO: Final = 1
"""A question was answered with no."""

EXIT_NO_ANSWER: Final = 3
"""No server, or no answer in time, and nothing has changed."""

EXIT_OUTCOME_UNKNOWN: Final = 4
"""The answer to a change was lost: read again."""

CONFIG: Final = "/etc/rpcd/rpcd.toml"
"""Where the settings are, unless told."""

config_option = click.option("--config", default=CONFIG, show_default=True, help="The settings.", metavar="FILE")
socket_option = click.option(
    "--socket", "path", envvar="RPCD_SOCKET", help="The server's socket. [default: /run/rpcd/rpcd.sock]", metavar="PATH"
)
timeout_option = click.option(
    "--timeout", default=30.0, show_default=True, help="Seconds to wait for the answer.", metavar="SECONDS"
)
