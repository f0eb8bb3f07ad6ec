"""Ini files: what an edit changes. Pure.

Rules of this file:

- A value is replaced where it stands; a new key is added after the last one of its section, a new section after all
  others (or after the last of its name), in the style of what stands there.
- A key or section is repeated only in a file that repeats something, and a key stands alone only in a file that has
  such keys: other readers would refuse the whole file.
- What readers disagree about is left alone.
"""

from bisect import bisect
from collections.abc import Callable, Sequence

from rpcd.documents.document import Entry, Value, index, not_editable
from rpcd.documents.ini.layout import Item, Layout, Node, Section
from rpcd.documents.ini.spelling import Style
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.splice import MAX_REPEATED, Splice, insert, join, skip_blank_lines
from rpcd.errors import Refused

__all__ = ["IniDocument"]


class IniDocument:
    """A located ini file."""

    def __init__(self, layout: Layout, style: Callable[[Layout], Style]) -> None:
        self._text = layout.text
        self._layout = layout
        self._make_style = style

    @kept
    def _style(self) -> Style:
        return self._make_style(self._layout)

    def get(self, key: Key) -> Value:
        """See `Document`."""
        return self._layout.value(self._found(key)) if key else self._layout.whole()

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        return self._layout.entries()

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        node = self._layout.find(key)
        splices = self._add(key, value) if node is None else self._replace(node, value)
        return join(self._text, splices)

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        node, text = self._found(key), self._text
        gone = join(text, self._removal(node))
        start = gone.start
        if isinstance(node, Section) and gone.end == len(text):  # the last one goes with the blank line before it
            while text.endswith(("\n\n", "\n\r\n"), 0, start):
                start = text.rindex("\n", 0, start - 1) + 1
        return Splice(start, gone.end, gone.text)

    def _found(self, key: Key) -> Node:
        node = self._layout.find(key)
        if node is None:
            raise Refused("no_such_key")
        return node

    # What is there is replaced.

    def _replace(self, node: Node, value: Value) -> list[Splice]:
        nodes: list[Item | Section] = [*node] if isinstance(node, list) else [node]
        if sections := [one for one in nodes if isinstance(one, Section)]:
            return self._replace_sections(sections, value)
        items = [one for one in nodes if isinstance(one, Item)]
        values = self._several(items[0].name, value) if isinstance(value, list) else [value]
        splices = [self._value(item, new) for item, new in zip(items, values, strict=False)]
        splices += [self._lines(item) for item in items[len(values) :]]
        if more := values[len(items) :]:
            last = items[-1]
            home = self._home(last)
            lines = [self._line(home, last.name, new, last) for new in more]
            splices.append(insert(self._text, last.end, lines))
        return splices

    def _replace_sections(self, sections: Sequence[Section], value: Value) -> list[Splice]:
        tables = self._several(sections[0].name, value) if isinstance(value, list) else [value]
        splices = []
        for section, table in zip(sections, tables, strict=False):
            splices += self._table(section, table)
        for section in sections[len(tables) :]:
            splices += self._removal(section)
        lines: list[str] = []
        for table in tables[len(sections) :]:
            lines += ["", *self._section(sections[0].name, table)]
        return [*splices, insert(self._text, sections[-1].end, lines)] if lines else splices

    def _table(self, section: Section, table: Value) -> list[Splice]:
        """What gives a section exactly these keys."""
        if not isinstance(table, dict):
            raise not_editable("structure")
        splices = []
        lines: list[str] = []
        for name, items in section.keys.items():
            if name not in table:
                splices += self._removal(items)
        self._style.require_names([name for name in table if name not in section.keys], section.keys)
        for name, value in table.items():
            held = section.keys.get(name)
            if held is not None:
                splices += self._replace(held, value)
            else:
                lines += self._new_lines(section, name, value)
        if lines:
            splices.append(insert(self._text, section.end, lines))
        return splices or [Splice(section.head_end, section.head_end, "")]

    def _value(self, item: Item, value: Value) -> Splice:
        self._require_settled(item)
        text = self._text
        if value is None:
            if item.value is not None and not self._style.takes_nulls:
                raise not_editable("type")
            return Splice(item.name_end, item.value_end + len(item.quote), "")
        written = self._style.value(value, item)
        if item.value is None:
            _, separator = self._style.separator(item.name, self._home(item))
            return Splice(item.name_end, item.name_end, separator + written)
        start, end = item.value_start - len(item.quote), item.value_end + len(item.quote)
        empty = start == end or text[start] in "\r\n"  # then there is no white space to show after the mark
        if empty and text[start - 1] in "=:" and text[item.name_end] in " \t" and written[:1] != "\n":
            written = " " + written
        if not written and text[item.name_end] in " \t" and text[start - 2 : start] in {"= ", ": "}:
            start -= end == len(text) or text[end] in "\r\n"  # and none that nobody sees is left there
        if not item.value and text[end : end + 1] in {";", "#"}:
            written += " "
        return Splice(start, end, written)

    # What is not there is added.

    def _add(self, key: Key, value: Value) -> list[Splice]:
        layout = self._layout
        name = key[-1]
        if len(key) == 1:
            if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
                return self._add_section(name, value)
            return self._add_key(layout.top, name, value)
        parent = layout.find(key[:-1])
        if isinstance(parent, Section):
            if isinstance(value, dict):
                raise not_editable("structure")
            return self._add_key(parent, name, value)
        if parent is None:
            if len(key) > 2 or key[0] in layout.tables or key[0] in layout.top.keys:  # noqa: PLR2004 - section and key
                raise not_editable("structure")
            return self._add_section(key[0], {name: value})
        return self._repeat(key, [parent] if isinstance(parent, Item) else parent, value)

    def _repeat(self, key: Key, nodes: Sequence[Item] | Sequence[Section], value: Value) -> list[Splice]:
        """What adds one more of the same key or section."""
        if index(key[-1]) != len(nodes):
            raise Refused("no_such_key")
        if not self._style.may_repeat(nodes[0].name):
            raise not_editable("type")
        last = nodes[-1]
        if isinstance(last, Section):
            return [insert(self._text, last.end, ["", *self._section(last.name, value)])]
        self._require_settled(last)
        return [insert(self._text, last.end, [self._line(self._home(last), last.name, value, last)])]

    def _add_key(self, section: Section, name: str, value: Value) -> list[Splice]:
        self._style.require_names([name], section.keys)
        layout = self._layout
        if section is layout.top and not section.items:
            if not self._style.takes_top:
                raise not_editable("structure")
            return [insert(self._text, len(self._text), self._new_lines(section, name, value))]
        return [insert(self._text, section.end, self._new_lines(section, name, value))]

    def _add_section(self, name: str, value: Value) -> list[Splice]:
        self._style.require_names([name], (*self._layout.tables, *self._layout.top.keys), section=True)
        tables = self._several(name, value) if isinstance(value, list) else [value]
        lines: list[str] = []
        text = self._text
        blank = bool(text.strip("\ufeff \t\r\n")) and self._style.blank_between_sections()
        if blank and text.endswith(("\n\n", "\n\r\n")):
            blank = False
        for table in tables:
            lines += [*([""] if blank or lines else []), *self._section(name, table)]
        return [insert(self._text, len(text), lines)]

    def _section(self, name: str, table: Value) -> list[str]:
        """The lines of a new section."""
        if not isinstance(table, dict):
            raise not_editable("structure")
        self._style.require_names(table, ())
        lines = [self._style.header(name)]
        section = Section(name, -1, -1)
        for key, value in table.items():
            lines += self._new_lines(section, key, value)
        return lines

    def _new_lines(self, section: Section, name: str, value: Value) -> list[str]:
        values = self._several(name, value) if isinstance(value, list) else [value]
        return [self._line(section, name, one, None) for one in values]

    def _line(self, section: Section, name: str, value: Value, like: Item | None) -> str:
        """The line of a new key, or of one more of the same key."""
        indent, separator = self._style.separator(name, section)
        if value is None:
            if not self._style.takes_nulls:
                raise not_editable("type")
            return indent + name
        return (indent + name + separator + self._style.value(value, like)).rstrip(" \t")

    def _several(self, name: str, values: list[Value]) -> list[Value]:
        """The values of a repeated key or section: one alone would be read as no array."""
        least = 1 if name in self._layout.arrays else 2
        if len(values) < least or not self._style.may_repeat(name) or len(name) > MAX_REPEATED:
            raise not_editable("type")
        return values

    # Places.

    def _removal(self, node: Node) -> list[Splice]:
        if isinstance(node, Item):
            return [self._lines(node)]
        if isinstance(node, Section):
            return [Splice(node.start, skip_blank_lines(self._text, node.end), "")]
        return [splice for one in node for splice in self._removal(one)]

    def _lines(self, item: Item) -> Splice:
        self._require_settled(item)
        return Splice(item.start, item.end, "")

    def _home(self, item: Item) -> Section:
        """The section that an item stands in."""
        layout = self._layout
        number = bisect(layout.sections, item.start, key=lambda section: section.start)
        return layout.sections[number - 1] if number else layout.top

    def _require_settled(self, item: Item) -> None:
        if item.locked:
            raise not_editable("ambiguous", self._text, item.start)
