r"""PHP: what literals mean, and how they are written. Pure.

Rules of this file:

- A string is written in single quotes, where only `\` and `'` mean anything, and in double quotes where those were
  used or where it has control characters; there `$` is always escaped, and so nothing is ever put in.
- A key that is a whole number is one, in quotes too: `'5'` and `5` are the same key of an array.
"""

import re
from typing import Final

from rpcd.documents.document import Value, not_editable
from rpcd.documents.php.words import NAME, Word

__all__ = ["NOTHING", "following_of", "is_constant", "key_of", "meaning", "spell", "spell_key"]

NOTHING: Final = object()
"""What is no literal."""

LEAST: Final = -(2**63)
GREATEST: Final = 2**63 - 1

_SINGLE: Final = re.compile(r"\\([\\'])")
_DOUBLE: Final = re.compile(
    r"""\\(?: (?P<octal> [0-7]{1,3} ) | x(?P<hex> [0-9A-Fa-f]{1,2} ) | u\{(?P<code> [0-9A-Fa-f]+ )\}
          | (?P<short> [ntrvef\\$"] ) )""",
    re.VERBOSE,
)
_SHORT: Final = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "e": "\x1b", "f": "\f"}
_VARIABLE: Final = re.compile(r"""\\[\s\S]|(\$[A-Za-z_{\x80-\U0010ffff]|\{\$)""")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_CONSTANT: Final = re.compile(NAME)
RESERVED: Final = re.compile(
    "__halt_compiler|abstract|and|array|as|break|callable|case|catch|class|clone|const|continue|declare|default|die|do"
    "|echo|else|elseif|empty|end(declare|for|foreach|if|switch|while)|enum|eval|exit|extends|false|final|finally|fn|for"
    "|foreach|function|global|goto|if|implements|include|include_once|instanceof|insteadof|interface|isset|list|match"
    "|namespace|new|null|or|parent|print|private|protected|public|readonly|require|require_once|return|self|static"
    "|switch|throw|trait|true|try|unset|use|var|while|xor|yield|__compiler_halt_offset__"
    "|__(class|dir|file|function|line|method|namespace|trait|property)__",
    re.IGNORECASE,
)
"""Names that mean something else to PHP."""

_WORDS: Final = {"true": True, "false": False, "null": None}


def meaning(word: Word, sign: str = "") -> object:
    """The value of a literal that is one word, or `NOTHING`."""
    if word.kind == "string":
        return _string(word.text)
    if word.kind == "number":
        return _number(word.text, sign)
    return _WORDS.get(word.text.lower(), NOTHING) if word.kind == "name" else NOTHING


def key_of(value: object) -> str | None:
    """The key that a literal is in an array, None for what is none of ours."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else None


def following_of(key: str | None) -> int:
    """The least key that an item without one has after this."""
    whole = key is not None and key[:1] != "-" and _WHOLE.fullmatch(key) and int(key) <= GREATEST
    return int(key or "") + 1 if whole else 0


def is_constant(name: str) -> bool:
    """Whether a constant may have this name."""
    return _CONSTANT.fullmatch(name) is not None and RESERVED.fullmatch(name) is None


def spell(value: Value, quote: str = "'", upper: bool = False) -> str:  # noqa: FBT001, FBT002 - as in TRUE
    """A literal that is no array.

    Raises `Refused("not_editable")` for an integer of more than 64 bits.
    """
    if isinstance(value, str):
        return _quoted(value, quote)
    if value is None or isinstance(value, bool):
        word = "null" if value is None else "true" if value else "false"
        return word.upper() if upper else word
    if isinstance(value, float):
        spelled = repr(value)
        mantissa, e, exponent = spelled.partition("e")
        return spelled if "." in mantissa else f"{mantissa}.0{e}{exponent}"
    if not isinstance(value, int) or not LEAST < value <= GREATEST:
        raise not_editable("type")
    return str(value)


def spell_key(name: str, quote: str = "'") -> str:
    """A key of an array."""
    if _WHOLE.fullmatch(name) and LEAST < int(name) <= GREATEST:
        return name
    return _quoted(name, quote)


def _quoted(value: str, quote: str) -> str:
    if _CONTROL.search(value):
        quote = '"'
    if quote == "'":
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return '"' + _CONTROL.sub(_escape, re.sub(r'[\\"$]', r"\\\g<0>", value)) + '"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    short = next((f"\\{letter}" for letter, held in _SHORT.items() if held == character and letter in "ntr"), None)
    return short or (f"\\x{ord(character):02x}" if character < "\x80" else f"\\u{{{ord(character):x}}}")


def _string(spelled: str) -> object:
    inner = spelled[1:-1]
    if spelled[0] == "'":
        return _SINGLE.sub(r"\1", inner) if "\\" in inner else inner
    if any(found[1] for found in _VARIABLE.finditer(inner)):
        return NOTHING
    if "\\" not in inner:
        return inner
    parts: list[bytes] = []
    at = 0
    for found in _DOUBLE.finditer(inner):
        parts.append(inner[at : found.start()].encode("utf-8", "surrogateescape"))
        at = found.end()
        if found["short"]:
            parts.append(_SHORT.get(found["short"], found["short"]).encode())
        elif found["code"]:
            if len(found["code"].lstrip("0")) > 6 or int(found["code"], 16) > 0x10FFFF:  # noqa: PLR2004
                return NOTHING
            parts.append(chr(int(found["code"], 16)).encode("utf-8", "surrogatepass"))
        else:
            parts.append(bytes([int(found["octal"] or found["hex"], 8 if found["octal"] else 16) & 0xFF]))
    parts.append(inner[at:].encode("utf-8", "surrogateescape"))
    return b"".join(parts).decode("utf-8", "surrogateescape")


def _number(spelled: str, sign: str) -> object:
    digits = spelled.replace("_", "").lower()
    if spelled.endswith("_") or "__" in spelled or len(digits) > 64:  # noqa: PLR2004 - no number that is written so
        return NOTHING
    if digits[:2] not in {"0x", "0b", "0o"} and any(mark in digits for mark in ".e"):
        number = float(sign + digits)
        return number if abs(number) != float("inf") else NOTHING
    try:
        base = 10 if digits == "0" or digits[0] != "0" else 0 if digits[1] in "xbo" else 8
        value = int(digits, base)
    except ValueError:
        return NOTHING
    if value > GREATEST:  # a float, to PHP
        return NOTHING
    return -value if sign == "-" else value
