"""`rpcd init`: the first settings of a new installation."""

import os
import sys
from contextlib import suppress

import click

from rpcd.cli.options import CONFIG

__all__ = ["init"]


@click.command()
@click.argument("directory", default=os.path.dirname(CONFIG))
def init(directory: str) -> None:
    """Write a commented rpcd.toml into DIRECTORY, or into /etc/rpcd.

    It explains every setting, lets root look after the server, and grants nothing else. A file that is there is never
    overwritten. The directory is made where it is missing; nobody else may be able to write it, or one above it.

    \b
      rpcd init
      rpcd init /srv/test/rpcd && rpcd check --config /srv/test/rpcd/rpcd.toml

    Ends with 1 where nothing was written.
    """  # noqa: D301 - click means the character
    from rpcd.methods import METHODS
    from rpcd.settings.starter import starter
    from rpcd.trust import Untrusted

    path = os.path.join(os.path.abspath(directory), "rpcd.toml")
    try:
        _write(path, starter(METHODS).encode("utf-8"))
    except FileExistsError:
        click.echo(f"rpcd: {path} is there already; nothing was written", err=True)
        sys.exit(1)
    except (OSError, Untrusted) as error:
        click.echo(f"rpcd: {error}", err=True)
        sys.exit(1)
    click.echo(_next(path))


def _write(path: str, content: bytes) -> None:
    """Make the file, for its owner alone, whole or not at all.

    Raises `FileExistsError` where there is one, `Untrusted` where others could put one in its place, `OSError`.
    """
    from rpcd.trust import open_trusted

    directory_path, name = os.path.split(path)
    with suppress(FileExistsError):
        os.mkdir(directory_path, 0o755)
    directory = open_trusted(directory_path)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except BaseException:
            os.unlink(name, dir_fd=directory)
            raise
    finally:
        os.close(directory)


def _next(path: str) -> str:
    """What to do with it."""
    option = "" if path == CONFIG else f" --config {path}"
    return f"""\
{path} is written. It lets root look after the server, and nobody else do anything. Next:

  1. name a target and a grant in it: take away the # before the lines you want
  2. rpcd check{option}
         what is wrong with it, and what is unwise
  3. rpcd check --unit{option}
         what the systemd unit has to allow for it
  4. systemctl enable --now rpcd.socket, or without systemd: rpcd serve{option}
  5. rpcd explain{option} --user www-data get_key shop ui.theme
         whether somebody may do something, and why"""
