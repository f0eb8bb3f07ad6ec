"""Contents that travel as descriptors of sealed memory files (memfd_create(2)).

Rules of this file:

- Taken is only a memory file that nobody can change any more: sealed against writing, shrinking and growing. Any other
  could change between the moment it is judged and the moment it is written, or block in `read` for ever.
- The size is known before anything is read; a sparse terabyte is a legal memory file.
- `pread` from the start: the offset is shared with the caller. Never through `/proc/self/fd`.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable
from typing import Final

from rpcd.errors import Refused

__all__ = ["give", "receive"]

FROZEN: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def receive(
    descriptor: int, hold: Callable[[int], None], *, limit: int, size: int | None = None, sha256: str | None = None
) -> bytes:
    """The content of a sealed memory file of at most `limit` bytes; the descriptor stays open.

    `hold` is told how much is about to be read, and may refuse. `size` and `sha256` (hexadecimal) are what the caller
    says of it. Raises `Refused("invalid_params")` where it is not sealed or not what was said, `Refused("too_large")`
    where it is larger than the limit.
    """
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:  # EINVAL: not a memory file
        raise _fault("fd", "sealed") from error
    if seals & FROZEN != FROZEN:
        raise _fault("fd", "sealed")
    actual = os.fstat(descriptor).st_size
    if actual > limit:
        raise Refused("too_large", limit=limit)
    if size is not None and size != actual:
        raise _fault("size", "const")
    hold(actual)
    content = os.pread(descriptor, actual, 0)  # whole: it cannot shrink, and one call reads up to 2 GiB (read(2))
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise _fault("sha256", "const")
    return content


def give(content: bytes) -> int:
    """A descriptor of a sealed memory file with `content`; whoever passes it on closes it.

    Raises `Refused("busy")` where there is no descriptor or no memory left.
    """
    try:
        descriptor = os.memfd_create("rpcd", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise Refused("busy", retry_after=1) from error
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, FROZEN | fcntl.F_SEAL_SEAL)
    except OSError as error:
        os.close(descriptor)
        raise Refused("busy", retry_after=1) from error
    return descriptor


def _fault(member: str, rule: str) -> Refused:
    return Refused("invalid_params", faults=[{"at": f"/content/{member}", "rule": rule}])
