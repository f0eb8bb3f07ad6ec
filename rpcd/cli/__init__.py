"""The commands that a person types: each in a file of its own, found in one table.

Rules of this package:

- What a person did wrong is one clear sentence and an exit status, never a traceback.
- A command's file is imported when it is typed, and imports what it needs when it runs: `rpcd call` is used in scripts,
  and starts fast.
- What a command finds is on standard output, as JSON where programs read it; what is said beside that goes to standard
  error.
"""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Final

import click

from rpcd import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS: Final[Mapping[str, str]] = {
    # the server
    "serve": "rpcd.cli.serve:serve",
    "check": "rpcd.cli.check:check",
    "explain": "rpcd.cli.explain:explain",
    # handling it while it runs
    "status": "rpcd.cli.status:status",
    "top": "rpcd.cli.top:top",
    "metrics": "rpcd.cli.metrics:metrics",
    "reload": "rpcd.cli.reload:reload",
    "read-only": "rpcd.cli.read_only:read_only",
    # asking it
    "call": "rpcd.cli.call:call",
    "whoami": "rpcd.cli.whoami:whoami",
    "may": "rpcd.cli.may:may",
    "discover": "rpcd.cli.discover:discover",
}
"""Every command, and where it is; `rpcd --help` lists them in this order."""


class _Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        where = COMMANDS.get(cmd_name)
        return None if where is None else resolve_name(where)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rpcd")
def main() -> None:
    """Lets an unprivileged program change exactly the configuration it has been granted.

    `rpcd serve` is the server, `rpcd check` looks at its settings, `rpcd call` asks it something.
    """
