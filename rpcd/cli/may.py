"""`rpcd may`: whether the caller's own grants cover a call."""

import sys

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.completing import complete_method, complete_target
from rpcd.cli.options import EXIT_NO, socket_option, timeout_option

__all__ = ["may"]


@click.command()
@socket_option
@timeout_option
@click.argument("method", shell_complete=complete_method)
@click.argument("target", required=False, shell_complete=complete_target)
@click.argument("key", required=False)
def may(path: str | None, timeout: float, method: str, target: str | None, key: str | None) -> None:
    """Ask whether you may call METHOD, on TARGET and KEY.

    Nothing is called. Without KEY, yes means for one key at least; without TARGET, for one target.

    Ends with 0 for yes and with 1 for no; `rpcd explain` says why, for any user.

    \b
      rpcd may update_key shop mail.from && echo "I may."
    """  # noqa: D301 - click means the character
    with asking(path, timeout) as client:
        allowed = client.may(method, target, key)
    if sys.stdout.isatty():
        click.echo("yes" if allowed else "no")
    else:
        show({"allowed": allowed})
    sys.exit(0 if allowed else EXIT_NO)
