"""Asking the server: what a command does with an answer, and how it ends where there is none."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from rpcd.cli.options import EXIT_NO_ANSWER, EXIT_OUTCOME_UNKNOWN, EXIT_STATUS

if TYPE_CHECKING:
    from rpcd.client import Client

__all__ = ["asking", "show"]


@contextmanager
def asking(path: str | None, timeout: float) -> Iterator["Client"]:
    """A client of the server at `path`; what it raises ends the command, with a sentence and its exit status."""
    from rpcd.client import Client, OutcomeUnknownError, RefusalError, RpcdError

    try:
        with Client(path, timeout=timeout) as client:
            yield client
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


def show(result: Any) -> None:
    """Print a result as JSON: indented and coloured for a person, one line for a program."""
    if sys.stdout.isatty():
        from rich import print_json

        print_json(data=result, ensure_ascii=False)
    else:
        click.echo(json.dumps(result, ensure_ascii=False))
