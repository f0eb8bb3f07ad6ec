r"""PHP: the judge. Pure, and it shares nothing with the locator but what both mean by a key.

It walks through the text one character at a time, as PHP's scanner does, groups what it finds by brackets, and reads
statements of the few shapes that set something to a literal. The tests hold it against PHP itself.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from rpcd.documents.document import MAX_DEPTH, Untold, not_editable
from rpcd.documents.php.scan import Group, Piece, Scanner

__all__ = ["judge"]

ELSEWHERE: Final = frozenset(
    {"endif", "endwhile", "endfor", "endforeach", "endswitch", "enddeclare", "goto", "namespace", "__halt_compiler"}
)
WORDS: Final = {"true": True, "false": False, "null": None}

_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_NEGATIVE: Final = re.compile(r"-[1-9][0-9]*")


@dataclass(slots=True)
class _Array:
    """An array, by its keys in order."""

    members: dict[str, object] = field(default_factory=dict)
    counted: bool = True
    """Whether all keys are literals."""


def judge(text: str) -> object:
    """The tree of what `text` sets; an `Untold` where that is no literal.

    Raises `Refused("not_editable")` for a text of which the words cannot be told.
    """
    if "\0" in text:
        raise not_editable("syntax", text, text.index("\0"))
    return _Reader(text).run()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root = _Array()

    def run(self) -> dict[str, object]:
        """Take all statements at the top level."""
        statement: list[Piece] = []
        for piece in Scanner(self.text, MAX_DEPTH).pieces():
            if piece.kind == "name" and str(piece.value).lower() in ELSEWHERE:
                raise not_editable("expression", self.text, piece.start)
            ends = piece.kind == "html" or piece.mark == ";"
            if not ends:
                statement.append(piece)
            if ends or (isinstance(piece.value, Group) and piece.value.opening == "{"):
                if self.take(statement):
                    break
                statement = []
        else:
            self.take(statement)
        return {name: _told(value) for name, value in self.root.members.items()}

    def take(self, pieces: list[Piece]) -> bool:
        """Take a statement, and say whether it is the last one that takes effect."""
        if not pieces:
            return False
        first, rest = pieces[0], pieces[1:]
        name = str(first.value).lower().lstrip("\\") if first.kind == "name" else ""
        if name == "define":
            self.define(rest)
        elif name == "const":
            for part in _parts(rest):
                if len(part) > 2 and part[0].kind == "name" and part[1].mark == "=":  # noqa: PLR2004 - and a value
                    self.set([str(part[0].value)], self.literal(part[2:]))
        elif name == "return" and rest:
            value = self.literal(rest)
            if isinstance(value, _Array):
                self.root.members.update(value.members)
        elif first.kind == "variable":
            self.assign(str(first.value), rest)
        return name in {"return", "exit", "die", "throw"}

    def define(self, pieces: list[Piece]) -> None:
        """Take a call of `define` with a name and a value."""
        group = pieces[0].value if len(pieces) == 1 else None
        parts = _parts(group.pieces) if isinstance(group, Group) and group.opening == "(" else []
        if parts and not parts[-1]:
            parts.pop()
        if len(parts) == 2 and len(parts[0]) == 1 and parts[1]:  # noqa: PLR2004 - name and value
            constant = self.literal(parts[0])
            if isinstance(constant, str) and not isinstance(constant, Untold):
                self.set([constant], self.literal(parts[1]))

    def assign(self, variable: str, pieces: list[Piece]) -> None:
        """Take an assignment to a variable, or to one of its indexes."""
        path = [variable]
        at = 0
        while at < len(pieces) and isinstance(group := pieces[at].value, Group) and group.opening == "[":
            index = self.literal(group.pieces) if len(group.pieces) == 1 else Untold()
            if isinstance(index, Untold) or type(index) not in {str, int}:
                return
            path.append(str(index))
            at += 1
            if at > MAX_DEPTH:
                raise not_editable("depth", self.text, pieces[at - 1].start)
        if at + 1 < len(pieces) and pieces[at].mark == "=" and pieces[at + 1].mark != "&":
            self.set(path, self.literal(pieces[at + 1 :]))

    def set(self, path: list[str], value: object) -> None:
        """Make `value` what a path is from here on."""
        held: object = self.root
        for segment in path[:-1]:
            if not isinstance(held, _Array):
                return
            held = held.members.setdefault(segment, _Array())
        if isinstance(held, _Array):
            held.members[path[-1]] = value

    def literal(self, pieces: list[Piece]) -> object:
        """The value of these pieces, an `Untold` where it takes PHP to tell."""
        if not pieces:
            raise not_editable("syntax", self.text, len(self.text))
        first = pieces[0]
        if len(pieces) == 1:
            if first.kind == "string":
                return first.value
            if first.kind == "number" and not _is_large(first.value):
                return first.value
            if first.kind == "name" and str(first.value).lower() in WORDS:
                return WORDS[str(first.value).lower()]
            if isinstance(first.value, Group) and first.value.opening == "[":
                return self.array(first.value, first)
        elif len(pieces) == 2:  # noqa: PLR2004 - a sign and a number, or array and its parentheses
            second = pieces[1].value
            signed = first.mark in {"+", "-"} and pieces[1].kind == "number" and not _is_large(second)
            if signed and isinstance(second, int | float):
                return -second if first.mark == "-" else second
            named = first.kind == "name" and str(first.value).lower() == "array"
            if named and isinstance(second, Group) and second.opening == "(":
                return self.array(second, first)
        return Untold(self.text[first.start : pieces[-1].end])

    def array(self, group: Group, first: Piece) -> object:
        """The array between brackets."""
        array = _Array()
        following, counted = 0, True
        parts = _parts(group.pieces)
        if parts and not parts[-1]:
            parts.pop()
        for part in parts:
            if not part or part[0].mark in {"...", "&"}:
                return Untold(self.text[first.start : group.end])
            arrow = next((number for number, piece in enumerate(part) if piece.mark == "=>"), 0)
            if arrow:
                key = self.literal(part[:arrow])
                if isinstance(key, Untold) or type(key) not in {str, int}:
                    counted = False
                    continue
                name = str(key)
                if _WHOLE.fullmatch(name) and int(name) < 2**63:
                    following = max(following, int(name) + 1)
                counted = counted and not _NEGATIVE.fullmatch(name)
            elif counted:
                name, following = str(following), following + 1
            else:
                continue
            value = self.literal(part[arrow + 1 :] if arrow else part)
            array.members[name] = Untold("") if name in array.members else value
        array.counted = counted
        return array


def _is_large(value: object) -> bool:
    """Whether a number is a float to PHP, or none."""
    return value is None or (isinstance(value, int) and value >= 2**63)


def _parts(pieces: list[Piece]) -> list[list[Piece]]:
    """What stands between commas; nothing for nothing."""
    parts: list[list[Piece]] = [[]]
    for piece in pieces:
        if piece.mark == ",":
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts if pieces else []


def _told(value: object) -> object:
    if not isinstance(value, _Array):
        return value
    members = {name: _told(held) for name, held in value.members.items()}
    if value.counted and all(name == str(number) for number, name in enumerate(members)):
        return list(members.values())
    return members
