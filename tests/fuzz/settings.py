"""What must hold for the text of any settings and any schema of an administrator's: taken whole, or refused in words.

An input is up to three texts with a NUL between them, which neither TOML nor JSON can hold: `rpcd.toml`, a drop-in, and
a schema of an administrator's method. Modules are not loaded: they are programs, and may do what they like.
"""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from rpcd.methods import METHODS
from rpcd.peer import Peer
from rpcd.policy import Policy
from rpcd.schemas import Schema, SchemaFault, load_directory
from rpcd.settings import Settings, SettingsFault, read

__all__ = ["World", "check"]

IN_MEMORY: Final = "/dev/shm"  # noqa: S108 - sticky, hence trusted

UNKNOWN: Final = frozenset({65534, 2**32 - 1})
"""Ids that stand for what the kernel cannot name: never in a grant."""

INSTANCES: Final[tuple[object, ...]] = (
    *(None, True, -1, 2**64, 1.5, "", "a\n", "\u2028", [], [[1], [1]], {}),
    {"key": "a", "é": {"a": [1]}},
)
"""What a schema that was taken has to judge, one way or the other."""


class World:
    """A directory for the files, and one for the targets that they may name."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="rpcd-fuzz-", dir=IN_MEMORY if os.path.isdir(IN_MEMORY) else None))
        self.scratch.chmod(0o755)
        self.config = self.scratch / "rpcd.toml"
        self.drop_in = self.scratch / "rpcd.d" / "10-more.toml"
        self.schema = self.scratch / "methods" / "acme.params.json"
        for name in ("rpcd.d", "methods", "shop", "vhosts"):
            (self.scratch / name).mkdir()

    def write(self, path: Path, text: bytes) -> None:
        """Have this text at a path; `@` in it stands for the directory, which is another one each time."""
        path.write_bytes(text.replace(b"@", os.fsencode(self.scratch)))

    def close(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self.scratch)


@cache
def world() -> World:
    """The one world of this process."""
    return World()


def check(data: bytes) -> None:
    """Settings are taken or every fault is a line of text; what was taken holds what the design promises."""
    here = world()
    config, drop_in, schema = [*data.split(b"\0"), b"", b""][:3]
    here.write(here.config, config)
    here.write(here.drop_in, drop_in)
    taken = _settings(here.config)
    if taken is not None:
        _judge(taken)
    if schema:
        here.write(here.schema, schema)
        _judge_schema(here.schema.parent)


def _settings(config: Path) -> Settings | None:
    try:
        return read(str(config)).settings(METHODS)
    except SettingsFault as fault:
        _lines(fault.faults)
        return None


def _lines(faults: tuple[str, ...]) -> None:
    """There is a fault, and each is one line that a terminal can show."""
    assert faults
    for fault in faults:
        assert fault.isprintable(), f"more than a line of text: {fault!r}"


def _judge(settings: Settings) -> None:
    """Whatever was written, these hold for settings that are taken."""
    assert 16 * 1024 <= settings.max_message <= 200 * 1024
    assert 0 <= settings.socket_mode <= 0o777
    assert len(os.fsencode(settings.socket)) <= 107
    for path in (settings.socket, settings.state, settings.audit_log):
        assert os.path.isabs(path)
        assert path == os.path.normpath(path)
    for name, target in settings.targets.items():
        assert target.name == name
        assert os.path.isabs(target.directory)
        assert (target.file is None) == (target.names is not None)
        assert target.directory not in {settings.state, os.path.dirname(settings.sources[0]) + "/rpcd.d"}
    policy = Policy(settings.grants)
    for grant in settings.grants:
        assert grant.uids or grant.gids
        assert not (grant.uids | grant.gids) & UNKNOWN
        assert grant.methods <= METHODS.keys()
        for uid in grant.uids:
            peer = Peer(1, uid, uid, frozenset(grant.gids))
            for method in grant.methods:
                policy.permits(peer, method, next(iter(grant.targets), None), ("a", "0", "b"))
    named = {uid for grant in settings.grants for uid in grant.uids}
    stranger = next(uid for uid in range(1, 100_000) if uid not in named)
    assert not policy.knows(Peer(1, stranger, 65534, frozenset({65534}))), "a grant for nobody"


def _judge_schema(directory: Path) -> None:
    """A schema is refused in words, or judges whatever comes, and explains what it refuses."""
    try:
        found = load_directory(str(directory))
    except SchemaFault as fault:
        _lines(SettingsFault(fault.faults).faults)  # as the administrator is told them
        return
    schema: Schema = found["acme.params"]
    for instance in INSTANCES:
        if not schema.is_valid(instance):
            for told in schema.faults(instance):
                assert set(told) == {"at", "rule"}
