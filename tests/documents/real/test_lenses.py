"""Every lens that Augeas ships, on the texts of its own tests: values are changed and changed back, and taken away."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from rpcd import documents
from rpcd.documents.key import format_key
from rpcd.errors import Refused
from tests.documents.real.test_real import changed_and_back, scalars

pytestmark = pytest.mark.slow

TESTS = Path("/usr/share/augeas/lenses/dist/tests")

TEXTS_OF_A_LENS = 3
SCALARS_OF_A_TEXT = 12

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "v": "\v", "f": "\f"}


def texts() -> Iterator[tuple[str, str]]:
    """Lenses, and a few of the texts that their tests read with them, the longest first."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.glob("*.aug")):
        source = path.read_text("utf-8", "surrogateescape")
        named = dict(re.findall(rf"let\s+(\w+)\s*=\s*{_TEXT}", source))
        for lens, text, name in re.findall(rf"test\s+\(?([A-Z]\w*)\.lns\)?\s+get\s+(?:{_TEXT}|(\w+))", source):
            raw = text or named.get(name, "")
            found.setdefault(lens, set()).add(re.sub(r"\\(.)", lambda mark: _ESCAPES.get(mark[1], mark[1]), raw))
    for lens in sorted(found):
        for text in sorted(found[lens] - {""}, key=len, reverse=True)[:TEXTS_OF_A_LENS]:
            yield lens, text


def test_values_of_every_lens_are_changed_and_changed_back(capsys: pytest.CaptureFixture[str]) -> None:
    """200 lenses read their texts, and most values can be edited; none comes back as other than it was."""
    counts: Counter[str] = Counter()
    lenses: set[str] = set()
    odd: list[str] = []
    for lens, text in texts():
        form = documents.resolve(f"augeas:{lens}")
        content = documents.encode(text)
        try:
            document = documents.open_document(form, content)
        except Refused as refused:
            counts[f"texts refused: {refused.data.get('reason')}"] += 1
            continue
        lenses.add(lens)
        for entry in scalars(document, SCALARS_OF_A_TEXT):
            outcome = changed_and_back(form, content, entry, document)
            counts[outcome] += 1
            if outcome not in {"edited", "null", "proof"}:
                odd.append(f"{lens}: {format_key(entry.key)}: {outcome}")
        for entry in scalars(document, 2):
            try:
                documents.delete(form, content, entry.key)
            except Refused:
                counts["not taken away"] += 1
            else:
                counts["taken away"] += 1
    with capsys.disabled():
        print(f"\n{len(lenses)} lenses: {dict(sorted(counts.items()))}", end="")  # noqa: T201 - a person compares them
    listed = "\n".join(odd)
    assert len(lenses) >= 200
    assert counts["spelled otherwise"] == 0, listed
    assert counts["edited"] >= 2_500, listed
    assert counts["edited"] > 10 * (counts["proof"] + counts["structure"]), listed
    assert counts["taken away"] > 300
