"""`rpcd check`: what is wrong with settings, before a server is."""

import os
import sys

import click

from rpcd.cli.options import config_option
from rpcd.cli.words import counted

__all__ = ["check"]


@click.command()
@config_option
@click.option("--strict", is_flag=True, help="End with 1 where there are warnings, too.")
@click.option("--unit", is_flag=True, help="Print the drop-in that rpcd.service needs for these settings.")
def check(config: str, *, strict: bool, unit: bool) -> None:
    """Say what is wrong with settings, and what is unwise.

    It names every fault of settings, schemas and targets, each with its place; a warning says what could happen, and
    what to do. Both are on standard error. Run it as the user that the server runs as; nothing is changed.

    \b
      rpcd check
      rpcd check --config /srv/new/rpcd.toml --strict
      mkdir -p /etc/systemd/system/rpcd.service.d
      rpcd check --unit > /etc/systemd/system/rpcd.service.d/targets.conf

    Ends with 0 where there is no fault, else with 1.
    """  # noqa: D301 - click means the character
    from rpcd import daemon
    from rpcd.settings import SettingsFault
    from rpcd.settings.dropin import drop_in

    try:
        settings, faults, warnings = daemon.check(config)
    except SettingsFault as fault:
        settings, faults, warnings = None, list(fault.faults), ()
    for line in faults:
        click.echo(line, err=True)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if settings is None or faults:
        click.echo(counted(len(faults), "fault"), err=True)
        if not os.path.lexists(config):
            click.echo("`rpcd init` writes first settings", err=True)
        sys.exit(1)
    if unit:
        click.echo(drop_in(settings), nl=False)
    found = f", {counted(len(warnings), 'warning')}" if warnings else ""
    counts = f"{counted(len(settings.targets), 'target')}, {counted(len(settings.grants), 'grant')}"
    click.echo(f"no faults{found}: {counts}", err=True)
    sys.exit(1 if strict and warnings else 0)
