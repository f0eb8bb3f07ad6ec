"""The audit log: one record a line, each with the hash of the one before."""

from rpcd.audit.chain import Verdict, verify
from rpcd.audit.log import AuditLog, Unwritable
from rpcd.audit.read import records_backwards
from rpcd.audit.record import FIRST

__all__ = ["FIRST", "AuditLog", "Unwritable", "Verdict", "records_backwards", "verify"]
