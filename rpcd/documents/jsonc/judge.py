"""JSON with comments: the judge. Pure, and it shares nothing with the locator but what both mean by such a file.

It reads tokens, one after the other, and knows what may follow each. The tests hold it against Microsoft's
`jsonc-parser`, which VS Code reads its settings with.

Rules of this file:

- A member that stands twice in an object is refused, as in JSON.
- Readers disagree about where `// …` ends: some take a lone carriage return, U+2028 and U+2029 for line ends. Where one
  stands in such a comment, the text is refused.
"""

import json
import re
from typing import Any, Final, NoReturn

from rpcd.documents.document import MAX_DEPTH, not_editable

__all__ = ["judge"]

_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*+(?:
      (?P<string> "(?: [^"\\\x00-\x1f]++ | \\(?: ["\\/bfnrt] | u[0-9A-Fa-f]{4} ) )*+" )
    | (?P<integer> -?(?: 0 | [1-9][0-9]*+ ) ) (?! [\w.+-] )
    | (?P<real> -?(?: 0 | [1-9][0-9]*+ ) (?: \.[0-9]++ )?+ (?: [eE][+-]?+[0-9]++ )?+ ) (?! [\w.+-] )
    | (?P<word> true | false | null ) (?! [\w.+-] )
    | (?P<mark> [][{},:] )
    | (?P<comment> //[^\n]*+ | /\*[\s\S]*?\*/ )
    | (?P<end> \Z )
    )""",
    re.VERBOSE,
)
_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_WORDS: Final = {"true": True, "false": False, "null": None}
_LINE_ENDS: Final = re.compile(r"[\r\u2028\u2029]")


def judge(text: str) -> object:
    """The value of `text`.

    Raises `Refused("not_editable")` for what is no JSON with comments, too deep, or has a member twice.
    """
    reader = _Reader(text)
    value = reader.value()
    reader.expect("end")
    return value


class _Reader:
    """A reader in front of a token: `kind` is a mark, `string`, `scalar` or `end`; `held` is a scalar's value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = self.start = 1 if text.startswith("\ufeff") else 0
        self.kind = ""
        self.held: Any = None
        self.depth = 0
        self.advance()

    def refuse(self, reason: str = "syntax") -> NoReturn:
        """Stop at this token."""
        raise not_editable(reason, self.text, self.start)

    def expect(self, kind: str) -> None:
        """Refuse any other token."""
        if self.kind != kind:
            self.refuse()

    def advance(self) -> None:
        """Go to the next token that is no comment."""
        while True:
            found = _TOKEN.match(self.text, self.at)
            if found is None:
                space = _SPACE.match(self.text, self.at)
                self.start = space.end() if space else self.at
                self.refuse()
            self.at, group = found.end(), found.lastgroup or "end"
            self.start = found.start(group)
            token = found[group]
            if group != "comment":
                break
            if token.startswith("//") and _LINE_ENDS.search(token.removesuffix("\r")):
                self.refuse("ambiguous")
        self.kind = "scalar"
        if group == "mark":
            self.kind = token
        elif group == "string":
            self.kind = group
            self.held = json.loads(token) if "\\" in token else token[1:-1]
        elif group == "word":
            self.held = _WORDS[token]
        elif group == "real":
            self.held = float(token)
        elif group == "integer":
            self.held = self.integer(token)
        else:
            self.kind = "end"

    def integer(self, digits: str) -> int:
        """The number; refused where it has more digits than Python converts."""
        try:
            return int(digits)
        except ValueError:
            self.refuse()

    def value(self) -> object:
        """The value that starts here."""
        if self.kind == "{":
            return self.members()
        if self.kind == "[":
            return self.elements()
        if self.kind not in {"string", "scalar"}:
            self.refuse()
        value = self.held
        self.advance()
        return value

    def members(self) -> dict[str, object]:
        """The object that starts here."""
        members: dict[str, object] = {}
        self.enter()
        while self.kind != "}":
            self.expect("string")
            name = self.held
            if name in members:
                self.refuse("duplicate")
            self.advance()
            self.expect(":")
            self.advance()
            members[name] = self.value()
            self.separate("}")
        self.leave()
        return members

    def elements(self) -> list[object]:
        """The array that starts here."""
        elements: list[object] = []
        self.enter()
        while self.kind != "]":
            elements.append(self.value())
            self.separate("]")
        self.leave()
        return elements

    def enter(self) -> None:
        """Go past an opening bracket."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse("depth")
        self.advance()

    def separate(self, closing: str) -> None:
        """Go past a comma, if the closing bracket does not stand here."""
        if self.kind == ",":
            self.advance()
        else:
            self.expect(closing)

    def leave(self) -> None:
        """Go past a closing bracket."""
        self.depth -= 1
        self.advance()
