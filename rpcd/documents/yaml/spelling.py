"""YAML files: how scalars are written. Pure.

Rules of this file:

- A string stands without quotes only where every reader takes it for that string: YAML 1.1 and 1.2, within brackets or
  not. What looks like anything else (`no`, `1:20`, `012`, `~`, a date, `<<`) is quoted.
- Between double quotes JSON's escapes are YAML's; what is not printable is escaped, so that nothing begins a line.
- A date takes the place of a date only, and a boolean is spelled in the words of the one that it replaces.
"""

import json
import re
from datetime import date, datetime
from typing import Final

from rpcd.documents.document import Value, not_editable
from rpcd.documents.yaml.layout import Style

__all__ = ["block_lines", "mark_of", "spell_flow", "spell_key", "spell_scalar"]

_PLAIN: Final = re.compile(
    r"(?:[A-Za-z_/]|\.{1,2}/|[0-9]+(?=\.[0-9]+\.[0-9]+\.|[0-9.]*+[g-np-su-wyG-NP-SU-WY/])|[^\W\d_a-zA-Z])"
    r"(?:[\w./@%+=()$;*?~<>^'-]++|[:&!](?=[\w/.])| (?=[\w./@(]))*+"
)
_RESERVED: Final = re.compile(r"y|n|yes|no|on|off|true|false|null|none|nan|inf|infinity", re.IGNORECASE)
_NO_SINGLE: Final = re.compile("[^\\x20-\\x7e\\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_TO_ESCAPE: Final = re.compile("[\\x7f-\\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_DATE: Final = re.compile(
    r"\d{4}-\d\d-\d\d|\d{4}-\d\d-\d\d(?:[Tt]| )\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[-+]\d\d:\d\d)?", re.ASCII
)
_FOLDABLE: Final = re.compile(r"[^ \t\n][^\n]*+(?:\n++[^ \t\n][^\n]*+)*+")
_BREAKS: Final = re.compile(r"\n+")
_WHITE: Final = {ord("\t"): " ", ord("\n"): " "}

_BOOLEANS: Final = (("true", "false"), ("yes", "no"), ("on", "off"))

_MARKS: Final[dict[Style, str]] = {"single": "'", "double": '"'}


def mark_of(style: Style) -> str:
    """The quote of a style; none where it has none."""
    return _MARKS.get(style, "")


def spell_scalar(value: Value, quote: str = "", old: str = "") -> str:
    """A value that holds no others, on one line, in the same kind of quotes; a date for a date.

    Raises `Refused("not_editable")` for numbers that are none or have no end.
    """
    if isinstance(value, str):
        return value if _replaces_date(value, old) else _spell_string(value, quote)
    if isinstance(value, bool):
        return _spell_boolean(value, old)
    if value is None or isinstance(value, int):
        return "null" if value is None else str(value)
    spelled = repr(value)
    if "n" in spelled:
        raise not_editable("type")
    return spelled if "." in spelled else spelled.replace("e", ".0e")


def spell_key(name: str) -> str:
    """The key of a member."""
    if name == "<<":
        raise not_editable("characters")
    return _spell_string(name, "")


def spell_flow(value: Value, quote: str = "") -> str:
    """A value on one line, with brackets and braces."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spell_key(name)}: {spell_flow(held, quote)}" for name, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(spell_flow(held, quote) for held in value) + "]"
    return spell_scalar(value, quote)


def block_lines(value: str, style: Style) -> tuple[str, list[str]] | None:
    """The header and lines of a block scalar; None where it cannot hold the value, or only with blank lines behind."""
    body = value.removesuffix("\n")
    if not body or body[0] in " \t\n" or body[-1] == "\n" or _NO_SINGLE.search(body.translate(_WHITE)):
        return None
    chomping = "-" if body == value else ""
    if style == "folded" and _FOLDABLE.fullmatch(body):
        return ">" + chomping, _BREAKS.sub(r"\g<0>\n", body).split("\n")
    return "|" + chomping, body.split("\n")


def _spell_string(value: str, quote: str) -> str:
    if not quote and _PLAIN.fullmatch(value) and not _RESERVED.fullmatch(value):
        return value
    if quote == "'" and not _NO_SINGLE.search(value):
        return "'" + value.replace("'", "''") + "'"
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _spell_boolean(value: bool, old: str) -> str:  # noqa: FBT001 - the value that is written
    """A boolean in the words of the old one."""
    words = next((pair for pair in _BOOLEANS if old.lower() in pair), _BOOLEANS[0])
    word = words[0] if value else words[1]
    return word.upper() if old.isupper() else word.title() if old.istitle() else word


def _replaces_date(value: str, old: str) -> bool:
    """Whether a value is a date of the same kind as the old one, which stands without quotes."""
    if not _DATE.fullmatch(value) or not _DATE.fullmatch(old):
        return False
    kind = datetime if ":" in old else date
    try:
        return (":" in value) == (":" in old) and kind.fromisoformat(value) is not None
    except ValueError:
        return False
