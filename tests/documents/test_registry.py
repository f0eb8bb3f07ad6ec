"""Formats by name and options, each of them loaded where it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from rpcd import documents
from rpcd.documents import FORMATS, FormatFault, resolve

ROOT = Path(__file__).resolve().parents[2]


def test_formats_are_named() -> None:
    """A format has the name that settings give it, and is the same value each time."""
    for family, row in FORMATS.items():
        name = f"{family}:hosts" if row.family else family
        form = resolve(name)
        assert form.name == name
        assert form == resolve(name)
        assert hash(form) == hash(resolve(name))


@pytest.mark.parametrize(
    ("name", "options", "setting", "what"),
    [
        ("inj", {}, "format", "this version has no format 'inj', but augeas:…, env, ini, "),
        ("ini:x", {}, "format", "this version has no format 'ini:x'"),
        ("text", {"dialect": "shell"}, "dialect", "is not for text"),
    ],
)
def test_what_cannot_be_had_is_told(name: str, options: dict[str, str], setting: str, what: str) -> None:
    """A name or an option that is none is a fault of that setting."""
    with pytest.raises(FormatFault) as fault:
        resolve(name, options)
    assert fault.value.setting == setting
    assert str(fault.value).startswith(what)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a format needs what is not installed, the fault says what to install."""
    row = type(FORMATS["toml"])("rpcd.documents.nowhere", install="python3-nowhere")
    monkeypatch.setitem(FORMATS, "nowhere", row)
    with pytest.raises(FormatFault, match=r"'nowhere' needs .* install python3-nowhere"):
        resolve("nowhere")


def test_what_no_target_has_is_not_loaded() -> None:
    """Who imports documents has no format in memory; who resolves one has that one."""
    code = """
import sys
from rpcd import documents
before = [*sys.modules]
documents.resolve("env")
print(*before, ":", *sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    before, after = ({*part.split()} for part in ran.stdout.split(" : "))
    modules = {row.module for row in FORMATS.values()}
    assert not before & modules
    assert after & modules == {"rpcd.documents.env"}


def test_a_document_is_read_whole() -> None:
    """The whole of a document is what the judge reads, as JSON can say it."""
    assert documents.read(resolve("toml"), b"a = 1979-05-27\n[b]\nc = [1]\n") == {"a": "1979-05-27", "b": {"c": [1]}}
    assert documents.open_document(resolve("json"), b"[1]").get(()) == [1]
