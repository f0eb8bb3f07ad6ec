"""A disk of its own for a server, whose power can be cut: a file system in a file (losetup(8), mount(8)).

What was written and not synced is lost with the power (ioctl_ext4(4) and xfs_ioctl: shutdown without flushing the log).
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.harness.server import wait_until

__all__ = ["KINDS", "Disk", "Kind"]

SHUTDOWN: Final = 0x8004587D
"""EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN: _IOR('X', 125, __u32)."""

WITHOUT_FLUSH: Final = (2).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class Kind:
    """A file system: what makes it, how it is mounted, and how large it has to be."""

    make: tuple[str, ...]
    options: str
    size: int


KINDS: Final[Mapping[str, Kind]] = {
    "ext4": Kind(("mkfs.ext4", "-q", "-F"), "loop", 32 << 20),
    "ext4 noauto_da_alloc": Kind(("mkfs.ext4", "-q", "-F"), "loop,noauto_da_alloc", 32 << 20),
    "xfs": Kind(("mkfs.xfs", "-q", "-f"), "loop", 300 << 20),
}


class Disk:
    """A disk, mounted at `at`."""

    def __init__(self, kind: Kind, image: Path, at: Path) -> None:
        self.kind = kind
        self.image = image
        self.at = at

    def make(self) -> None:
        """Make the file system, empty."""
        with self.image.open("wb") as image:
            image.truncate(self.kind.size)
        subprocess.run([*self.kind.make, self.image], check=True)

    def copy(self, image: Path) -> "Disk":
        """The same in another file; not while it is mounted."""
        subprocess.run(["cp", "--sparse=always", self.image, image], check=True)
        return Disk(self.kind, image, self.at)

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Mounted, at whose end everything is on it."""
        self.mount()
        try:
            yield
        finally:
            self.unmount()

    def mount(self) -> None:
        """Mount it; what a cut left of the journal is replayed."""
        self.at.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", self.kind.options, self.image, self.at], check=True)

    def unmount(self) -> None:
        """Unmount it, once nobody is at work there any more: who was killed takes a moment to go."""
        wait_until(lambda: subprocess.run(["umount", self.at], check=False, stderr=subprocess.DEVNULL).returncode == 0)

    def cut(self) -> None:
        """Cut the power, and mount what is left.

        The mount namespace of a killed server lets go of the disk a moment after it: until then the same dead file
        system would be mounted again.
        """
        directory = os.open(self.at, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, SHUTDOWN, WITHOUT_FLUSH)
        finally:
            os.close(directory)
        wait_until(self._is_another, what="a live disk")

    def _is_another(self) -> bool:
        """Mount it again; whether that is not the file system whose power was cut."""
        self.unmount()
        self.mount()
        probe = self.at / "probe"
        try:
            probe.touch()
            probe.unlink()
        except OSError:
            return False
        return True
