"""Advice on grants: who they are for, how wide they are, and whether they can ever apply."""

import os
import stat
from collections.abc import Iterator
from typing import Final

from rpcd.policy import Grant
from rpcd.settings.advice.facts import ROOT, Advice, Facts, Reach

__all__ = ["closed_socket", "everything", "never_applies", "shared_user"]

SHARED: Final = frozenset({
    "www-data", "www", "wwwrun", "http", "httpd", "apache", "nginx", "lighttpd", "caddy",
    "nobody", "nogroup", "daemon", "bin", "users", "backup", "games", "mail",
})  # fmt: skip
"""Users and groups that distributions make, and that programs of several people run as."""

STRUCTURED: Final = frozenset({"get_key", "update_key", "delete_key", "list_keys"})
"""Methods for files that have keys."""

OF_DIRECTORIES: Final = frozenset({"list_files"})
"""Methods for directories of files."""


def shared_user(facts: Facts) -> Iterator[Advice]:
    """A user, or a group, that several applications share: each of them is the same caller."""
    granted: dict[str, list[str]] = {}
    for reach in facts.reaches:
        if not reach.grant.units:
            for name in _names(facts, reach.grant):
                granted.setdefault(name, []).append(reach.grant.source)
    for name, (first, *others) in granted.items():
        if name.removeprefix("the group ") in SHARED:
            also = f" (so do {', '.join(others)})" if others else ""
            yield Advice(
                first,
                f"it is for {name}, as whom several applications may run{also}: each can do what one of them needs",
                "Give the application a user of its own, or name its unit in units",
            )


def everything(facts: Facts) -> Iterator[Advice]:
    """A grant to change every key of every target."""
    for reach in facts.reaches:
        grant = reach.grant
        wide = not grant.keys or any(pattern.covers_below(()) for pattern in grant.keys)
        if "*" in grant.targets and wide and facts.changes(grant):
            yield Advice(
                grant.source,
                "it lets every target be changed, also those to come: one caller that is taken over has them all",
                "Name the targets, and their keys",
            )


def never_applies(facts: Facts) -> Iterator[Advice]:
    """A method of a grant that none of its targets can be asked."""
    for reach in facts.reaches:
        formats = {target.format.name for target in reach.targets}
        if formats == {"text"} and (keyed := sorted(STRUCTURED & reach.grant.methods)):
            yield _in_vain(reach, keyed, "they are texts, which have no keys", "read_file and replace_file")
        listing = sorted(OF_DIRECTORIES & reach.grant.methods)
        if listing and reach.targets and all(target.file is not None for target in reach.targets):
            yield _in_vain(reach, listing, "they are single files", "a directory")


def _in_vain(reach: Reach, methods: list[str], why: str, instead: str) -> Advice:
    names = ", ".join(target.name for target in reach.targets)
    return Advice(
        reach.grant.source,
        f"nobody can ever call {', '.join(methods)} on {names}: {why}",
        f"Leave {'it' if len(methods) == 1 else 'them'} out, or grant {instead}",
    )


def closed_socket(facts: Facts) -> Iterator[Advice]:
    """A grant for somebody who cannot open the socket, whose mode is narrower: its owner and group are the server's."""
    mode = facts.settings.socket_mode
    if mode & stat.S_IWOTH:
        return
    group = os.getegid() if mode & stat.S_IWGRP else None
    accounts = facts.accounts
    for reach in facts.reaches:
        uids, gids = reach.grant.uids - {os.geteuid()}, reach.grant.gids - {group}
        shut_out = [accounts.user(uid) for uid in sorted(uids) if group not in accounts.groups_of(uid)]
        shut_out += [f"the group {accounts.group(gid)}" for gid in sorted(gids)]
        if shut_out:
            yield Advice(
                reach.grant.source,
                f"{', '.join(shut_out)} cannot open the socket, whose mode is {mode:04o}: the grant is of no use",
                'Set socket_mode = "0666", the grants say who may do what; or let systemd make it with a SocketGroup',
            )


def _names(facts: Facts, grant: Grant) -> Iterator[str]:
    yield from (facts.accounts.user(uid) for uid in sorted(grant.uids - ROOT))
    yield from (f"the group {facts.accounts.group(gid)}" for gid in sorted(grant.gids - ROOT))
