"""JSON with comments and trailing commas, as VS Code and many servers read it. Pure.

It is JSON (RFC 8259) with `//` and `/* */` wherever white space may be, and with one comma after the last member or
element. Nothing else of JavaScript or JSON5 is in it.
"""

from rpcd.documents.format import Comments, Format
from rpcd.documents.json.edit import JsonDocument
from rpcd.documents.jsonc.judge import judge
from rpcd.documents.jsonc.locate import plain

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    comments = Comments(line=("//",), block=(("/*", "*/"),))
    return Format("jsonc", lambda text: JsonDocument(text, plain(text)), judge, comments)
