"""The files of the settings: `rpcd.toml`, and the drop-ins of `rpcd.d` beside it, by name.

Rules of this file:

- A file is believed only if nobody else could have written it, judged on the descriptor that it is read from.
- What is not as the schema says is left out once its fault is told, so that the rest can be judged too.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rpcd.settings.faults import Faults
from rpcd.settings.shape import shape_faults
from rpcd.trust import Untrusted, open_trusted

__all__ = ["Source", "drop_ins", "read_sources"]

MAX_SIZE: Final = 4 * 1024 * 1024
"""Bytes of a file of settings: 10,000 grants have a third of that."""

_GRANT: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|^[ \t]*(\[\[[ \t]*grants[ \t]*\]\])",
    re.MULTILINE | re.DOTALL,
)
"""The header of a grant, and what can hold its text without being one: strings and comments (TOML 1.0)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: `name` as faults and the audit tell it, and what it says.

    `lines` are those of the headers of its grants. `broken` are the names of targets that are left out.
    """

    name: str
    path: str
    lines: tuple[int, ...] = ()
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    grants: dict[int, dict[str, Any]] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()

    def grant_source(self, number: int) -> str:
        """File and line of a grant; a list that is written without headers has its number instead."""
        return f"{self.name}:{self.lines[number]}" if self.lines else f"{self.name}: grants[{number}]"


@dataclass(frozen=True, slots=True)
class _Fraction:
    """A number written with a point or an exponent: no setting is one, but `5.0` is an integer to JSON Schema."""

    text: str

    def __repr__(self) -> str:
        return self.text


def drop_ins(path: str) -> str:
    """The directory of the drop-ins that belong to the settings file at `path`."""
    return os.path.join(os.path.dirname(path), "rpcd.d")


def read_sources(path: str, faults: Faults) -> list[Source]:
    """The settings file at `path`, and its drop-ins."""
    directory = drop_ins(path)
    files = [(path, os.path.basename(path))]
    files += [(os.path.join(directory, name), f"rpcd.d/{name}") for name in _drop_ins(directory, faults)]
    return [source for file, name in files if (source := _read(file, name, faults)) is not None]


def _drop_ins(directory: str, faults: Faults) -> list[str]:
    if not os.path.lexists(directory):
        return []
    try:
        descriptor = open_trusted(directory)
    except Untrusted as why:
        faults.add(str(why))
        return []
    try:
        return sorted(name for name in os.listdir(descriptor) if name.endswith(".toml") and name[0] != ".")
    except OSError as error:
        faults.add(f"{directory}: {error.strerror}")
        return []
    finally:
        os.close(descriptor)


def _read(path: str, name: str, faults: Faults) -> Source | None:
    """One file; None, and a fault, where it cannot be read, believed or parsed."""
    try:
        with os.fdopen(open_trusted(path), "rb") as opened:
            content = opened.read(MAX_SIZE + 1)
    except Untrusted as why:
        faults.add(str(why))
        return None
    except OSError as error:
        faults.add(f"{path}: {error.strerror}")
        return None
    if len(content) > MAX_SIZE:
        faults.add(f"{name}: larger than {MAX_SIZE} bytes")
        return None
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text, parse_float=_Fraction)
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of numbers too long for Python
        faults.add(f"{name}: {'too deep' if isinstance(error, RecursionError) else error}")
        return None
    return _sound(Source(name, path, _lines(text, document.get("grants"))), document, faults)


def _lines(text: str, grants: object) -> tuple[int, ...]:
    """The line of each grant; none where not every one has a header."""
    lines = tuple(_count(text))
    return lines if isinstance(grants, list) and len(grants) == len(lines) else ()


def _count(text: str) -> Iterator[int]:
    line, at = 1, 0
    for found in _GRANT.finditer(text):
        if found[1]:
            line += text.count("\n", at, found.start(1))
            at = found.start(1)
            yield line


NEEDED: Final = frozenset({"path", "directory", "names", "format"})
"""Without one of these a target cannot be judged any further."""


def _sound(source: Source, document: dict[str, Any], faults: Faults) -> Source:
    """What of a file has the shape of settings; the rest is told and left out."""
    broken: set[str] = set()
    for path, what in list(shape_faults(document)):
        faults.at(source.name, *path).add(what)
        match path:
            case ("targets", str(name), *rest) if not rest or rest[0] in NEEDED:
                broken.add(name)
            case ("targets", name, setting, *_):
                document["targets"][name].pop(setting, None)
            case ("grants", number, str(setting), *_):
                document["grants"][number][setting] = []
            case (("server" | "audit" | "quotas" | "history" | "methods") as table, setting, *_):
                document[table].pop(setting, None)
            case (str(table),) if table != "targets" or not isinstance(document[table], dict):
                document.pop(table)
    return Source(
        source.name,
        source.path,
        source.lines,
        {table: document.get(table, {}) for table in ("server", "audit", "quotas", "history", "methods")},
        {name: table for name, table in document.get("targets", {}).items() if name not in broken},
        {number: table for number, table in enumerate(document.get("grants", ())) if isinstance(table, dict)},
        frozenset(broken),
    )
