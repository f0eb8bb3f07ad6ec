"""nginx's files: the locator. Pure.

It is given nothing but nginx's language: the judge comes first (`documents.open_document`). So it finds spans, and
where it is lost it refuses.
"""

import re
from typing import Final

from rpcd.documents.document import not_editable
from rpcd.documents.nginx.layout import Body, Statement, Word
from rpcd.documents.nginx.spelling import WORD, meaning, segment_of

__all__ = ["locate"]

_TOKEN: Final = re.compile(
    rf"(?: [ \t\r\n]++ | \# [^\n]*+ )*+ (?: (?P<word> {WORD} ) | (?P<mark> [;{{}}] ) | \Z )", re.VERBOSE
)
_LUA: Final = re.compile(
    r"""[^{}"'\[-]++ | [{}]
      | (?: -- )?+ \[ (?P<level> =*+ ) \[ [\s\S]*? \] (?P=level) \]
      | -- [^\n]*+
      | " (?: [^"\\\n]++ | \\ [\s\S] )*+ "
      | ' (?: [^'\\\n]++ | \\ [\s\S] )*+ '
      | - | \[ (?! =*+ \[ )""",
    re.VERBOSE,
)
RAW: Final = "_by_lua_block"
"""How the names of directives end that have a block of Lua (lua-nginx-module)."""


def locate(text: str) -> Body:
    """Find everything in `text`, which is nginx's language."""
    root = body = Body(0, len(text))
    above: list[Body] = []
    words: list[Word] = []
    at = before = 0
    while (token := _TOKEN.match(text, at)) is not None:
        at = token.end()
        if token["word"] is not None:
            start, end = token.span("word")
            words.append(Word(start, end, meaning(token["word"])))
            continue
        mark = token["mark"]
        if mark is None:
            if words or above:
                break
            return root
        if mark == "}":
            if words or not above:
                break
            body.end = at - 1
            body = above.pop()
            body.statements[-1].end = before = at
            continue
        if not words:
            break
        statement = Statement(words, before, at)
        body.statements.append(statement)
        name = segment_of(word.value for word in (words if mark == "{" else words[:1]))
        body.members.setdefault(name, []).append(statement)
        if mark == "{" and words[0].value.endswith(RAW):
            statement.raw = True
            statement.end = at = _end_of_lua(text, at)
        elif mark == "{":
            above.append(body)
            statement.body = body = Body(at, owner=statement)
        words = []
        before = at
    raise not_editable("syntax", text, at)


def _end_of_lua(text: str, at: int) -> int:
    """Behind the brace that closes a block of Lua; `at` is behind the opening one."""
    depth = 1
    while depth:
        found = _LUA.match(text, at)
        if found is None:
            raise not_editable("syntax", text, at)
        at = found.end()
        depth += {"{": 1, "}": -1}.get(found[0], 0)
    return at
