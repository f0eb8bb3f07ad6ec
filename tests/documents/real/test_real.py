"""Configuration files that people wrote: every value is changed and changed back, and the file is what it was."""

from collections import Counter
from collections.abc import Iterator

import pytest

from rpcd import documents
from rpcd.documents import Document, Entry, Format, Value
from rpcd.documents.key import format_key
from rpcd.errors import Refused
from tests.documents.real.debian import Found, files

pytestmark = pytest.mark.slow

SCALARS_OF_A_FILE = 20


def _others(value: Value) -> Iterator[Value]:
    """What else could stand there, the likeliest first."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, float):
        yield value + 0.5
    elif isinstance(value, str):
        if value.isdecimal():
            yield str(int(value) + 1)
        if value in {"yes", "no"}:
            yield "no" if value == "yes" else "yes"
        yield from (f"{value}x", value[:-1], "x", "10.0.0.9")


def scalars(document: Document, most: int) -> list[Entry]:
    """At most so many scalars, spread over all of a document."""
    found = [entry for entry in document.entries() if entry.type not in {"object", "array"}]
    step = max(len(found) / most, 1)
    return [found[int(number * step)] for number in range(int(len(found) / step))]


def changed_and_back(form: Format, content: bytes, entry: Entry, document: Document) -> str:
    """What becomes of a value: `edited`, or why it was refused."""
    why = "null"
    try:
        old = document.get(entry.key)
    except Refused as refused:
        return f"untold: {refused.data.get('reason')}"
    for new in _others(old):
        if new == old:
            continue
        try:
            changed = documents.update(form, content, entry.key, new)
        except Refused as refused:
            why = str(refused.data.get("reason"))
            continue
        try:
            back = documents.update(form, changed, entry.key, old)
        except Refused as refused:
            return f"there, not back: {refused.data.get('reason')}"
        return "edited" if back == content else "spelled otherwise"
    return why


def _told(found: Found, counts: Counter[tuple[str, str]], odd: list[str]) -> None:
    """Count what becomes of the values of a file."""
    form = documents.resolve(found.rule.format, found.rule.options)
    name = found.rule.format.partition(":")[0]
    try:
        document = documents.open_document(form, found.content)
        chosen = scalars(document, SCALARS_OF_A_FILE)
    except Refused as refused:
        counts[name, "files refused"] += 1
        odd.append(f"{found.name}: {refused.data}")
        return
    counts[name, "files"] += 1
    for entry in chosen:
        outcome = changed_and_back(form, found.content, entry, document)
        counts[name, outcome] += 1
        if outcome not in {"edited", "null"}:
            odd.append(f"{found.name}: {format_key(entry.key)}: {outcome}")


LEAST = {
    "augeas": 900,
    "env": 15,
    "ini": 1000,
    "json": 200,
    "nginx": 150,
    "php": 100,
    "properties": 15,
    "toml": 200,
    "xml": 100,
    "yaml": 300,
}
"""Values of each format that are changed and changed back; there are some more."""


def test_values_of_real_files_are_changed_and_changed_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Of 200 files and more most values are edited, and what was changed back is byte for byte what it was.

    Refused are what is one of a few words (a lens knows them, and not ours), and what readers disagree about; spelled
    otherwise comes back what went over several lines.
    """
    counts: Counter[tuple[str, str]] = Counter()
    odd: list[str] = []
    for found in files():
        _told(found, counts, odd)
    totals: Counter[str] = Counter()
    with capsys.disabled():
        for name in LEAST:
            told = {what: count for (other, what), count in sorted(counts.items()) if other == name}
            totals.update(told)
            print(f"\n{name}: {told}", end="")  # noqa: T201 - a person compares them
    listed = "\n".join(odd)
    assert {name for name, least in LEAST.items() if counts[name, "edited"] < least} == set(), listed
    assert totals["files"] >= 300, listed
    assert totals["files refused"] <= 5, listed
    values = totals.total() - totals["files"] - totals["files refused"]
    assert totals["edited"] > 0.9 * values, listed
    assert totals["spelled otherwise"] < 0.015 * values, listed
