"""Env files, held against the real shell."""

import subprocess
from pathlib import Path

import pytest

from rpcd import documents
from rpcd.documents.document import Untold
from rpcd.errors import Refused

ENV = documents.resolve("env")

VALUES = {
    "nothing": "",
    "plain": "/usr/bin:a@b.c,1+1=2%",
    "a space": "two words",
    "spaces around": "  x\t ",
    "a newline": "one\nROOT=1\nthree",
    "a newline at the end": "x\n",
    "single quotes": "it's 'this'",
    "double quotes": 'say "x"',
    "both": "'\"'\"",
    "backslashes": "a\\b\\\\c\\",
    "a backslash and a quote": "\\'\\\"",
    "a variable": "$HOME ${HOME} $1 $$",
    "a command": "$(touch pwned)",
    "backticks": "`touch pwned`",
    "arithmetic": "$((1+1))",
    "an operator": "x; touch pwned & touch pwned | touch pwned",
    "a redirection": "x > pwned",
    "a comment": "x # y",
    "a hash": "#x",
    "a tilde": "~root:~",
    "a glob": "* ? [a] {a,b}",
    "an exclamation mark": "hi! !!",
    "export": "export ROOT=1",
    "a quote and a command": "'; touch pwned; '",
    "double quote and a command": '"; touch pwned; "',
    "not ASCII": "é \U0001f600 \u00a0x",
    "equals": "=a==b",
    "a carriage on its own line": "a\n'\nb",
}
OLD = ["old", "'old'", '"old"', "", "o'l'd", "$HOME", '"$(echo old)"', "`echo old`", "a\\ b", "'a\nb'"]

READ: list[tuple[str, str | None]] = [
    # what stands after `A=`, and the value; None for what is no literal
    ("", ""),
    ("plain", "plain"),
    ("a'b c'\"d\"\\e", "ab cde"),
    ("'a\nb'", "a\nb"),
    ('"a\nb"', "a\nb"),
    ("a\\\nb", "ab"),
    ('"a\\\nb"', "ab"),
    ('"\\$\\`\\"\\\\\\x"', '$`"\\\\x'),
    ("#x", "#x"),
    ("x#y", "x#y"),
    ("x # y", "x"),
    ("a~", "a~"),
    ("\\~", "~"),
    ("'~'", "~"),
    ('"a:"~', "a:~"),
    ("*", "*"),
    ("a!b^c%d@e,f+g=h[i]{j}", "a!b^c%d@e,f+g=h[i]{j}"),
    ("\x0b\u00a0", "\x0b\u00a0"),
    ("~", None),
    ("a:~/x", None),
    ("\\\n~", None),
    ("a:\\\n\\\n~", None),
    ("a\\\n~", "a~"),
    ("''\\\n~", "~"),
    ("\\:\\\n~", ":~"),
    ("$HOME", None),
    ("a${HOME}b", None),
    ('"$HOME"', None),
    ("$(id -u)", None),
    ('"x $(echo "a b" \'c\') y"', None),
    ("${HOME:-x}", None),
    ("${HOME#/}${HOME%%o*}${#HOME}", None),
    ("`id`", None),
    ('"`id`"', None),
    ("$((1+2))", None),
    ("$?", None),
    ("a$", None),
    ("x\r", None),
]

NO_ENV = {
    "a command": "id\n",
    "a command after an assignment": "A=1 id\n",
    "two assignments on a line": "A=1 B=2\n",
    "an operator": "A=1;B=2\n",
    "a background command": "A=1&\n",
    "a pipe": "A=1|id\n",
    "a redirection": "A=1>x\n",
    "a subshell": "(A=1)\n",
    "a condition": "if true; then\nA=1\nfi\n",
    "an open quote": "A='x\n",
    "an open double quote": 'A="x\n',
    "an open command": "A=$(id\n",
    "an open backtick": "A=`id\n",
    "an open brace": "A=${x\n",
    "an open sum": "A=$((1\n",
    "half a sum": "A=$((1) + 2)\n",
    "a brace with quotes": 'A=${x:-"}"}\n',
    "a command in a command": 'A="$(echo "$(id)")"\n',
    "a comment in a command": "A=$(id # )\n)\n",
    "an odd variable in a command": "A=$(echo $1)\n",
    "a brace without an end after a name": "A=${x:-y\n",
    "a brace with no operator": "A=${x-}${x:}\n",
    "a length with a default": "A=${#x:-y}\n",
    "quotes in backticks": "A=`echo 'x'`\n",
    "bash's own quotes": "A=$'x'\n",
    "a backslash at the end": "A=x\\",
    "a backslash at the end of open quotes": 'A="x\\',
    "a space before the mark": "A =1\n",
    "no name": "=1\n",
    "a name that is none": "1A=1\n",
    "an array": "A[0]=1\n",
    "an addition": "A+=1\n",
    "export and nothing": "export\n",
    "a byte order mark": "\ufeffA=1\n",
    "a line of DOS": "\r\n",
    "NUL": "A=a\0b\n",
    "NUL in quotes": "A='a\0b'\n",
    "NUL in double quotes": 'A="a\0b"\n',
    "an escaped NUL": "A=a\\\0b\n",
    "an escaped NUL in quotes": 'A="a\\\0b"\n',
    "NUL in a comment": "# \0\n",
    "another command": ". /etc/default/x\n",
    "text after quotes and a blank": "A='b' c\n",
}

RUNS = {
    # what would do more with a variable than to put it in, and a value that makes it run a command
    "sums": ("$((A + 1))", "x[$(touch pwned)]"),
    "sums in quotes": ('"$((1+A))"', "x[$(touch pwned)]"),
    "sums as bash once had them": ("$[A]", "x[$(touch pwned)]"),
    "sums in quotes as bash once had them": ('"$[A]"', "x[$(touch pwned)]"),
    "sums over two lines": ("$\\\n[A]", "x[$(touch pwned)]"),
    "a name over two lines": ('"$\\\n{!A}"', "x[$(touch pwned)]"),
    "the variable that a variable names": ("${!A}", "x[$(touch pwned)]"),
    "a part": ("${X:A}", "x[$(touch pwned)]"),
    "the length of a part": ("${X:0:A}", "x[$(touch pwned)]"),
    "an element": ("${X[A]}", "x[$(touch pwned)]"),
    "a second expansion": ("${A@P}", "$(touch pwned)"),
    "words of a command": ("$(find . -maxdepth 0 $A)", "-exec touch pwned ;"),
    "words of a command in quotes": ('"$(find . -maxdepth 0 $A)"', "-exec touch pwned ;"),
    "words of a command in backticks": ("`find . -maxdepth 0 $A`", "-exec touch pwned ;"),
    "a command": ("$(eval $A)", "touch pwned"),
    "a name of a command": ("`$A`", "touch pwned"),
}

PUT = [
    ("A=1\n", "A", "2", "A=2\n"),
    ("A=1", "B", "2", "A=1\nB=2"),
    ("", "A", "x", "A=x\n"),
    ("# c\n", "A", "x", "# c\nA=x\n"),
    ("A=1 # why\n\n# end\n", "B", "x y", "A=1 # why\nB='x y'\n\n# end\n"),
    ("export A=1\nexport B='2'\n", "C", "3", "export A=1\nexport B='2'\nexport C=3\n"),
    ("A='1'\nB='2'\nC=3\n", "D", "4", "A='1'\nB='2'\nC=3\nD='4'\n"),
    ('A="1"\n', "D", "4$", 'A="1"\nD="4\\$"\n'),
    ("A='1'\n", "A", "it's", 'A="it\'s"\n'),
    ('A="1" # c\n', "A", "2", 'A="2" # c\n'),
    ("A=1\nB=0\nA=2\n", "A", "3", "A=1\nB=0\nA=3\n"),
    ("  A=1\n", "A", "", "  A=\n"),
    ("A=1\r\nB=2\n", "B", "3", "A=1\r\nB=3\n"),
    ("A=1\r\n", "A", "3", "A=3\n"),
    ("A=\udcff\n", "B", "3", "A=\udcff\nB=3\n"),
]

REFUSED: list[tuple[str, documents.Value, str]] = [
    ("A", 1, "type"),
    ("A", True, "type"),
    ("A", None, "type"),
    ("A", ["x"], "type"),
    ("A", {"B": "x"}, "type"),
    ("A", "a\rb", "characters"),
    ("A", "a\0b", "characters"),
    ("A", "\x1b[2J", "characters"),
    ("A", "\x85", "characters"),
    ("A", "\u2028", "characters"),
    ("A", "\udcff", "characters"),
    ("a-b", "x", "characters"),
    ("A B", "x", "characters"),
    ("A=1\nB", "x", "characters"),
    ("$(id)", "x", "characters"),
    ("", "x", "characters"),
    ("1A", "x", "characters"),
    ("é", "x", "characters"),
    ("RANDOM", "a[$(id)]", "characters"),
    ("OPTIND", "x", "characters"),
    ("BASH_ENV", "x", "characters"),
    ("PPID", "x", "characters"),
]


def shell(directory: Path, text: str, name: str) -> bytes:
    """What a shell makes of a variable of an env file."""
    directory.joinpath("f").write_bytes(documents.encode(text))
    ran = subprocess.run(
        ["sh", "-c", f'. ./f; printf %s "${name}"'],
        cwd=directory,
        env={"HOME": "/home", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert not ran.stderr
    return ran.stdout


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_the_shell_reads_what_was_written(tmp_path: Path, value: str) -> None:
    """Whatever stood there, `sh` reads exactly the value afterwards, its neighbour is the same, and nothing runs."""
    for old in OLD:
        before = f"FIRST=1\nA={old}\nLAST='2'"
        after = documents.decode(documents.update(ENV, before.encode(), ("A",), value))
        assert shell(tmp_path, after + '\nA="$FIRST|$A|$LAST"', "A") == f"1|{value}|2".encode()
        assert [entry.name for entry in tmp_path.iterdir()] == ["f"]
        assert documents.open_document(ENV, documents.encode(after)).get(("A",)) == value


@pytest.mark.parametrize(("spelled", "value"), READ)
def test_literals_are_read_as_the_shell_reads_them(tmp_path: Path, spelled: str, value: str | None) -> None:
    """A literal is told as `sh` has it; what a shell works out is not told, and can be replaced."""
    text = f"A={spelled}\n"
    document = documents.open_document(ENV, text.encode())
    if value is None:
        with pytest.raises(Refused) as refused:
            document.get(("A",))
        assert refused.value.data == {"reason": "expression", "line": 1, "column": 3}
        after = documents.update(ENV, text.encode(), ("A",), "x y")
        assert shell(tmp_path, documents.decode(after), "A") == b"x y"
    else:
        assert document.get(("A",)) == value
        assert shell(tmp_path, text, "A") == value.encode()


@pytest.mark.parametrize("spelled", ["*", "a?", "[a]", "{a,b}"])
def test_shells_differ_about_what_is_exported(spelled: str) -> None:
    """Some shells take the argument of `export` for a pattern: there, patterns are no literals."""
    assert isinstance(ENV.judge(f"export A={spelled}")["A"], Untold)  # type: ignore[index]
    assert documents.open_document(ENV, f"export A='{spelled}'".encode()).get(("A",)) == spelled


@pytest.mark.parametrize("text", NO_ENV.values(), ids=NO_ENV.keys())
def test_a_program_is_no_env_file(text: str) -> None:
    """Locator and judge both refuse a text that does anything but set variables."""
    for read in (ENV.open, ENV.judge):
        with pytest.raises(Refused) as refused:
            read(text)
        assert refused.value.data["reason"] == "syntax"


@pytest.mark.parametrize(("spelled", "value"), RUNS.values(), ids=RUNS.keys())
def test_no_value_runs_through_another(tmp_path: Path, spelled: str, value: str) -> None:
    """Where a file calculates with a variable, or makes words of it, bash would run what its value says: refused."""
    tmp_path.joinpath("f").write_text(f"X=1\nA='{value}'\nB={spelled}\n")
    subprocess.run(["bash", "-c", ". ./f"], cwd=tmp_path, capture_output=True, check=False)
    assert tmp_path.joinpath("pwned").exists()
    for read in (ENV.open, ENV.judge):
        with pytest.raises(Refused) as refused:
            read(f"X=1\nA=1\nB={spelled}\n")
        assert (refused.value.data["reason"], refused.value.data["line"]) == ("syntax", 3)


def test_no_other_assignment_gives_the_value() -> None:
    """`${A:=x}` sets A where it is empty, so that an empty A could not be written."""
    for spelled in ("${A:=x}", "${A=x}", '"${A:=x}"'):
        with pytest.raises(Refused) as refused:
            documents.update(ENV, f"A=1\nB={spelled}\n".encode(), ("A",), "")
        assert refused.value.data["reason"] == "syntax"


@pytest.mark.parametrize(("before", "name", "value", "after"), PUT)
def test_values_are_put(before: str, name: str, value: str, after: str) -> None:
    """A value is replaced where it stands, in its own quotes if possible, or added as most others are written."""
    assert documents.update(ENV, documents.encode(before), (name,), value) == documents.encode(after)


@pytest.mark.parametrize(("name", "value", "reason"), REFUSED)
def test_what_no_variable_can_hold_is_refused(name: str, value: documents.Value, reason: str) -> None:
    """Neither other types, nor control characters, nor names that a shell gives a meaning of its own."""
    with pytest.raises(Refused) as refused:
        documents.update(ENV, b"A=1\n", (name,), value)
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)


def test_there_are_no_tables() -> None:
    """A variable holds a string, and nothing below it."""
    with pytest.raises(Refused) as refused:
        documents.update(ENV, b"A=1\n", ("A", "B"), "x")
    assert refused.value.data["reason"] == "structure"
    for key in (("A", "B"), ("B",)):
        with pytest.raises(Refused) as refused:
            documents.delete(ENV, b"A=1\n", key)
        assert refused.value.kind == "no_such_key"


def test_every_assignment_of_a_name_is_removed() -> None:
    """If only the last went, an earlier one would hold again; `export NAME` and comments stay."""
    before = b"A=1\n# c\nB='x\ny'\nA=2\nexport A\n"
    assert documents.delete(ENV, before, ("A",)) == b"# c\nB='x\ny'\nexport A\n"


def test_entries_tell_what_there_is() -> None:
    """Each variable has one entry; one that is set twice reaches from its first line to its last."""
    text = "A=1\n# c\nexport B='x\ny' # why\nA=2\n"
    found = documents.open_document(ENV, text.encode()).entries()
    assert [(entry.key, entry.type, text[entry.start : entry.end]) for entry in found] == [
        (("A",), "string", text),
        (("B",), "string", "export B='x\ny' # why\n"),
    ]


def test_bytes_are_not_told() -> None:
    """A value that is no UTF-8 stays as it is, and can be replaced."""
    with pytest.raises(Refused) as refused:
        documents.open_document(ENV, b"A=\xff\n").get(("A",))
    assert refused.value.data["reason"] == "bytes"
    assert documents.update(ENV, b"A=\xff\n", ("A",), "x") == b"A=x\n"
