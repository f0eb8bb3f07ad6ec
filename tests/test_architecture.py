"""The rules of the house: who may import whom, and who may touch the operating system."""

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "rpcd"

STAIR = (
    "__main__",
    "cli",
    "client",
    "daemon",
    "service",
    "operation",
    "process",
    "state",
    "modules",
    "server",
    "gate",
    "methods",
    "store",
    "settings",
    "policy",
    "quotas",
    "schemas",
    "documents",
    "trust",
    "audit",
    "metrics",
    "wire",
    "incident",
    "peer",
    "errors",
    "meant",
    "printable",
    "__init__",
)
"""From the outside in; a file imports only files below it. A package is one step."""

STRANGERS = (
    ("server", "gate"),  # sockets know a callable, and the callable knows no sockets
    ("server", "methods"),
    ("server", "store"),
    ("server", "policy"),
)
"""Pairs of which the first does not reach the second, directly or through others."""

FILES = frozenset({"fcntl", "glob", "io", "mmap", "os", "pathlib", "shutil", "tempfile"})
PROCESSES = frozenset({"ctypes", "multiprocessing", "resource", "signal", "subprocess"})
SOCKETS = frozenset({"select", "selectors", "socket"})
SYSTEM = FILES | PROCESSES | SOCKETS | {"grp", "pwd"}
"""Modules of the standard library that reach the operating system."""

AWAY_FROM_THE_SYSTEM = frozenset({"gate", "methods", "policy", "quotas", "documents", "wire", "errors", "__init__"})

AT_THE_EDGE = ("documents.augeas.",)
"""What touches the system all the same: a C library in a process of its own."""

CLOCK_AND_CHANCE = frozenset({"random", "secrets", "time"})
IMPURE = SYSTEM | CLOCK_AND_CHANCE | {"asyncio", "concurrent", "logging", "structlog", "threading"}
PURE = frozenset({"policy", "documents", "wire", "errors"})
"""Functions of their arguments: no clock, no chance, no log either."""

LONGEST = 300
LONGER: Mapping[str, str] = {}
"""Modules of more lines than `LONGEST`, and why they are one subject all the same."""


def modules() -> dict[str, ast.Module]:
    """Every module of rpcd by its dotted name without the package's own: `store.commit`, `documents.__init__`."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text(), str(path))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def step(module: str) -> str:
    """The step of the stair that a module stands on."""
    return module.partition(".")[0]


def imported(tree: ast.AST) -> Iterator[str]:
    """Every dotted name that a module imports anywhere, also inside functions and for types only.

    `from a import b` gives `a.b`: whether `b` is a module is for the caller to find out.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(tree: ast.AST, known: Mapping[str, object]) -> set[str]:
    """The modules of rpcd that a module imports, of those that are `known`."""
    found = set()
    for name in imported(tree):
        first, _, rest = name.partition(".")
        if first != "rpcd":
            continue
        candidates = (
            rest,
            f"{rest}.__init__",
            rest.rpartition(".")[0],
            f"{rest.rpartition('.')[0]}.__init__".strip("."),
        )
        found.update([candidate for candidate in candidates if candidate in known][:1])
    return found


def foreign(tree: ast.AST) -> set[str]:
    """The top-level names of everything else that a module imports."""
    return {name.partition(".")[0] for name in imported(tree)} - {"rpcd"}


def calls_open(tree: ast.AST) -> bool:
    """Whether a module opens files with the built-in function."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
        for node in ast.walk(tree)
    )


MODULES = modules()
GRAPH = {name: own(tree, MODULES) for name, tree in MODULES.items()}


def reach(start: str) -> set[str]:
    """The steps that a step's modules import, directly or through others."""
    seen: set[str] = set()
    waiting = [name for name in GRAPH if step(name) == start]
    while waiting:
        for name in GRAPH[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return {step(name) for name in seen}


def test_every_module_has_its_step() -> None:
    """A new top-level module is given its place in the stair, knowingly."""
    assert {step(name) for name in MODULES} <= set(STAIR)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """A module imports only modules of its own step and of steps below."""
    height = STAIR.index(step(module))
    assert not {name for name in GRAPH[module] if STAIR.index(step(name)) < height}


def test_there_are_no_circles() -> None:
    """The modules, also those within a package, can be put in an order in which each imports only earlier ones."""
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_strangers_stay_strangers(one: str, other: str) -> None:
    """Neither directly nor through others does the one import the other."""
    assert other not in reach(one)


def test_the_client_stands_alone() -> None:
    """What programs import to call the server needs the standard library and nothing else."""
    assert reach("client") == {"client"}
    used = set[str]().union(*(foreign(tree) for name, tree in MODULES.items() if step(name) == "client"))
    assert used <= sys.stdlib_module_names


def test_only_the_gate_knows_jsonrpcserver() -> None:
    """The dispatcher's library is one module's business, and so are its ways."""
    assert {name for name, tree in MODULES.items() if foreign(tree) & {"jsonrpcserver", "oslash"}} <= {"gate.dispatch"}


@pytest.mark.parametrize(
    "module", [name for name in MODULES if step(name) in AWAY_FROM_THE_SYSTEM and not name.startswith(AT_THE_EDGE)]
)
def test_the_system_is_left_to_those_at_the_edge(module: str) -> None:
    """Whatever is not at the edge imports nothing that reaches the operating system, and opens no file."""
    assert not foreign(MODULES[module]) & SYSTEM
    assert not calls_open(MODULES[module])


@pytest.mark.parametrize(
    "module", [name for name in MODULES if step(name) in PURE and not name.startswith(AT_THE_EDGE)]
)
def test_pure_modules_depend_on_their_arguments_only(module: str) -> None:
    """Formats, policy and wire import no clock, chance, log, thread or system."""
    assert not foreign(MODULES[module]) & IMPURE


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    """Each module opens with a docstring."""
    assert ast.get_docstring(MODULES[module])


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_one_subject_each(module: str) -> None:
    """A module has at most 300 lines, or its reason stands here."""
    lines = len((PACKAGE / (module.replace(".", "/") + ".py")).read_text().splitlines())
    assert (lines > LONGEST) == (module in LONGER), f"{lines} lines"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os", {"os"}),
        ("import os.path as p", {"os.path"}),
        ("from rpcd import gate", {"rpcd.gate"}),
        ("from rpcd.store.commit import Edit", {"rpcd.store.commit.Edit"}),
        ("def f():\n    import socket", {"socket"}),
        ("if TYPE_CHECKING:\n    from rpcd.gate import Gate", {"rpcd.gate.Gate"}),
    ],
)
def test_no_import_is_overlooked(source: str, names: set[str]) -> None:
    """Imports count wherever they stand in a module."""
    assert set(imported(ast.parse(source))) == names


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import rpcd.gate", {"gate"}),
        ("from rpcd import gate, __version__", {"gate", "__init__"}),
        ("from rpcd.store import Edit", {"store.__init__"}),
        ("from rpcd.store import commit", {"store.commit"}),
        ("from rpcd.store.commit import Edit", {"store.commit"}),
    ],
)
def test_imported_names_are_traced_to_their_modules(source: str, modules: set[str]) -> None:
    """A name that is imported from a package may be a module of it, or something that its `__init__` holds."""
    known = dict.fromkeys(("__init__", "gate", "store.__init__", "store.commit"))
    assert own(ast.parse(source), known) == modules
