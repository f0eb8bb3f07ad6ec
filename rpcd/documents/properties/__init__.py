"""Java properties, as `java.util.Properties` reads them. Pure.

- A name is a key that is split at its dots: `server.port` is `port` in the table `server`. So grants and schemas name
  what belongs together, and a segment with a dot in it names nothing. Where a name has a value of its own and others
  go on after it (`rootLogger` and `rootLogger.level`), the value of its own has an empty last segment: `rootLogger.""`.
- What is written is ASCII, with escapes for all else: it is read the same as ISO-8859-1 (`Properties.load`) and as
  UTF-8 (resource bundles, Spring). What stands there already is told as resource bundles read it: as UTF-8, or where
  the bytes of the file are none, as ISO-8859-1.
- Of a name that stands twice the last value counts.
"""

from rpcd.documents.format import Comments, Format
from rpcd.documents.properties.edit import PropertiesDocument
from rpcd.documents.properties.judge import judge

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    return Format("properties", PropertiesDocument, judge, Comments(line=("#", "!")), strings=True)
