"""Env files: assignments that a shell reads with `.`, as in `/etc/default`. Pure.

The dialect is the shell's. Readers that know no quotes over several lines (docker's `--env-file`) are not meant.
"""

from rpcd.documents.env.edit import EnvDocument
from rpcd.documents.env.judge import judge
from rpcd.documents.format import Comments, Format

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    return Format("env", EnvDocument, judge, Comments(line=("#",)), strings=True)
