"""Augeas: the formats that its lenses know, by their names: `augeas:hosts`, `augeas:sshd`, `augeas:postfix_main`.

Rules of this package:

- libaugeas runs in a process of its own (worker.py), which has nothing but texts: whatever it does with a hostile one,
  it does not do it to the server. This package alone of all formats touches the operating system, in process.py and
  below; for callers it is as pure as the others.
- A value is changed where the library says that it stands. What is new, or goes, is written by the lens; then the lens
  has to write the unchanged text as it is, and the change has to lie where the key is.
- The judge reads the result in the library anew; the edit's tree is none of its business.
- The tree is that of Augeas: labels are segments. A label that stands once is a value, or a table where it has
  children; one that is repeated is an array. A node with children has its own value at the empty segment: `spec."".`
"""

from functools import lru_cache
from typing import Final

from rpcd.documents.augeas.edit import AugeasDocument
from rpcd.documents.augeas.process import Process, Unready
from rpcd.documents.augeas.tree import Tree, told
from rpcd.documents.format import Format, FormatFault

__all__ = ["configure"]


_process: Final = lru_cache(maxsize=None)(Process)
"""A lens has one process, however often settings are read."""


def configure(variant: str) -> Format:
    """The format of the lens `variant`; raises `FormatFault` where the library or the lens is not installed."""
    try:
        process = _process(variant)
    except Unready as unready:
        raise FormatFault("format", f"'augeas:{variant}' cannot be had: {unready}") from unready
    return Format(
        f"augeas:{variant}",
        lambda text: AugeasDocument(text, Tree.read(process, text), process),
        lambda text: told(Tree.read(process, text).root),
        strings=True,
        apart=True,
    )
