"""The part of a document's schema that somebody may see: what a form needs. Pure.

Rules of this file:

- What is granted as a whole is shown as it is. Of a table that is granted in part, only granted members are: nothing of
  it that speaks of others, their names and values included (`const`, `enum`, `default`, conditions, how many).
- Whatever satisfies the schema, cut down to what is granted, satisfies the part: what would hold only with other
  members is left out, so that a form refuses nothing that the server takes.
- A part has its references in itself. What they lead to is shown whole, where a place is granted that it judges; on the
  way there it is put in their place.
"""

from collections.abc import Mapping
from typing import Any, Final

from rpcd.documents.reach import Reach
from rpcd.schemas.lint import BY_NAME, IN_LIST, IN_ONE
from rpcd.schemas.places import CHOICES, Schema, children, resolve, there

__all__ = ["view"]

TOLD: Final = ("title", "description", "type", "deprecated", "readOnly", "writeOnly")
"""What is said of a table of which not everything is granted."""

OF_A_FILE: Final = frozenset({"$schema", "$id", "$anchor", "$comment", "$defs"})
"""What is for authors, or put elsewhere."""

ANYTHING: Final[tuple[object, ...]] = (None, True, {})
"""What is not shown, and schemas that take whatever is there."""

OF_TABLES: Final = frozenset({
    "properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames", "required",
})  # fmt: skip


def view(document: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """The part of a schema that judges what `reach` means; it is a schema by itself."""
    viewer = _Viewer(document)
    part = viewer.part(document, reach)
    shown: dict[str, Any] = {} if part is None or isinstance(part, bool) else part
    return shown | ({"$defs": viewer.definitions} if viewer.definitions else {})


class _Viewer:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self.definitions: dict[str, Any] = {}

    def part(self, schema: Schema, reach: Reach) -> Any:
        """What is shown of a schema where this is granted; None where nothing is."""
        if not reach:
            return None
        if isinstance(schema, bool) or reach.all or (reach.here and not reach.rests and not self._has_tables(schema)):
            return self._whole(schema)
        return self._of_table(schema, reach)

    def _of_table(self, schema: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
        """A table, or an array, of which not everything is granted."""
        shown: dict[str, Any] = {keyword: schema[keyword] for keyword in TOLD if keyword in schema}
        if schema.keys() & OF_TABLES:
            shown |= self._members(schema, reach)
        if "prefixItems" in schema:
            shown["prefixItems"] = [
                _anything(self.part(part, reach.at(str(number)))) for number, part in enumerate(schema["prefixItems"])
            ]
        if "items" in schema:
            shown["items"] = _anything(self.part(schema["items"], reach.elements))
        together = [resolve(self._document, schema["$ref"])] if "$ref" in schema else []
        parts = [self.part(part, reach) for part in (*together, *schema.get("allOf", ()))]
        for keyword in CHOICES:
            if keyword in schema:
                choice = [self.part(part, reach) for part in schema[keyword]]
                parts.append({"anyOf": choice} if not any(part in ANYTHING for part in choice) else None)
        parts = [part for part in parts if part not in ANYTHING]
        return self._joined(shown, parts)

    def _joined(self, shown: dict[str, Any], parts: list[Any]) -> dict[str, Any]:
        """One schema of several that hold beside each other."""
        if not shown and len(parts) == 1 and isinstance(parts[0], dict):
            return parts[0]
        return shown | ({"allOf": parts} if parts else {})

    def _members(self, schema: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for name in dict.fromkeys((*schema.get("properties", {}), *sorted(reach.names))):
            parts = [self.part(child, reach.at(name)) for child in children(self._document, schema, name)]
            if found := [part for part in parts if part is not None and part is not False]:
                properties[name] = found[0] if len(found) == 1 else {"allOf": found}
        shown: dict[str, Any] = {"properties": properties} if properties else {}
        rest = reach.unnamed
        if rest and "patternProperties" in schema:
            shown["patternProperties"] = {
                pattern: _anything(self.part(child, rest)) for pattern, child in schema["patternProperties"].items()
            }
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            if keyword in schema:
                part = self.part(schema[keyword], rest)
                shown[keyword] = False if part is None else part
        if required := [name for name in schema.get("required", ()) if reach.at(name)]:
            shown["required"] = required
        return shown

    def _has_tables(self, schema: Schema) -> bool:
        """Whether a schema speaks of members: of the value, or of elements."""
        seen: set[int] = set()
        waiting = [schema]
        while waiting:
            for part in there(self._document, waiting.pop()):
                if part.keys() & OF_TABLES:
                    return True
                if id(part) not in seen:
                    seen.add(id(part))
                    waiting += [part["items"]] if "items" in part else []
                    waiting += part.get("prefixItems", ())
        return False

    def _whole(self, schema: Schema) -> Any:
        """A schema as it is, with its references into the part."""
        if isinstance(schema, bool):
            return schema
        return {name: self._kept(name, value) for name, value in schema.items() if name not in OF_A_FILE}

    def _kept(self, keyword: str, value: Any) -> Any:
        if keyword == "$ref":
            return self._reference(value)
        if keyword in IN_ONE:
            return self._whole(value)
        if keyword in IN_LIST:
            return [self._whole(part) for part in value]
        if keyword in BY_NAME:
            return {name: self._whole(part) for name, part in value.items()}
        return value

    def _reference(self, reference: str) -> str:
        """Where, in the part, what a reference leads to is."""
        if reference not in self._names:
            last = reference.removeprefix("#").rpartition("/")[2].replace("~", "_").replace("%", "_") or "root"
            name, number = last, 1
            while name in self._names.values():
                number += 1
                name = f"{last}-{number}"
            self._names[reference] = name
            self.definitions[name] = None  # it may lead to itself
            self.definitions[name] = self._whole(resolve(self._document, reference))
        return f"#/$defs/{self._names[reference]}"


def _anything(part: Any) -> Any:
    """A schema that is not shown takes whatever is there."""
    return True if part is None else part
