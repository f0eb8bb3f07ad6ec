"""What the files of a directory target may be called.

A caller chooses the names that are matched, so matching takes linear time, whatever expression the settings have:
Python's own engine can be made to take for ever by 255 characters.
"""

import jsonschema_rs

__all__ = ["Names"]


class Names:
    """A regular expression (ECMA 262, without look-around and back references) for the whole of a name.

    Raises `ValueError` where it is none.
    """

    __slots__ = ("_anchored", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        _compile(text)  # alone: `a)(b` is one only between parentheses
        self._anchored = _compile(f"^(?:{text})$")

    def fullmatch(self, name: str) -> bool:
        """Whether `name` as a whole fits. A name that is not UTF-8 never does."""
        try:
            return self._anchored.is_valid(name)
        except UnicodeEncodeError:
            return False


def _compile(pattern: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"type": "string", "pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions()
    )
