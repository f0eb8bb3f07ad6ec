"""`rpcd metrics`: the server's counters, for a collector."""

import click

from rpcd.cli.asking import asking
from rpcd.cli.options import socket_option, timeout_option

__all__ = ["metrics"]


@click.command()
@socket_option
@timeout_option
def metrics(path: str | None, timeout: float) -> None:
    """Print the counters as OpenMetrics text.

    You need a grant of `server.metrics`. Prometheus's node exporter takes it as a text file:

    \b
      rpcd metrics > rpcd.prom.new
      mv rpcd.prom.new /var/lib/prometheus/node-exporter/rpcd.prom
    """  # noqa: D301 - click means the character
    with asking(path, timeout) as client:
        click.echo(client.call("server.metrics")["text"], nl=False)
