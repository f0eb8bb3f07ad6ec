"""`rpcd diff`: how two revisions of a target differ."""

import sys

import click

from rpcd.cli.asking import asking
from rpcd.cli.completing import complete_target
from rpcd.cli.options import EXIT_NO, socket_option, timeout_option
from rpcd.cli.revision import meant

__all__ = ["diff", "print_diff"]


@click.command()
@socket_option
@timeout_option
@click.argument("target", shell_complete=complete_target)
@click.argument("old", required=False)
@click.argument("new", required=False)
def diff(path: str | None, timeout: float, target: str, old: str | None, new: str | None) -> None:
    """Show what a change of TARGET changed.

    It shows how the revision OLD became NEW: numbers of `rpcd history`, or the beginning of a revision. Unless told,
    NEW is what is on disk now, and OLD the one before it. You see what you may read; secrets are left out.

    Ends with 0 where they are the same and with 1 where they differ, as diff(1) does.

    \b
      rpcd diff shop
      rpcd diff shop 12 15
    """  # noqa: D301 - click means the character
    with asking(path, timeout) as client:
        names = [None if said is None else meant(client, target, said) for said in (old, new)]
        found = client.diff(target, *names)
    print_diff(found.diff)
    if found.truncated:
        click.echo("rpcd: there is more than one answer holds", err=True)
    sys.exit(EXIT_NO if found.from_ != found.to else 0)


def print_diff(text: str) -> None:
    """Print a unified diff, with colours for a person."""
    colours = {"-": "red", "+": "green", "@": "cyan"}
    for line in text.splitlines():
        shown = "".join(character if character.isprintable() or character == "\t" else "\ufffd" for character in line)
        click.secho(shown, fg=colours.get(line[:1]), bold=line[:3] in {"---", "+++"})
