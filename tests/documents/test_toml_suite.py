"""TOML, held against the files of toml-test, its official suite, which tomlkit's source archive carries."""

import tomllib
from collections import Counter
from collections.abc import Mapping

import pytest

from rpcd import documents
from rpcd.documents.document import UNFIT
from rpcd.documents.toml.judge import plain
from rpcd.errors import Refused
from tests.documents.test_generated import attempt
from tests.harness.pypi import fetch

TOML = documents.resolve("toml")

SUITE = ("tomlkit==0.15.2", "83e32755ba1d20d9340bd069ee97e9f6232ba2346b63ffcba425de01f7e327a6")
INSIDE = "tomlkit-0.15.2/tests/toml-test/tests/"

VALUES: tuple[documents.Value, ...] = ("x\ny\"'", 7, -1.5, True, "1979-05-27", [1, [2]], {"a": 1})


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """The files of the suite for TOML 1.0, by their names."""
    with fetch(tmp_path_factory.mktemp("pypi"), *SUITE) as archive:
        listed = archive.extractfile(INSIDE + "files-toml-1.0.0")
        assert listed is not None
        found = {}
        for name in listed.read().decode().split():
            if name.endswith(".toml") and (file := archive.extractfile(INSIDE + name)) is not None:
                found[name] = file.read()
    return found


@pytest.mark.slow
def test_every_value_of_every_valid_file_is_edited(suite: Mapping[str, bytes]) -> None:
    """Each value is replaced by one of each type, and taken away, and found so; or there is no place for it."""
    files = {name: content for name, content in suite.items() if name.startswith("valid/")}
    assert len(files) > 200
    outcomes = Counter[str]()
    for name, content in files.items():
        tree = tomllib.loads(content.decode())
        assert documents.same(plain(content.decode()) or tree, tree)
        for entry in documents.open_document(TOML, content).entries():
            if any(map(UNFIT.search, entry.key)):
                continue
            for value in VALUES:
                after = attempt(documents.update, TOML, content, entry.key, value)
                if isinstance(after, Refused):
                    assert after.data["reason"] in {"type", "structure"}, name
                    outcomes["refused"] += 1
                else:
                    found = documents.open_document(TOML, after).get(entry.key)
                    assert documents.same(found, value), name
                    outcomes["changed"] += 1
            assert tomllib.loads(documents.delete(TOML, content, entry.key).decode()) != tree
    assert outcomes["changed"] > 8000
    assert outcomes["refused"] < 400


@pytest.mark.slow
def test_every_invalid_file_is_refused(suite: Mapping[str, bytes]) -> None:
    """What is no TOML is not opened; bytes that are no UTF-8 stay what they are where they stand."""
    files = {name: content for name, content in suite.items() if name.startswith("invalid/")}
    assert len(files) > 400
    for name, content in files.items():
        if not name.startswith("invalid/encoding/bad-"):
            with pytest.raises(Refused):
                documents.check(TOML, content)
            assert plain(documents.decode(content)) is None
