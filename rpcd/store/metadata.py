"""What a file has besides its content.

Rules of this file:

- Owner first, then attributes, then mode, then a look whether it came out as asked: chown clears bits, an ACL sets
  some, and a missing capability drops others silently. Until the mode is set, the last, a file is its owner's alone.

See chown(2), xattr(7), acl(5).
"""

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rpcd.errors import Refused
from rpcd.settings import Target

__all__ = ["NEW_MODE", "Metadata"]

NEW_MODE: Final = 0o600
"""Of a file that was not there, unless its target says otherwise."""

_ACL: Final = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Owner, group, mode and extended attributes (ACL and SELinux label too) of a file."""

    owner: int
    group: int
    mode: int
    attributes: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, descriptor: int) -> "Metadata":
        """That of an opened file."""
        found = os.fstat(descriptor)
        return cls(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), _attributes(descriptor))

    @classmethod
    def new(cls, target: Target) -> "Metadata":
        """What a new file of a target gets: root, root, 0600 unless set; the server's own ids where it is not root."""
        root = os.geteuid() == 0
        owner = target.owner if target.owner is not None else 0 if root else os.geteuid()
        group = target.group if target.group is not None else 0 if root else os.getegid()
        return cls(owner, group, target.mode if target.mode is not None else NEW_MODE)

    def give(self, descriptor: int) -> None:
        """Give an opened file of mode 0600 all of this, and look that it has it."""
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid) != (self.owner, self.group):
            os.fchown(descriptor, self.owner, self.group)
        has = _attributes(descriptor)
        if _ACL in has and _ACL not in self.attributes:  # inherited from the directory's default ACL
            os.removexattr(descriptor, _ACL)
        for name, value in self.attributes.items():
            if has.get(name) != value:
                os.setxattr(descriptor, name, value)
        os.fchmod(descriptor, self.mode)
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (self.owner, self.group, self.mode):
            raise Refused("storage", reason="permission")


def _attributes(descriptor: int) -> dict[str, bytes]:
    """A file's extended attributes; none where the file system has no such thing."""
    try:
        return {name: os.getxattr(descriptor, name) for name in os.listxattr(descriptor)}
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
