"""`rpcd history`: what a target held before, and who changed it."""

import sys
from typing import TYPE_CHECKING

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.completing import complete_target
from rpcd.cli.options import config_option, socket_option, timeout_option
from rpcd.cli.revision import pick

if TYPE_CHECKING:
    from rpcd.client import Revision

__all__ = ["history"]


@click.command()
@socket_option
@timeout_option
@config_option
@click.option("-n", "--lines", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="COUNT",
              help="Only the newest ones.")  # fmt: skip
@click.option("--purge", is_flag=True, help="Forget what is kept for good, such as a secret that got into a file.")
@click.argument("target", shell_complete=complete_target)
@click.argument("revision", required=False)
def history(
    path: str | None, timeout: float, config: str, target: str, revision: str | None, *, lines: int, purge: bool
) -> None:
    """Show the kept revisions of TARGET, the newest first.

    A * is what somebody put there past rpcd. What `rpcd diff` and `rpcd restore` take is a number, or the beginning of
    a revision.

    --purge is for root and needs no server: it forgets REVISION, or all that is kept of TARGET. The file itself stays
    as it is.

    \b
      rpcd history shop
      rpcd history --purge shop 3f1c9a
    """  # noqa: D301 - click means the character
    if purge:
        _purge(config, target, revision)
        return
    if revision is not None:
        raise click.UsageError("REVISION is for --purge; see `rpcd diff`")
    with asking(path, timeout) as client:
        found = client.history(target, limit=lines)
    if not sys.stdout.isatty():
        import dataclasses

        for one in found.revisions:
            show(dataclasses.asdict(one) | {"ts": one.ts.isoformat()})
    elif found.revisions:
        _table(found.revisions, more=found.next is not None)
    else:
        click.echo(f"rpcd: nothing is kept of {target}: it was not changed yet", err=True)


def _table(revisions: "tuple[Revision, ...]", *, more: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("", "when", "revision", "size", "who", "what"):
        table.add_column(title, justify="right" if title in {"", "size"} else "left", header_style="cyan")
    for one in revisions:
        table.add_row(
            str(one.number) + ("*" if one.external else ""),
            one.ts.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            Text(one.revision.partition(":")[2][:10] or one.revision, style="yellow"),
            str(one.size),
            Text(_who(one)),
            Text(_what(one)),
        )
    console = Console(highlight=False)
    console.print(table)
    if more:
        console.print("There are more: see --lines.", style="dim")


def _who(one: "Revision") -> str:
    """The users, and on whose behalf."""
    names = ((edit.user or str(edit.uid)) + (f" for {edit.actor}" if edit.actor else "") for edit in one.edits)
    return ", ".join(dict.fromkeys(names))


def _what(one: "Revision") -> str:
    """Methods, keys and notes."""
    if one.external:
        return "put there past rpcd"
    parts = dict.fromkeys(
        " ".join((edit.method, *edit.keys)) + (f" ({edit.note})" if edit.note else "") for edit in one.edits
    )
    return ", ".join(parts)


def _purge(config: str, target: str, revision: str | None) -> None:
    """Forget in the files of the state, beside a server or without one."""
    from rpcd.daemon import load
    from rpcd.errors import Refused
    from rpcd.settings import SettingsFault
    from rpcd.store import Targets, revision_names
    from rpcd.store.history import History, Of

    try:
        settings, _ = load(config)
        of = Of.file(*Targets(settings).file(target))
        kept, names = History(settings.state), revision_names(settings.state)
        listed = (
            (number, entry.digest, tuple(names.name(entry.digest, plain=plain) for plain in (True, False)))
            for number, entry in kept.revisions(of)
        )
        gone = kept.purge(of, None if revision is None else {pick(revision, listed)})
    except SettingsFault as fault:
        raise click.ClickException("; ".join(fault.faults)) from None
    except Refused as refused:
        raise click.ClickException(f"{target}: {refused.kind}") from None
    except OSError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"rpcd: forgot {gone} revision{'s' * (gone != 1)} of {target}", err=True)
