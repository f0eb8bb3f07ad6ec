r"""Env files: the locator. Pure.

What is read is what a POSIX shell takes for assignments, one to a line and nothing else on it but a comment:

- `NAME=value` and `export NAME=value`; the value in any mix of 'single', "double" and no quotes, over several lines
  where quotes or a backslash lead there. `export NAME` is passed over.
- A value with `$NAME`, `${NAME}` (with a default, or less a pattern), `$(command)`, backticks, or a `~` that a shell
  would replace, is no literal, and not told. Of a text with more of a program than that, nothing is told.
- Nor of one that does more with a variable than to put it in: bash runs the commands that stand in the value where it
  calculates with it (`$((A))`, `$[A]`, `${X:A}`, `${X[A]}`), takes it for a name (`${!A}`) or expands it once more
  (`${A@P}`); words of a command are options too (`$(find $A)`); and `${A:=x}` sets it.
- A name that stands twice has the last value.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rpcd.documents.document import Untold, not_editable

__all__ = ["NAME", "Assignment", "Layout", "layout_of", "locate"]

NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*+"

_SUBSTITUTION: Final = rf"""
      \$ {NAME} | \$ [0-9@*\#?$!-]
    | \$ \{{ (?: \#?+ {NAME} | {NAME} (?: :?+ [-+?] | [%\#] ) [^{{}}'"\\$`\n]*+ ) \}}
    | \$ \( \( [^()\['"\\`$\nA-Za-z_]*+ \) \)
    | \$ \( (?! \( ) (?: [^()'"\\`$\#\n]++ | '[^'\n]*+' | "[^"\\$`\n]*+" )*+ \)
    | ` [^`'"\\$\n]*+ `
    | \$ (?! [\[({{'"\w] | \\\n )
"""
"""What a shell works out. A command is recognised as far as it is simple; others are refused with their text."""

_STATEMENT: Final = re.compile(
    rf"""[ \t]*+
    (?: (?P<export> export [ \t]++ )?+ (?P<name> {NAME} ) =
        (?P<value> (?:
              [^\s'"\\$`&|;<>()\0]++ | [^\S \t\n]
            | ' [^'\0]*+ '
            | " (?: [^"\\$`\0]++ | \\ [^\0] | {_SUBSTITUTION} )*+ "
            | \\ [^\0]
            | {_SUBSTITUTION}
        )*+ )
      | export (?: [ \t]++ {NAME} )++
    )?+
    (?: (?<! [^ \t\n] ) \# [^\n\0]*+ | [ \t]++ (?: \# [^\n\0]*+ )? )?+
    (?: \n | \Z )""",
    re.VERBOSE,
)
_PASSED: Final = re.compile(r"(?:[ \t]*+(?:#[^\n\0]*+)?\n)++")
_SPELLED: Final = re.compile(r"[\s'\"\\$`~*?\[{]")
_WHOLE: Final = re.compile(r"""'([^']*+)'|"([^"\\$`]*+)\"""")
_PIECE: Final = re.compile(r"""'([^']*+)'|"((?:[^"\\]++|\\[\s\S])*+)"|\\([\s\S])|([^'"\\]++)""")
_IN_DOUBLE: Final = re.compile(r'\\([$`"\\]|\n)')
_EXPANDS: Final = re.compile(r"[$`]|(?:\A|:)~")
_GLOB: Final = re.compile(r"[*?\[{]")


class Assignment(NamedTuple):
    """One assignment: its lines from `start` to `end`, its value as it is spelled from `value_start` to `value_end`."""

    name: str
    value: str
    start: int
    value_start: int
    value_end: int
    end: int
    exported: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """All assignments, in the order of the text, and by name."""

    assignments: Sequence[Assignment]
    names: Mapping[str, Sequence[Assignment]]


def locate(text: str) -> Layout:
    """Find every assignment of `text`.

    Raises `Refused("not_editable")` for a text that is anything else.
    """
    found: list[Assignment] = []
    at = 0
    while at < len(text):
        if passed := _PASSED.match(text, at):
            at = passed.end()
            continue
        statement = _STATEMENT.match(text, at)
        if statement is None:
            raise not_editable("syntax", text, at)
        name = statement["name"]
        if name is not None:
            start, end = statement.span("value")
            exported = statement["export"] is not None
            value = _value(text[start:end], exported=exported)
            found.append(Assignment(name, value, at, start, end, statement.end(), exported))
        at = statement.end()
    return layout_of(found)


def layout_of(found: Sequence[Assignment], alone: Collection[str] = ()) -> Layout:
    """All assignments of a text, by name as well.

    Raises `Refused("not_editable")` where one of them has a name that stands `alone` too: it takes the value away.
    """
    names: dict[str, list[Assignment]] = {}
    for assignment in found:
        names.setdefault(assignment.name, []).append(assignment)
    if not names.keys().isdisjoint(alone):
        raise not_editable("duplicate")
    return Layout(found, names)


def _value(spelled: str, *, exported: bool) -> str:
    """What a shell makes of a spelling; an `Untold` where that depends on anything else."""
    if not _SPELLED.search(spelled):
        return spelled
    if whole := _WHOLE.fullmatch(spelled):
        return whole[1] if whole[1] is not None else whole[2]
    parts: list[str] = []
    literal = True
    before = ""  # what a tilde would come after
    for single, double, escaped, bare in _PIECE.findall(spelled):
        if bare:
            literal = literal and not _EXPANDS.search(before + bare)
            literal = literal and "\r" not in bare and not (exported and _GLOB.search(bare))
            parts.append(bare)
            before = bare[-1]
            continue
        if escaped == "\n":  # shells join the lines before they look
            continue
        before = "."
        if double:
            plain = re.sub(r"\\[\s\S]", "", double)
            literal = literal and "$" not in plain and "`" not in plain
            parts.append(_IN_DOUBLE.sub(lambda found: found[1].strip("\n"), double))
        else:
            parts.append(single or escaped)
    return "".join(parts) if literal else Untold(spelled)
