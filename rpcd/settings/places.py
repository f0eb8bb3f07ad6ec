"""Where targets lie on disk, and where none may.

Rules of this file:

- Two targets never reach one file: each has a committer of its own, and they would overwrite each other's changes.
- rpcd's own settings, state, log, methods, schemas and program are nobody's target: who may write them is root.
- What runs with more rights than its caller (set-id, file capabilities) is nobody's target either.
"""

import errno
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import rpcd
from rpcd.schemas import schema_directory
from rpcd.settings.files import drop_ins
from rpcd.settings.targets import Target
from rpcd.trust import trusted

__all__ = ["Own", "can_be_made", "directory_faults", "own_places", "resolved", "shared", "target_faults"]

CAPABILITIES: Final = "security.capability"  # capabilities(7): file capabilities
ROTATED: Final = r"([.-].*)?"  # audit.jsonl.1, audit.jsonl-20300101


@dataclass(frozen=True, slots=True)
class Own:
    """A place of rpcd's own: a directory with all below it or, with `files`, those files of the directory."""

    what: str
    directory: str
    files: re.Pattern[str] | None = None

    def has(self, directory: str, file: str | None) -> bool:
        """Whether a target lies there, or has files there."""
        if self.files is None:
            return directory == self.directory or directory.startswith(self.directory + "/")
        return directory == self.directory and (file is None or self.files.fullmatch(file) is not None)


def own_places(config: str, *, state: str, log: str, methods: str, schemas: Iterable[str]) -> tuple[Own, ...]:
    """Where rpcd's own files are, whose settings are at `config`; `schemas` are those of targets."""

    def file(what: str, path: str, ending: str = "") -> Own:
        directory, name = os.path.split(os.path.realpath(path))
        return Own(what, directory, re.compile(re.escape(name) + ending, re.DOTALL))

    def directory(what: str, path: str) -> Own:
        return Own(what, os.path.realpath(path))

    return (
        file("settings", config),
        directory("settings", drop_ins(config)),
        directory("state", state),
        file("audit log", log, ROTATED),
        directory("methods", methods),
        directory("schemas", schema_directory()),
        *(file("schemas", schema) for schema in dict.fromkeys(schemas)),
        directory("program", os.path.dirname(rpcd.__file__)),
    )


def can_be_made(path: str) -> str | None:
    """Why `path` is not trusted; where it is still to be made, why the directory is not in which it will be."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return trusted(path)


def directory_faults(target: Target) -> Iterator[str]:
    """What is wrong with the directory of a target, or with the one that its link leads to."""
    directory = target.directory
    if not os.path.isdir(directory):
        yield f"{directory}: there is no such directory"
        return
    real = os.path.realpath(directory)
    if not target.follow and real != directory:
        yield f"{directory}: leads over a symbolic link; write it as {real}"
    elif not target.untrusted_directory:
        for path in dict.fromkeys((real, resolved(target)[0])):
            if (why := trusted(path)) is not None:
                yield f"{why}; untrusted_directory = true allows that"


def target_faults(target: Target, own: Iterable[Own]) -> Iterator[str]:
    """Why nobody may be given the file, or one of the files, of a target."""
    directory, file = resolved(target)
    for place in own:
        if place.has(directory, file):
            yield f"it is among rpcd's own files: {place.what}"
            break
    for path in _files(target, directory, file):
        try:
            found = os.stat(path, follow_symlinks=False)
            attributes = _attributes(path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):  # it need not be there, or for us
            continue
        except OSError as error:
            yield f"{path}: {os.strerror(error.errno or 0)}"
            continue
        if stat.S_ISREG(found.st_mode) and found.st_mode & (stat.S_ISUID | stat.S_ISGID):
            yield f"{path}: is set-id (mode {stat.S_IMODE(found.st_mode):04o})"
        if CAPABILITIES in attributes:
            yield f"{path}: has file capabilities"


def shared(targets: Iterable[Target]) -> Iterator[tuple[Target, Target]]:
    """Every target that reaches a file that one before it reaches, or can; and the one before.

    By name, and by another name of the same directory or file. Two patterns of one directory always can: who knows?
    """
    files: dict[object, Target] = {}
    inside: defaultdict[object, list[tuple[str, Target]]] = defaultdict(list)
    directories: defaultdict[object, list[Target]] = defaultdict(list)
    for target in targets:
        directory, file = resolved(target)
        where = _identity(directory)
        if file is None:
            directories[where].append(target)
            earlier = directories[where][:-1] + [one for name, one in inside[where] if _takes(target, name)]
        else:
            names = ((where, file), _identity(f"{directory}/{file}"))
            earlier = [files[name] for name in names if name in files]
            earlier += [one for one in directories[where] if _takes(one, file)]
            inside[where].append((file, target))
            for name in names:
                files.setdefault(name, target)
        if earlier:
            yield earlier[0], target


def _takes(directory: Target, file: str) -> bool:
    return directory.names is not None and directory.names.fullmatch(file)


def resolved(target: Target) -> tuple[str, str | None]:
    """Directory and file as the kernel finds them; the file of a target that follows links is what they lead to."""
    if target.file is None:
        return os.path.realpath(target.directory), None
    if target.follow:
        directory, file = os.path.split(os.path.realpath(f"{target.directory}/{target.file}"))
        return directory, file
    return os.path.realpath(target.directory), target.file


def _identity(path: str) -> object:
    """What the kernel knows a file by: one that has two names is one."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return path
    return found.st_dev, found.st_ino


def _files(target: Target, directory: str, file: str | None) -> Iterator[str]:
    """The files of a target that there are, or may be."""
    if file is not None:
        yield os.path.join(directory, file)
        return
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # that has been told
        yield from (os.path.join(directory, name) for name in os.listdir(directory) if _takes(target, name))


def _attributes(path: str) -> list[str]:
    """The names of a file's extended attributes; none where its file system has no such thing."""
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []
