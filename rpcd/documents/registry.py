"""Every format by its name, and where it is found. Pure.

Rules of this file:

- A format is one module with a function `configure`, which takes the options of the target's settings by name and gives
  a `Format`, or raises `FormatFault`; and one row here.
- The module, and the libraries that it needs, are imported when the settings name the format and not before: a server
  without it is as small as it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from rpcd.documents.format import Format, FormatFault

__all__ = ["FORMATS", "OPTIONS", "resolve"]


@dataclass(frozen=True, slots=True)
class Row:
    """Where a format is found: its module, the options that it takes, and what to install where a library is missing.

    `family` says that the name goes on after a colon, as in `augeas:hosts`: that part is the option `variant`.
    """

    module: str
    options: tuple[str, ...] = ()
    install: str = ""
    family: bool = False


FORMATS: Final[Mapping[str, Row]] = {
    "augeas": Row("rpcd.documents.augeas", family=True),
    "env": Row("rpcd.documents.env", options=("dialect",)),
    "ini": Row("rpcd.documents.ini", options=("preset", "comment_marks", "separators", "quotes")),
    "json": Row("rpcd.documents.json"),
    "jsonc": Row("rpcd.documents.jsonc"),
    "nginx": Row("rpcd.documents.nginx"),
    "php": Row("rpcd.documents.php"),
    "properties": Row("rpcd.documents.properties"),
    "text": Row("rpcd.documents.text"),
    "toml": Row("rpcd.documents.toml"),
    "xml": Row("rpcd.documents.xml"),
    "yaml": Row("rpcd.documents.yaml", install="PyYAML with libyaml (Debian: python3-yaml)"),
}
"""The names that settings give to formats."""

OPTIONS: Final = tuple(dict.fromkeys(option for row in FORMATS.values() for option in row.options))
"""Every option that some format takes."""

NO_OPTIONS: Final[Mapping[str, str]] = {}


def resolve(name: str, options: Mapping[str, str] = NO_OPTIONS) -> Format:
    """The format of this name with these options; raises `FormatFault`."""
    family, colon, variant = name.partition(":")
    row = FORMATS.get(family)
    if row is None or bool(colon) != row.family:
        names = (f"{known}:…" if row.family else known for known, row in FORMATS.items())
        raise FormatFault("format", f"this version has no format '{name}', but {', '.join(names)}")
    for option in options:
        if option not in row.options:
            raise FormatFault(option, f"is not for {family}")
    try:
        configure: Callable[..., Format] = import_module(row.module).configure
    except ModuleNotFoundError as missing:
        if not row.install:
            raise
        raise FormatFault("format", f"'{name}' needs {missing.name}: install {row.install}") from missing
    return configure(**({"variant": variant} if row.family else {}), **options)
