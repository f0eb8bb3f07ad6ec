"""`rpcd audit`: what happened, and whether the log of it holds."""

import os
import pwd
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, NoReturn

import click

from rpcd.cli.groups import Commands
from rpcd.cli.moments import moment
from rpcd.cli.options import config_option
from rpcd.meant import meant

if TYPE_CHECKING:
    from rpcd.audit.choose import Choice
    from rpcd.settings import Raw

__all__ = ["audit"]

SHOWN: Final = 100
"""Records that a person sees who asks for none in particular."""

AT_ONCE: Final = 200
"""Records that are printed together."""

json_option = click.option(
    "--json/--table", "as_json", default=None, help="Lines as in the log, or a table. [default: a table on a terminal]"
)


@click.group(cls=Commands, invoke_without_command=True)
@config_option
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("--user", help="Only what this user did.", metavar="NAME|UID")
@click.option("--method", help="Only calls of this method.", metavar="NAME")
@click.option("--target", help="Only calls on this target, or on files of it.", metavar="NAME")
@click.option("--since", callback=moment, help="Only what came since: 10min, 2h, 1d, a date.", metavar="TIME")
@click.option("--until", callback=moment, help="Only what came before.", metavar="TIME")
@click.option("--denied", is_flag=True, help="Only what was refused.")
@click.option("--changes", is_flag=True, help="Only changes: their intents, and what became of them.")
@click.option("-n", "--lines", type=click.IntRange(1), help="Only the last ones.", metavar="COUNT")
@json_option
@click.option("--file", "files", multiple=True, help="Read this file instead; can be given again.", metavar="FILE")
@click.pass_context
def audit(
    context: click.Context,
    /,
    config: str,
    user: str | None,
    lines: int | None,
    files: tuple[str, ...],
    *,
    follow: bool,
    as_json: bool | None,
    **asked: str | bool | None,
) -> None:
    """Show who did what, and what became of it.

    It reads the log of the settings with all files that were rotated away, compressed ones too. On a terminal it shows
    a table of the last 100 records, unless you ask for some; for programs it prints the lines as they stand.

    \b
      rpcd audit -f
      rpcd audit --user www-data --denied --since 1d
      rpcd audit --changes --target shop --json | jq -c '[.ts, .peer.uid, .keys]'
      rpcd audit verify
    """  # noqa: D301 - click means the character
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    from rpcd.audit.choose import Choice

    if follow and files:
        raise click.UsageError("--follow follows the log of the settings: not with --file")
    choice = Choice(uid=_uid(user), **asked)  # type: ignore[arg-type]  # click has judged them
    table = sys.stdout.isatty() if as_json is None else not as_json
    if table and lines is None and choice.since is None and choice.until is None:
        lines = SHOWN
    show = _table() if table else _lines
    with suppress(KeyboardInterrupt):
        try:
            _read(show, choice, config, files, lines, follow=follow)
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            _unreadable(error)


@audit.command()
@click.option("--config", "own", help="The settings.", metavar="FILE")
@json_option
@click.option("--head", help="The head of the chain: a file, or SEQ:HASH as standard error told it.", metavar="HEAD")
@click.argument("files", nargs=-1)
@click.pass_obj
def verify(config: str, own: str | None, head: str | None, files: tuple[str, ...], *, as_json: bool | None) -> None:
    """Follow the chain of hashes through FILES, or through the log of the settings.

    It names the first record that was changed, removed, put in or moved, and tells how many may be missing where the
    log was cut off. A tail that was cut off is found by the head that is kept in the server's state directory, or by
    --head. The order of FILES does not matter.

    Ends with 0 where the log holds, with 1 where it does not, and with 2 where it cannot be read.
    """
    from rpcd.cli.verdict import verdict

    try:
        found = verdict(files, head, *([] if files else _places(own or config)))
    except OSError as error:
        _unreadable(error)
    found.show(as_json=not sys.stdout.isatty() if as_json is None else as_json)
    sys.exit(0 if found.holds else 1)


def _unreadable(error: OSError) -> NoReturn:
    """Say what cannot be read, and end."""
    click.echo(f"rpcd: {error.filename or 'the log'}: {error.strerror}", err=True)
    sys.exit(2)


def _settings(config: str) -> "Raw":
    """What the settings say, as far as it can be read."""
    from rpcd.settings import SettingsFault, read

    try:
        return read(config)
    except SettingsFault as fault:
        told = (*fault.faults, "So it is not known which log to read: name its files (see --help).")
        raise click.UsageError("\n".join(told)) from fault


def _places(config: str) -> tuple[str, str]:
    """The log of the settings, and the file that keeps its head."""
    from rpcd.audit import HEAD

    settings = _settings(config)
    return settings.audit_log, os.path.join(settings.state, HEAD)


def _nothing(choice: "Choice", targets: Collection[str]) -> str:
    """Why nothing is shown: who mistypes a target would take silence for good news."""
    name = (choice.target or "").partition("/")[0]
    if name and targets and name not in targets:
        return f"there is no target '{name}', neither in the settings nor in the log{meant(name, targets)}"
    return "the log has nothing of that"


def _uid(user: str | None) -> int | None:
    if user is None:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(user).pw_uid
    if user.isdecimal():
        return int(user)
    raise click.UsageError(f"no user is named {user!r}{meant(user, (entry.pw_name for entry in pwd.getpwall()))}")


def _read(
    show: Callable[[Iterable[bytes]], None],
    choice: "Choice",
    config: str,
    paths: tuple[str, ...],
    count: int | None,
    *,
    follow: bool,
) -> None:
    """Show what is asked for, and say where there is nothing of it; with `follow`, for ever."""
    from rpcd.audit.choose import last_of, lines_of
    from rpcd.audit.files import Files
    from rpcd.audit.follow import Follower
    from rpcd.audit.record import header

    log = "" if paths else _places(config)[0]
    follower = Follower(log) if follow else None  # before all else: what comes in the meantime is in one of both
    last, shown = 0, False
    with Files(paths) if paths else Files.of(log) as files:
        found = last_of(files, choice, count) if count is not None else lines_of(files, choice)
        while batch := list(islice(found, AT_ONCE)):
            show(batch)
            shown = True
            last = max(last, *(read.seq for line in batch if (read := header(line))), 0)
    if not shown:
        click.echo(f"rpcd: {_nothing(choice, () if paths else _settings(config).named)}", err=True)
    if follower is None:
        return
    coming = follower.lines()
    for first in coming:
        lines = chain((first,), _until_none(coming)) if first is not None else iter(())
        unseen = (line for line in lines if (read := header(line)) and read.seq > last)
        if batch := list(choice.chosen(unseen)):
            show(batch)


def _until_none(lines: Iterator[bytes | None]) -> Iterator[bytes]:
    """What is there now."""
    for line in lines:
        if line is None:
            return
        yield line


def _lines(lines: Iterable[bytes]) -> None:
    """Lines as they stand in the log; on a terminal without what controls it, which only tampering leaves."""
    if sys.stdout.isatty():
        from rpcd.printable import printable

        lines = (printable(line.decode("ascii", "backslashreplace")).encode() for line in lines)
    out = sys.stdout.buffer
    out.write(b"".join(line + b"\n" for line in lines))
    out.flush()


def _table() -> Callable[[Iterable[bytes]], None]:
    """Shows lines as a table."""
    import orjson
    from rich.console import Console

    from rpcd.cli.records import Records, is_record

    records = Records(Console(highlight=False, width=None if sys.stdout.isatty() else 120))

    def show(lines: Iterable[bytes]) -> None:
        parsed = []
        for line in lines:
            with suppress(ValueError):
                parsed.append(orjson.loads(line))
        records.show(filter(is_record, parsed))

    return show
