"""`rpcd serve`: the server itself."""

import os
import sys

import click

from rpcd.cli.options import config_option
from rpcd.process.limits import raise_limits

__all__ = ["serve"]


@click.command()
@config_option
def serve(config: str) -> None:
    """Serve until SIGTERM; SIGHUP reads the settings again.

    Standard error is its log. The socket is made at the path in the settings, or taken from systemd.

    \b
      rpcd serve
      rpcd serve --config /srv/test/rpcd/rpcd.toml
    """  # noqa: D301 - click means the character
    if short := raise_limits():  # before what needs them is imported
        for line in short:
            click.echo(f"rpcd: {line}", err=True)
        sys.exit(os.EX_UNAVAILABLE)
    from rpcd import daemon

    sys.exit(daemon.serve(config))
