"""`rpcd check`: what is wrong with settings, before a server is."""

import sys

import click

from rpcd.cli.options import config_option

__all__ = ["check"]


@click.command()
@config_option
def check(config: str) -> None:
    """Look for faults in settings, schemas and targets, and name them all.

    Run it as the user that the server runs as. Nothing is changed. Ends with 0 where there is no fault, else with 1.
    """
    from rpcd import daemon  # noqa: PLC0415
    from rpcd.settings import SettingsFault  # noqa: PLC0415

    try:
        settings, faults = daemon.check(config)
    except SettingsFault as fault:
        settings, faults = None, list(fault.faults)
    for line in faults:
        click.echo(line, err=True)
    if settings is None or faults:
        click.echo(f"{len(faults)} fault{'' if len(faults) == 1 else 's'}", err=True)
        sys.exit(1)
    click.echo(f"no faults: {len(settings.targets)} targets, {len(settings.grants)} grants", err=True)
