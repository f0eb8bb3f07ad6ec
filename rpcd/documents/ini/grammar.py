"""Ini files of one known program: what is a comment, a separator and a quote there. Pure.

A preset is a row below, checked against the program itself in the tests. Each says where it stands in writing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

__all__ = ["PRESETS", "Grammar", "settled"]

Escapes = Mapping[str, str]
"""What the character behind a backslash means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How one program reads its ini files.

    `comments` begin a comment where they are the first in a line, `inline` behind a key or value: anywhere, or after
    white space where it is `spaced`. `directives` begin lines that are no keys, and left alone. Quotes are taken off a
    value that stands within one pair; with `pieces`, wherever they are. `spans` says that they hold line ends too, and
    stand in names of sections: such are refused. `escapes` says where a backslash has a meaning: within such quotes, or
    outside (`""`); one that it does not know stands for itself where `lenient`, else no value can be told.
    `continuation` is what makes a line go on with the value above: a backslash before it (`backslash`, a space takes
    its place; `join`, nothing does), or deeper indentation (`indent`). `alone` says whether a key may stand without a
    value, `top` whether before any section, `repeats` whether twice. Sections that are `arrays` are always lists;
    `subsections` are named in quotes. `plain` is what may stand without quotes; `key` and `section` are what new ones
    may be called. `booleans` are true and false as people write them there.
    """

    comments: str = "#;"
    inline: str = ""
    spaced: bool = False
    directives: str = ""
    separators: str = "="
    quotes: str = ""
    pieces: bool = False
    spans: bool = False
    escapes: Mapping[str, Escapes] = field(default_factory=dict)
    lenient: bool = False
    continuation: Literal["", "backslash", "join", "indent"] = ""
    alone: bool = False
    top: bool = False
    repeats: bool = False
    arrays: frozenset[str] = frozenset()
    subsections: bool = False
    plain: str = r".*"
    key: str = r"[A-Za-z0-9][\w.-]*"
    section: str = r"[\w.:/@+-]+(?: [\w.:/@+-]+)*"
    booleans: tuple[str, str] = ("true", "false")


_C: Final[Escapes] = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}
_MYSQL: Final[Escapes] = {**_C, "r": "\r", "s": " ", "'": "'"}

PRESETS: Final[Mapping[str, Grammar]] = {
    # systemd.syntax(7); the parser is src/shared/conf-parser.c
    "systemd": Grammar(continuation="backslash", repeats=True, key=r"[A-Za-z0-9][A-Za-z0-9-]*", booleans=("yes", "no")),
    # Desktop Entry Specification 1.5, sections 3 and 4; GLib's GKeyFile
    "desktop": Grammar(
        comments="#",
        escapes={"": {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}},
        key=r"[A-Za-z0-9-]+(?:\[[\w@.-]+\])?",
        section=r"[ -Z\\^-~]+",
    ),
    # parse_ini_file(), Zend/zend_ini_scanner.l
    "php": Grammar(
        comments=";",
        inline=";",
        quotes="\"'",
        spans=True,
        escapes={'"': {'"': '"', "\\": "\\", "'": "'"}},
        lenient=True,
        alone=True,
        top=True,
        plain=r"[\w.,/:+%*@<>-]*",
        key=r"(?!(?i:null|yes|no|true|false|on|off|none)\Z)[A-Za-z_][\w.-]*(?:\[[\w.-]*\])?",
        booleans=("On", "Off"),
    ),
    # option files, mysys/my_default.c
    "my.cnf": Grammar(
        inline="#",
        directives="!",
        quotes="\"'",
        escapes={"": _MYSQL, '"': _MYSQL, "'": _MYSQL},
        lenient=True,
        alone=True,
        repeats=True,
        booleans=("ON", "OFF"),
    ),
    # RawConfigParser(), pip/_internal/configuration.py
    "pip": Grammar(separators="=:", continuation="indent", section=r"(?!DEFAULT\Z)[\w.:/@+-]+"),
    # git-config(1), "CONFIGURATION FILE"; config.c
    "git": Grammar(
        inline="#;",
        quotes='"',
        pieces=True,
        escapes={"": _C, '"': _C},
        continuation="join",
        alone=True,
        repeats=True,
        subsections=True,
        key=r"[A-Za-z][A-Za-z0-9-]*",
        section=r"[A-Za-z0-9-]+(?:\.[^\x00-\x1f]+)?",
    ),
    # supervisor/options.py, UnhosedConfigParser
    "supervisor": Grammar(
        inline=";#",
        spaced=True,
        separators="=:",
        continuation="indent",
        plain=r"(?:[^%]|%%|%\(ENV_\w+\)s)*",
        section=r"(?!DEFAULT\Z)[\w.:/@+*-]+",
    ),
    # wg(8), "CONFIGURATION FILE FORMAT"; wg-quick(8)
    "wireguard": Grammar(
        comments="#", inline="#", repeats=True, arrays=frozenset({"Peer"}), key=r"[A-Za-z0-9]+", section=r"[A-Za-z]+"
    ),
}
"""Programs by the names that settings give them."""

_ANY: Final = Grammar(inline="#;", spaced=True, separators="=:", quotes="\"'", alone=True, top=True, repeats=True)
"""What the settings start from where they name no program."""


def settled(
    preset: str | None, comment_marks: str | None, separators: str | None, quotes: str | None
) -> Grammar | None:
    """The grammar that the settings of a target choose; None where they choose nothing.

    Raises `KeyError` for a preset that there is not.
    """
    chosen = (comment_marks, separators, quotes)
    if preset is None and chosen == (None, None, None):
        return None
    grammar = _ANY if preset is None else PRESETS[preset]
    if comment_marks is not None:
        inline = comment_marks if grammar.inline else ""
        grammar = replace(grammar, comments=comment_marks, inline=inline)
    if separators is not None:
        grammar = replace(grammar, separators=separators)
    if quotes is not None:
        grammar = replace(grammar, quotes=quotes)
    return grammar
