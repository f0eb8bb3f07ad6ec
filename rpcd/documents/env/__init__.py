"""Env files: assignments that a shell reads with `.`; `/etc/default/*`, `.env`."""

from typing import Final

from rpcd.documents.document import Format
from rpcd.documents.env.edit import EnvDocument
from rpcd.documents.env.judge import judge

__all__ = ["ENV"]

ENV: Final = Format("env", EnvDocument, judge)
