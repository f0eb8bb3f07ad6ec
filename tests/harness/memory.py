"""Memory files, as callers pass contents in them."""

import fcntl
import os

__all__ = ["ALL_SEALS", "memory_file"]

ALL_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
"""What makes a content one that nobody can change any more."""


def memory_file(content: bytes, seals: int = ALL_SEALS) -> int:
    """A memory file with this content and these seals."""
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor
