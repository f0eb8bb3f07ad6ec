"""The commands that a person types.

Rules of this file:

- What a person did wrong is one clear sentence and an exit status, never a traceback.
- Each command imports what it needs when it runs: `rpcd call` is used in scripts, and starts fast.
- Results are JSON on standard output, and nothing else is; everything said to a person goes to standard error.
"""

import dataclasses
import json
import sys
from typing import Any, Final

import click

from rpcd import __version__

__all__ = ["main"]

DEFAULT_CONFIG: Final = "/etc/rpcd/rpcd.toml"

EXIT_STATUS: Final = {
    "parse_error": 10,
    "invalid_request": 11,
    "no_such_method": 12,
    "invalid_params": 13,
    "internal": 14,
    "denied": 20,
    "no_such_target": 21,
    "no_such_key": 22,
    "no_such_file": 23,
    "conflict": 24,
    "too_large": 25,
    "not_editable": 26,
    "rejected": 27,
    "busy": 28,
    "unknown": 29,
    "unavailable": 30,
    "storage": 31,
}
"""What `rpcd call` ends with, by the kind of refusal; 1 is a kind that this version does not know."""

EXIT_NO_ANSWER: Final = 3
"""No server, or no answer in time, and nothing has changed."""

EXIT_OUTCOME_UNKNOWN: Final = 4
"""The answer to a change was lost: read again."""

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="rpcd")
def main() -> None:
    """Lets an unprivileged program change exactly the configuration it has been granted.

    `rpcd serve` is the server, `rpcd check` looks at its settings, `rpcd call` asks it something.
    """


@main.command()
@click.option("--config", default=DEFAULT_CONFIG, show_default=True, help="The settings.")
def serve(config: str) -> None:
    """Serve until SIGTERM; SIGHUP reads the settings again.

    Standard error is its log. The socket is made at the path in the settings, or taken from systemd.
    """
    from rpcd import daemon  # noqa: PLC0415 - see the rules of this file

    sys.exit(daemon.serve(config))


@main.command()
@click.option("--config", default=DEFAULT_CONFIG, show_default=True, help="The settings.")
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


def _statuses() -> str:
    rows = [f"  {status:3} {kind}" for kind, status in EXIT_STATUS.items()]
    return "\b\nExit status: 0, or by the kind of refusal\n" + "\n".join(rows)


@main.command(epilog=_statuses())
@click.option("--socket", "path", envvar="RPCD_SOCKET", help="The server's socket. [default: /run/rpcd/rpcd.sock]")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for the answer.")
@click.argument("method")
@click.argument("params", nargs=-1)
def call(path: str | None, timeout: float, method: str, params: tuple[str, ...]) -> None:
    r"""Call METHOD, and print its result as JSON.

    Each of PARAMS is name=text or name:=JSON; a lone "-" as text or JSON is standard input.

    \b
      rpcd call update_key target=shop key=mail.from value=a@b.c
      rpcd call update_key target=app key=debug value:=true dry_run:=true
      rpcd call replace_file target=motd content=- < motd.new

    Ends with 3 where there is no answer and nothing has changed, and with 4 where the answer to a change was lost: read
    again before you try again.
    """
    from rpcd.client import Client, OutcomeUnknownError, RefusalError, RpcdError  # noqa: PLC0415

    given = _parse(params)
    try:
        with Client(path, timeout=timeout) as client:
            _print(_call(client, method, given))
    except RefusalError as refusal:
        click.echo(f"rpcd: {refusal.message}", err=True)
        click.echo(json.dumps(refusal.data, ensure_ascii=False), err=True)
        sys.exit(EXIT_STATUS.get(refusal.kind, 1))
    except OutcomeUnknownError as error:
        click.echo(f"rpcd: {error}", err=True)
        sys.exit(EXIT_OUTCOME_UNKNOWN)
    except RpcdError as error:
        click.echo(f"rpcd: {error}", err=True)
        sys.exit(EXIT_NO_ANSWER)


def _parse(params: tuple[str, ...]) -> dict[str, Any]:
    """`name=text` and `name:=JSON` as parameters; bytes where a text came from standard input."""
    given: dict[str, Any] = {}
    for param in params:
        name, equals, text = param.partition("=")
        typed = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name:
            raise click.UsageError(f"{param!r} is neither name=text nor name:=JSON")
        if name in given:
            raise click.UsageError(f"{name!r} is given twice")
        value: str | bytes = sys.stdin.buffer.read() if text == "-" else text
        if typed:
            try:
                given[name] = json.loads(value)
            except ValueError as error:
                raise click.UsageError(f"{name}: not JSON: {error}") from error
        else:
            given[name] = value
    return given


def _call(client: Any, method: str, given: dict[str, Any]) -> Any:
    """Contents travel the way they fit; everything else is as the server says it."""
    if method == "replace_file" and isinstance(given.get("content"), str | bytes) and "target" in given:
        done = dataclasses.asdict(client.replace_file(**given))
        return {name: value for name, value in done.items() if value is not None}
    if method == "read_file" and "target" in given and given.keys() <= {"target", "as"}:
        found = client.read_file(given["target"], given.get("as"))
        return {"content": _text(found.content), "revision": found.revision, "size": found.size}
    return client.call(method, **{name: _text(value) for name, value in given.items()})


def _text(value: Any) -> Any:
    """Bytes as a JSON string, or as base64 where they are no text."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        import base64  # noqa: PLC0415

        return {"base64": base64.b64encode(value).decode("ascii")}


def _print(result: Any) -> None:
    """Indented and coloured for a person, one line for a program."""
    if sys.stdout.isatty():
        from rich import print_json  # noqa: PLC0415

        print_json(data=result, ensure_ascii=False)
    else:
        click.echo(json.dumps(result, ensure_ascii=False))
