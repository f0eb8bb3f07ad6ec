"""What of a schema would take too long to judge by, or for ever. Pure.

A document comes from a hostile caller, and a schema that judges one value by two paths, each of which leads to itself a
level deeper, takes twice as long with every level: 64 levels are for ever.

Rules of this file:

- A schema that leads to itself without a step into the value is a fault: it never ends.
- A schema that leads to itself does so once for each value, whichever alternatives it has for it.
- What judges one value by very many schemas is a fault as well, however they came together.
- Which patterns a name fits is not asked: of several that lead back, all count.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from rpcd.schemas.places import Schema, beside

__all__ = ["cost_faults"]

MAX_AT_ONCE: Final = 10_000
"""Schemas that judge one value, counted by all paths that lead to them."""

_OTHER: Final = object()
"""Stands for a member whose name the schema does not have, and for an element after those that it counts."""

Level = Counter[int]
"""Schemas, by their identity, and how often each judges the same value."""


class _Fault(Exception):
    """What is wrong, for the first schema where it shows."""


def cost_faults(document: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a schema whose references all lead somewhere; at most one fault."""
    try:
        _Costs(document).require()
    except _Fault as fault:
        yield str(fault)


class _Costs:
    """The schemas of a document as a graph: an edge is a step into the value."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: dict[int, Mapping[str, Any]] = {}
        self._steps: dict[int, list[Level]] = {}
        self._at_once: dict[int, int] = {}

    def require(self) -> None:
        """Raise `_Fault` unless the time is bounded."""
        self._know(self._document)
        waiting = [id(self._document)]
        while waiting:
            here = waiting.pop()
            if here not in self._steps:
                self._steps[here] = list(self._levels(self._schemas[here]))
                waiting.extend(below for level in self._steps[here] for below in level)
        circles = _circles(
            {here: {below for level in levels for below in level} for here, levels in self._steps.items()}
        )
        for here, levels in self._steps.items():
            for level in levels:
                if sum(often for below, often in level.items() if circles[below] == circles[here]) > 1:
                    raise _Fault("it leads to itself by several ways for one value, and takes twice as long each level")
        self._sum(id(self._document), circles)

    def _sum(self, here: int, circles: Mapping[int, int]) -> int:
        """How many schemas judge one value of a document, at most, where `here` judges it or a value above."""
        if here not in self._at_once:
            self._at_once[here] = 1
            below = [
                sum(often * self._sum(part, circles) for part, often in level.items() if circles[part] != circles[here])
                for level in self._steps[here]
            ]
            self._at_once[here] = max(below, default=0) + 1
        if self._at_once[here] > MAX_AT_ONCE:
            raise _Fault(f"it judges one value by more than {MAX_AT_ONCE} schemas")
        return self._at_once[here]

    def _know(self, schema: Schema) -> int:
        if isinstance(schema, bool):
            return 0
        self._schemas[id(schema)] = schema
        return id(schema)

    def _levels(self, schema: Mapping[str, Any]) -> Iterator[Level]:
        """For each member or element that can be told from others: which schemas judge it, and how often."""
        together = list(islice(self._there(schema, 1, ()), MAX_AT_ONCE + 1))
        if sum(often for _, often in together) > MAX_AT_ONCE:
            raise _Fault(f"it judges one value by more than {MAX_AT_ONCE} schemas")
        names = {name for part, _ in together for name in part.get("properties", {})}
        for name in (*names, _OTHER):
            yield self._level((below, often) for part, often in together for below in _of_member(part, name))
        for number in range(max((len(part.get("prefixItems", ())) for part, _ in together), default=0) + 1):
            yield self._level((below, often) for part, often in together for below in _of_element(part, number))

    def _level(self, found: Iterator[tuple[Schema, int]]) -> Level:
        level: Level = Counter()
        for below, often in found:
            if not isinstance(below, bool):
                level[self._know(below)] += often
        return level

    def _there(self, schema: Schema, often: int, above: tuple[int, ...]) -> Iterator[tuple[Mapping[str, Any], int]]:
        """The schemas that judge the same value as `schema`, with how often each does."""
        if isinstance(schema, bool):
            return
        if id(schema) in above:
            raise _Fault("it leads to itself without a step into the value, and never ends")
        above = (*above, id(schema))
        if len(above) > MAX_AT_ONCE or often > MAX_AT_ONCE:
            raise _Fault(f"it judges one value by more than {MAX_AT_ONCE} schemas")
        yield schema, often
        if schema.keys() & {"unevaluatedProperties", "unevaluatedItems"}:
            often *= 2  # to know what is evaluated is to judge once more
        for part in (*beside(self._document, schema), schema.get("not", True)):
            yield from self._there(part, often, above)


def _of_member(schema: Mapping[str, Any], name: object) -> Iterator[Schema]:
    """The schemas that one schema has for a member of this name, or for one whose name it does not have."""
    properties = schema.get("properties", {})
    if name in properties:
        yield properties[name]
    elif "additionalProperties" in schema:
        yield schema["additionalProperties"]
    yield from schema.get("patternProperties", {}).values()
    if "unevaluatedProperties" in schema:
        yield schema["unevaluatedProperties"]
    if name is _OTHER and "propertyNames" in schema:
        yield schema["propertyNames"]


def _of_element(schema: Mapping[str, Any], number: int) -> Iterator[Schema]:
    """The schemas that one schema has for the element at `number`."""
    first = schema.get("prefixItems", ())
    if number < len(first):
        yield first[number]
    elif "items" in schema:
        yield schema["items"]
    yield from (schema[keyword] for keyword in ("contains", "unevaluatedItems") if keyword in schema)


def _circles(graph: Mapping[int, set[int]]) -> dict[int, int]:
    """For each node which circle it is in; what is in none is in one of its own (Tarjan, 1972, without recursion)."""
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    circle: dict[int, int] = {}
    path: list[int] = []
    for start in graph:
        waiting = [] if start in order else [(start, iter(graph[start]))]
        while waiting:
            here, edges = waiting[-1]
            if here not in order:
                order[here] = lowest[here] = len(order)
                path.append(here)
            following = next((below for below in edges if below not in circle), None)
            if following is None:
                waiting.pop()
                if lowest[here] == order[here]:
                    while True:
                        member = path.pop()
                        circle[member] = here
                        if member == here:
                            break
                if waiting:
                    above = waiting[-1][0]
                    lowest[above] = min(lowest[above], lowest[here])
            elif following in order:
                lowest[here] = min(lowest[here], order[following])
            else:
                waiting.append((following, iter(graph[following])))
    return circle
