"""What the file system says, in the words that a caller is told."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rpcd.errors import Refused

__all__ = ["storage_faults", "storage_refusal"]

REASONS: Final[Mapping[int, str]] = {
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.EROFS: "read_only",
    errno.EBUSY: "mount",
    errno.EPERM: "permission",
    errno.EACCES: "permission",
    errno.EFBIG: "file_size",
    errno.ELOOP: "symlink",
    errno.ENOENT: "directory",
    errno.ENOTDIR: "directory",
    errno.EXDEV: "mount",
    errno.ENXIO: "not_regular",  # a socket, or a pipe that nobody reads
    errno.EMFILE: "descriptors",
    errno.ENFILE: "descriptors",
}
"""Why, by errno(3); everything else is `io`."""


def storage_refusal(error: OSError) -> Refused:
    """The refusal for an error of the file system, from which nothing has changed."""
    return Refused("storage", reason=REASONS.get(error.errno or 0, "io"))


@contextmanager
def storage_faults() -> Iterator[None]:
    """Within this, an `OSError` becomes `Refused("storage")`."""
    try:
        yield
    except OSError as error:
        raise storage_refusal(error) from error
