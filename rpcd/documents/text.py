"""Whole files without keys."""

from rpcd.documents.document import Document
from rpcd.errors import Refused

__all__ = ["judge_text", "open_text"]


def open_text(_text: str) -> Document:
    """Raise `Refused("not_editable")`: a text has no keys."""
    raise Refused("not_editable", reason="format")


def judge_text(text: str) -> str:
    """The text itself: whatever it is, it is a text."""
    return text
