"""YAML files: what the text of a scalar says, as far as keys need it. Pure."""

import re
import sys
from typing import Final

from rpcd.documents.yaml.layout import Node

__all__ = ["name_of"]

_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_MEANING: Final = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip


def name_of(text: str, key: Node) -> tuple[str | None, bool]:
    """The segment that names a key, None where none does, and whether it is `<<`.

    A key is named by its text. One that is no text, has a tag, stands for an anchor, or goes over several lines has no
    name here.
    """
    if key.kind != "scalar" or key.style in {"literal", "folded"} or key.tag not in {"", "!!str"}:
        return None, False
    spelled = text[key.at : key.end]
    if "\n" in spelled:
        return None, False
    if key.style == "double":
        return _ESCAPE.sub(_character, spelled[1:-1]) if "\\" in spelled else spelled[1:-1], False
    if key.style == "single":
        return spelled[1:-1].replace("''", "'"), False
    return (None, True) if spelled == "<<" and not key.tag else (spelled, False)


def _character(escape: re.Match[str]) -> str:
    two, four, eight, short = escape.groups()
    if short:
        return _MEANING.get(short, short)
    code = int(two or four or eight, 16)
    return chr(code) if code <= sys.maxunicode else "\0"
