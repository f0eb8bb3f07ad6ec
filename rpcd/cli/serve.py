"""`rpcd serve`: the server itself."""

import sys

import click

from rpcd.cli.options import config_option

__all__ = ["serve"]


@click.command()
@config_option
def serve(config: str) -> None:
    """Serve until SIGTERM; SIGHUP reads the settings again.

    Standard error is its log. The socket is made at the path in the settings, or taken from systemd.
    """
    from rpcd import daemon  # noqa: PLC0415 - see the rules of this package

    sys.exit(daemon.serve(config))
