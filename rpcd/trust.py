"""Which files the server may believe: those that nobody else could have written.

A path is trusted if it is owned by root, or by the uid the server runs as, and others cannot write it, and the same
holds for every directory above it; but a directory may be world-writable if it is sticky, as /tmp is: then nobody else
can replace what lies below it (inode(7), the sticky bit). A symbolic link is not trusted, at no step.
"""

import errno
import os
import stat

__all__ = ["Untrusted", "open_trusted", "trusted"]


class Untrusted(Exception):
    """A path that others could have written, or that cannot be opened; the text says why."""


def trusted(path: str) -> str | None:
    """Why `path` is not trusted, in words for the administrator; None where it is."""
    try:
        os.close(open_trusted(path))
    except Untrusted as why:
        return str(why)
    return None


def open_trusted(path: str) -> int:
    """A descriptor of a trusted file or directory: what was judged is what is read.

    Every step is opened below the one before, and judged by what was opened. Raises `Untrusted`.
    """
    if not os.path.isabs(path):
        raise Untrusted(f"{path}: not an absolute path")
    steps = [step for step in path.split("/") if step]
    so_far = "/"
    try:
        at = os.open(so_far, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Untrusted(f"{so_far}: {os.strerror(error.errno or 0)}") from error
    try:
        _judge(so_far, os.fstat(at), last=not steps)
        for number, step in enumerate(steps, 1):
            so_far = os.path.join(so_far, step)
            last = number == len(steps)
            flags = os.O_NOFOLLOW | os.O_CLOEXEC
            flags |= os.O_RDONLY | os.O_NONBLOCK if last else os.O_PATH | os.O_DIRECTORY
            below = os.open(step, flags, dir_fd=at)
            os.close(at)
            at = below
            _judge(so_far, os.fstat(at), last=last)
    except OSError as error:
        os.close(at)
        if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and os.path.islink(so_far)):
            raise Untrusted(f"{so_far}: is a symbolic link") from error
        raise Untrusted(f"{so_far}: {os.strerror(error.errno or 0)}") from error
    except Untrusted:
        os.close(at)
        raise
    return at


def _judge(path: str, found: os.stat_result, *, last: bool) -> None:
    """Raise `Untrusted` where others could have written what `found` describes."""
    if found.st_uid not in (0, os.geteuid()):
        raise Untrusted(f"{path}: is owned by uid {found.st_uid}")
    directory = stat.S_ISDIR(found.st_mode)
    if not directory and not stat.S_ISREG(found.st_mode):
        raise Untrusted(f"{path}: is neither a file nor a directory")
    sticky = directory and not last and found.st_mode & stat.S_ISVTX
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        raise Untrusted(f"{path}: others than its owner can write it (mode {stat.S_IMODE(found.st_mode):04o})")
