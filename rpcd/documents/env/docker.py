r"""Env files as `docker run --env-file` reads them (docker/cli, pkg/kvfile). Pure.

A line is NAME=VALUE, and the value is all the rest of it: no quotes, no escapes, no comments behind it, white space at
both ends. Lines that begin with `#`, after white space, are comments; a name alone is passed on from docker's own
environment, and passed over here, unless it has a value elsewhere.
"""

import re
from collections.abc import Iterator
from typing import Final

from rpcd.documents.document import not_editable
from rpcd.documents.env.dialect import Dialect
from rpcd.documents.env.layout import Assignment, Layout, layout_of

__all__ = ["DOCKER"]

_LINE: Final = re.compile(
    r"[ \t]*+ (?: \# [^\n]*+ | (?P<name> [^\s=\#][^ \t=\n]*+ ) (?: = (?P<value> [^\n]*+ ) )?+ )?+ \r?+ (?: \n | \Z )",
    re.VERBOSE,
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def _locate(text: str) -> Layout:
    found = []
    alone: set[str] = set()
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        line = _LINE.match(text, at)
        if line is None:
            raise not_editable("syntax", text, at)
        if line["value"] is not None:
            start, end = line.span("value")
            end -= text.endswith("\r", start, end)
            found.append(Assignment(line["name"], text[start:end], at, start, end, line.end(), exported=False))
        elif line["name"]:
            alone.add(line["name"].removesuffix("\r"))
        at = line.end()
    return layout_of(found, alone)


def _judge(text: str) -> object:
    variables: dict[str, str] = {}
    alone: list[str] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        content = line.removesuffix("\r").lstrip(" \t")
        if not content or content[0] == "#":
            continue
        name, equals, value = content.partition("=")
        if not name or " " in name or "\t" in name or name[0].isspace():
            raise not_editable("syntax")
        if equals:
            variables[name] = value
        else:
            alone.append(name)
    if any(name in variables for name in alone):
        raise not_editable("duplicate")
    return variables


def _spellings(value: str, _quote: str) -> Iterator[str]:
    yield value


DOCKER: Final = Dialect(_locate, _judge, _NAME, _spellings, lines=False, exports=False)
