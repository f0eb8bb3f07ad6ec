"""How an edit is made where there is a choice: comments that go along, commented-out defaults that come to life."""

import pytest

from rpcd import documents
from rpcd.documents import Manner
from rpcd.documents.key import parse_key
from rpcd.errors import Refused

WITH = Manner(comments="with")
USED = Manner(use_commented=True)

INI = (
    "; the shop\n\n[ui]\n; light\n; or dark\ntheme = light\n;port = 3306\nhost = a\n\n# mail\n[mail]\n#from=x\nto = b\n"
)
TOML = "# a\na = '''\n# b'''\nb = 1\n  # c\nc.d = 2\n#e = 5\n\n# t\n[t]\n# f\nf = [\n  # one\n  1,\n]\n"

YAML = """\
# the shop
db:
  # the host
  host: a  # inline
  # port: 3306
  #user: x
  name: c

# mail
mail:
  # who
  from: b
  #to: c
#top: 1
"""

DELETED = [
    # format, text, key, what goes
    ("ini", INI, "ui.theme", "; light\n; or dark\ntheme = light\n"),
    ("ini", INI, "ui.host", "host = a\n"),  # a default that is commented out is no comment
    ("ini", INI, "mail", "# mail\n[mail]\n#from=x\nto = b\n"),
    ("ini", INI, "mail.to", "to = b\n"),
    ("ini", "\ufeff; a\na=1\n", "a", "; a\na=1\n"),
    ("env", "# why\r\nA=1\r\n".replace("\r", ""), "A", "# why\nA=1\n"),
    ("toml", TOML, "b", "b = 1\n"),  # the end of a text is no comment
    ("toml", TOML, "c.d", "  # c\nc.d = 2\n"),
    ("toml", TOML, "a", "# a\na = '''\n# b'''\n"),
    ("toml", TOML, "t", TOML[TOML.index("# t") :]),
    ("yaml", YAML, "db.host", "  # the host\n  host: a  # inline\n"),
    ("yaml", YAML, "mail", "# mail\nmail:\n  # who\n  from: b\n"),
    ("yaml", "a:\n- b\n# c\n- d\n", "a.1", "# c\n- d\n"),
]


@pytest.mark.parametrize(("form", "text", "key", "gone"), DELETED)
def test_a_key_goes_with_its_comment(form: str, text: str, key: str, gone: str) -> None:
    """The comment lines right above a key go with it where that is asked, and no others."""
    after = documents.delete(documents.resolve(form), text.encode(), parse_key(key), WITH)
    assert after.decode() == text.replace(gone, "")


def test_the_last_key_leaves_brackets_and_no_comment() -> None:
    """Where a table is left empty in the place of its last key, the comment of that goes all the same."""
    after = documents.delete(documents.resolve("yaml"), YAML.encode(), parse_key("mail.from"), WITH)
    assert after.decode() == YAML.replace("mail:\n  # who\n  from: b\n", "mail: {}\n")


def test_a_comment_stays_unless_asked() -> None:
    """Without being asked, an edit takes no comment away."""
    after = documents.delete(documents.resolve("ini"), INI.encode(), ("ui", "theme"))
    assert after.decode() == INI.replace("theme = light\n", "")


COMMENTED = [
    # format, before, key, value, after
    ("ini", INI, "ui.port", "3307", INI.replace(";port = 3306", "port = 3307")),
    ("ini", INI, "mail.from", "c", INI.replace("#from=x", "from=c")),
    ("ini", INI, "ui.from", "c", INI.replace("host = a\n", "host = a\nfrom = c\n")),  # another section's
    ("ini", INI, "ui.host", "c", INI.replace("host = a", "host = c")),  # it is there
    ("ini", "[a]\n# b = the port\n#b = 1\nc = 2\n", "a.b", "x", "[a]\n# b = the port\nb = x\nc = 2\n"),
    ("ini", "[a]\n; b = 1\nc = 2\n", "a.b", "x", "[a]\nb = x\nc = 2\n"),
    ("ini", "[a]\n; b says\nc = 2\n", "a.b", "x", "[a]\n; b says\nc = 2\nb = x\n"),
    ("env", "#A=1 # why\nB=2\n", "A", "x", "A=x # why\nB=2\n"),
    ("env", "#export A='1'\n", "A", "x", "export A='x'\n"),
    ("toml", TOML, "e", 6, TOML.replace("#e = 5", "e = 6")),
    ("toml", "[a]\n#d = 1979-05-27\n", "a.d", "1980-01-01", "[a]\nd = 1980-01-01\n"),
    ("toml", "#[t]\n#a = 1\nb = 2\n", "a", 2, "#[t]\na = 2\nb = 2\n"),
    ("yaml", YAML, "db.port", 3307, YAML.replace("# port: 3306", "port: 3307")),
    ("yaml", YAML, "db.user", "z", YAML.replace("#user: x", "user: z")),
    ("yaml", YAML, "mail.to", "d", YAML.replace("#to: c", "to: d")),
    ("yaml", YAML, "top", 2, YAML.replace("#top: 1", "top: 2")),
    ("yaml", YAML, "db.top", 2, YAML.replace("name: c\n", "name: c\n  top: 2\n")),  # it stands outside
    ("toml", "s = '''\n#a = 1\n'''\n", "a", 2, "s = '''\n#a = 1\n'''\na = 2\n"),  # within a text
]


@pytest.mark.parametrize(("form", "before", "key", "value", "after"), COMMENTED)
def test_a_commented_out_default_is_the_place(form: str, before: str, key: str, value: object, after: str) -> None:
    """A new key stands where it was commented out in its own table; where it was not, where it would stand anyway."""
    found = documents.update(documents.resolve(form), before.encode(), parse_key(key), value, USED)  # type: ignore[arg-type]
    assert found.decode() == after


@pytest.mark.parametrize("manner", [WITH, USED, Manner(shared=True)])
def test_what_a_format_does_not_know_is_refused(manner: Manner) -> None:
    """JSON has neither comments nor aliases: who asks for what needs them is told."""
    form = documents.resolve("json")
    with pytest.raises(Refused) as refused:
        documents.update(form, b'{"a": 1}', ("a",), 2, manner)
    assert refused.value.data == {"reason": "manner"}
    with pytest.raises(Refused) as refused:
        documents.delete(form, b'{"a": 1}', ("a",), manner)
    assert refused.value.data == {"reason": "manner"}


def test_comments_are_told_without_their_marks() -> None:
    """Each key has the text of the lines above it; a line that makes several keys is about the last of them."""
    assert documents.comments(documents.resolve("ini"), INI.encode()) == {
        ("ui", "theme"): "light\nor dark",
        ("mail",): "mail",
    }
    assert documents.comments(documents.resolve("toml"), TOML.encode()) == {
        ("a",): "a",
        ("c", "d"): "c",
        ("t",): "t",
        ("t", "f"): "f",
        ("t", "f", "0"): "one",
    }
    assert documents.comments(documents.resolve("json"), b'{"a": 1}') == {}
