"""Tables whose members are numbered by their order. Pure."""

__all__ = ["Numbered"]


class Numbered(dict[str, object]):
    """A table in which some members are called 1, 2, 3 …: readers count them, and no text has the numbers.

    Where one of them goes, those after it move up. It is equal to a table of other formats that has the same members.
    """

    __slots__ = ()

    def without(self, name: str) -> "Numbered":
        """The table without this member."""
        rest = {other: held for other, held in self.items() if other != name}
        number = int(name) if name.isdecimal() and name.isascii() else 0
        while number and (following := str(number + 1)) in rest:
            rest[str(number)] = rest.pop(following)
            number += 1
        return Numbered(rest)
