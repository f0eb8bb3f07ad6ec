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
from rpcd.cli.groups import Commands

__all__ = ["COMMANDS", "main"]

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Set it up": {
        "init": "rpcd.cli.init:init",
        "check": "rpcd.cli.check:check",
        "explain": "rpcd.cli.explain:explain",
    },
    "Run it": {
        "serve": "rpcd.cli.serve:serve",
        "status": "rpcd.cli.status:status",
        "top": "rpcd.cli.top:top",
        "metrics": "rpcd.cli.metrics:metrics",
        "reload": "rpcd.cli.reload:reload",
        "read-only": "rpcd.cli.read_only:read_only",
        "audit": "rpcd.cli.audit:audit",
    },
    "Ask it": {
        "whoami": "rpcd.cli.whoami:whoami",
        "may": "rpcd.cli.may:may",
        "call": "rpcd.cli.call:call",
        "history": "rpcd.cli.history:history",
        "diff": "rpcd.cli.diff:diff",
        "restore": "rpcd.cli.restore:restore",
        "discover": "rpcd.cli.discover:discover",
        "completion": "rpcd.cli.completion:completion",
    },
}
"""Every command, and where it is; `rpcd --help` lists them in this order."""

COMMANDS: Final[Mapping[str, str]] = {name: where for commands in SECTIONS.values() for name, where in commands.items()}
"""All of them by name."""


class _Commands(Commands):
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of each section, each with the first sentence of its help."""
        room = formatter.width - max(map(len, COMMANDS)) - 6
        for section, commands in SECTIONS.items():
            found = [(name, self.get_command(ctx, name)) for name in commands]
            with formatter.section(section):
                formatter.write_dl([(name, command.get_short_help_str(room)) for name, command in found if command])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rpcd")
def main() -> None:
    """Lets an unprivileged program change exactly the configuration it has been granted.

    A server that runs as root, and a socket. The settings in /etc/rpcd/rpcd.toml say which files it may change, and who
    may do what with them; the kernel says who is calling. The first steps, as root:

    \b
      rpcd init         write the first settings, with every one explained
      rpcd check        say what is wrong with them, and what is unwise
      rpcd serve        serve, until SIGTERM
      rpcd call ping    ask it something, from another terminal

    `rpcd COMMAND --help` explains each command, with examples.
    """  # noqa: D301 - click means the character
