"""Text: whole files only. Any bytes are a text, and it has no keys."""

from typing import NoReturn

from rpcd.documents.format import Format
from rpcd.errors import Refused

__all__ = ["configure"]


def _open(_text: str) -> NoReturn:
    """Refuse: there is nothing in a text that has a name."""
    raise Refused("not_editable", reason="format")


def _judge(text: str) -> str:
    return text


def configure() -> Format:
    """The format."""
    return Format("text", _open, _judge)
