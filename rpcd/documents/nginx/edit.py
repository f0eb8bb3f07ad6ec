"""nginx's files: what an edit changes. Pure.

Rules of this file:

- An argument is replaced where it stands, in its own kind of quotes, and never becomes anything but one argument.
- A new directive goes behind the last one that stands before any block in its context, a new block behind everything:
  there a person would put it, and nginx tries `location`s by regular expression in their order.
- A block is replaced member by member, so that comments and the order of what stays are kept.
- What goes takes its line along where it has one to itself, with the comment at the end of that.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rpcd.documents.document import Entry, Value, index, not_editable, require_told
from rpcd.documents.kept import kept
from rpcd.documents.key import Key
from rpcd.documents.nginx.layout import (
    Argument,
    Body,
    Element,
    Group,
    Node,
    Statement,
    find,
    is_numbered,
    step,
    value_of,
)
from rpcd.documents.nginx.locate import locate
from rpcd.documents.nginx.place import ahead, behind, into, span
from rpcd.documents.nginx.spelling import spell, words_of
from rpcd.documents.nginx.style import Style, elements_of, forms_of
from rpcd.documents.proof import same
from rpcd.documents.splice import Splice, join
from rpcd.errors import Refused

__all__ = ["NginxDocument"]


class NginxDocument:
    """A located file of nginx's."""

    def __init__(self, text: str) -> None:
        self._text = text

    @kept
    def _root(self) -> Body:
        return locate(self._text)

    @kept
    def _style(self) -> Style:
        return Style(self._text, self._root)

    def get(self, key: Key) -> Value:
        """See `Document`."""
        return require_told(value_of(self._found(key), self._text))

    def entries(self) -> Sequence[Entry]:
        """See `Document`."""
        found = [*self._list((), self._root)]
        found.sort(key=lambda entry: entry.start)  # stable: tables stay before what they hold
        return found

    def put(self, key: Key, value: Value) -> Splice:
        """See `Document`."""
        node: Node = self._root
        for depth, segment in enumerate(key):
            below = step(node, segment)
            if below is None:
                return join(self._text, self._add(node, key[depth:], value))
            node = below
        return join(self._text, self._replace(node, value) or [Splice(0, 0, "")])

    def remove(self, key: Key) -> Splice:
        """See `Document`."""
        node = self._found(key)
        if isinstance(node, Argument):
            return self._without_argument(node)
        return join(self._text, [self._without(statement) for statement in _statements(node)])

    def _found(self, key: Key) -> Node:
        node = find(self._root, key)
        if node is None:
            raise Refused("no_such_key")
        return node

    # What is there.

    def _list(self, key: Key, body: Body) -> Iterator[Entry]:
        for name, statements in body.members.items():
            below = (*key, name)
            if not is_numbered(statements):
                yield from self._list_one(below, statements[0], statements[0])
                continue
            yield Entry(below, "array", span(self._text, statements[0])[0], span(self._text, statements[-1])[1])
            for number, statement in enumerate(statements):
                simple = statement.body is None and not statement.raw
                node = Element(statement) if simple else statement
                yield from self._list_one((*below, str(number)), node, statement)

    def _list_one(self, key: Key, node: Node, statement: Statement) -> Iterator[Entry]:
        place = span(self._text, statement)
        if statement.body is not None:
            yield Entry(key, "object", *place)
            yield from self._list(key, statement.body)
        elif statement.raw or (isinstance(node, Statement) and len(statement.arguments) == 1):
            yield Entry(key, "string", *place)
        elif not statement.arguments:
            yield Entry(key, "null", *place)
        else:
            yield Entry(key, "array", *place)
            for number, word in enumerate(statement.arguments):
                yield Entry((*key, str(number)), "string", word.start, word.end)

    # What is there is replaced.

    def _replace(self, node: Node, value: Value) -> list[Splice]:
        if isinstance(node, Argument):
            return [self._word(node, value)]
        if isinstance(node, Element):
            return self._arguments(node.statement, elements_of(value))
        if isinstance(node, Body):
            return self._members(node, value)
        statements = _statements(node)
        if any(statement.raw for statement in statements):
            raise not_editable("expression", self._text, statements[0].words[0].start)
        bodies = [statement.body for statement in statements if statement.body is not None]
        if not bodies:
            return self._directives(statements, forms_of(value))
        if isinstance(node, Statement):
            return self._members(bodies[0], value)
        return self._blocks(statements, bodies, value)

    def _directives(self, statements: Sequence[Statement], forms: Sequence[Sequence[str]]) -> list[Splice]:
        """What makes these arguments of directives of one name."""
        last = statements[-1]
        splices: list[Splice] = []
        lines: list[str] = []
        for statement, form in zip_longest(statements, forms):
            if statement is None:
                lines.append(self._style.directive(last.words[0].value, form, self._root, last))
            elif form is None:
                splices.append(self._without(statement))
            else:
                splices += self._arguments(statement, form)
        return [*splices, behind(self._text, last, lines)] if lines else splices

    def _arguments(self, statement: Statement, values: Sequence[str]) -> list[Splice]:
        """What gives a directive these arguments."""
        words = statement.arguments
        splices = [
            self._word(Argument(statement, number), value)
            for number, (word, value) in enumerate(zip(words, values, strict=False))
            if word.value != value
        ]
        kept_words = statement.words[: len(values) + 1]
        if len(words) > len(values):
            splices.append(Splice(kept_words[-1].end, words[-1].end, ""))
        elif len(words) < len(values):
            more = "".join(" " + spell(value) for value in values[len(words) :])
            splices.append(Splice(kept_words[-1].end, kept_words[-1].end, more))
        return splices

    def _word(self, argument: Argument, value: Value) -> Splice:
        if not isinstance(value, str):
            raise not_editable("type")
        word = argument.statement.arguments[argument.number]
        quote = self._text[word.start]
        return Splice(word.start, word.end, spell(value, quote if quote in "\"'" else ""))

    def _blocks(self, statements: Sequence[Statement], bodies: Sequence[Body], value: Value) -> list[Splice]:
        """What gives blocks of one name these members."""
        if not isinstance(value, list) or not value:
            raise not_editable("structure")
        splices: list[Splice] = []
        for body, table in zip(bodies, value, strict=False):
            splices += self._members(body, table)
        splices += [self._without(statement) for statement in statements[len(value) :]]
        last, lines = statements[-1], list[str]()
        for table in value[len(bodies) :]:
            lines += self._style.block([word.value for word in last.words], table, self._root, last)
        return [*splices, behind(self._text, last, lines)] if lines else splices

    def _members(self, body: Body, value: Value) -> list[Splice]:
        """What gives a block exactly these members."""
        if not isinstance(value, dict):
            raise not_editable("structure")
        splices: list[Splice] = []
        for name, statements in body.members.items():
            if name not in value:
                splices += map(self._without, statements)
        for name, held in value.items():
            node = step(body, name)
            if node is None:
                splices += self._add(body, (name,), held)
            elif not same(value_of(node, self._text), held):
                splices += self._replace(node, held)
        return splices

    # What is not there is added.

    def _add(self, node: Node, rest: Key, value: Value) -> list[Splice]:
        """What adds a directive, a block or an argument, with the blocks that are missing on the way to it."""
        if isinstance(node, Statement) and node.body is not None:
            node = node.body
        if isinstance(node, Body):
            for name in reversed(rest[1:]):
                value = {name: value}
            return self._add_member(node, rest[0], value)
        if isinstance(node, Group):
            return self._addelements_of(node, rest, value)
        if isinstance(node, Argument) or len(rest) > 1 or (isinstance(node, Statement) and node.raw):
            raise not_editable("structure")
        statement = node.statement if isinstance(node, Element) else node
        if index(rest[0]) not in {None, len(statement.arguments)}:
            raise Refused("no_such_key")
        if not isinstance(value, str) or not statement.arguments or index(rest[0]) is None:
            raise not_editable("structure")
        end = statement.words[-1].end
        return [Splice(end, end, " " + spell(value))]

    def _addelements_of(self, group: Group, rest: Key, value: Value) -> list[Splice]:
        last = group.statements[-1]
        if index(rest[0]) != len(group.statements):
            raise Refused("no_such_key")
        for name in reversed(rest[1:]):
            value = {name: value}
        if last.body is not None:
            return [
                behind(
                    self._text, last, self._style.block([word.value for word in last.words], value, self._root, last)
                )
            ]
        if last.raw:
            raise not_editable("expression")
        return [
            behind(self._text, last, [self._style.directive(last.words[0].value, elements_of(value), self._root, last)])
        ]

    def _add_member(self, body: Body, name: str, value: Value) -> list[Splice]:
        words = words_of(name)
        tables = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        blocks = [table for table in tables if isinstance(table, dict)]
        simple = [statement for statement in self._leading(body) if statement.body is None and not statement.raw]
        if not blocks:
            if len(words) > 1:
                raise not_editable("structure")
            like = simple[-1] if simple else None
            lines = [self._style.directive(words[0], form, body, like) for form in forms_of(value)]
            if like is not None:
                return [behind(self._text, like, lines)]
            return (
                [ahead(self._text, body, lines)]
                if body.statements
                else [into(self._text, body, lines, self._style.margin(body))]
            )
        if len(blocks) < len(tables):
            raise not_editable("structure")
        like = body.statements[-1] if body.statements else None
        lines = [line for table in blocks for line in self._style.block(words, table, body, like)]
        return (
            [behind(self._text, like, lines)]
            if like is not None
            else [into(self._text, body, lines[1:], self._style.margin(body))]
        )

    def _leading(self, body: Body) -> Iterator[Statement]:
        """The directives that stand before any block."""
        for statement in body.statements:
            if statement.body is not None or statement.raw:
                return
            yield statement

    # What is there goes.

    def _without(self, statement: Statement) -> Splice:
        return Splice(*span(self._text, statement), "")

    def _without_argument(self, argument: Argument) -> Splice:
        words = argument.statement.words
        if len(words) <= 2:  # noqa: PLR2004 - the only argument of one of several directives
            raise not_editable("structure")
        before, word = words[argument.number], words[argument.number + 1]
        blank = not self._text[before.end : word.start].strip(" \t\r\n")
        return Splice(before.end if blank else word.start, word.end, "")


def _statements(node: Node) -> Sequence[Statement]:
    if isinstance(node, Group):
        return node.statements
    if isinstance(node, Element):
        return [node.statement]
    return [node] if isinstance(node, Statement) else []
