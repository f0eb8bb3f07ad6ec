"""What a shell may complete: methods and targets, as far as the server tells this caller of them.

Where nobody answers at once there is nothing to complete: a shell that waits, or shows an error, helps nobody.
"""

from contextlib import suppress
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

__all__ = ["complete_method", "complete_param", "complete_target"]

PATIENCE: Final = 0.5
"""Seconds to be connected, and to be answered."""


def complete_method(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The methods that the caller may call, each with what it does."""
    methods = _methods(context)
    return [
        CompletionItem(name, help=method["summary"]) for name, method in methods.items() if name.startswith(incomplete)
    ]


def complete_target(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The targets of the method that stands before, for this caller."""
    return [CompletionItem(name) for name in _targets(context) if name.startswith(incomplete)]


def complete_param(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`target=NAME` for `rpcd call`. For bash the `=` is a word of its own, with the name to complete after it."""
    given = context.params.get("params") or ()
    apart = given[-1:] == ("target",) or given[-2:] == ("target", "=")  # click takes a last "=" for nothing
    names = [name if apart else f"target={name}" for name in _targets(context)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _targets(context: click.Context) -> list[str]:
    method: Any = _methods(context).get(context.params.get("method") or "", {})
    targets: list[str] = method.get("x-targets", [])
    return targets


def _methods(context: click.Context) -> dict[str, Any]:
    """What the server describes to this caller; nothing where it does not."""
    from rpcd.client import Client, RpcdError

    with suppress(RpcdError), Client(context.params.get("path"), connect_timeout=PATIENCE, timeout=PATIENCE) as client:
        document: Any = client.discover()
        return {method["name"]: method for method in document["methods"]}
    return {}
