"""The audit log: one record a line, each with the hash of the one before."""

import os

from rpcd.audit.counts import Counts
from rpcd.audit.journald import Journal
from rpcd.audit.log import AuditLog
from rpcd.audit.opening import Unwritable
from rpcd.audit.read import records_backwards
from rpcd.audit.upkeep import Upkeep

__all__ = ["HEAD", "AuditLog", "Counts", "Unwritable", "Upkeep", "open_log", "records_backwards"]

HEAD = "audit.head"
"""The file in `state` that keeps the head of the chain."""


def open_log(path: str, *, state: str, journal: str | None) -> AuditLog:
    """The log of a server: its head is kept in `state`; records go to the socket `journal` as well, where one is named.

    Raises `OSError` and `Unwritable`.
    """
    return AuditLog.open(path, head=os.path.join(state, HEAD), sink=Journal(journal) if journal else None)
