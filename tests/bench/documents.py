"""One key of a file changed, beside the usual library for its format: locate, splice and prove in memory."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from xml.dom import minidom

import crossplane
import tomlkit
import tree_sitter
import tree_sitter_php
from configupdater import ConfigUpdater
from javaproperties import PropertiesFile
from json5.dumper import ModelDumper, modelize
from json5.dumper import dumps as json5_dumps
from json5.loader import ModelLoader
from json5.loader import loads as json5_loads
from rich.console import Console
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from rpcd import documents
from rpcd.documents import Key
from tests.bench.figures import Figures, interleave
from tests.bench.report import Goal, Row, show

__all__ = ["changing"]

SIZES = (65, 650, 6500)
"""Lines."""

ROUNDS = 5
SECTION = 13
"""Lines of a section, with the blank one before it."""

Edit = Callable[[str, int], str]
"""A text with key 7 of its middle section set to a number."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A format: a text of so many lines, what it is compared with, and what part of that it may take."""

    library: str
    edit: Edit
    text: Callable[[int], str]
    share: float
    above: Key = ()
    """The key of the table that the sections are in."""
    section: str = "section#"
    """The name of section #."""


def sections(lines: int) -> range:
    """The numbers of the sections that so many lines have room for."""
    return range(lines // SECTION)


def ini(lines: int) -> str:
    """An ini file as applications ship it."""
    keys = "".join(f"key{number} = value {number}\n" for number in range(10))
    return "".join(f"\n[section{number}]\n; what this is about\n{keys}" for number in sections(lines))


def toml(lines: int) -> str:
    """The same in TOML, with values of several types."""
    keys = "".join(f"key{number} = {value}\n" for number, value in enumerate(('"x"', 5, "true", "[1, 2]", 1.5) * 2))
    return "".join(f"\n[section{number}]\n# what this is about\n{keys}" for number in sections(lines))


def yaml(lines: int) -> str:
    """The same in YAML."""
    keys = "".join(f"  key{number}: {value}\n" for number, value in enumerate(("x", 5, "true", "[1, 2]", 1.5) * 2))
    return "".join(f"\nsection{number}:\n  # what this is about\n{keys}" for number in sections(lines))


def nginx(lines: int) -> str:
    """The same for nginx: blocks of directives in a server."""
    keys = "".join(f"        key{number} {value};\n" for number, value in enumerate(("x", 5, "on", "1 2", "'a b'") * 2))
    blocks = (
        f"\n    # what this is about\n    location /section{number} {{\n{keys}    }}\n" for number in sections(lines)
    )
    return "server {\n" + "".join(blocks) + "}\n"


def php(lines: int) -> str:
    """The same in PHP: an array of arrays that is returned."""
    keys = "".join(
        f"        'key{number}' => {value},\n" for number, value in enumerate(("'x'", 5, "true", "[1, 2]", 1.5) * 2)
    )
    parts = (f"\n    // what this is about\n    'section{number}' => [\n{keys}    ],\n" for number in sections(lines))
    return "<?php\nreturn [\n" + "".join(parts) + "];\n"


def jsonc(lines: int) -> str:
    """The same in JSON, with comments."""
    keys = ",\n".join(
        f'    "key{number}": {value}' for number, value in enumerate(('"x"', 5, "true", "[1, 2]", 1.5) * 2)
    )
    parts = (f'  // what this is about\n  "section{number}": {{\n{keys}\n  }}' for number in sections(lines))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def properties(lines: int) -> str:
    """The same as Java properties."""
    return "".join(
        "\n# what this is about\n" + "".join(f"section{number}.key{key} = value {key}\n" for key in range(11))
        for number in sections(lines)
    )


def xml(lines: int) -> str:
    """The same in XML."""
    keys = "".join(f"    <key{number}>value {number}</key{number}>\n" for number in range(10))
    parts = (
        f"  <section{number}>\n    <!-- what this is about -->\n{keys}  </section{number}>\n"
        for number in sections(lines)
    )
    return "<root>\n" + "".join(parts) + "</root>\n"


def with_crossplane(text: str, value: int) -> str:
    """As crossplane does it, which reads from files and loses the white space."""
    with NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        read = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False)["config"][0]["parsed"]
    blocks = read[0]["block"]
    blocks[len(blocks) // 2]["block"][7]["args"] = [str(value)]
    return str(crossplane.build(read))


def with_tree_sitter(text: str, _value: int) -> str:
    """As far as tree-sitter goes: its grammar reads, nothing is told, written or proven."""
    language = tree_sitter.Language(tree_sitter_php.language_php())
    return str(tree_sitter.Parser(language).parse(text.encode()).root_node.end_byte)


def with_configupdater(text: str, value: int) -> str:
    """As ConfigUpdater does it."""
    updater = ConfigUpdater()
    updater.read_string(text)
    updater[f"section{len(updater.sections()) // 2}"]["key7"].value = str(value)
    return str(updater)


def with_tomlkit(text: str, value: int) -> str:
    """As tomlkit does it."""
    document = tomlkit.parse(text)
    document[f"section{len(document) // 2}"]["key7"] = value
    return tomlkit.dumps(document)


def with_ruamel(text: str, value: int) -> str:
    """As ruamel.yaml does it, which keeps comments."""
    reader = YAML()
    document = reader.load(text)
    document[f"section{len(document) // 2}"]["key7"] = value
    written = StringIO()
    reader.dump(document, written)
    return str(written.getvalue())


def with_json_five(text: str, value: int) -> str:
    """As json-five does it, which keeps comments."""
    model = json5_loads(text, loader=ModelLoader())
    values = model.value.values
    values[len(values) // 2].values[7] = modelize(value)
    return str(json5_dumps(model, dumper=ModelDumper()))  # type: ignore[arg-type] # its own documented way


def with_javaproperties(text: str, value: int) -> str:
    """As javaproperties does it, in the way that keeps comments."""
    read = PropertiesFile.loads(text)
    read[f"section{len(read) // 22}.key7"] = str(value)
    return read.dumps()


def with_minidom(text: str, value: int) -> str:
    """As the standard library does it, in the way that keeps comments."""
    read = minidom.parseString(text)  # noqa: S318 - our own text
    found = read.getElementsByTagName("key7")
    place = found[len(found) // 2].firstChild
    assert isinstance(place, minidom.Text)
    place.data = str(value)
    return read.toxml()


FORMATS: Mapping[str, Beside] = {
    "ini": Beside("ConfigUpdater", with_configupdater, ini, 1 / 2),
    "nginx": Beside("crossplane", with_crossplane, nginx, 3 / 2, ("server", "0"), "location /section#"),
    "php": Beside("tree-sitter, which only reads", with_tree_sitter, php, 16),
    "toml": Beside("tomlkit", with_tomlkit, toml, 1 / 5),
    "yaml": Beside("ruamel.yaml", with_ruamel, yaml, 1 / 12),
    "jsonc": Beside("json-five", with_json_five, jsonc, 1 / 10),
    "properties": Beside("javaproperties", with_javaproperties, properties, 2),
    "xml": Beside("minidom", with_minidom, xml, 2, above=("root",)),
}


def changing(console: Console) -> None:
    """A first edit of a text that is not known, and a second one, beside the library."""
    for name, beside in FORMATS.items():
        for lines in SIZES:
            _compare(console, name, beside, lines)


def _compare(console: Console, name: str, beside: Beside, lines: int) -> None:
    form, text = documents.resolve(name), beside.text(lines)
    key = (*beside.above, beside.section.replace("#", str(len(sections(lines)) // 2)), "key7")
    numbers = iter(range(10**9))
    given = 2000 // lines + 2

    def change(content: bytes) -> bytes:
        number = next(numbers)
        return documents.update(form, content, key, str(number) if form.strings else number)

    def first() -> Figures:
        return _timed(lambda: change(text.encode() + b"\n" * (next(numbers) % 97 + 1)), given)

    def second() -> Figures:
        known = [change(text.encode())]
        return _timed(lambda: known.append(change(known.pop())), given)

    def library() -> Figures:
        return _timed(lambda: beside.edit(text, next(numbers)), max(1, given // 4))

    taken = interleave({"library": library, "first": first, "second": second}, ROUNDS)
    whole = taken["library"]
    goal = Goal.at_most(taken["first"].p50 / whole.p50, round(beside.share, 3), "of its time")
    rows = [
        Row(beside.library, whole),
        Row("rpcd, first edit", taken["first"], beside=whole, goal=goal),
        Row("rpcd, second edit", taken["second"], beside=whole),
    ]
    show(console, f"6. One key of {name}, {lines:,} lines", rows)


def _timed(call: Callable[[], object], times: int) -> Figures:
    documents._keep_small.cache_clear()
    documents._keep_large.cache_clear()
    gc.collect()
    samples = []
    for _ in range(times):
        start = time.thread_time()
        call()
        samples.append((time.thread_time() - start) * 1e6)
    samples.sort()
    return Figures(statistics.median(samples), samples[int(0.99 * len(samples))], 1e6 / statistics.fmean(samples))
