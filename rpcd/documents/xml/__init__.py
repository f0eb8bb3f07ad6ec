"""XML 1.0 files without a document type of their own. Pure.

How a file is seen:

- A key leads from the root element down: `Server.Service.Connector`. Several elements of one name are an array, so the
  second one is `Connector.1`. An attribute is `"@port"`, with the prefix as it is written.
- An element that has nothing but text is a string. One that has attributes or elements is a table, where its text, if
  it has any, is `"#text"`. `<a/>`, and one with nothing but a line end in it, is an empty table; `<a></a>` is the
  empty string.
- Of an element in which text and elements stand beside each other the text is not told, and nothing is added to it: no
  table says in which order they stand. What lies in it can be changed.

What is taken:

- A document type that only names its DTD: D-Bus, fontconfig and log4j have one in every file, and nothing is fetched.
  One with declarations is refused before any is read: entities, defaults of attributes, what lies elsewhere.
- UTF-8, US-ASCII and ISO-8859-1; what the encoding lacks is written as a character reference. Others are refused.
"""

from rpcd.documents.format import Comments, Format
from rpcd.documents.xml.edit import XmlDocument
from rpcd.documents.xml.judge import judge

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    return Format("xml", XmlDocument, judge, Comments(block=(("<!--", "-->"),)), strings=True)
