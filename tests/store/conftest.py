"""The store itself, in this process, where a moment between two steps matters; and a server whose kernel fails."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol

import pytest
from jsonschema import Draft202012Validator

from rpcd.audit import AuditLog
from rpcd.daemon import load
from rpcd.errors import Refused
from rpcd.store import Change, Edit, Store
from rpcd.store.workers import Workers
from tests.conftest import FILES, SETTINGS
from tests.harness.server import REPOSITORY, Rpcd, settings_text, verify_chain


class Disk:
    """An open store, with the files of its targets below `scratch`."""

    def __init__(self, scratch: Path, store: Store) -> None:
        self.scratch = scratch
        self.store = store
        self.log = scratch / "log/audit.jsonl"

    def change(self, *wishes: tuple[str, bytes | None] | Edit) -> list[Change | Refused]:
        """What becomes of these changes, which are asked for at once: a target and what it is to hold, or an edit."""

        async def together() -> list[Change | BaseException]:
            edits = [wish if isinstance(wish, Edit) else edit(*wish) for wish in wishes]
            return await asyncio.gather(*map(self.store.committers.change, edits), return_exceptions=True)

        done: list[Change | Refused] = []
        for one in asyncio.run(together()):
            if not isinstance(one, Change | Refused):
                raise one
            done.append(one)
        return done

    def told(self, *wishes: tuple[str, bytes | None] | Edit) -> list[dict[str, Any] | None]:
        """The same; for each what its caller is told of a failure, None where there is none."""
        return [{"kind": one.kind, **one.data} if isinstance(one, Refused) else None for one in self.change(*wishes)]

    def names(self, directory: str) -> list[str]:
        """Everything that lies in a directory."""
        return sorted(os.listdir(self.scratch / directory))

    def records(self, event: str) -> list[dict[str, Any]]:
        """The records of one event; the chain has been verified."""
        return [record for record in verify_chain(self.log) if record["event"] == event]

    def settled(self) -> bool:
        """Whether every intent has exactly one outcome."""
        lines = map(json.loads, self.log.read_bytes().splitlines())
        changes = [(record["event"], record["change"]) for record in lines if "change" in record]
        intents = sorted(change for event, change in changes if event == "intent")
        return intents == sorted(change for event, change in changes if event == "outcome") == sorted(set(intents))


def edit(target: str, content: bytes | None, **options: Any) -> Edit:
    """The wish that a target hold this, whatever it holds."""
    record = {"method": "replace_file", "target": target, "keys": []}
    return Edit(uid=0, target=target, apply=lambda _: content, record=record, **options)


class Open(Protocol):
    """Opens a store: see the `open_disk` fixture."""

    def __call__(self, settings: str = ..., files: Mapping[str, str] = ...) -> Disk:
        """Open it, with these settings and files."""


@pytest.fixture
def open_disk(scratch: Path) -> Iterator[Open]:
    """Opens the store with these settings and files; it is closed afterwards."""
    opened: list[Disk] = []

    def open_disk(settings: str = SETTINGS, files: Mapping[str, str] = FILES) -> Disk:
        for name, content in files.items():
            path = scratch / name
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(0o600)
        config = scratch / "rpcd.toml"
        config.write_text(settings_text(scratch, settings))
        config.chmod(0o600)
        for name in ("state", "log"):
            (scratch / name).mkdir(mode=0o700, exist_ok=True)
        loaded, _ = load(str(config))
        store = Store.open(loaded, AuditLog.open(loaded.audit_log), Workers(8))
        opened.append(Disk(scratch, store))
        return opened[-1]

    yield open_disk
    for disk in opened:
        disk.store.committers.close()
        disk.store.workers.shutdown()
        disk.store.audit.close()


@pytest.fixture
def disk(open_disk: Open) -> Disk:
    """The store with the settings and files of every test."""
    return open_disk()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`meanwhile("module.function", act, call=1)`: somebody acts just before that call of a function is made."""

    def meanwhile(where: str, act: Callable[[], object], *, call: int = 1) -> None:
        real = resolve_name(where)
        calls = 0

        def interposed(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                act()
            return real(*arguments, **options)

        monkeypatch.setattr(where, interposed)

    return meanwhile


# What the kernel does to the server


@pytest.fixture(scope="module")
def shared() -> Iterator[Rpcd]:
    """One server for all tests that leave it as it was; whatever befell it, its records are what the schema says."""
    scratch = Path(tempfile.mkdtemp(prefix="rpcd-test-", dir="/tmp"))
    scratch.chmod(0o755)
    for name in FILES:
        (scratch / name).parent.mkdir()
    server = Rpcd(scratch, 'landlock = "off"\n' + SETTINGS)  # each test makes the directories of the targets anew
    server.start()
    yield server
    server.stop()
    schema = Draft202012Validator(json.loads((REPOSITORY / "schemas/audit.json").read_text()))
    for record in server.audit():
        schema.validate(record)
    intents, outcomes = ([record["change"] for record in server.records(name)] for name in ("intent", "outcome"))
    assert sorted(intents) == sorted(outcomes) == sorted(set(intents))
    shutil.rmtree(scratch)


@pytest.fixture
def server(shared: Rpcd) -> Rpcd:
    """That server, with its files as they were."""
    for name, content in FILES.items():
        path = shared.scratch / name
        if path.parent.is_symlink():
            path.parent.unlink()
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir(mode=0o755)
        path.write_text(content)
        path.chmod(0o600)
    return shared
