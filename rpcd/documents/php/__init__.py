r"""PHP files that define or return plain values, as applications have them for their settings. Pure.

A key is a constant (`DB_HOST`, by `define` or `const`), a variable with its dollar and its indexes
(`"$config".db.host`), or a member of the array that the file returns (`db.host`), whose names stand at the top.

- Values are literals: strings without variables in them, numbers, `true`, `false`, `null`, and arrays of these. An
  array is a list where its keys are 0, 1, 2 …, and a table otherwise; an empty one is a list.
- A file may have code beside them. What a statement at its top level sets to a literal is told, and nothing else is:
  no calls, concatenations, class constants, heredocs, nor what stands within braces or behind `if`.
- What is set twice, or might be changed by code, is refused: which one counts only PHP can tell. What other files do
  is not looked at.
- A file in which the end of a string is hard to tell, with labels, namespaces or `endif`, is refused as a whole.

The locator is our own, and no grammar of tree-sitter's: 300 lines of C for strings and heredocs, written for editors,
and a parser that recovers from any fault, would run as root on what a hostile caller wrote, and would have to be held
to limits of time and depth; of PHP we need its words and brackets. The tests hold both readers against PHP itself.
"""

from rpcd.documents.format import Comments, Format
from rpcd.documents.php.edit import PhpDocument
from rpcd.documents.php.judge import judge

__all__ = ["configure"]


def configure() -> Format:
    """The format."""
    return Format("php", PhpDocument, judge, Comments(line=("//", "#"), block=(("/*", "*/"), ("/**", "*/"))))
