"""Where fuzzing begins: the schemas' own examples, the specification's, and the words that mean something.

They are made anew each time, so that a new method or setting is tried from its first day on.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rpcd.documents import FORMATS
from rpcd.methods import METHODS
from tests.fuzz.gate import SETTINGS
from tests.harness.server import REPOSITORY
from tests.surface.test_specification import EXAMPLES as SPECIFIED
from tests.test_wire import ACCEPTED, REFUSED

__all__ = ["CORPUS", "LONGEST", "PARTS", "corpus", "dictionary", "seeds"]

PARTS: Final = ("wire", "gate", "settings")

CORPUS: Final = Path(__file__).parent / "corpus"

LONGEST: Final = 4096
"""Bytes of an input that is kept."""

EXAMPLES: Final = REPOSITORY / "schemas" / "examples"

TARGETS: Final = ("ini", "toml", "json", "env", "motd", "vhosts", "vhosts/shop-a.conf")
KEYS: Final = ("ui.theme", "mail.from", "THEME", "ui", "title", "ui.n", ["ui", "n", 0])
VALUES: Final = ("dark", "a\n[root]\nb = 1", "", 1, -0.5, True, None, ["a", {"b": 1}], {"a": {"b": "c"}})
CONTENTS: Final = ("Hello\n", {"base64": "AAH/"}, {"fd": 0}, {"fd": 1}, {"fd": 0, "size": 7})

JSON_WORDS: Final = ("{", "}", "[", "]", ":", ",", '"', "\\", "\\u0000", "\\ud83d\\ude00", "\\ud800", "true", "false",
                     "null", "NaN", "-Infinity", "1e400", "1e308", "-0", "18446744073709551615", "\u2028", "\x7f",
                     "\ufeff", "\xed\xa0\x80", "[[[[[[[[", "]]]]]]]]", '{"a":', "..", "/", "~", "\n")  # fmt: skip
TOML_WORDS: Final = ("[[grants]]", "[server]", "[audit]", "[methods]", "[targets.", "]", " = ", '"', "'", '"""', "#",
                     "true", "false", "65534", "-1", "4294967295", "1.0", "1e9", "inf", "2026-01-01", "0x1f",
                     "\\u001b", "{", "}", "*", "*.conf", " KiB", " MiB", " GiB", " s", " min", "0666", "root",
                     "www-data", "@/shop/shop.ini", "@/vhosts", "@/state", "[a-z]+", "(", "\0")  # fmt: skip


def corpus(part: str) -> dict[str, bytes]:
    """The inputs of one part that are kept, by name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / part).iterdir())}


def seeds(part: str) -> list[bytes]:
    """What one part begins with, each once."""
    made: dict[str, Iterable[bytes]] = {"wire": _wire(), "gate": _gate(), "settings": _settings()}
    return list(dict.fromkeys(seed for seed in made[part] if len(seed) <= LONGEST))


def dictionary(part: str) -> str:
    """The words of one part, as libFuzzer reads them."""
    words: set[str] = set(TOML_WORDS if part == "settings" else JSON_WORDS)
    if part == "gate":
        words |= {*METHODS, *(row for name in METHODS for row in _properties(_schema(f"{name}.params")))}
        words |= {word for word in (*TARGETS, *KEYS) if isinstance(word, str)}
    if part == "settings":
        words |= {*_properties(_schema("rpcd")), *METHODS, *FORMATS}
    quoted = ("".join(f"\\x{byte:02x}" for byte in word.encode("utf-8", "surrogatepass")) for word in sorted(words))
    return "".join(f'"{word}"\n' for word in quoted)


def _wire() -> Iterator[bytes]:
    yield from (data for data, _ in ACCEPTED)
    yield from REFUSED.values()
    yield from (sent.encode() for sent, _ in SPECIFIED.values())
    yield from _gate()


def _gate() -> Iterator[bytes]:
    requests = [_request(number, *call) for number, call in enumerate(_calls())]
    yield from map(_dumped, requests)
    yield _dumped([{**request, "id": number} for number, request in enumerate(requests[:32])])
    yield _dumped([_request(1, "ping", {}), 1, {"jsonrpc": "2.0", "method": "whoami"}, _request(None, "nope", [])])
    for sent, _ in SPECIFIED.values():
        yield sent.encode()


def _calls() -> Iterator[tuple[str, Any]]:
    """Calls of every method: the examples of its schema, and what does something on the targets that there are."""
    for method in METHODS:
        examples = json.loads((EXAMPLES / f"{method}.params.json").read_text())
        yield from ((method, params) for params in (*examples["valid"], *examples["invalid"]))
    for target in TARGETS:
        for method in ("read_file", "list_files", "list_keys", "delete_file"):
            yield method, {"target": target}
        for key in KEYS:
            yield "get_key", [target, key]
            yield "delete_key", {"target": target, "key": key}
            yield "may", {"method": "update_key", "target": target, "key": key}
    for value in VALUES:
        for target in ("ini", "toml", "json", "env"):
            key = "THEME" if target == "env" else "ui.theme"
            yield "update_key", {"target": target, "key": key, "value": value}
            yield "update_key", {"target": target, "key": "ui.new.er", "value": value, "dry_run": True}
    for content in CONTENTS:
        yield "replace_file", {"target": "motd", "content": content}
        yield "replace_file", {"target": "vhosts/shop-b.conf", "content": content, "if_revision": "absent"}


def _request(identifier: object, method: str, params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}


def _settings() -> Iterator[bytes]:
    shipped = (REPOSITORY / "contrib/examples/rpcd.toml").read_bytes()
    for text in (*shipped.split(b"\n\n\n"), SETTINGS.replace("{scratch}", "@").encode()):
        yield text
        yield b"\0" + text
    examples = json.loads((EXAMPLES / "rpcd.json").read_text())
    for document in (*examples["valid"], *examples["invalid"]):
        if isinstance(document, dict):
            yield _toml(document).replace("/etc/shop", "@/shop").replace("/etc/nginx/conf.d", "@/vhosts").encode()
    for path in sorted((REPOSITORY / "schemas").glob("*.json")):
        yield b"\0\0" + _dumped(json.loads(path.read_text()))


def _toml(document: Mapping[str, Any]) -> str:
    """A document as TOML: values inline, so that anything that JSON has can stand there, but for null."""
    return "".join(f"{_dumped(name).decode()} = {_inline(value)}\n" for name, value in document.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_dumped(name).decode()} = {_inline(below)}" for name, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _dumped(value).decode()


def _dumped(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _schema(name: str) -> Any:
    return json.loads((REPOSITORY / "schemas" / f"{name}.json").read_text())


def _properties(schema: Any) -> Iterator[str]:
    """Every name of a property in a schema."""
    if isinstance(schema, dict):
        if isinstance(properties := schema.get("properties"), dict):
            yield from properties
        for below in schema.values():
            yield from _properties(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from _properties(below)
