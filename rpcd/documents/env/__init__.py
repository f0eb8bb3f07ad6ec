"""Env files: assignments that a shell reads with `.`, as in `/etc/default`. Pure.

The dialect is the shell's. Readers that know no quotes over several lines (docker's `--env-file`) are not meant.
"""

from typing import Final

from rpcd.documents.document import Format
from rpcd.documents.env.edit import EnvDocument
from rpcd.documents.env.judge import judge

__all__ = ["ENV"]

ENV: Final = Format("env", EnvDocument, judge)
