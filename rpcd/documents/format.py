"""What a format is, and what there is to choose where one is used. Pure.

A format is a *locator*, which says where in a text things are and how a new one is written there, and a *judge*, which
reads a whole text and shares nothing with the locator (design: an edit is a splice, and it is proven).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from rpcd.documents.document import Document
from rpcd.documents.key import Key

__all__ = ["AS_IS", "Comments", "Format", "FormatFault", "Manner", "TypesOf"]

TypesOf = Callable[[Key], frozenset[str]]
"""The types that a value at a key may have, by JSON Schema's names; all of them where nothing is known."""


@dataclass(frozen=True, slots=True)
class Comments:
    """How comments begin that have their lines to themselves: up to the line's end, or up to the other mark."""

    line: tuple[str, ...] = ()
    block: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """How the text of a target is read and written: a value that settings resolve once (`documents.resolve`).

    `options` are what the settings chose beside the name, as pairs in order: one name with the same options is one
    format. `open` and `judge` raise `Refused("not_editable")` for a text that is not in it; the judge comes first, so
    that a locator is given nothing but texts of its format. `strings` says that it knows no other scalars: there
    `types` says which of them are numbers and booleans, and `booleans` how true and false are spelled where the text
    has no example. `apart` says that texts are read in another process, which may take its time.
    """

    name: str
    open: Callable[[str], Document] = field(compare=False)
    judge: Callable[[str], object] = field(compare=False)
    comments: Comments = field(default=Comments(), compare=False)
    strings: bool = field(default=False, compare=False)
    booleans: tuple[str, str] = field(default=("true", "false"), compare=False)
    apart: bool = field(default=False, compare=False)
    options: tuple[tuple[str, str], ...] = ()
    types: TypesOf | None = None


class FormatFault(ValueError):
    """A format that cannot be had; `setting` is the setting of the target that is to blame."""

    def __init__(self, setting: str, what: str) -> None:
        self.setting = setting
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Manner:
    """How an edit is made where there is a choice.

    `comments` is what becomes of the comment above a key that is taken away: it stays (`keep`) or goes along (`with`).
    `use_commented` puts a new key where it stands commented out. `shared` lets a value be changed that others share
    (YAML's aliases), and theirs with it.
    """

    comments: Literal["keep", "with"] = "keep"
    use_commented: bool = False
    shared: bool = False


AS_IS: Final = Manner()
"""Nothing goes or changes but the one key; a new one stands on lines of its own."""
