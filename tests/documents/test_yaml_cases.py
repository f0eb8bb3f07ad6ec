"""Thousands of YAML files, in each of them one key changed, and what other readers find there afterwards.

They are PyYAML without libyaml, and ruamel.yaml, which reads YAML 1.2; neither shares any code with locator or judge.
"""

import random
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
import ruamel.yaml
import yaml

from rpcd import documents
from rpcd.documents.proof import GONE
from rpcd.documents.splice import apply
from rpcd.errors import Refused

pytestmark = pytest.mark.slow

YAML = documents.resolve("yaml")

CASES = 5000

NAMES = ("a", "b", "'c'", '"d e"', "f.g", "80", "on", "h-i", "~", "é")

INLINE = (
    "x", "1", "no", "1.5", "~", "2001-12-14", "'q'", '"d\\t"', "a b", "nginx:1.25", "'it''s'", "-1", "012", '"#"',
    "", "&x@ x", "!!str 1", "!t x", "a\n             b", "'a\n\n             b'", "{a: 1, b: [x, y]}",
    "[1, {a: b}, c: d]", "{}", "[]", "[\n             x, # one\n             y\n             ]", '{"a":1}', "!t [a]",
)  # fmt: skip

STRINGS = (
    "a", "key", "80", "on", "no", "~", "a b", "é", "1:20", "012", "null", "2001-12-14", "#", ": ", "- ", "{", "]", "'",
    '"', "\\", "&a", "*a", "!t", "%", "@", "|", ">", " x ", "x: y", "x #y", "", "\t", "x\ny", "x\ny\n", "\n[root]\na=1",
    "\u2028", "\x85", "\x00", "\ufeff", "\U0001f600", "---", "...", "=", "<<", "1e3", ".inf", "0x1f", "yes\nroot: yes",
    "x\n\n y\n",
)  # fmt: skip


def file(chance: random.Random) -> str:
    """A file in one of the ways in which people write them."""
    newline, step = chance.choice(("\n", "\n", "\r\n")), chance.choice((1, 2, 2, 4))
    text = chance.choice(("", "", "", "\ufeff", "---\n", "# top\n\n", "%YAML 1.1\n---\n"))
    text += mapping(chance, 0, step) + chance.choice(("", "", "# end\n", "...\n"))
    return (text if chance.random() < 0.8 else text.removesuffix("\n")).replace("\n", newline)


def mapping(chance: random.Random, column: int, step: int) -> str:
    """The lines of a mapping."""
    lines = []
    for name in chance.sample(NAMES, chance.randint(1, 4)):
        above = chance.choice(("", "", "", "\n", f"{' ' * column}# c\n", "# d\n"))
        lines.append(f"{above}{' ' * column}{name}:{value(chance, column, step, step)}")
    return "".join(lines)


def sequence(chance: random.Random, column: int, step: int) -> str:
    """The lines of a sequence."""
    lines = []
    for _ in range(chance.randint(1, 3)):
        behind = value(chance, column, step, 2)
        if chance.random() < 0.3:  # a mapping on the line of the dash
            behind = " " * step + "k: v" + chance.choice(("\n", f"\n{' ' * (column + 1 + step)}l:\n"))
        lines.append(" " * column + "-" + behind)
    return "".join(lines)


def value(chance: random.Random, column: int, step: int, inner: int) -> str:
    """What stands behind a colon or a dash, with the comment that follows."""
    comment, kind = chance.choice(("", "", " # c", "   # 'd: [e")), chance.random()
    if column < 10 and kind < 0.2:
        return f"{comment}\n{mapping(chance, column + inner, step)}"
    if column < 10 and kind < 0.35:
        return f"{comment}\n{sequence(chance, column + chance.choice((inner, 0 if inner == step else inner)), step)}"
    if kind < 0.45:
        header, margin = chance.choice(("|", "|-", ">", "|+", ">-")), " " * (column + 2)
        return f" {header}{comment}\n{margin}one\n\n{margin}  two # no\n{margin}x: y\n"
    return f" {chance.choice(INLINE).replace('@', str(chance.random())[2:])}{comment}\n"


def wish(chance: random.Random, depth: int = 0) -> documents.Value:
    """A value."""
    kind = chance.random()
    if depth < 2 and kind < 0.1:
        return [wish(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    if depth < 2 and kind < 0.2:
        return {
            chance.choice(("p", "no", "7", "x: y", "é")): wish(chance, depth + 1) for _ in range(chance.randint(0, 3))
        }
    return chance.choice(STRINGS) if kind < 0.8 else chance.choice((1, -2.5, True, False, None, 10**20, 1e30))


class Texts(yaml.SafeLoader):
    """PyYAML's own parser, where keys are their text, dates too, and other tags are kept."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        """The members by the text of their keys."""
        self.flatten_mapping(node)
        return {key.value: self.construct_object(held, deep=deep) for key, held in node.value}


Texts.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
Texts.add_multi_constructor("!", lambda _, tag, node: f"!{tag} {yaml.serialize(node)}")


def edited(tree: Any, key: tuple[str, ...], new: object) -> Any:
    """A copy of `tree` with one key changed."""
    whole = deepcopy(tree)
    held = whole
    for segment in key[:-1]:
        held = held[int(segment) if isinstance(held, list) else segment]
    last: Any = int(key[-1]) if isinstance(held, list) else key[-1]
    if new is GONE:
        del held[last]
    elif isinstance(held, list) and last == len(held):
        held.append(new)
    else:
        held[last] = new
    return whole


def found_by_ruamel(text: str, key: tuple[str, ...]) -> tuple[str, str]:
    """Tag and value of a scalar, in YAML 1.2."""
    node = ruamel.yaml.YAML(typ="safe", pure=True).compose(text)
    for segment in key:
        if isinstance(node.value, list) and node.tag.endswith("seq"):
            node = node.value[int(segment)]
        else:
            (node,) = (held for name, held in node.value if name.value == segment)
    return str(node.tag), node.value


def test_other_readers_find_the_one_change() -> None:
    """Of thousands of edits nearly all are made, and each gives other readers the old tree with the one change."""
    chance = random.Random(20261124)  # noqa: S311 - the same files each time
    outcomes: Counter[str] = Counter()
    for number in range(CASES):
        text = file(chance)
        content = documents.encode(text)
        document = documents.open_document(YAML, content)
        key = chance.choice([entry.key for entry in document.entries()])
        if chance.random() < 0.2:
            key = (*key[:-1], chance.choice(("new", "no", "9", "x y", "p.q"))) if not key[-1].isdigit() else key
        new: Any = GONE if chance.random() < 0.2 else wish(chance)
        try:
            after = documents.delete(YAML, content, key) if new is GONE else documents.update(YAML, content, key, new)
        except Refused as refusal:
            outcomes[str(refusal.data.get("reason", refusal.kind))] += 1
            continue
        outcomes["made"] += 1
        splice = document.remove(key) if new is GONE else document.put(key, new)
        assert documents.decode(after) == apply(text, splice)
        before, found = (yaml.load(one.removeprefix("\ufeff"), Loader=Texts) for one in (text, after.decode()))  # noqa: S506
        assert found == edited(before, key, new), (number, text, key, new)
        if isinstance(new, str) and new != "2001-12-14":
            assert found_by_ruamel(after.decode().removeprefix("\ufeff"), key) == ("tag:yaml.org,2002:str", new)
    assert set(outcomes) <= {"made", "no_such_key", "tag", "structure", "proof"}
    assert outcomes["made"] > 0.9 * CASES
    assert outcomes["proof"] < 0.01 * CASES
