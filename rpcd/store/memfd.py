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
from contextlib import suppress
from functools import partial
from typing import Final

from rpcd.errors import Refused

__all__ = ["give", "receive"]

FROZEN: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

GIVEN: Final = fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
GIVEN_MODE: Final = 0o644
"""What we give nobody else can change: it is open for reading only. We empty it in the end: a descriptor without access
to it (O_PATH, open(2)), which nobody can see, would keep the memory."""


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


def give(content: bytes) -> tuple[int, Callable[[], bool]]:
    """A descriptor of a sealed memory file with `content`, which whoever passes it on closes; and who knows of it.

    The memory stays ours as long as anybody holds the descriptor, in a process, a mapping or a queue: what is returned
    beside it says whether somebody does. Once nobody does it says so once, and the memory is gone.
    Raises `Refused("busy")` where there is no descriptor or no memory left.
    """
    opened: list[int] = []
    try:
        opened.append(os.memfd_create("rpcd", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        view = memoryview(content)
        while view:
            view = view[os.write(opened[0], view) :]
        os.fchmod(opened[0], GIVEN_MODE)
        fcntl.fcntl(opened[0], fcntl.F_ADD_SEALS, GIVEN)
        for _ in range(2):  # each is opened for itself, and for reading only: that is what a lease counts
            opened.append(os.open(f"/proc/self/fd/{opened[0]}", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        raise Refused("busy", retry_after=1) from error
    os.close(opened[0])
    return opened[1], partial(_is_back, opened[2])


def _is_back(kept: int) -> bool:
    """Whether a memory file is open nowhere but here; then it is emptied and closed.

    A write lease is given to who is alone with a file (fcntl(2), F_SETLEASE). Where there are none (sysctl
    fs.leases-enable) nobody can say, and nothing is waited for.
    """
    try:
        fcntl.fcntl(kept, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(kept, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return False
    except OSError:
        os.close(kept)
        return True
    with suppress(OSError):
        os.truncate(f"/proc/self/fd/{kept}", 0)  # by its name: for that no descriptor need be left
    os.close(kept)
    return True


def _fault(member: str, rule: str) -> Refused:
    return Refused("invalid_params", faults=[{"at": f"/content/{member}", "rule": rule}])
