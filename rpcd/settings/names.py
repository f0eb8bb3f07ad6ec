"""What the files of a directory target may be called.

A caller chooses the names that are matched, so matching takes linear time, whatever expression the settings have:
Python's own engine can be made to take for ever by 255 characters.
"""

from rpcd.schemas.pattern import Pattern

__all__ = ["Names"]


class Names:
    """A regular expression (see `Pattern`) for the whole of a name.

    Raises `ValueError` where it is none.
    """

    __slots__ = ("_anchored", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        Pattern(text)  # alone: `a)(b` is one only between parentheses
        self._anchored = Pattern(f"^(?:{text})$")

    def fullmatch(self, name: str) -> bool:
        """Whether `name` as a whole fits. A name that is not UTF-8 never does."""
        return self._anchored.found_in(name)
