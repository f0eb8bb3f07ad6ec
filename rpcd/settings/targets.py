"""Targets: what the administrator has given a name."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from rpcd.documents.key import KeyPattern
from rpcd.settings.faults import Faults, Place
from rpcd.settings.identities import Identities
from rpcd.settings.quantities import mode, size

__all__ = ["Target", "build_target", "judge_together"]

MAX_FILES: Final = 1000
MAX_BYTES: Final = "64 MiB"
"""Of a directory target, unless it says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A file, or a directory of files (`file` is None, and their names fullmatch `names`).

    `owner`, `group` and `mode` are what a new file gets, and what an existing one must have where they are not None.
    `max_files` and `max_bytes` bound all files of a directory.
    """

    name: str
    directory: str
    file: str | None
    names: re.Pattern[str] | None
    format: str
    secret: tuple[KeyPattern, ...]
    secret_content: bool
    owner: int | None
    group: int | None
    mode: int | None
    follow: bool
    in_place: bool
    untrusted_directory: bool
    max_files: int
    max_bytes: int


def build_target(name: str, table: Mapping[str, Any], identities: Identities, at: Place) -> Target | None:
    """The target that a table describes; its faults go to `at`."""
    path: str = table.get("path", table.get("directory"))
    if path != os.path.normpath(path) or path.startswith("//"):
        at.below("path" if "path" in table else "directory").add(f"write it as {os.path.normpath(path)}")
        return None
    directory, file = os.path.split(path) if "path" in table else (path, None)
    _judge_directory(directory, table, at)
    if file is not None:
        _judge_file(path, table, at)
    if file is None and table.get("in_place"):
        at.below("in_place").add("is for a single file")
    return Target(
        name=name,
        directory=directory,
        file=file,
        names=_names(table, at),
        format=table["format"],
        secret=tuple(_secret_keys(table, at)),
        secret_content=table.get("secret") is True,
        owner=identities.user(table["owner"], at.below("owner")) if "owner" in table else None,
        group=identities.group(table["group"], at.below("group")) if "group" in table else None,
        mode=mode(table["mode"]) if "mode" in table else None,
        follow=table.get("follow", False),
        in_place=table.get("in_place", False),
        untrusted_directory=table.get("untrusted_directory", False),
        max_files=table.get("max_files", MAX_FILES),
        max_bytes=size(table.get("max_bytes", MAX_BYTES)),
    )


def _names(table: Mapping[str, Any], at: Place) -> re.Pattern[str] | None:
    if "names" not in table:
        return None
    try:
        return re.compile(table["names"])
    except re.error as error:
        at.below("names").add(f"not a regular expression: {error}")
        return None


def _secret_keys(table: Mapping[str, Any], at: Place) -> Iterator[KeyPattern]:
    secret = table.get("secret", ())
    if secret is True:
        if table["format"] != "text":
            at.below("secret").add("true is for text; name the keys of a structured document")
        return
    if secret and table["format"] == "text":
        at.below("secret").add("a text has no keys; true makes all of it secret")
        return
    for number, text in enumerate(secret):
        try:
            yield KeyPattern.parse(text)
        except ValueError as error:
            at.below("secret", number).add(str(error))


def _judge_directory(directory: str, table: Mapping[str, Any], at: Place) -> None:
    """The directory has to be there, reached without links unless they are followed, and only root may write it."""
    try:
        found = os.stat(directory)
    except OSError as error:
        at.add(f"{directory}: {error.strerror}")
        return
    if not stat.S_ISDIR(found.st_mode):
        at.add(f"{directory}: is not a directory")
    elif not table.get("follow") and os.path.realpath(directory) != directory:
        at.add(f"{directory}: leads over a symbolic link; write it as {os.path.realpath(directory)}")
    elif not table.get("untrusted_directory") and (
        found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        at.add(f"{directory}: others than root can write it; untrusted_directory = true allows that")


def _judge_file(path: str, table: Mapping[str, Any], at: Place) -> None:
    """What must not be a target at all: a program that runs with somebody else's powers."""
    try:
        found = os.stat(path, follow_symlinks=bool(table.get("follow")))
        capable = "security.capability" in os.listxattr(path, follow_symlinks=bool(table.get("follow")))
    except OSError:  # it need not be there yet
        return
    executable = found.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    if executable and found.st_mode & (stat.S_ISUID | stat.S_ISGID):
        at.below("path").add(f"{path}: is a set-id program")
    if capable:
        at.below("path").add(f"{path}: is a program with capabilities")


def judge_together(targets: Mapping[str, Target], sources: list[str], paths: Mapping[str, str], faults: Faults) -> None:
    """Faults between targets: two that reach one file, one that reaches what rpcd itself rests on."""
    for one, other in combinations(targets.values(), 2):
        if _meet(one, other):
            faults.add(f"targets.{other.name}: reaches a file of targets.{one.name}")
    own = [*sources, *(os.path.join(os.path.dirname(source), "rpcd.d") for source in sources), *paths.values()]
    for target in targets.values():
        reached = os.path.realpath(os.path.join(target.directory, target.file or ""))
        for path in map(os.path.realpath, own):
            listed = (
                target.file is None and os.path.dirname(path) == reached and _matches(target, os.path.basename(path))
            )
            if _within(reached, path) or listed:
                faults.add(f"targets.{target.name}: {path} belongs to rpcd itself")


def _meet(one: Target, other: Target) -> bool:
    """Whether two targets have a file in common, as far as names tell."""
    if os.path.realpath(one.directory) != os.path.realpath(other.directory):
        return False
    if one.file is not None and other.file is not None:
        return one.file == other.file
    if one.file is None and other.file is None:
        return True
    directory, single = (one, other) if one.file is None else (other, one)
    return _matches(directory, str(single.file))


def _matches(directory: Target, file: str) -> bool:
    return directory.names is not None and directory.names.fullmatch(file) is not None


def _within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
