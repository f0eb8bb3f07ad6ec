"""OpenRPC's meta-schema, as npm has it."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from tests.harness.npm import fetch

__all__ = ["validator"]

PACKAGES = {
    "@open-rpc/meta-schema@1.14.9": (
        "2/CbDzOVpcaSnMs28TsRv8MKJwJi0TTYFlQ6q6qobAH26oIuhYgcZooKf4l71emgntU6MMcFQCA0h4mJ4dBCdA==",
        "exports.openrpcDocument = {",
    ),
    "@json-schema-tools/meta-schema@1.8.0": (
        "pbRAbHidPTf96LhmHXA6bl4D4tz4HrwjZ7A5ConcLFPdCj+93GhsCCFsq+AWti4VOs+9QTezX5l0zLNA+TZv1g==",
        "exports.jsonSchema = {",
    ),
}
"""The sha512 of each package, as npm's lock files have it, and where its script assigns the schema."""


def validator(directory: Path) -> Draft7Validator:
    """What judges OpenRPC documents; the packages are put into `directory`."""
    openrpc, json_schema = (_schema(directory, *package) for package in PACKAGES.items())
    resource = DRAFT7.create_resource(json_schema)
    names = ("https://meta.json-schema.tools/", "https://meta.json-schema.tools")
    registry: Registry[Any] = Registry().with_resources((name, resource) for name in names)
    return Draft7Validator(openrpc, registry=registry)


def _schema(directory: Path, package: str, known: tuple[str, str]) -> dict[str, Any]:
    """The schema in the script of a package: what is assigned is JSON."""
    digest, assigned = known
    with fetch(directory, package, digest) as archive:
        script = archive.extractfile("package/index.js")
        assert script is not None
        text = script.read().decode()
    schema: dict[str, Any] = json.JSONDecoder().raw_decode(text, text.index(assigned) + len(assigned) - 1)[0]
    return schema
