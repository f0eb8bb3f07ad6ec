"""Env files of other readers than a shell: what is written is what each of them reads."""

import io
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dotenv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpcd import documents
from rpcd.documents import Format, FormatFault, resolve
from rpcd.documents.document import Untold
from rpcd.errors import Refused

DIALECTS = ("dotenv", "systemd", "docker")


def dialect(name: str) -> Format:
    """The format of a dialect."""
    return resolve("env", {"dialect": name})


def read_dotenv(text: str) -> dict[str, Any]:
    """What python-dotenv reads, with what it puts in for references."""
    return dict(dotenv.dotenv_values(stream=io.StringIO(text, newline="")))


def read_docker(text: str) -> dict[str, Any]:
    """What docker reads: an independent reading of its `kvfile.parseKeyValueFile`."""
    values = {}
    for line in io.StringIO(text, newline="\n"):
        stripped = re.sub(r"\r?\n\Z", "", line).lstrip(" \t")
        if stripped and not stripped.startswith("#"):
            name, equals, value = stripped.partition("=")
            assert name
            assert not re.search(r"[ \t]", name)
            if equals:
                values[name] = value
    return values


def read_systemd(text: str, root: Path) -> dict[str, Any]:
    """What systemd reads of os-release, whose reader is that of EnvironmentFile=: it greets with the name there."""
    (root / "etc").mkdir(exist_ok=True)
    values = {}
    for name in re.findall(r"(?m)^[ \t]*([A-Za-z_]\w*)[ \t]*=", text):
        renamed = re.sub(rf"(?m)^([ \t]*){name}([ \t]*=)", r"\1PRETTY_NAME\2", text)
        (root / "etc/os-release").write_text(renamed, newline="")
        told = subprocess.run(
            ["systemd-firstboot", f"--root={root}", "--prompt-hostname"],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        ).stdout.decode()  # fmt: skip
        greeting = re.search(r"Welcome to your new installation of (.*?)!\n\nPlease configure", told, re.DOTALL)
        assert greeting is not None, told
        values[name] = greeting[1]
    return values


def read(name: str, text: str, root: Path) -> dict[str, Any]:
    """What the real thing reads."""
    if name == "systemd":
        return read_systemd(text, root)
    return {"dotenv": read_dotenv, "docker": read_docker}[name](text)


VALUES = (
    "a", "x y", " x", "x ", "\tx", "#", "a # b", "a#b", "#a", ";a", "'", '"', "it's", 'say "x"', "\"'", "'\"x\"'", "\\",
    "a\\", "a\\b", "\\n", "a\\\\", "$a", "${A}", "${A:-b}", "$(id)", "`id`", "a\nb", "\n", "a\nB=c", "a'\nB='c", "=",
    "a=b", "export A", "é", "!", "*", "~", "a;b&c|d", "(a)", "[a]", "%s", "a\r", "a\x0bb", "a\x85b", "a\u2028b",
    "x" * 999, "\x00", "a'b\\c\"d$e`f",
)  # fmt: skip


@pytest.mark.parametrize("old", ["old", "'old'", '"old"', ""])
@pytest.mark.parametrize("name", DIALECTS)
def test_the_reader_reads_what_was_written(name: str, old: str, tmp_path: Path) -> None:
    """Each value that is taken comes back from the real thing, and nothing else does; most are."""
    content = f"A={old}\n".encode()
    text, expected = "", {}
    for number, value in enumerate(VALUES):
        after = attempt(documents.update, dialect(name), content, ("A",), value)
        if isinstance(after, Refused):
            assert after.data["reason"] == "characters"
            continue
        assert documents.open_document(dialect(name), after).get(("A",)) == value
        text += after.decode().replace("A=", f"A{number}=", 1)
        expected[f"A{number}"] = value
    assert {key: value for key, value in read(name, text, tmp_path).items() if key in expected} == expected
    assert len(expected) > len(VALUES) // 2


def attempt(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function gives, or how it refuses."""
    try:
        return function(*arguments)
    except Refused as refusal:
        return refusal


MARKS = (
    "A", "B", "=", "=", "export ", "'", "'", '"', '"', "\\", "$", "${", "}", ":-", "#", ";", " ", "\t", "\n", "\n", "x",
    "\r\n", "é", "A=1\n", "B='x'\n", 'C="y z"\n', "\\\n", "D=a b # c\n", "# c\n", "E = 'x\ny' # c\n", "F\n", "'G'=1\n",
    "H=\\'x\\'\n", "I=x\\\n", 'J="a\\nb\\$c"\n', "export K=1\n", "\ufeff", "\x00", "\r", "\x0b",
)  # fmt: skip

EXAMPLES = int(os.environ.get("RPCD_EXAMPLES", "200"))
generated = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
texts = st.lists(st.sampled_from(MARKS), max_size=10).map("".join)


@pytest.mark.parametrize("name", DIALECTS)
@given(text=texts)
@generated
def test_locator_and_judge_read_the_same(name: str, text: str) -> None:
    """Two readers that share nothing agree about every text: what it holds, what cannot be told, what is none."""

    def located(text: str) -> dict[str, str]:
        document: Any = dialect(name).open(text)
        return {key: found[-1].value for key, found in document._layout.names.items()}

    one, other = attempt(located, text), attempt(dialect(name).judge, text)
    assert isinstance(one, Refused) == isinstance(other, Refused)
    if not isinstance(one, Refused):
        assert {key: Untold if isinstance(value, Untold) else value for key, value in one.items()} == {
            key: Untold if isinstance(value, Untold) else value for key, value in other.items()
        }


@pytest.mark.parametrize("name", ["dotenv", "docker"])
@given(text=texts)
@generated
def test_the_judge_reads_what_the_reader_reads(name: str, text: str) -> None:
    """A text that is taken holds the variables that the real thing finds in it."""
    tree = attempt(dialect(name).judge, text)
    if isinstance(tree, Refused) or text.startswith("\ufeff") or "\x00" in text:
        return
    found = {key: value for key, value in read(name, text, Path()).items() if value is not None}
    for key, value in tree.items():
        assert isinstance(value, Untold) or found[key] == value
    assert name == "docker" or found.keys() == tree.keys()


@pytest.mark.parametrize("name", DIALECTS)
@given(text=texts, key=st.sampled_from(("A", "B", "E", "NEW")), value=st.sampled_from(VALUES) | st.text() | st.none())
@generated
def test_an_edit_does_what_was_asked_and_nothing_else(name: str, text: str, key: str, value: str | None) -> None:
    """The variable has the value, or is gone, and all others have theirs; or it is refused."""
    content = documents.encode(text)
    before: Any = attempt(documents.read, dialect(name), content)
    if value is None:
        after = attempt(documents.delete, dialect(name), content, (key,))
    else:
        after = attempt(documents.update, dialect(name), content, (key,), value)
    if isinstance(after, Refused):
        assert after.kind in {"not_editable", "no_such_key"}
        return
    found: Any = documents.read(dialect(name), after)
    before.pop(key, None)
    assert found.pop(key, None) == value
    assert found == before


EDITS: Mapping[str, tuple[str, str, str, str, str]] = {
    "dotenv white space": ("dotenv", "# c\nexport A = 'x' # y\n", "A", "z", "# c\nexport A = 'z' # y\n"),
    "dotenv new": (
        "dotenv",
        "export A=1\nexport B='x y'\n",
        "C",
        "p q",
        "export A=1\nexport B='x y'\nexport C='p q'\n",
    ),
    "dotenv lines": ("dotenv", 'A="x\ny"\r\nB=1\r\n', "A", "p\nq", 'A="p\nq"\r\nB=1\r\n'),
    "systemd comment": ("systemd", "; c\nA=x\nB=y # no comment\n", "B", "z", "; c\nA=x\nB=z\n"),
    "systemd joined": ("systemd", "A='x' \"y\" \\\n z\nB=1\n", "A", "p q", "A='p q'\nB=1\n"),
    "docker raw": ("docker", "A='x' # y\nB\n", "A", 'say "x" # y', 'A=say "x" # y\nB\n'),
    "docker new": ("docker", "A=1", "B", " x ", "A=1\nB= x "),
}


@pytest.mark.parametrize(("name", "before", "key", "value", "after"), EDITS.values(), ids=EDITS.keys())
def test_values_are_put(name: str, before: str, key: str, value: str, after: str) -> None:
    """The value alone is replaced; a new variable is written as most others are."""
    assert documents.update(dialect(name), before.encode(), (key,), value).decode() == after


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dotenv", "A='x\n"),
        ("dotenv", "A='x'y\n"),
        ("dotenv", "=x\n"),
        ("dotenv", "A b=x\n"),
        ("dotenv", "A='x\\'\n"),
        ("systemd", "A='x\n"),
        ("systemd", "# c \\\nA=x\n"),
        ("systemd", "A=\x00\n"),
        ("docker", "A B=x\n"),
        ("docker", "=x\n"),
        ("docker", "A\nA=x\n"),
        ("dotenv", "A=x\nA\n"),
    ],
)
def test_what_the_reader_does_not_read_is_refused(name: str, text: str) -> None:
    """Locator and judge refuse it alike."""
    for reads in (dialect(name).open, dialect(name).judge):
        with pytest.raises(Refused):
            reads(text)


def test_there_are_four_dialects() -> None:
    """Any other is a fault of the setting; the shell is what an env file is for unless it says otherwise."""
    with pytest.raises(FormatFault, match="there is no dialect 'fish', but shell, dotenv, systemd, docker"):
        dialect("fish")
    assert dialect("shell") == resolve("env") != dialect("docker")
