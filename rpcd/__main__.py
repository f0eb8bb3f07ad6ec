"""The command, as `rpcd` and as `python -m rpcd`: a server runs isolated before it imports anything.

Rules of this file:

- Until that is decided, only `os` and `sys` are imported, which the interpreter has loaded by itself.
- `serve` executes itself again, once, with `-I`: modules are then found neither in the working directory, nor along
  PYTHONPATH, nor among a user's own (python(1)). rpcd is this one, wherever it was found; process id and descriptors
  stay, so what systemd handed over is still ours.
- What runs before this file, or in its place, it cannot prevent: a `sitecustomize` or an `rpcd` along PYTHONPATH. The
  unit does, which passes no PYTHON* variable.
"""

import os
import sys

__all__ = ["main"]

ISOLATED = "RPCD_ISOLATED"
"""Names the process that has executed itself again, in the environment: nothing does so twice."""


def main() -> None:
    """Do what the command line says, see `rpcd.cli`."""
    if sys.argv[1:2] == ["serve"] and not sys.flags.isolated:
        _isolate()
    if "rpcd" not in sys.modules:
        _load_from_here()
    from rpcd import cli  # noqa: PLC0415 - what is imported here is found isolated

    cli.main(prog_name="rpcd")


def _isolate() -> None:
    """Become the same program, isolated; ends the process where that cannot be had."""
    if not sys.executable or os.environ.get(ISOLATED) == str(os.getpid()):
        sys.exit("rpcd: this interpreter does not run isolated (-I)")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment[ISOLATED] = str(os.getpid())
    command = [sys.executable, "-I", *_options(), os.path.abspath(__file__), *sys.argv[1:]]
    os.execve(sys.executable, command, environment)  # noqa: S606 - this program, as it was started


def _options() -> list[str]:
    """The interpreter's options that were asked for on its command line, and not in the environment."""
    options = ["-O"] * sys.flags.optimize
    if sys.dont_write_bytecode:
        options.append("-B")
    for name, value in sys._xoptions.items():  # noqa: SLF001 - CPython's documented place of them
        options.append(f"-X{name}" if value is True else f"-X{name}={value}")
    others = os.environ.get("PYTHONWARNINGS", "").split(",")
    return options + [f"-W{option}" for option in sys.warnoptions if option not in others]


def _load_from_here() -> None:
    """Make this file's directory the package `rpcd`, and nothing beside it importable."""
    from importlib.util import module_from_spec, spec_from_file_location  # noqa: PLC0415 - see `main`

    here = os.path.dirname(os.path.abspath(__file__))
    spec = spec_from_file_location("rpcd", os.path.join(here, "__init__.py"), submodule_search_locations=[here])
    if spec is None or spec.loader is None:
        sys.exit(f"rpcd: {here} holds no Python package")
    package = sys.modules["rpcd"] = module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    main()
