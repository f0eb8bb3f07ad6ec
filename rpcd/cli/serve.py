"""`rpcd serve`: the server itself."""

import os
import sys

import click

from rpcd.cli.options import config_option

__all__ = ["serve"]


@click.command()
@config_option
def serve(config: str) -> None:
    """Serve until SIGTERM; SIGHUP reads the settings again.

    Standard error is its log. The socket is made at the path in the settings, or taken from systemd.

    \b
      rpcd serve
      rpcd serve --config /srv/test/rpcd/rpcd.toml
    """  # noqa: D301 - click means the character
    _do_without_colours()
    from rpcd.process.limits import raise_limits

    if short := raise_limits():  # before what needs them is imported
        for line in short:
            click.echo(f"rpcd: {line}", err=True)
        sys.exit(os.EX_UNAVAILABLE)
    from rpcd import daemon

    sys.exit(daemon.serve(config))


def _do_without_colours() -> None:
    """Import structlog, and not rich, which it takes along where there is any, for a developer's terminal.

    Nobody looks at a server in colours, and rich has 3 MiB. A name that stands for None cannot be imported
    (The Python Language Reference, 5.3.1); afterwards it can again, by a module of the administrator's.
    """
    if "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]  # see above
        import structlog  # noqa: F401 - it is there from now on

        del sys.modules["rich"]
