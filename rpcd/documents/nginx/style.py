"""nginx's files: how lines are written, as those beside them are. Pure."""

from collections.abc import Sequence
from typing import Final

from rpcd.documents.document import Value, not_editable
from rpcd.documents.nginx.layout import Body, Statement
from rpcd.documents.nginx.spelling import segment_of, spell, words_of
from rpcd.documents.splice import bounded, separator_like

__all__ = ["Style", "elements_of", "forms_of"]

INDENT: Final = "    "
"""As in nginx's own files."""


class Style:
    """How a file is written."""

    def __init__(self, text: str, root: Body) -> None:
        self._text = text
        self._unit = self._indent(root)

    def margin(self, body: Body) -> str:
        """The white space before the line on which a block begins."""
        return "" if body.owner is None else self._margin_of(body.owner)

    def directive(self, name: str, arguments: Sequence[str], body: Body, like: Statement | None = None) -> str:
        """The line of a new directive in `body`, as `like` is written."""
        between = " "
        margin = self._inner(body)
        spelled = segment_of([name])
        if like is not None:
            margin = self._margin_of(like)
            if like.arguments:
                name_word, first = like.words[:2]
                between = self._text[name_word.end : first.start]
                between = separator_like(between, self._text[name_word.start : name_word.end], spelled)
        return margin + _directive(spelled, arguments, between if not between.strip(" \t") else " ")

    def block(self, words: Sequence[str], table: Value, body: Body, like: Statement | None = None) -> list[str]:
        """The lines of a new block in `body`, after a blank one."""
        margin = self._inner(body) if like is None else self._margin_of(like)
        return ["", *self._block(words, table, margin)]

    def _block(self, words: Sequence[str], table: Value, margin: str) -> list[str]:
        if not isinstance(table, dict):
            raise not_editable("structure")
        lines = [f"{margin}{segment_of(words)} {{"]
        inner = bounded(margin + self._unit)
        for name, value in table.items():
            below = words_of(name)
            blocks = value if isinstance(value, list) else [value]
            if any(isinstance(one, dict) for one in blocks):
                for one in blocks:
                    lines += self._block(below, one, inner)
            elif len(below) > 1:
                raise not_editable("structure")
            else:
                lines += [inner + _directive(name, form, " ") for form in forms_of(value)]
        return [*lines, margin + "}"]

    def _inner(self, body: Body) -> str:
        return "" if body.owner is None else bounded(self._margin_of(body.owner) + self._unit)

    def _margin_of(self, statement: Statement) -> str:
        start = statement.words[0].start
        line = self._text[self._text.rfind("\n", statement.before, start) + 1 : start]
        return bounded(line) if not line.strip(" \t") else ""

    def _indent(self, root: Body) -> str:
        """By how much the first block that is written over several lines is indented."""
        for outer in root.statements:
            body = outer.body
            while body is not None and body.owner is not None and body.statements:
                margin, inner = self._margin_of(body.owner), self._margin_of(body.statements[0])
                if len(inner) > len(margin):
                    return bounded(inner[len(margin) :])
                body = body.statements[0].body
        return INDENT


def forms_of(value: Value) -> list[list[str]]:
    """The arguments of each of the directives that a value stands for.

    Raises `Refused("not_editable")` where it stands for none.
    """
    if value is None or (isinstance(value, list) and len(value) > 1 and all(isinstance(one, str) for one in value)):
        return [elements_of(value)]
    if isinstance(value, str):
        return [[value]]
    if isinstance(value, list) and len(value) > 1:
        return [elements_of(one) for one in value]
    raise not_editable("structure" if isinstance(value, dict | list) else "type")


def elements_of(value: Value) -> list[str]:
    """The arguments of one of several directives."""
    if value is None:
        return []
    words = [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
    if not words or not isinstance(value, list) or len(words) < len(value):
        raise not_editable("structure")
    return words


def _directive(spelled: str, arguments: Sequence[str], between: str) -> str:
    return spelled + (between + " ".join(map(spell, arguments)) if arguments else "") + ";"
