"""Directories of the state: made, and on disk with what was made, renamed or removed in them (fsync(2))."""

import os

__all__ = ["make_directory", "sync_path"]


def make_directory(path: str) -> None:
    """Make a directory for root alone, durably, where it is missing."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    sync_path(os.path.dirname(path))


def sync_path(path: str) -> None:
    """Have what was made, renamed or removed in a directory on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
