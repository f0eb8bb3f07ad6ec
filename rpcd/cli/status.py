"""`rpcd status`: how the server is."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.options import EXIT_NO, socket_option, timeout_option

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
    yield f"serving      {found['targets']} targets, {found['connections']} connections"
    yield f"waiting      {found['queued']} changes"
    settings = found["settings"]
    yield f"settings     taken {settings['taken']} from {', '.join(settings['sources'])}"
    if settings["refused"]:
        refused = settings["refused"]
        yield f"             newer ones refused {refused['at']}, faults: {refused['faults']}; `rpcd reload` tells them"
    yield f"changes      {'taken' if found['read_only'] is None else 'refused: ' + found['read_only']}"
    writable = found["audit"]["writable"]
    yield f"audit log    {'written' if writable else 'cannot be written: no change is taken'}"


def duration(seconds: float) -> str:
    """Seconds as people say them: the two largest units."""
    parts: list[str] = []
    left = int(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])
