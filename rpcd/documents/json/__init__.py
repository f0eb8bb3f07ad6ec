"""JSON files (RFC 8259): the judge is the standard library's reader. Pure."""

from rpcd.documents.format import Format
from rpcd.documents.json.edit import JsonDocument
from rpcd.documents.json.judge import judge

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    return Format("json", lambda text: JsonDocument(text, text), judge)
