"""`rpcd reload`: have the server read its settings again, and hear what came of it."""

import sys

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.options import EXIT_NO, socket_option, timeout_option

__all__ = ["reload"]


@click.command()
@socket_option
@timeout_option
def reload(path: str | None, timeout: float) -> None:
    """Have the server read its settings again.

    It takes them as a whole, or not at all, and this waits until they are judged. Ends with 0 where they hold, and with
    1 where the old ones were kept: then every fault is a line on standard error. You need a grant of `server.reload`;
    `systemctl reload rpcd` needs none, and tells the faults in the journal.

    \b
      rpcd check && rpcd reload
    """  # noqa: D301 - click means the character
    with asking(path, timeout) as client:
        done = client.call("server.reload")
    for fault in done["faults"]:
        click.echo(fault, err=True)
    if sys.stdout.isatty():
        click.echo(f"taken: {', '.join(done['sources'])}" if done["taken"] else "refused; the old settings hold")
    else:
        show(done)
    sys.exit(0 if done["taken"] else EXIT_NO)
