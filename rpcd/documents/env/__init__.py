"""Env files: assignments that a shell reads with `.`, as in `/etc/default`, or another reader as its dialect says."""

from functools import partial
from importlib import import_module
from typing import Final

from rpcd.documents.document import Document
from rpcd.documents.env.dialect import Dialect
from rpcd.documents.env.edit import EnvDocument
from rpcd.documents.format import Comments, Format, FormatFault

__all__ = ["configure"]

DIALECTS: Final = ("shell", "dotenv", "systemd", "docker")


def configure(dialect: str = "shell") -> Format:
    """The format, as the reader `dialect` has it."""
    if dialect not in DIALECTS:
        raise FormatFault("dialect", f"there is no dialect '{dialect}', but {', '.join(DIALECTS)}")
    known: Dialect = getattr(import_module(f"rpcd.documents.env.{dialect}"), dialect.upper())
    marks = ("#", ";") if dialect == "systemd" else ("#",)
    options = () if dialect == "shell" else (("dialect", dialect),)
    return Format("env", partial(_open, known), known.judge, Comments(line=marks), strings=True, options=options)


def _open(dialect: Dialect, text: str) -> Document:
    return EnvDocument(text, dialect)
