"""Reading rpcd.toml and its drop-ins: trusted, well-formed, and of the shape that the schema says."""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from jsonschema import ValidationError

from rpcd.schemas import errors_of_settings
from rpcd.settings.faults import Faults, Place
from rpcd.trust import Untrusted, open_trusted

__all__ = ["Source", "read_sources"]

MAX_SIZE: Final = 4 * 1024 * 1024
"""Bytes of a file of settings: 10,000 grants have a fifth of that."""

ONCE: Final = ("server", "audit", "methods")
"""Tables that only one of the files may have."""

LATER: Final = frozenset({
    "check", "check_sandbox", "check_network", "check_reads", "check_scratch", "check_output", "activate", "probe",
    "schema", "refuse", "confirm", "history", "reads",
})  # fmt: skip
"""Settings that the design knows and this version does not carry out."""

_GRANT: Final = re.compile(r"^[ \t]*\[\[[ \t]*grants[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One file of settings: `name` as faults and the audit tell it, `path`, its text, and what it says."""

    name: str
    path: str
    text: str
    document: dict[str, Any]

    def table(self, name: str) -> dict[str, Any]:
        """A table of the file; empty where it has none."""
        found: dict[str, Any] = self.document.get(name, {})
        return found

    def tables(self, name: str) -> Mapping[str, dict[str, Any]]:
        """A table of tables."""
        return self.table(name)

    @property
    def grants(self) -> list[dict[str, Any]]:
        """The grants of the file, in their order."""
        found: list[dict[str, Any]] = self.document.get("grants", [])
        return found

    def grant_source(self, number: int) -> str:
        """File and line of a grant, for the audit."""
        lines = self._grant_lines
        return f"{self.name}:{lines[number]}" if len(lines) == len(self.grants) else f"{self.name}#{number}"

    @cached_property
    def _grant_lines(self) -> list[int]:
        return [self.text.count("\n", 0, found.start()) + 1 for found in _GRANT.finditer(self.text)]


def read_sources(path: str) -> list[Source]:
    """rpcd.toml at `path`, then the files of `rpcd.d` beside it by name; raises `SettingsFault`."""
    faults = Faults()
    path = os.path.abspath(path)
    directory = os.path.join(os.path.dirname(path), "rpcd.d")
    found = [_read(path, os.path.basename(path), faults)]
    found += [_read(os.path.join(directory, name), f"rpcd.d/{name}", faults) for name in _drop_ins(directory, faults)]
    sources = [source for source in found if source is not None]
    for name in ONCE:
        for source in [source for source in sources if name in source.document][1:]:
            faults.at(source.name, name).add("another file has this table already")
    faults.stop()
    return sources


def _drop_ins(directory: str, faults: Faults) -> list[str]:
    if not os.path.lexists(directory):
        return []
    try:
        descriptor = open_trusted(directory)
    except Untrusted as why:
        faults.add(str(why))
        return []
    try:
        return sorted(name for name in os.listdir(descriptor) if name.endswith(".toml"))
    finally:
        os.close(descriptor)


def _read(path: str, name: str, faults: Faults) -> Source | None:
    """One file, if it is trusted and holds."""
    try:
        descriptor = open_trusted(path)
    except Untrusted as why:
        faults.add(str(why))
        return None
    at = faults.at(name)
    with open(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            at.add("this is not a file")
            return None
        content = opened.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        at.add(f"larger than {MAX_SIZE} bytes")
        return None
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        at.add("not UTF-8")
        return None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        at.add(str(error))
        return None
    broken = list(errors_of_settings(document))
    for one in broken:
        for place, what in _explained(one, at):
            place.add(what)
    return None if broken else Source(name, path, text, document)


def _explained(error: ValidationError, at: Place) -> Iterator[tuple[Place, str]]:
    """What a person has to know of an error: where, and what would be right."""
    here = at.below(*error.absolute_path)
    schema = cast("dict[str, Any]", error.schema)
    match error.validator:
        case "additionalProperties":
            known = schema["properties"]
            for name in cast("dict[str, Any]", error.instance):
                if name not in known:
                    yield here.below(name), _unknown(name, known)
        case "oneOf" if "path" in schema.get("properties", {}):
            yield here, "it has either a path, or a directory and names"
        case "anyOf":
            yield here, "it names neither users nor groups"
        case "pattern":
            yield (
                here,
                f"{error.instance!r} does not have the right form. {schema.get('description', '')}".rstrip(),
            )
        case _:
            yield here, error.message


def _unknown(name: str, known: Mapping[str, object]) -> str:
    if name in LATER:
        return f"this version does not carry out '{name}'"
    close = difflib.get_close_matches(name, known, 1)
    return f"there is no setting '{name}'" + (f"; did you mean '{close[0]}'?" if close else "")
