"""`rpcd call`: one call, from a shell or a script."""

import dataclasses
import json
import sys
from typing import Any

import click

from rpcd.cli.asking import asking, show
from rpcd.cli.completing import complete_method, complete_param
from rpcd.cli.options import EXIT_STATUS, socket_option, timeout_option

__all__ = ["call"]


def _statuses() -> str:
    rows = [f"  {status:3} {kind}" for kind, status in EXIT_STATUS.items()]
    return "\b\nExit status: 0, or by the kind of refusal\n" + "\n".join(rows)


@click.command(epilog=_statuses())
@socket_option
@timeout_option
@click.argument("method", shell_complete=complete_method)
@click.argument("params", nargs=-1, shell_complete=complete_param)
def call(path: str | None, timeout: float, method: str, params: tuple[str, ...]) -> None:
    """Call METHOD, and print its result as JSON.

    Each of PARAMS is name=text or name:=JSON; a lone "-" as text or JSON is standard input.

    \b
      rpcd call update_key target=shop key=mail.from value=a@b.c
      rpcd call update_key target=app key=debug value:=true dry_run:=true
      rpcd call replace_file target=motd content=- < motd.new

    Ends with 3 where there is no answer and nothing has changed, and with 4 where the answer to a change was lost: make
    the same call again if it has request_id=…, a name of your own for this one change, else read again before you do.
    """  # noqa: D301 - click means the character
    given = _parse(params)
    with asking(path, timeout) as client:
        show(_call(client, method, given))


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
        import base64

        return {"base64": base64.b64encode(value).decode("ascii")}
