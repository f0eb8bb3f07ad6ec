"""`rpcd explain`: whether somebody may do something, and which grant says so, or what every grant lacks."""

import grp
import json
import os
import pwd
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from rpcd.cli.completing import complete_method, complete_target
from rpcd.cli.options import EXIT_NO, config_option
from rpcd.meant import meant

if TYPE_CHECKING:
    from rpcd.documents.key import Key
    from rpcd.peer import Peer

__all__ = ["explain"]


@click.command()
@config_option
@click.option("--user", required=True, help="Whose grants: a name or a number.", metavar="USER")
@click.option("--group", "groups", multiple=True, help="As if the user were in this group, too.", metavar="GROUP")
@click.option("--unit", help="As if it called from this systemd unit.", metavar="UNIT")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.argument("method", shell_complete=complete_method)
@click.argument("target", required=False, shell_complete=complete_target)
@click.argument("key", required=False)
def explain(
    config: str,
    *,
    user: str,
    groups: tuple[str, ...],
    unit: str | None,
    as_json: bool,
    method: str,
    target: str | None,
    key: str | None,
) -> None:
    """Say whether USER may call METHOD, on TARGET and KEY, and why.

    It reads the settings, as root, and needs no server: what it says is what the server does once it has read them,
    too. The user's groups are those that the system knows. Without KEY, yes means for one key at least; without TARGET,
    for one target.

    \b
      rpcd explain --user www-data update_key shop mail.from
      rpcd explain --user www-data --unit shop.service read_file vhosts/a.conf

    Ends with 0 for yes, with 1 for no, and with 2 where the question or the settings make no sense.
    """  # noqa: D301 - click means the character
    from rpcd import daemon
    from rpcd.cli.reasons import Question, told
    from rpcd.settings import SettingsFault

    who = _peer(user, groups, unit)
    asked = _key(method, target, key)
    try:
        rules = daemon.rules(config)
    except SettingsFault as fault:
        click.echo("\n".join(fault.faults), err=True)
        sys.exit(2)
    answer = told(rules, Question(who, user, method, target, asked))
    if as_json:
        click.echo(json.dumps(answer.record(), ensure_ascii=False))
    else:
        click.echo(answer.text())
    sys.exit(0 if answer.allowed else EXIT_NO)


def _key(method: str, target: str | None, key: str | None) -> "Key | None":
    """The key, once the question is one that the server would take."""
    from rpcd.documents.key import parse_key
    from rpcd.errors import Refused
    from rpcd.schemas import shipped

    given = {"method": method, "target": target, "key": key}
    schema = shipped()["may.params"]
    for fault in schema.faults({name: value for name, value in given.items() if value is not None}):
        name = fault["at"].strip("/")
        raise click.UsageError(f"{given.get(name)!r} is no {name}")
    try:
        return None if key is None else parse_key(key)
    except Refused as refused:
        raise click.UsageError(f'{key!r} is no key: write it as in TOML, mail.from or hosts."a.b".port') from refused


def _peer(user: str, groups: Iterable[str], unit: str | None) -> "Peer":
    """The caller as the kernel would name it; a number that the system does not know has no groups of its own."""
    from rpcd.peer import OVERFLOW_ID, Peer

    more = {
        _number(group, grp.getgrnam, "group", lambda: [entry.gr_name for entry in grp.getgrall()]) for group in groups
    }
    uid = _number(user, pwd.getpwnam, "user", lambda: [entry.pw_name for entry in pwd.getpwall()])
    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return Peer(pid=0, uid=uid, gid=OVERFLOW_ID, groups=frozenset(more), unit=unit)
    own = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return Peer(pid=0, uid=uid, gid=entry.pw_gid, groups=frozenset({*own, *more}), unit=unit)


def _number(text: str, look_up: Any, kind: str, names: Any) -> int:
    """The id of a user or group."""
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        return int(look_up(text)[2])
    except KeyError:
        raise click.UsageError(f"no {kind} is named {text!r}{meant(text, names())}") from None
