"""Text: whole files only. Any bytes are a text, and it has no keys."""

from typing import Final, NoReturn

from rpcd.documents.document import Format
from rpcd.errors import Refused

__all__ = ["TEXT"]


def _open(_text: str) -> NoReturn:
    """Refuse: there is nothing in a text that has a name."""
    raise Refused("not_editable", reason="format")


def _judge(text: str) -> str:
    return text


TEXT: Final = Format("text", _open, _judge)
