"""Targets: what the administrator has given a name."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rpcd.documents import OPTIONS, Format, FormatFault, Key, KeyPattern, resolve
from rpcd.schemas.document import DocumentSchema
from rpcd.schemas.pattern import Pattern
from rpcd.settings.allowed import document_schema, refused_patterns
from rpcd.settings.faults import Place
from rpcd.settings.history import HistoryLimits, of_target
from rpcd.settings.identities import Identities
from rpcd.settings.names import Names
from rpcd.settings.once import is_written_plainly
from rpcd.settings.quantities import mode, size

__all__ = ["Target", "build_target"]

MAX_FILES: Final = 1000
MAX_BYTES: Final = "64 MiB"
"""Of a directory target, unless it says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A file, or a directory of files (`file` is None, and their names fullmatch `names`).

    `owner`, `group` and `mode` are what a new file gets, and what an existing one must have where they are not None.
    What `secret` and the schema's `writeOnly` name is secret. `schema` judges each document as a whole, and was read
    from `schema_path`; what `refuse` has is found in no line that a change brings. `max_files` and `max_bytes` bound
    all files of a directory, `history` the earlier revisions of each file.
    """

    name: str
    directory: str
    file: str | None
    names: Names | None
    format: Format
    secret: tuple[KeyPattern, ...]
    secret_content: bool
    schema: DocumentSchema | None = None
    schema_path: str | None = None
    refuse: tuple[Pattern, ...] = ()
    owner: int | None
    group: int | None
    mode: int | None
    follow: bool
    in_place: bool
    untrusted_directory: bool
    max_files: int
    max_bytes: int
    history: HistoryLimits

    @property
    def has_secrets(self) -> bool:
        """Whether any of it is secret."""
        return self.secret_content or bool(self.secret) or (self.schema is not None and self.schema.has_write_only)

    def hides(self, key: Key) -> bool:
        """Whether what is at `key` is secret, or is in something that is."""
        schema = self.schema
        named = any(pattern.includes(key) for pattern in self.secret)
        return self.secret_content or named or (schema is not None and schema.is_write_only(key))

    def hides_some(self, key: Key) -> bool:
        """Whether something at, above or below `key` is secret."""
        schema = self.schema
        named = any(pattern.meets(key) for pattern in self.secret)
        return self.secret_content or named or (schema is not None and any(True for _ in schema.write_only(key)))


def build_target(
    name: str, table: Mapping[str, Any], identities: Identities, history: HistoryLimits, *, beside: str, at: Place
) -> Target | None:
    """The target that a table describes, which stands in a file of the directory `beside`; its faults go to `at`.

    `history` is what its own is unless it says.
    """
    setting = "path" if "path" in table else "directory"
    path: str = table[setting]
    if not is_written_plainly(path):
        at.below(setting).add(f"write it as {os.path.normpath(path)}")
        return None
    directory, file = os.path.split(path) if setting == "path" else (path, None)
    if file is None:
        for alien in ("follow", "in_place"):
            if table.get(alien):
                at.below(alien).add("is for a single file")
    names = _names(table, at)
    schema, schema_path = document_schema(table, beside, at)
    if file is None and names is None:
        return None
    return Target(
        name=name,
        directory=directory,
        file=file,
        names=names,
        format=_format(table, schema, at),
        secret=tuple(_secret_keys(table, at)),
        secret_content=table.get("secret") is True,
        schema=schema,
        schema_path=schema_path,
        refuse=tuple(refused_patterns(table, at)),
        owner=identities.user(table["owner"], at.below("owner")) if "owner" in table else None,
        group=identities.group(table["group"], at.below("group")) if "group" in table else None,
        mode=mode(table["mode"]) if "mode" in table else None,
        follow=table.get("follow", False),
        in_place=table.get("in_place", False),
        untrusted_directory=table.get("untrusted_directory", False),
        max_files=table.get("max_files", MAX_FILES),
        max_bytes=size(table.get("max_bytes", MAX_BYTES)),
        history=of_target(table.get("history", {}), history),
    )


def _format(table: Mapping[str, Any], schema: DocumentSchema | None, at: Place) -> Format:
    """The format of a target; a text in place of one that cannot be had, so that other faults are told as well."""
    try:
        form = resolve(table["format"], {name: table[name] for name in OPTIONS if name in table})
        return replace(form, types=schema.types) if schema is not None and form.strings else form
    except FormatFault as fault:
        at.below(fault.setting).add(str(fault))
        return resolve("text")


def _names(table: Mapping[str, Any], at: Place) -> Names | None:
    if "names" not in table:
        return None
    try:
        return Names(table["names"])
    except ValueError:
        at.below("names").add(f"{table['names']!r} is no regular expression that takes linear time")
        return None


def _secret_keys(table: Mapping[str, Any], at: Place) -> Iterator[KeyPattern]:
    secret = table.get("secret", ())
    if secret is True:
        if table["format"] != "text":
            at.below("secret").add("true is for text; name the keys of a structured document")
        return
    if secret and table["format"] == "text":
        at.below("secret").add("a text has no keys; true makes all of it secret")
        return
    for number, text in enumerate(secret):
        try:
            yield KeyPattern.parse(text)
        except ValueError as error:
            at.below("secret", number).add(str(error))
