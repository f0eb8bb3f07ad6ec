"""`rpcd discover`: what the caller may call, for tools that make clients, forms and pages of it."""

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.options import socket_option, timeout_option

__all__ = ["discover"]


@click.command()
@socket_option
@timeout_option
def discover(path: str | None, timeout: float) -> None:
    """Print an OpenRPC document of exactly what you may call.

    It has parameters with their JSON Schemas, results and errors; x-targets names the targets of each method.

    \b
      rpcd discover | jq '.methods[].name'
      sudo -u www-data rpcd discover > openrpc.json
    """  # noqa: D301 - click means the character
    with asking(path, timeout) as client:
        show(client.discover())
