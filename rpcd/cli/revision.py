"""The revision that a person means: a number of `rpcd history`, or the beginning of a revision."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rpcd.client import Client

__all__ = ["meant"]


def meant(client: "Client", target: str, said: str) -> str:
    """The revision in full; raises `click.UsageError` where none, or more than one, is meant."""
    if said == "absent":
        return said
    found: set[str] = set()
    after = None
    while True:
        page = client.history(target, after=after)
        for one in page.revisions:
            kind, _, digits = one.revision.partition(":")
            if said == str(one.number):
                return one.revision
            if digits.startswith(said.removeprefix(f"{kind}:")):
                found.add(one.revision)
        if page.next is None:
            break
        after = page.next
    if len(found) != 1:
        raise click.UsageError(f"{said}: " + ("more than one revision begins so" if found else "no such revision"))
    return found.pop()
