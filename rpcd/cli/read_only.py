"""`rpcd read-only`: let nobody change anything for a while."""

import sys
from typing import Literal

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.options import socket_option, timeout_option

__all__ = ["read_only"]


@click.command()
@socket_option
@timeout_option
@click.argument("mode", type=click.Choice(["on", "off"]), required=False)
@click.option("--reason", help="Why, in a sentence that every caller who is refused is told.", metavar="TEXT")
def read_only(path: str | None, timeout: float, mode: Literal["on", "off"] | None, reason: str | None) -> None:
    """Refuse changes from now on, or take them again.

    Without `on` or `off` it shows which of the two holds. Reads and dry runs go on, and what has begun is finished. The
    mode outlives a restart of the server. You need a grant of `server.read_only`.

    \b
      rpcd read-only on --reason "Maintenance until noon"
      rpcd read-only
      rpcd read-only off
    """  # noqa: D301 - click means the character
    if (mode == "on") != bool(reason):
        raise click.UsageError("`on` needs a --reason, and nothing else takes one")
    params = {} if mode is None else {"reason": reason if mode == "on" else None}
    with asking(path, timeout) as client:
        found = client.call("server.read_only", **params)
    if not found["kept"]:
        click.echo("rpcd: the disk cannot keep it: a restart would end it", err=True)
    if sys.stdout.isatty():
        click.echo("off" if found["read_only"] is None else f"on: {found['read_only']}")
    else:
        show(found)
