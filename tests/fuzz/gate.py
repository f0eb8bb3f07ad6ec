"""What must hold for any datagram at the gate: a real policy, the shipped schemas, and a store on a scratch directory.

Rules of this file:

- Each datagram comes from three peers: one that may do nearly everything, one that may change a few keys, one that no
  grant names. Files are put back as they were after each.
- What a peer was told, and what became of the files, is judged by readers that share nothing with the gate.
"""

import asyncio
import configparser
import json
import os
import shlex
import shutil
import tempfile
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from rpcd import daemon
from rpcd.audit import AuditLog
from rpcd.methods import METHODS
from rpcd.peer import Peer
from rpcd.wire import Datagram, Reply
from tests.fuzz import reference
from tests.harness.memory import memory_file
from tests.harness.seqpacket import read_json
from tests.harness.server import REPOSITORY, settings_text
from tests.harness.targets import MOTD, VHOSTS

__all__ = ["SETTINGS", "World", "check"]

HIDDEN: Final = "s3cretname"
CANARY: Final = "c4nary"
"""A key and its value that the peer of a few keys may not see."""

SHOP_INI: Final = f"; kept\n[ui]\ntheme = light\ntitle = A shop\n\n[mail]\nfrom = a@b.c\n{HIDDEN} = {CANARY}\n"
SHOP_TOML: Final = f'title = "x" # kept\n[ui]\ntheme = "light"\n[mail]\nfrom = "a@b.c"\n{HIDDEN} = "{CANARY}"\n'
SHOP_JSON: Final = f'{{"ui": {{"theme": "light", "n": [1, 2]}}, "mail": {{"from": "a@b.c", "{HIDDEN}": "{CANARY}"}}}}\n'
SHOP_ENV: Final = f"# kept\nTHEME=light\n{HIDDEN.upper()}='{CANARY}'\n"

FILES: Final = {
    "shop/shop.ini": SHOP_INI,
    "shop/shop.toml": SHOP_TOML,
    "shop/shop.json": SHOP_JSON,
    "shop/shop.env": SHOP_ENV,
    "site/motd": "Welcome.\n",
    "vhosts/shop-a.conf": "server { listen 81; }\n",
}

MUCH, LITTLE, NOTHING = 1001, 33, 4242
"""uids: of the peer that may do nearly everything, of that with a few keys, and of that which no grant names."""

WANTED: Final = frozenset({"get_key", "update_key", "delete_key", "list_keys"})
"""What the peer of a few keys may call."""

SETTINGS: Final = (
    "[quotas]\ncalls = 1000000\nchanges = 1000000\n\n"
    + "".join(
        f'[targets.{form}]\npath = "{{scratch}}/shop/shop.{form}"\nformat = "{form}"\n\n'
        for form in ("ini", "toml", "json", "env")
    )
    + f"""{MOTD}{VHOSTS}
[[grants]]
users   = [{MUCH}]
methods = ["get_key", "update_key", "delete_key", "list_keys", "read_file", "replace_file", "delete_file",
           "list_files", "status"]
targets = ["*"]

[[grants]]
users   = [{LITTLE}]
methods = {json.dumps(sorted(WANTED))}
targets = ["ini", "toml", "json", "env"]
keys    = ["ui.*", "mail.from", "THEME"]
"""
)

DENIED: Final = {"code": 403, "message": "No grant covers this call", "data": {"kind": "denied"}}

IN_MEMORY: Final = "/dev/shm"  # noqa: S108 - sticky, hence trusted; a sync costs nothing there

MOST_DESCRIPTORS: Final = 100
"""Far more than an input needs; one that each of them leaves open is soon noticed."""

ROTATE_EVERY: Final = 20_000
"""Datagrams after which the audit log begins anew."""


class World:
    """A gate as the server has it, with its files."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="rpcd-fuzz-", dir=IN_MEMORY if os.path.isdir(IN_MEMORY) else None))
        self.scratch.chmod(0o755)
        for name in {os.path.dirname(name) for name in FILES}:
            (self.scratch / name).mkdir()
        for name in ("state", "log"):
            (self.scratch / name).mkdir(mode=0o700)
        config = self.scratch / "rpcd.toml"
        config.write_text(settings_text(self.scratch, SETTINGS))
        config.chmod(0o600)
        settings, methods = daemon.load(str(config))
        self.log = Path(settings.audit_log)
        self.loop = asyncio.new_event_loop()
        self.audit = AuditLog.open(settings.audit_log)
        self.daemon = daemon.Daemon(str(config), settings, methods, self.audit)
        self.peers = {uid: Peer(1, uid, uid, frozenset()) for uid in (MUCH, LITTLE, NOTHING)}
        self.passed = (memory_file(b"passed\n"), os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        self.held = len(os.listdir("/proc/self/fd"))
        self.asked = 0
        self._fingerprint: object = None
        self.restore()

    def ask(self, uid: int, data: bytes) -> bytes | None:
        """The gate's reply to one datagram of a peer, once it is complete; two descriptors come with it."""
        self.asked += 1
        if self.asked % ROTATE_EVERY == 0:
            self.log.unlink()
        reply = self.loop.run_until_complete(self._answer(uid, data))
        for descriptor in reply.descriptors if reply else ():
            os.close(descriptor)
        self.daemon.usage.contents.settle()
        assert len(os.listdir("/proc/self/fd")) - self.held < MOST_DESCRIPTORS, "descriptors are left open"
        return None if reply is None else reply.data

    async def _answer(self, uid: int, data: bytes) -> Reply | None:
        answer = self.daemon.gate(self.peers[uid], Datagram(data, self.passed))
        return await answer if isinstance(answer, Awaitable) else answer

    def restore(self) -> bool:
        """Have every file as it was at first; whether any was not."""
        if self._look() == self._fingerprint:
            return False
        for directory in {os.path.dirname(name) for name in FILES}:
            for left in (self.scratch / directory).iterdir():
                left.unlink()
        for name, content in FILES.items():
            (self.scratch / name).write_text(content)
            (self.scratch / name).chmod(0o600)
        self._fingerprint = self._look()
        return True

    def _look(self) -> object:
        """What tells that a file was changed."""
        found = {}
        for directory in {os.path.dirname(name) for name in FILES}:
            for entry in os.scandir(self.scratch / directory):
                status = entry.stat(follow_symlinks=False)
                found[entry.path] = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
        return found

    def read(self, name: str) -> bytes:
        """What a file holds now."""
        return (self.scratch / name).read_bytes()

    def close(self) -> None:
        """Leave nothing."""
        self.daemon.store.committers.close()
        self.daemon.workers.shutdown()
        self.audit.close()
        self.loop.close()
        for descriptor in self.passed:
            os.close(descriptor)
        shutil.rmtree(self.scratch)


@cache
def world() -> World:
    """The one world of this process."""
    return World()


def check(data: bytes) -> None:
    """Each peer gets the replies it must get, learns nothing it may not know, changes nothing it may not change."""
    here = world()
    for uid in here.peers:
        reply = here.ask(uid, data)
        try:
            replies = _replies(data, reply)
            for message, answer in replies:
                _judge_reply(message, answer)
            if uid == NOTHING:
                _judge_stranger(replies, reply)
                assert not here.restore(), "a peer without grants has changed a file"
            if uid == LITTLE:
                _judge_limited(data, replies, reply)
                _judge_files(here)
        finally:
            here.restore()


def _replies(data: bytes, reply: bytes | None) -> list[tuple[Any, dict[str, Any]]]:
    """The messages of a datagram that are answered, each with its answer: as many as there must be."""
    messages = reference.answered(data)
    if not messages:
        assert reply is None, "a notification was answered"
        return []
    assert reply is not None, "there is no reply"
    assert len(reply) <= 192 * 1024
    answers = read_json(reply)
    batch = messages != [None] and isinstance(reference.read(data), list)
    assert isinstance(answers, list) == batch, "one answer for one message, many for many"
    answers = answers if batch else [answers]
    assert len(answers) == len(messages)
    return list(zip(messages, answers, strict=True))


def _judge_reply(message: Any, answer: dict[str, Any]) -> None:
    """The answer is a response object for this message, and says only what the schemas know."""
    asked = reference.is_request(message)
    identifier = message["id"] if asked else None
    assert answer["jsonrpc"] == "2.0"
    assert repr(answer["id"]) == repr(identifier), "the id is another one"
    assert answer.keys() - {"jsonrpc", "id"} in ({"result"}, {"error"})
    if "result" in answer:
        assert asked, "what is no request has a result"
        assert _schema(f"{message['method']}.result").is_valid(answer["result"]), "no result of this method"
    else:
        assert _schema("error").is_valid(answer["error"]), "an error that nobody knows"
        assert answer["error"]["data"]["kind"] != "internal", "an exception"
        assert len(json.dumps(answer)) <= 4096


def _judge_stranger(replies: list[tuple[Any, dict[str, Any]]], reply: bytes | None) -> None:
    """A peer that no grant names gets the same bytes for everything, but for the id."""
    same = [{"jsonrpc": "2.0", "error": DENIED, "id": answer["id"]} for _, answer in replies]
    if reply is not None:
        told = json.dumps(same if reply.startswith(b"[") else same[0], ensure_ascii=False, separators=(",", ":"))
        assert read_json(reply) == read_json(told.encode())
        assert len(reply) <= len(told.encode()), "there is more in it"


def _judge_limited(data: bytes, replies: list[tuple[Any, dict[str, Any]]], reply: bytes | None) -> None:
    """Permission comes first: what is not granted is denied whatever its parameters; and no secret is told."""
    for message, answer in replies:
        kind = answer.get("error", {}).get("data", {}).get("kind")
        if reference.is_request(message) and message["method"] not in WANTED:
            row = METHODS.get(message["method"])
            if row is None:
                assert kind == "no_such_method"
            elif not row.open:
                assert kind == "denied", "what is not granted was looked at"
    if reply is not None and not any(word in _said(data) for word in (HIDDEN, CANARY)):
        assert HIDDEN.encode() not in reply.lower(), "the name of a key that is not granted"
        assert CANARY.encode() not in reply, "a value that is not granted"


def _said(data: bytes) -> str:
    """The text of a datagram, however it is escaped."""
    try:
        return json.dumps(reference.read(data), ensure_ascii=False).lower()
    except reference.NotJson:
        return ""


def _judge_files(here: World) -> None:
    """Whatever the peer of a few keys asked for, only its keys differ, as other readers than ours see it."""
    for name, content in FILES.items():
        now = here.read(name)
        reader = READERS.get(os.path.splitext(name)[1], str)
        assert reader(now.decode("utf-8")) == reader(content), f"{name}: more than the granted keys has changed"
    names = {path.relative_to(here.scratch).as_posix() for path in here.scratch.rglob("*") if path.is_file()}
    assert {name for name in names if name.partition("/")[0] in {"shop", "site", "vhosts"}} == set(FILES)


def _others(document: Mapping[str, Any]) -> dict[str, Any]:
    """All of a document that is not granted."""
    mail = {name: value for name, value in document["mail"].items() if name != "from"}
    return {name: value for name, value in document.items() if name not in {"ui", "THEME"}} | {"mail": mail}


def _ini(text: str) -> object:
    parser = configparser.RawConfigParser(strict=True, default_section="\0", comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names as they are written
    parser.read_string(text)
    return _others({section: dict(parser[section]) for section in parser.sections()})


def _env(text: str) -> object:
    return [word for word in shlex.split(text, comments=True) if not word.startswith("THEME=")]


READERS: Final[Mapping[str, Callable[[str], object]]] = {
    ".ini": _ini,
    ".toml": lambda text: _others(tomllib.loads(text)),
    ".json": lambda text: _others(json.loads(text)),
    ".env": _env,
}


@cache
def _schema(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads((REPOSITORY / "schemas" / f"{name}.json").read_text()))
