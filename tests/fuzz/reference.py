"""What a datagram says and which replies it must get, by the letter of RFC 8259 and of JSON-RPC 2.0.

Rules of this file:

- It shares nothing with what it judges: not `rpcd`, not the json module. It may be slow.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["MAX_BATCH", "MAX_ID", "MAX_VALUES", "NotJson", "TooManyValues", "answered", "is_request", "read"]

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 10_000
MAX_BATCH: Final = 32
MAX_ID: Final = 128

SPACE: Final = " \t\n\r"
NUMBER: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?")
HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
LITERALS: Final = (("true", True), ("false", False), ("null", None))
ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class NotJson(Exception):
    """The bytes are no strict JSON."""


class TooManyValues(NotJson):
    """They are, but more values than a message may have."""


def read(data: bytes) -> Any:
    """The value of strict JSON; `NotJson` for anything else, a duplicate member and a number out of bounds included."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson from error
    reader = _Reader(text)
    value = reader.value(0)
    reader.space()
    reader.require(reader.at == len(text))
    if reader.values > MAX_VALUES:
        raise TooManyValues
    return value


@dataclass(slots=True)
class _Reader:
    """Reads one text from left to right; `at` is how far it has come, `values` how many there were."""

    text: str
    at: int = 0
    values: int = 0

    def require(self, condition: object) -> None:
        if not condition:
            raise NotJson

    def space(self) -> None:
        while self.text[self.at : self.at + 1] and self.text[self.at] in SPACE:
            self.at += 1

    def take(self, expected: str) -> bool:
        if self.text.startswith(expected, self.at):
            self.at += len(expected)
            return True
        return False

    def value(self, depth: int) -> Any:
        self.values += 1
        self.space()
        if self.take("{"):
            self.require(depth < MAX_DEPTH)
            return self.members(depth + 1)
        if self.take("["):
            self.require(depth < MAX_DEPTH)
            return self.elements(depth + 1)
        if self.take('"'):
            return self.string()
        for word, value in LITERALS:
            if self.take(word):
                return value
        return self.number()

    def members(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.space()
        if self.take("}"):
            return found
        while True:
            self.space()
            self.require(self.take('"'))
            name = self.string()
            self.space()
            self.require(self.take(":") and name not in found)
            found[name] = self.value(depth)
            self.space()
            if self.take("}"):
                return found
            self.require(self.take(","))

    def elements(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.space()
        if self.take("]"):
            return found
        while True:
            found.append(self.value(depth))
            self.space()
            if self.take("]"):
                return found
            self.require(self.take(","))

    def string(self) -> str:
        characters: list[str] = []
        while not self.take('"'):
            self.require(self.at < len(self.text) and self.text[self.at] >= " ")
            if not self.take("\\"):
                characters.append(self.text[self.at])
                self.at += 1
            elif self.take("u"):
                characters.append(chr(self.unit()))
            else:
                escaped = ESCAPES.get(self.text[self.at : self.at + 1])
                self.require(escaped)
                characters.append(escaped or "")
                self.at += 1
        return "".join(characters)

    def unit(self) -> int:
        """The character of four digits after a `u`, or of two such that are a surrogate pair."""
        first = self.four()
        if 0xD800 <= first <= 0xDFFF:
            self.require(first < 0xDC00 and self.take("\\u"))
            second = self.four()
            self.require(0xDC00 <= second <= 0xDFFF)
            return 0x10000 + (first - 0xD800) * 0x400 + second - 0xDC00
        return first

    def four(self) -> int:
        digits = HEX.match(self.text, self.at)
        if digits is None:
            raise NotJson
        self.at = digits.end()
        return int(digits[0], 16)

    def number(self) -> int | float:
        found = NUMBER.match(self.text, self.at)
        if found is None:
            raise NotJson
        self.at = found.end()
        if found[2] or found[3]:
            number = float(found[0])
            self.require(abs(number) != float("inf"))
            return number
        self.require(len(found[0]) <= len(str(-(2**63))))
        integer = int(found[0])
        self.require(-(2**63) <= integer < 2**64)
        return integer


def is_request(message: Any) -> bool:
    """Whether this is a request object that rpcd takes: closed, with an id that comes back as it was."""
    if not isinstance(message, dict) or not set(message) <= {"jsonrpc", "method", "params", "id"}:
        return False
    identifier = message.get("id")
    return (
        message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and isinstance(message.get("params", {}), dict | list)
        and (identifier is None or type(identifier) in {int, str})
        and not (isinstance(identifier, str) and len(identifier) > MAX_ID)
    )


def answered(data: bytes) -> list[Any]:
    """The messages in a datagram that get a reply, in order; [None] stands for a datagram that gets one error as such.

    Empty where nothing is sent: a notification, or a batch of nothing else.
    """
    try:
        message = read(data)
    except NotJson:
        return [None]
    if not isinstance(message, list):
        return [] if is_request(message) and "id" not in message else [message]
    if not 0 < len(message) <= MAX_BATCH:
        return [None]
    return [entry for entry in message if not is_request(entry) or "id" in entry]
