"""Ini files: php.ini and what PHP and Python applications have, desktop entries, systemd units, many a `.conf`."""

from rpcd.documents.format import Comments, Format
from rpcd.documents.ini.edit import IniDocument
from rpcd.documents.ini.judge import judge

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    return Format("ini", IniDocument, judge, Comments(line=(";", "#")), strings=True)
