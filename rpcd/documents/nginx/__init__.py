r"""nginx's configuration files, the main one and those that it includes. Pure.

A key is the path of contexts to a directive: `http.server.0.listen`.

- A directive that stands once is its argument (`"80"`), a list of its arguments where it has several
  (`["443", "ssl"]`), or null without any (`ip_hash;`). A string is always one argument, as nginx reads it, and quoted
  where it has to be; `$name` in it is a variable.
- One that is repeated is a list with an element for each: the list of its arguments, or null.
- A block is a table. Its segment is its name and its arguments with a space between them: `"location ~ \.php$"`,
  `"upstream backend"`; what nginx would not read as one word is in double quotes there. `server` blocks are always
  told as a list, other blocks where they are repeated.
- What an `include` names is another file, which is not looked at. Blocks of Lua (`content_by_lua_block`) have no value
  that is told, and stay as they are.

The judge is a reader of our own, which walks as nginx's does. PyPI's crossplane follows includes, and reads `\"`
otherwise than nginx; the tests hold the judge against it where the two mean the same, and against nginx itself.
"""

from rpcd.documents.format import Comments, Format
from rpcd.documents.nginx.edit import NginxDocument
from rpcd.documents.nginx.judge import judge

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    return Format("nginx", NginxDocument, judge, Comments(line=("#",)), strings=True, booleans=("on", "off"))
