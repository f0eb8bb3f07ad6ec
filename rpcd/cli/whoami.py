"""`rpcd whoami`: who the server takes the caller for."""

import sys
from dataclasses import asdict

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.options import socket_option, timeout_option

__all__ = ["whoami"]


@click.command()
@socket_option
@timeout_option
def whoami(path: str | None, timeout: float) -> None:
    """Show who the kernel says you are.

    Grants hold for these ids and this unit; the user is what the settings call it. On a terminal it is a list for
    people, else one line of JSON.

    \b
      rpcd whoami
      sudo -u www-data rpcd whoami | jq .groups
    """  # noqa: D301 - click means the character
    with asking(path, timeout) as client:
        found = client.whoami()
    if not sys.stdout.isatty():
        show(asdict(found))
        return
    click.echo(f"user    {found.user or 'no settings name it'} (uid {found.uid})")
    click.echo(f"groups  {', '.join(map(str, (found.gid, *found.groups)))}")
    click.echo(f"unit    {found.unit or 'none that is known for sure'}")
