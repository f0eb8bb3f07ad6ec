"""Ini files: php.ini and what PHP and Python applications have, desktop entries, systemd units, many a `.conf`."""

from typing import Final

from rpcd.documents.document import Format
from rpcd.documents.ini.edit import IniDocument
from rpcd.documents.ini.judge import judge

__all__ = ["INI"]

INI: Final = Format("ini", IniDocument, judge)
