"""`rpcd restore`: an earlier revision of a target back in its place."""

import sys

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.completing import complete_target
from rpcd.cli.diff import print_diff
from rpcd.cli.options import socket_option, timeout_option
from rpcd.cli.revision import meant

__all__ = ["restore"]


@click.command()
@socket_option
@timeout_option
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--note", help="Why, for the audit log and the history.", metavar="TEXT")
@click.argument("target", shell_complete=complete_target)
@click.argument("revision")
def restore(path: str | None, timeout: float, target: str, revision: str, note: str | None, *, dry_run: bool) -> None:
    """Put an earlier revision of TARGET back.

    REVISION is a number of `rpcd history`, or the beginning of a revision; "absent" takes the file away.

    It is a change like any other: you need the grant, it is checked and recorded, and can be undone the same way.
    Owner and mode stay as they are today.

    \b
      rpcd restore --dry-run shop 12
      rpcd restore shop 12 --note "Friday's change broke the mail"
    """  # noqa: D301 - click means the character
    options = {} if note is None else {"note": note}
    with asking(path, timeout) as client:
        done = client.restore(target, meant(client, target, revision), dry_run=dry_run, **options)
    if dry_run:
        print_diff(done.diff or "")
    elif sys.stdout.isatty():
        click.echo(f"{target} is as it was." if done.changed else f"{target} was like that already.")
    else:
        show({name: getattr(done, name) for name in ("target", "changed", "revision", "previous")})
