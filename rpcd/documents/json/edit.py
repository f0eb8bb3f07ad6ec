"""JSON files, with comments or without: what an edit changes. Pure.

Rules of this file:

- What is new comes after the last of its neighbours and the comments on that one's line: on a line of its own with
  their indentation, or after a comma on the same line. Comments that follow stay below it. Where the last one has a
  comma after it, so has the new one.
- What goes takes its line along where it has that to itself, and the comments that share it. All others stay.
"""

import json
import re
from collections.abc import Sequence
from typing import Final

from rpcd.documents.document import Entry, Value, not_editable, require_told
from rpcd.documents.json.listing import entries_of
from rpcd.documents.json.locate import Part, Places
from rpcd.documents.json.style import Style
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.splice import Splice, bounded, join, newline_of
from rpcd.errors import Refused

__all__ = ["JsonDocument"]

_BLOCK: Final = r"/\*(?:[^*]++|\*(?!/))*+\*/"
_WHITE: Final = " \t\r\n"
_GAP: Final = re.compile(rf"(?:[ \t\r\n]++|//[^\n]*+|{_BLOCK})*+")
"""What may stand between two tokens."""

_BLOCKS: Final = re.compile(r"(?:[ \t]*+/\*(?:[^*\n]++|\*(?!/))*+\*/)*+")
"""The comments behind something on its line."""

_LINE_COMMENT: Final = re.compile(r"[ \t]*+//[^\r\n]*+")
_LINE_END: Final = re.compile(r"[ \t]*+\r?\n")
_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_COMMENT: Final = re.compile(rf"//[^\n]*+|{_BLOCK}")


class JsonDocument:
    """A located file. `plain` is its text as JSON: with white space in place of every character that is none."""

    def __init__(self, text: str, plain: str) -> None:
        start = 1 if text.startswith("\ufeff") else 0
        start += len(plain[start:]) - len(plain[start:].lstrip(_WHITE))
        self._text = text
        self._plain = plain
        self._root = Part(start, start, len(plain.rstrip(_WHITE)))

    @kept
    def _places(self) -> Places:
        return Places(self._plain)

    def _parts(self, part: Part) -> dict[str, Part]:
        return self._places.parts(part.at)

    def get(self, key: Key) -> Value:
        """See `Document`."""
        part = self._found(key)
        value: Value = json.loads(self._plain[part.at : part.end])
        return require_told(value)

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        opened = self._plain.startswith(("{", "["), self._root.at)
        return entries_of(self._plain, self._places.ends, self._root.at + 1) if opened else []

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        part = self._root
        for depth, segment in enumerate(key):
            below = self._parts(part).get(segment)
            if below is None:
                return self._add(part, key[depth:], value)
            part = below
        return Splice(part.at, part.end, self._style.write(value, self._margin(part)))

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        gone, above = self._found(key), self._found(key[:-1])
        parts = list(self._parts(above).values())
        before = parts[parts.index(gone) - 1] if gone is not parts[0] else None
        own = self._comma_after(gone)
        place = self._lines(gone, own) or self._place(gone, own, self._gap_before(before, above))
        splices = [Splice(*place, "")]
        if len(parts) == 1 and _blank(self._text[above.at + 1 : place[0]] + self._text[place[1] : above.end - 1]):
            return Splice(above.at + 1, above.end - 1, "")
        if before and own is None:
            comma = self._comma_after(before) or before.end
            between = self._text[before.end : comma]
            splices.append(Splice(before.end if _blank(between) else comma, comma + 1, ""))
        return join(self._text, splices)

    def _found(self, key: Key) -> Part:
        part = self._root
        for segment in key:
            below = self._parts(part).get(segment)
            if below is None:
                raise Refused("no_such_key")
            part = below
        return part

    # What is new.

    def _add(self, above: Part, rest: Key, value: Value) -> Splice:
        """What adds a member, or an element at the end, with the objects that are missing on the way to it."""
        opening, parts = self._text[above.at], [*self._parts(above).values()]
        if opening not in "[{":
            raise not_editable("structure")
        if opening == "[" and rest[0] != str(len(parts)):
            raise Refused("no_such_key")
        for name in reversed(rest[1:]):
            value = {name: value}
        name = self._style.name(rest[0]) if opening == "{" else ""
        if not parts:
            return self._fill(above, name, value)
        last = parts[-1]
        white = self._white_before(last, parts[-2] if len(parts) > 1 else None, above)
        if "\n" not in white:
            at = self._behind_blocks(last.end)
            return Splice(at, at, "," + white + name + self._style.write(value, self._margin(above)))
        added = white + name + self._style.write(value, self._margin(last))
        comma = self._comma_after(last)
        if comma is not None:
            at = self._behind_comments(comma + 1)
            return Splice(at, at, added + ",")
        at = self._behind_comments(last.end)
        return join(self._text, [Splice(last.end, last.end, ","), Splice(at, at, added)])

    def _fill(self, above: Part, name: str, value: Value) -> Splice:
        """What adds the first part."""
        style, margin = self._style, self._margin(above)
        inner = self._text[above.at + 1 : above.end - 1]
        added = name + style.write(value, margin + style.indent)
        if _blank(inner):
            return Splice(above.at + 1, above.end - 1, style.around(added, margin))
        if "\n" not in inner:
            return Splice(above.at + 1, above.at + 1, added)
        at = self._behind_comments(above.at + 1)
        return Splice(at, at, style.newline + margin + style.indent + added)

    def _white_before(self, part: Part, before: Part | None, above: Part) -> str:
        """What stands before a part, without comments and blank lines."""
        white = self._text[self._gap_before(before, above) : part.start]
        if "\n" in white:
            return newline_of(white) + self._margin(part)
        if _blank(white) and (white or before):
            return white
        return self._style.after_comma

    def _margin(self, part: Part) -> str:
        """The indentation of the line that a value starts on."""
        line = self._text[self._text.rfind("\n", 0, part.at) + 1 : part.at].removeprefix("\ufeff")
        return bounded(line[: len(line) - len(line.lstrip(" \t"))])

    @kept
    def _style(self) -> Style:
        return Style(self._text, self._plain)

    # Where things are.

    def _comma_after(self, part: Part) -> int | None:
        """Where the comma after a part stands; None where there is none."""
        gap = _GAP.match(self._text, part.end)
        at = gap.end() if gap else part.end
        return at if self._text.startswith(",", at) else None

    def _gap_before(self, before: Part | None, above: Part) -> int:
        """Where the white space and comments before a part start: after a comma or bracket."""
        comma = self._comma_after(before) if before else None
        return above.at + 1 if comma is None else comma + 1

    def _lines(self, part: Part, comma: int | None) -> tuple[int, int] | None:
        """The lines of a part that has them to itself, but for comments behind it."""
        text = self._text
        start = text.rfind("\n", 0, part.start) + 1
        end = part.end if comma is None else comma + 1
        if text[start : part.start].strip(" \t") or "\n" in text[part.end : end]:
            return None
        ended = _LINE_END.match(text, self._behind_comments(end))
        return (start, ended.end()) if ended else None

    def _place(self, part: Part, comma: int | None, gap: int) -> tuple[int, int]:
        """A part's place on a line that it shares, with its comma and the white space on one side."""
        text = self._text
        if comma is not None and self._plain[comma] == ",":
            white = _SPACE.match(text, comma + 1)
            return part.start, white.end() if white else comma + 1
        end = part.end if comma is None else comma + 1
        comments = _COMMENT.findall(text, gap, part.start)
        if comments and comments[-1].startswith("//"):
            return part.start, end
        return gap + len(text[gap : part.start].rstrip(_WHITE)), end

    def _behind_blocks(self, at: int) -> int:
        found = _BLOCKS.match(self._text, at)
        return found.end() if found else at

    def _behind_comments(self, at: int) -> int:
        """Where the comments end that stand behind something on its line."""
        at = self._behind_blocks(at)
        found = _LINE_COMMENT.match(self._text, at)
        return found.end() if found else at


def _blank(text: str) -> bool:
    return not text.strip(_WHITE)
