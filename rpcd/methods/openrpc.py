"""An OpenRPC document (spec.open-rpc.org, 1.3) of the methods that a peer may call, made from their rows and schemas.

Rules of this file:

- A schema that stands in several places is written down once, below `components`: the whole has to fit into a reply.
- References of a schema lead into the same document, so one that has any goes there whole, and they with it. The same
  holds for rules about several parameters at once, which OpenRPC's list of parameters has no place for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from rpcd import __version__
from rpcd.errors import KINDS
from rpcd.methods.method import Method
from rpcd.schemas import Schema
from rpcd.wire import encode

__all__ = ["describe", "kinds"]

VERSION: Final = "1.3.2"
"""Of OpenRPC."""

OF_ANY: Final = ("invalid_request", "invalid_params", "internal", "denied", "too_large", "busy", "unavailable")
OF_FILES: Final = ("no_such_target", "no_such_file", "not_editable", "storage")
OF_KEYS: Final = ("no_such_key",)
OF_REVISIONS: Final = ("no_such_revision",)
OF_CHANGES: Final = ("conflict", "request_id_reused", "rejected", "unknown")
OF_THE_SERVER: Final = ("storage",)
"""The kinds of refusal that a method can answer with, by what its row says. Two others are of no method: `parse_error`
and `no_such_method`."""

LISTABLE: Final = frozenset(
    {"$schema", "title", "description", "type", "properties", "required", "additionalProperties"}
)
"""What the schema of parameters says that OpenRPC's list of parameters says as well."""

SHORT: Final = 120
"""Bytes up to which a schema is written down wherever it stands."""


def describe(
    methods: Mapping[str, Method], schemas: Mapping[str, Schema], targets: Callable[[str], Iterable[str]]
) -> dict[str, object]:
    """The document of `methods`; `targets` says on which ones a method may be called."""
    documents = {name: (schemas[f"{name}.params"].document, schemas[f"{name}.result"].document) for name in methods}
    components = _Components(document for pair in documents.values() for document in pair)
    components.add_whole("error", schemas["error"].document)
    described = []
    for name, row in methods.items():
        params, result = documents[name]
        method: dict[str, object] = {
            "name": name,
            "summary": (row.handler.__doc__ or name).partition("\n")[0],
            "paramStructure": "by-name",
            "params": list(_params(name, row, params, components)),
            "result": {"name": "result", "schema": components.add(f"{name}.result", result)},
            "errors": [{"$ref": f"#/components/errors/{kind}"} for kind in kinds(row)],
            "x-changes": row.changes or row.administers,
        }
        if row.target is not None:
            method["x-targets"] = list(targets(name))
        described.append(method)
    possible = {kind for row in methods.values() for kind in kinds(row)}
    return {
        "openrpc": VERSION,
        "info": {
            "title": "rpcd",
            "description": "What this caller may call. The data.kind of an error says what became of the call.",
            "version": __version__,
        },
        "methods": described,
        "components": {
            "schemas": components.schemas,
            "errors": {
                kind: {"code": code, "message": message, "data": {"kind": kind}}
                for kind, (code, message) in KINDS.items()
                if kind in possible
            },
        },
    }


def kinds(row: Method) -> tuple[str, ...]:
    """The kinds of refusal that a method can answer with."""
    possible = (
        (OF_ANY, True),
        (OF_FILES, row.target is not None or row.changes),
        (OF_KEYS, row.key is not None),
        (OF_REVISIONS, not {"revision", "from"}.isdisjoint(row.params)),
        (OF_CHANGES, row.changes),
        (OF_THE_SERVER, row.administers),
    )
    return tuple(kind for some, holds in possible if holds for kind in some)


def _params(name: str, row: Method, document: Mapping[str, Any], components: "_Components") -> Iterator[dict[str, Any]]:
    """The parameters of a method: first those that can be given by position, in that order."""
    properties: Mapping[str, Any] = document.get("properties", {})
    whole = None
    if _refers(document) or not document.keys() <= LISTABLE:
        whole = components.add_whole(f"{name}.params", document)
    order = [param.lstrip("*") for param in row.params]
    for param in (*order, *(param for param in properties if param not in order)):
        schema = properties.get(param, True)
        if param not in properties:
            shown = schema
        elif whole is None:
            shown = components.add(param, schema)
        else:
            shown = {"$ref": f"{whole}/properties/{_escaped(param)}"}
        described = {"name": param, "required": param in document.get("required", ()), "schema": shown}
        if isinstance(schema, dict) and "description" in schema:
            described["description"] = schema["description"]
        yield described


class _Components:
    """Schemas by the name under which they are written down."""

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self.schemas: dict[str, Any] = {}
        self._names: dict[bytes, str] = {}
        self._several: set[bytes] = set()
        seen: set[bytes] = set()
        for document in documents:
            for schema in (_untitled(document), *document.get("properties", {}).values()):
                written = encode(schema)
                (self._several if written in seen else seen).add(written)

    def add_whole(self, name: str, schema: Mapping[str, Any]) -> str:
        """Write a schema down; the reference to it."""
        reference = f"#/components/schemas/{_escaped(name)}"
        self.schemas[name] = _rebased(_untitled(schema), reference)
        return reference

    def add(self, name: str, schema: Any) -> Any:
        """What is to stand in the place of a schema: itself, or a reference to where it is written down."""
        if _refers(schema):
            return {"$ref": self.add_whole(name, schema)}
        schema = _untitled(schema)
        written = encode(schema)
        if written not in self._several or len(written) <= SHORT:
            return schema
        if written not in self._names:
            taken = sum(known.partition("-")[0] == name for known in self.schemas)
            self._names[written] = f"{name}-{taken + 1}" if taken else name
            self.add_whole(self._names[written], schema)
        return {"$ref": f"#/components/schemas/{_escaped(self._names[written])}"}


def _refers(schema: Any) -> bool:
    """Whether a schema has references, anywhere."""
    if isinstance(schema, list):
        return any(map(_refers, schema))
    return isinstance(schema, dict) and (isinstance(schema.get("$ref"), str) or any(map(_refers, schema.values())))


def _rebased(schema: Any, base: str) -> Any:
    """A schema whose references lead to where it is written down."""
    if isinstance(schema, list):
        return [_rebased(part, base) for part in schema]
    if not isinstance(schema, dict):
        return schema
    rebased = {name: _rebased(part, base) for name, part in schema.items()}
    if isinstance(reference := schema.get("$ref"), str) and (reference == "#" or reference.startswith("#/")):
        rebased["$ref"] = base + reference[1:]
    return rebased


def _untitled(schema: Any) -> Any:
    """A schema without what tells of the file that it came from."""
    if not isinstance(schema, Mapping):
        return schema
    return {name: part for name, part in schema.items() if name not in {"$schema", "$id", "title"}}


def _escaped(name: str) -> str:
    """A name as a step of a reference (RFC 6901, section 6)."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")
