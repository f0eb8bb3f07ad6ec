"""`rpcd status`: how the server is."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.options import EXIT_NO, socket_option, timeout_option
from rpcd.cli.words import counted, duration

__all__ = ["duration", "status"]


@click.command()
@socket_option
@timeout_option
def status(path: str | None, timeout: float) -> None:
    """Show how the server is.

    Ends with 0 where all is well, with 1 where an administrator has to look, and with 3 where no server answers. On a
    terminal it is for people, else one line of JSON. You need a grant of `status`.

    \b
      rpcd status || journalctl -u rpcd
    """  # noqa: D301 - click means the character
    with asking(path, timeout) as client:
        found = client.status()
    if sys.stdout.isatty():
        for line in _lines(found):
            click.echo(line)
    else:
        show(found)
    sys.exit(EXIT_NO if found["degraded"] else 0)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    verdict = click.style("degraded", fg="red") if found["degraded"] else click.style("well", fg="green")
    yield f"rpcd {found['version']}, process {found['pid']}: {verdict}"
    yield f"running      {duration(found['uptime'])}, since {found['started']}"
    yield f"serving      {counted(found['targets'], 'target')}, {counted(found['connections'], 'connection')}"
    yield f"waiting      {counted(found['queued'], 'change')}"
    settings = found["settings"]
    yield f"settings     taken {settings['taken']} from {', '.join(settings['sources'])}"
    if settings["refused"]:
        refused = settings["refused"]
        yield f"             newer ones refused {refused['at']}, faults: {refused['faults']}; `rpcd reload` tells them"
    yield f"changes      {'taken' if found['read_only'] is None else 'refused: ' + found['read_only']}"
    writable = found["audit"]["writable"]
    yield f"audit log    {'written' if writable else 'cannot be written: no change is taken'}"
