"""PHP: the locator. Pure.

It is given nothing that the judge does not take (`documents.open_document`). It finds the statements at the top level
that set something to a literal, and what else might set the same: that is in doubt.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from rpcd.documents.document import MAX_DEPTH, Value, not_editable
from rpcd.documents.key import Key
from rpcd.documents.php.layout import Array, Expression, Item, Layout, Node, Scalar, Statement, Table
from rpcd.documents.php.spelling import NOTHING, following_of, key_of, meaning
from rpcd.documents.php.words import Word, split

__all__ = ["locate"]

UNREADABLE: Final = frozenset(
    {"endif", "endwhile", "endfor", "endforeach", "endswitch", "enddeclare", "goto", "namespace", "__halt_compiler"}
)
"""With these a statement may be at the top level and take effect now and then, or be called something else."""

ENDING: Final = frozenset({"return", "exit", "die", "throw"})
LEADING: Final = frozenset({"declare", "use"})
READING: Final = re.compile(r"return|echo|print|[-=.+*/%<>!?:]|[!=]==?|[<>]=|<>|<=>|&&|\|\||\?\?", re.IGNORECASE)
"""After these a variable is read."""

SETTING: Final = re.compile(r"(?:[-+*/.%&|^]|\*\*|\?\?|<<|>>)?=|\+\+|--|\??->|::|\[")
"""Before these it may be set, or something within it."""

UNKNOWN: Final = frozenset({"extract", "parse_str", "eval", "settype", "$GLOBALS", "$"})
"""With these any variable may be set."""

_NEGATIVE: Final = re.compile(r"-[1-9][0-9]*")


def locate(text: str) -> Layout:
    """Find everything that `text` sets."""
    return _Locator(text).run()


class _Locator:
    def __init__(self, text: str) -> None:
        self.text = text
        found = split(text)
        self.words, self.closing = found.words, found.closing
        self.layout = Layout()
        self.defined: set[str] = set()
        self.targets: set[int] = set()  # the words of variables that recognised statements set

    def run(self) -> Layout:
        """Take all statements."""
        at, end, leading = 0, len(self.words), True
        for number in self.level(0, end):
            if self.lower(number) in UNREADABLE:
                raise not_editable("expression", self.text, self.words[number].start)
        while at < end:
            stop = self.end_of_statement(at)
            if stop > at:
                name = self.lower(at)
                if name in LEADING and leading:
                    self.layout.lead = self.words[min(stop, end - 1)].end
                leading = leading and (name in LEADING or self.words[at].kind == "html")
                self.statement(at, stop)
                if name in ENDING:
                    break
            at = stop + 1
        self.look_for_doubts()
        return self.layout

    def lower(self, at: int) -> str:
        """The name that a word is, without regard to case."""
        word = self.words[at]
        return word.text.lower().lstrip("\\") if word.kind == "name" else ""

    def mark(self, at: int, stop: int) -> str:
        """The mark that a word is."""
        return self.words[at].text if at < stop and self.words[at].kind == "mark" else ""

    def end_of_statement(self, at: int) -> int:
        """The semicolon, the end of PHP, or the brace that ends the statement from `at` on; a brace belongs to it."""
        while at < len(self.words):
            word = self.words[at]
            if word.kind == "html" or word.text == ";":
                return at
            if at in self.closing:
                at = self.closing[at]
                if word.text == "{":
                    return at
            at += 1
        return at

    # Statements.

    def statement(self, at: int, stop: int) -> None:
        """One statement, up to `stop`."""
        name = self.lower(at)
        if name == "define":
            self.define(at, stop)
        elif name == "const":
            self.constants(at, stop)
        elif name == "return":
            self.returned(at, stop)
        elif self.words[at].kind == "variable":
            self.assignment(at, stop)

    def define(self, at: int, stop: int) -> None:
        """`define('NAME', literal)`."""
        if self.mark(at + 1, stop) != "(" or self.closing[at + 1] != stop - 1:
            return
        last = stop - 1 - (self.mark(stop - 2, stop) == ",")
        name = meaning(self.words[at + 2]) if at + 3 < last else NOTHING
        if isinstance(name, str) and self.mark(at + 3, stop) == "," and self.comma(at + 4, last) == last:
            self.defined.add(name)
            self.set((name,), self.value(at + 4, last), self.made("define", at, stop, at + 2))

    def constants(self, at: int, stop: int) -> None:
        """`const NAME = literal, OTHER = literal`."""
        first = at + 1
        alone = self.comma(first, stop) == stop
        while first < stop:
            last = self.comma(first, stop)
            if last - first > 2 and self.words[first].kind == "name" and self.mark(first + 1, stop) == "=":  # noqa: PLR2004
                made = self.made("const", at, stop, first)
                made.alone = made.alone and alone
                self.set((self.words[first].text,), self.value(first + 2, last), made)
            first = last + 1

    def returned(self, at: int, stop: int) -> None:
        """`return [literals]`."""
        value = self.value(at + 1, stop) if at + 1 < stop else None
        if isinstance(value, Array):
            self.layout.returned = value
            for name, node in value.members.items():
                if name in self.layout.root.members:
                    self.layout.doubt((name,))
                self.layout.root.members[name] = node

    def assignment(self, at: int, stop: int) -> None:
        """`$name['index'] = literal`."""
        path, equals = self.path(at, stop)
        if self.mark(equals, stop) == "=" and self.mark(equals + 1, stop) != "&" and equals + 1 < stop:
            self.targets.add(at)
            self.set(path, self.value(equals + 1, stop), self.made("variable", at, stop, at, equals - 1))

    def path(self, at: int, stop: int) -> tuple[Key, int]:
        """A variable and its indexes as far as they are literals, and the word after these."""
        path = [self.words[at].text]
        at += 1
        while self.mark(at, stop) == "[" and self.closing[at] == at + 2 and len(path) <= MAX_DEPTH:
            key = key_of(meaning(self.words[at + 1]))
            if key is None:
                break
            path.append(key)
            at += 3
        return tuple(path), at

    def made(self, kind: str, at: int, stop: int, name: int, name_end: int = 0) -> Statement:
        """The statement from `at` to `stop`."""
        closed = stop < len(self.words) and self.words[stop].text == ";" and self.words[stop].kind == "mark"
        end = self.words[stop].end if closed else self.words[stop - 1].end
        before = self.words[at - 1].end if at else 0
        found = Statement(
            kind, before, self.words[at].start, end, self.words[name].start, self.words[name_end or name].end, closed
        )
        self.layout.statements.append(found)
        return found

    def set(self, path: Key, node: Node, statement: Statement) -> None:
        """Make `node` what `path` is from this statement on."""
        if not isinstance(node, Table) or isinstance(node, Array):
            node.home = statement
        statement.path = path
        table = self.layout.root
        for depth, segment in enumerate(path[:-1], 1):
            below = table.members.setdefault(segment, Table())
            if not isinstance(below, Table):
                self.layout.doubt(path[:depth])
                return
            table = below
        if path[-1] in table.members:
            self.layout.doubt(path)
        table.members[path[-1]] = node

    # Values.

    def comma(self, at: int, stop: int) -> int:
        """The next comma that is not within brackets, or `stop`."""
        while at < stop and self.mark(at, stop) != ",":
            at = self.closing.get(at, at) + 1
        return at

    def value(self, at: int, stop: int) -> Node:
        """What the words up to `stop` are."""
        if at >= stop:
            raise not_editable("syntax", self.text, self.words[min(at, len(self.words) - 1)].start)
        first, last = self.words[at], self.words[stop - 1]
        value: Value | object = NOTHING
        if stop == at + 1:
            value = meaning(first)
        elif stop == at + 2 and first.text in {"-", "+"} and last.kind == "number":
            value = meaning(last, first.text)
        if value is not NOTHING:
            return Scalar(first.start, last.end, value)  # type: ignore[arg-type]  # it is a Value
        opening = at + (self.lower(at) == "array" and self.mark(at + 1, stop) == "(")
        if (self.mark(opening, stop) == "[" or opening > at) and self.closing[opening] == stop - 1:
            inner = self.words[opening].end
            array = Array(start=first.start, end=last.end, inner=inner, inner_end=last.start)
            if self.items(array, opening + 1, stop - 1):
                return array
        return Expression(first.start, last.end)

    def items(self, array: Array, at: int, stop: int) -> bool:
        """Take the items of an array; False for what is none, or spreads others into it."""
        following = 0
        while at < stop:
            last = self.comma(at, stop)
            if last == at or self.mark(at, stop) in {"...", "&"}:
                return False
            item = Item(0, 0, self.words[at].start, self.words[last - 1].end)
            if last < stop:
                item.comma = self.words[last].end
            array.items.append(item)
            arrow = next((number for number in self.level(at, last) if self.mark(number, last) == "=>"), at)
            start, key = at, None
            if arrow > at:
                literal = self.literal(at, arrow)
                key = key_of(literal)
                item.key_start, item.key_end = self.words[at].start, self.words[arrow - 1].end
                start = arrow + 1
                following = max(following, following_of(key))
                if key is not None and _NEGATIVE.fullmatch(key):
                    array.keyed = False  # versions of PHP go on from there differently
            elif array.keyed:
                key, following = str(following), following + 1
            if key is None or (arrow == at and not array.keyed):
                array.keyed = False
            else:
                self.member(array, key, start, last, item)
            at = last + 1
        return True

    def literal(self, at: int, stop: int) -> object:
        """The value of a key's words."""
        if stop == at + 2 and self.words[at].text == "-":
            return meaning(self.words[at + 1], "-")
        return meaning(self.words[at]) if stop == at + 1 else NOTHING

    def member(self, array: Array, key: str, at: int, stop: int, item: Item) -> None:
        node = self.value(at, stop)
        if not isinstance(node, Table) or isinstance(node, Array):
            node.home = item
        if key in array.members:
            node = Expression(item.start, item.end, item)  # twice
        array.members[key] = node

    def level(self, at: int, stop: int) -> Iterator[int]:
        """The words that are not within brackets."""
        while at < stop:
            yield at
            at = self.closing.get(at, at) + 1

    # What else might set something.

    def look_for_doubts(self) -> None:
        """Doubt what stands in code that might set it."""
        layout, words, end = self.layout, self.words, len(self.words)
        defined = Counter(dict.fromkeys(self.defined, -1))
        unknown = any_define = False
        for at, word in enumerate(words):
            if word.kind == "variable":
                unknown = unknown or word.text in UNKNOWN
                if at not in self.targets:
                    self.doubt_variable(at)
            elif word.kind == "name":
                name = self.lower(at)
                unknown = unknown or (name in UNKNOWN and self.mark(at + 1, end) == "(")
                if name == "define" and self.mark(at + 1, end) == "(":
                    constant = meaning(words[at + 2])
                    any_define = any_define or not isinstance(constant, str)
                    defined[constant if isinstance(constant, str) else ""] += 1
            elif word.text == "$":
                unknown = True
        for name in {*layout.root.members, *defined}:
            if (unknown and name[:1] == "$") or defined[name] > 0 or (name in self.defined and any_define):
                layout.doubt((name,))

    def doubt_variable(self, at: int) -> None:
        """A variable that no recognised statement begins with: doubt it, unless it is only read."""
        path, after = self.path(at, len(self.words))
        before: Word = self.words[at - 1]
        reads = before.kind in {"mark", "name"} and READING.fullmatch(before.text)
        asked = before.text == "(" and at > 1 and self.lower(at - 2) in {"if", "elseif", "while", "isset", "empty"}
        if not (reads or asked) or SETTING.fullmatch(self.mark(after, len(self.words))):
            self.layout.doubt(path)
