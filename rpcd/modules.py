"""An administrator's own methods: modules in a trusted directory, with their schemas beside them.

Rules of this file:

- A module is one file, `NAME.py`, in the directory that the settings name, named in the settings too. Nothing is
  imported from anywhere else: not from the working directory, not along `sys.path`.
- Directory, modules and schemas are trusted (design, section 2) before any of them is read.
- A name that exists already, a method without its schemas, a schema without its method: faults, told all at once.
"""

import importlib.util
import os
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rpcd.methods import METHODS, Method
from rpcd.schemas import Schema, SchemaFault, load_directory, shipped
from rpcd.settings import SettingsFault
from rpcd.trust import trusted

__all__ = ["Surface", "surface"]


@dataclass(frozen=True, slots=True)
class Surface:
    """Every method of this server, and the schemas of their parameters and results by `NAME.params`, `NAME.result`."""

    methods: Mapping[str, Method]
    schemas: Mapping[str, Schema]


def surface(directory: str, modules: tuple[str, ...]) -> Surface:
    """The methods of rpcd itself, and those of `modules` in `directory`.

    Raises `SettingsFault` with everything that is wrong with them.
    """
    methods = dict(METHODS)
    schemas = dict(shipped())
    if not modules:
        return Surface(methods, schemas)
    if (why := trusted(directory)) is not None:
        raise SettingsFault((f"methods.path: {why}",))
    faults: list[str] = []
    try:
        own = load_directory(directory)
    except SchemaFault as fault:
        own = {}
        faults.extend(fault.faults)
    for module in modules:
        try:
            rows = _rows(directory, module)
        except SettingsFault as fault:
            faults.extend(fault.faults)
            continue
        faults.extend(f"{module}.py: a method named '{name}' exists already" for name in rows.keys() & methods.keys())
        faults.extend(f"{module}.py: '{name}': JSON-RPC keeps names with rpc. for itself" for name in _reserved(rows))
        methods = dict(rows) | methods
        schemas |= {part: own[part] for part in _parts(rows) if part in own}
        faults.extend(f"{module}.py: {part}.json is not beside it" for part in _parts(rows) if own and part not in own)
    if faults:
        raise SettingsFault(tuple(faults))
    return Surface(methods, schemas)


def _reserved(names: Iterable[str]) -> list[str]:
    """The names that are nobody's to give (JSON-RPC 2.0, section 4)."""
    return [name for name in names if name.startswith("rpc.")]


def _parts(names: Iterable[str]) -> list[str]:
    """The schemas that methods of these names have."""
    return [f"{name}.{part}" for name in names for part in ("params", "result")]


def _rows(directory: str, module: str) -> Mapping[str, Method]:
    """The `METHODS` of one module."""
    path = os.path.join(directory, f"{module}.py")
    if (why := trusted(path)) is not None:
        raise SettingsFault((f"methods.modules: {why}",))
    spec = importlib.util.spec_from_file_location(f"rpcd_methods_{module}", path)
    if spec is None or spec.loader is None:
        raise SettingsFault((f"{path}: this is no Python module",))
    loaded = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(loaded)
    except BaseException as error:  # a module that exits must not end the server at a reload
        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error}"
        raise SettingsFault((f"{path}: {what} ({os.path.basename(last.filename)}:{last.lineno})",)) from error
    rows = getattr(loaded, "METHODS", None)
    if not isinstance(rows, Mapping) or not all(
        isinstance(name, str) and isinstance(row, Method) for name, row in rows.items()
    ):
        raise SettingsFault((f"{path}: METHODS is not a mapping of names to rpcd.methods.Method",))
    return rows
