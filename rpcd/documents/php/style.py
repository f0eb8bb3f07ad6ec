"""PHP: how values, items and statements are written, as those beside them are. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from rpcd.documents.document import Value, not_editable
from rpcd.documents.key import Key
from rpcd.documents.php.layout import Array, Item, Layout, Scalar, Statement, is_list
from rpcd.documents.php.spelling import is_constant, spell, spell_key
from rpcd.documents.splice import bounded, separator_like

__all__ = ["Style"]

INDENT: Final = "    "
_BLANKS: Final = re.compile(r"[ \t]*")
_VARIABLE: Final = re.compile(r"\$[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*")


class Style:
    """How a file is written."""

    def __init__(self, text: str, layout: Layout, newline: str) -> None:
        self._text = text
        self._newline = newline
        self._last: Mapping[str, Statement] = {one.kind: one for one in layout.statements}
        self._short = text.count("array") < 1 or not re.search(r"(?i)\barray[ \t\r\n]*\(", text)

    def margin(self, at: int) -> str:
        """The white space before the line on which something stands."""
        line = self._text.rfind("\n", 0, at) + 1
        found = _BLANKS.match(self._text, line, at)
        return bounded(found[0]) if found else ""

    def replacement(self, scalar: Scalar, value: Value) -> str:
        """A value in place of another, in its kind of quotes and letters."""
        old = self._text[scalar.start : scalar.end]
        if isinstance(value, list | dict):
            return self.value(value, self.margin(scalar.start), lines=self._has_lines(value))
        return spell(value, '"' if old[0] == '"' else "'", old.isupper())

    def value(self, value: Value, margin: str, *, lines: bool, like: Array | None = None) -> str:
        """A value that stands on a line with `margin`; an array over several lines, or on one."""
        if not isinstance(value, list | dict):
            return spell(value)
        if isinstance(value, dict) and is_list(value):  # no keys, or those of a list: PHP cannot tell them apart
            raise not_editable("type")
        short = self._short if like is None else self._text[like.start] == "["
        opening, closing = ("[", "]") if short else ("array(", ")")
        inner = bounded(margin + INDENT) if lines else ""
        names = [spell_key(name) + " => " for name in value] if isinstance(value, dict) else [""] * len(value)
        values = list(value.values()) if isinstance(value, dict) else value
        parts = [
            name + self.value(part, inner, lines=lines, like=like) for name, part in zip(names, values, strict=True)
        ]
        if not lines or not parts:
            return opening + ", ".join(parts) + closing
        return self._newline.join([opening, *(f"{inner}{part}," for part in parts), margin + closing])

    def item(self, array: Array, name: str, value: Value, *, lines: bool) -> str:
        """A new item of an array."""
        margin = self.margin(array.items[-1].start) if array.items else bounded(self.margin(array.start) + INDENT)
        spelled = self.value(value, margin, lines=lines and self._has_lines(value), like=array)
        like = self._keyed(array)
        if like is None:
            return spelled if is_list([*array.members, name]) else f"{spell_key(name)} => {spelled}"
        beside = self._text[like.key_start : like.key_end]
        between = self._between(like)
        key = spell_key(name, beside[0] if beside[0] in "\"'" else "'")
        return key + separator_like(between, beside, key) + spelled

    def statement(self, path: Key, value: Value, like: Statement | None) -> str:
        """A new statement, as `like` is written."""
        spelled = self.value(value, "", lines=self._has_lines(value))
        if path[0].startswith("$"):
            return self._assignment(path, spelled, like)
        if len(path) > 1 or not is_constant(path[0]):
            raise not_editable("characters" if len(path) == 1 else "structure")
        if like is None or like.kind == "variable":
            like = self._last.get("define", self._last.get("const"))
        if like is not None and like.kind == "const":
            return f"const {path[0]} = {spelled};"
        text, inner, between, quote = self._text, "", ", ", "'"
        if like is not None:
            opening = text.find("(", like.start)
            comma = text.find(",", like.name_end)
            blanks = _BLANKS.match(text, comma + 1)
            inner = bounded(text[opening + 1 : like.name]).replace("\n", "")
            inner = inner if not inner.strip(" \t") else ""
            quote = text[like.name]
            between = "," + (bounded(blanks[0]) if blanks else " ")
        return f"define({inner}{spell_key(path[0], quote)}{between}{spelled}{inner});"

    def _assignment(self, path: Key, spelled: str, like: Statement | None) -> str:
        if not _VARIABLE.fullmatch(path[0]) or path[0] in {"$this", "$GLOBALS"}:
            raise not_editable("characters")
        between, quote = " = ", "'"
        indexes = path[1:]
        if like is not None and like.kind == "variable":
            text = self._text
            name = text[like.name : like.name_end]
            quote = '"' if '"' in name and "'" not in name else "'"
            equals = text.find("=", like.name_end)
            blanks = _BLANKS.match(text, equals + 1)
            between = text[like.name_end : blanks.end() if blanks else equals + 1]
            target = path[0] + "".join(f"[{spell_key(index, quote)}]" for index in indexes)
            between = separator_like(between, name, target) if not between.strip(" \t=") else " = "
        target = path[0] + "".join(f"[{spell_key(index, quote)}]" for index in indexes)
        return f"{target}{between}{spelled};"

    def _keyed(self, array: Array) -> Item | None:
        """The last item with a key."""
        return next((item for item in reversed(array.items) if item.key_end), None)

    def _between(self, like: Item) -> str:
        """The arrow after a key, and the white space around it."""
        text = self._text
        arrow = text.find("=>", like.key_end)
        blanks = _BLANKS.match(text, arrow + 2)
        between = text[like.key_end : blanks.end() if blanks else arrow + 2]
        if between.strip(" \t") != "=>":
            return " => "
        return between if text[blanks.end() : blanks.end() + 1] not in {"\r", "\n"} else between.rstrip() + " "  # type: ignore[union-attr]

    def _has_lines(self, value: Value) -> bool:
        """Whether a new array is written over several lines."""
        if isinstance(value, list):
            return any(isinstance(part, list | dict) for part in value)
        return isinstance(value, dict)
