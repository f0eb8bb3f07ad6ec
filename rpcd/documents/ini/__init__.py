"""Ini files: php.ini and what PHP and Python applications have, desktop entries, systemd units, many a `.conf`.

Without options, a file is read as all readers do, and what they take differently is refused; with a preset, or marks of
its own, it is known who reads it.
"""

from functools import partial

from rpcd.documents.document import Document
from rpcd.documents.format import Comments, Format, FormatFault
from rpcd.documents.ini.edit import IniDocument
from rpcd.documents.ini.grammar import PRESETS, Grammar, settled
from rpcd.documents.ini.judge import judge
from rpcd.documents.ini.locate import locate
from rpcd.documents.ini.reader import Reader
from rpcd.documents.ini.scan import Scanner
from rpcd.documents.ini.spelling import Style
from rpcd.documents.ini.written import KnownStyle

__all__ = ["configure"]


def configure(
    preset: str | None = None,
    comment_marks: str | None = None,
    separators: str | None = None,
    quotes: str | None = None,
) -> Format:
    """The format: of the program that `preset` names, with these marks where they are given."""
    chosen = {"preset": preset, "comment_marks": comment_marks, "separators": separators, "quotes": quotes}
    for name, marks in chosen.items():
        if name != "preset" and marks is not None and len({*marks}) < len(marks):
            raise FormatFault(name, f"{marks!r} names a mark twice")
    try:
        grammar = settled(preset, comment_marks, separators, quotes)
    except KeyError:
        raise FormatFault("preset", f"there is no preset '{preset}', but {', '.join(PRESETS)}") from None
    if grammar is None:
        return Format("ini", _open, judge, Comments(line=(";", "#")), strings=True)
    return Format(
        "ini",
        partial(_open_known, Scanner(grammar)),
        partial(_judge_known, grammar),
        Comments(line=tuple(grammar.comments)),
        strings=True,
        booleans=grammar.booleans,
        options=tuple((name, value) for name, value in chosen.items() if value is not None),
    )


def _open(text: str) -> Document:
    return IniDocument(locate(text), Style)


def _open_known(scanner: Scanner, text: str) -> Document:
    return IniDocument(scanner.locate(text), partial(KnownStyle, scanner))


def _judge_known(grammar: Grammar, text: str) -> object:
    return Reader(grammar, text).tree()
