"""What a target can be on disk, and what a change keeps of it (CASES, group D)."""

import os
import shutil
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rpcd.errors import Refused
from rpcd.store import Edit
from tests.conftest import FILES, SETTINGS, Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd, wait_until
from tests.store.conftest import Disk, Open, edit

STRANGER = 12345


@pytest.fixture
def motd(server: Rpcd) -> Path:
    """The message of the day: a text target."""
    return server.scratch / "site/motd"


def as_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def as_link_to_shadow(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/shadow")


def as_linked_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to("moved")


def with_two_names(path: Path) -> None:
    os.link(path, path.with_name("other"))


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_device(path: Path) -> None:
    path.unlink()
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def as_socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def without_directory(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


def in_a_directory_of_others(path: Path) -> None:
    path.parent.chmod(0o777)


def in_a_sticky_directory(path: Path) -> None:
    path.parent.chmod(0o1777)


def in_a_directory_of_a_group(path: Path) -> None:
    path.parent.chmod(0o775)


def in_a_strangers_directory(path: Path) -> None:
    os.chown(path.parent, STRANGER, 0)


def in_a_directory_with_an_acl(path: Path) -> None:
    subprocess.run(["setfacl", "-m", f"u:{STRANGER}:rwx", path.parent], check=True)


def sparse(path: Path) -> None:
    os.truncate(path, 1 << 40)


WRONG: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    "a link": (as_link, {"kind": "storage", "reason": "symlink"}),
    "a link to /etc/shadow": (as_link_to_shadow, {"kind": "storage", "reason": "symlink"}),
    "in a linked directory": (as_linked_directory, {"kind": "storage", "reason": "symlink"}),
    "a file with two names": (with_two_names, {"kind": "storage", "reason": "hard_link"}),
    "a pipe": (as_pipe, {"kind": "storage", "reason": "not_regular"}),
    "a directory": (as_directory, {"kind": "storage", "reason": "not_regular"}),
    "a device": (as_device, {"kind": "storage", "reason": "not_regular"}),
    "a socket": (as_socket, {"kind": "storage", "reason": "not_regular"}),
    "in a directory that has gone": (without_directory, {"kind": "storage", "reason": "directory"}),
    "a sparse terabyte": (sparse, {"kind": "too_large", "limit": 16 << 20}),
}


def everything(server: Rpcd) -> list[tuple[Any, ...]]:
    """All that lies in the directories of the targets: name, mode, size, inode and time of each."""
    found = [
        (path, os.lstat(path)) for name in ("shop", "site", "vhosts") for path in server.scratch.glob(f"{name}/**")
    ]
    return sorted((str(path), at.st_mode, at.st_size, at.st_ino, at.st_mtime_ns) for path, at in found)


CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("replace_file", {"content": "x"}),
    ("delete_file", {}),
    ("replace_file", {"content": "x", "dry_run": True}),
)


@pytest.mark.parametrize(("make", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_plain_file_is_not_touched(
    server: Rpcd, motd: Path, make: Callable[[Path], None], told: dict[str, Any]
) -> None:
    """Reading, replacing and deleting say at once what is wrong, in few bytes, and everything stays as it was."""
    make(motd)
    before, resident = everything(server), server.usage().resident
    with server.nothing_leaks():
        for method, params in (("read_file", {}), *CHANGES):
            assert server.error(method, target="motd", **params)["data"] == told
    assert everything(server) == before
    assert server.usage().resident - resident < 8192
    if motd.is_file() and not motd.is_symlink():
        motd.unlink()  # so that nobody copies a terabyte


UNTRUSTED = [in_a_directory_of_others, in_a_sticky_directory, in_a_directory_of_a_group, in_a_strangers_directory,
             in_a_directory_with_an_acl]  # fmt: skip


@pytest.mark.parametrize("make", UNTRUSTED)
def test_a_directory_that_others_can_write_is_read_only(server: Rpcd, motd: Path, make: Callable[[Path], None]) -> None:
    """Where somebody but root can put files, nothing is changed, and reads go on."""
    make(motd)
    before = everything(server)
    for method, params in CHANGES:
        assert server.error(method, target="motd", **params)["data"] == {"kind": "storage", "reason": "directory"}
    assert everything(server) == before
    assert server.call("read_file", target="motd")["content"] == FILES["site/motd"]
    subprocess.run(["setfacl", "-b", motd.parent], check=True)


@pytest.mark.parametrize("make", UNTRUSTED)
def test_a_directory_that_others_can_write_takes_an_opt_in(open_disk: Open, make: Callable[[Path], None]) -> None:
    """With `untrusted_directory` changes go on there."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", "[targets.motd]\nuntrusted_directory = true"))
    make(disk.scratch / "site/motd")
    assert disk.told(("motd", b"x"), ("motd", None), ("motd", b"y")) == [None] * 3
    assert disk.names("site") == ["motd"]


@pytest.mark.parametrize("name", ["a", "a/b", "a/b/c"])
def test_no_link_is_followed_on_the_way(open_disk: Open, name: str) -> None:
    """A link in the place of any directory above a target is refused, for reading too."""
    disk = open_disk(SETTINGS.replace("{scratch}/site/motd", "{scratch}/a/b/c/motd"), FILES | {"a/b/c/motd": "deep"})
    path = disk.scratch / name
    path.rename(disk.scratch / "moved")
    path.symlink_to(disk.scratch / "moved")
    assert disk.told(("motd", b"x")) == [{"kind": "storage", "reason": "symlink"}]
    with pytest.raises(Refused, match="storage"):
        disk.store.targets.read("motd")
    assert next((disk.scratch / "moved").rglob("motd")).read_text() == "deep"


def test_a_listing_follows_no_link_either(server: Rpcd) -> None:
    """Where a link stands in the place of a directory target, or nothing, that is told; what is no file is skipped."""
    directory = server.scratch / "vhosts"
    as_link(directory / "shop-a.conf")
    (directory / "b.conf").mkdir()
    os.mkfifo(directory / "c.conf")
    (directory / "d.conf").write_text("d")
    (directory / "e.conf").touch()
    os.link(directory / "e.conf", directory / "E")
    assert [file["name"] for file in server.call("list_files", target="vhosts")["files"]] == ["d.conf"]
    directory.rename(server.scratch / "moved")
    assert server.error("list_files", target="vhosts")["data"] == {"kind": "storage", "reason": "directory"}
    directory.symlink_to("moved")
    assert server.error("list_files", target="vhosts")["data"] == {"kind": "storage", "reason": "symlink"}
    shutil.rmtree(server.scratch / "moved")


DEMANDS = [("owner = 12345", "owner"), ("group = 12345", "owner"), ('mode = "0640"', "mode")]


@pytest.mark.parametrize(("demand", "reason"), DEMANDS)
def test_what_the_settings_demand_of_a_file_must_hold(open_disk: Open, demand: str, reason: str) -> None:
    """A file that has not the owner, group or mode that its target names is not touched, and not read."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", f"[targets.motd]\n{demand}"))
    assert disk.told(("motd", b"x"), ("motd", None)) == [{"kind": "storage", "reason": reason}] * 2
    with pytest.raises(Refused) as refused:
        disk.store.targets.read("motd")
    assert refused.value.data == {"reason": reason}
    assert disk.settled()


NEW_FILES = [("", 0, 0, 0o600), ('owner = 12345\ngroup = 23456\nmode = "0640"', 12345, 23456, 0o640)]


@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize(("said", "owner", "group", "mode"), NEW_FILES)
def test_a_new_file_gets_what_the_settings_say(
    open_disk: Open, meanwhile: Callable[..., None], *, said: str, owner: int, group: int, mode: int, umask: int
) -> None:
    """A file that is made has owner, group and mode of its target, root's 0600 otherwise, from its first moment."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", f"[targets.motd]\n{said}"))
    (disk.scratch / "site/motd").unlink()
    modes: list[int] = []

    def look() -> None:
        modes.extend(path.stat().st_mode & 0o7777 for path in disk.scratch.glob("site/.rpcd-*"))

    meanwhile("os.write", look)
    before = os.umask(umask)
    try:
        assert disk.told(("motd", b"new\n")) == [None]
    finally:
        os.umask(before)
    found = (disk.scratch / "site/motd").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (owner, group, mode)
    assert modes == [0o600]


@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o400, 0o2755, 0o6711])
def test_a_change_keeps_owner_mode_and_attributes(disk: Disk, mode: int, umask: int) -> None:
    """Owner, group, mode, ACL and attributes of every kind are afterwards what they were, whatever the umask."""
    path = disk.scratch / "site/motd"
    os.chown(path, 1234, 2345)
    subprocess.run(["setfacl", "-m", "u:3456:r", str(path)], check=True)
    path.chmod(mode)
    for name in ("user.origin", "trusted.origin", "security.origin"):
        os.setxattr(path, name, b"kept\0\xff")
    before = path.stat(), {name: os.getxattr(path, name) for name in os.listxattr(path)}
    mask = os.umask(umask)
    try:
        assert disk.told(("motd", b"other\n")) == [None]
    finally:
        os.umask(mask)
    after = path.stat(), {name: os.getxattr(path, name) for name in os.listxattr(path)}
    assert path.read_text() == "other\n"
    assert after[1] == before[1]
    assert len(after[1]) >= 4
    assert [getattr(after[0], name) for name in ("st_uid", "st_gid", "st_mode")] == [
        getattr(before[0], name) for name in ("st_uid", "st_gid", "st_mode")
    ]


def test_a_directorys_default_acl_does_not_loosen_a_file(server: Rpcd, motd: Path) -> None:
    """Where the directory has a default ACL, a file without one has none after a change either."""
    subprocess.run(["setfacl", "-d", "-m", "u:3456:rwx", str(motd.parent)], check=True)
    server.call("replace_file", target="motd", content="other\n")
    assert os.listxattr(motd) == []
    assert motd.stat().st_mode & 0o7777 == 0o600


def test_a_link_is_followed_where_the_target_says_so(open_disk: Open) -> None:
    """With `follow` the link stays, and what it leads to is replaced, where its own directory may be trusted."""
    disk = open_disk(SETTINGS.replace("[targets.motd]", "[targets.motd]\nfollow = true"))
    path, behind = disk.scratch / "site/motd", disk.scratch / "behind"
    behind.mkdir(mode=0o755)
    path.rename(behind / "real")
    path.symlink_to("../behind/real")
    assert disk.told(("motd", b"behind\n")) == [None]
    assert path.is_symlink()
    assert (behind / "real").read_text() == "behind\n"
    assert disk.names("behind") == ["real"]
    behind.chmod(0o777)
    assert disk.told(("motd", b"x")) == [{"kind": "storage", "reason": "directory"}]
    behind.chmod(0o755)
    os.link(behind / "real", behind / "other")
    assert disk.told(("motd", b"x")) == [{"kind": "storage", "reason": "hard_link"}]
    (behind / "other").unlink()
    assert disk.told(("motd", None)) == [None]
    assert path.is_symlink()
    assert disk.names("behind") == []


def test_what_is_there_already_is_not_written(server: Rpcd, motd: Path) -> None:
    """Who may read a file, and asks for what it holds, changes neither its inode nor its time: `changed` is false."""
    os.utime(motd, (1, 1))
    before = everything(server)
    assert server.call("replace_file", target="motd", content=FILES["site/motd"])["changed"] is False
    assert server.call("update_key", target="shop", key="ui.theme", value="light")["changed"] is False
    assert everything(server) == before
    assert [record["changed"] for record in server.records("outcome")[-2:]] == [False, False]


def test_who_may_not_read_learns_nothing_from_the_answer(disk: Disk) -> None:
    """The same value from somebody who must not know it is written all the same: `changed` is true."""
    before = (disk.scratch / "site/motd").stat()
    (change,) = disk.change(edit("motd", FILES["site/motd"].encode(), blind=True))
    assert not isinstance(change, Refused)
    assert change.changed
    assert change.before == change.after
    assert (disk.scratch / "site/motd").stat().st_ino != before.st_ino


def test_a_revision_that_is_expected_must_be_there(disk: Disk) -> None:
    """Both forms of a revision, and `absent`, are held against the file; who is wrong is told what is there."""
    revisions, content = disk.store.revisions, FILES["site/motd"].encode()
    for plain in (True, False):
        held = revisions.of(content, plain=plain)
        assert held.startswith("sha256:" if plain else "r1:")
        told = disk.told(edit("motd", b"x", if_revision=revisions.of(b"other", plain=plain), plain=plain))
        assert told == [{"kind": "conflict", "revision": held}]
        assert disk.told(edit("motd", b"x", if_revision=held)) == [None]
        assert disk.told(edit("motd", content)) == [None]
    assert disk.told(edit("motd", b"x", if_revision="absent", plain=True)) == [
        {"kind": "conflict", "revision": revisions.of(content, plain=True)}
    ]
    assert disk.told(edit("motd", None, if_revision=revisions.of(content, plain=True))) == [None]
    assert disk.told(edit("motd", b"x", if_revision=held)) == [{"kind": "conflict", "revision": "absent"}]
    assert disk.told(edit("motd", b"x", if_revision="absent")) == [None]
    assert disk.settled()


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_that_was_cut_is_none(open_disk: Open, key: bytes) -> None:
    """Revisions are the same from start to start; a key that anybody could guess is not worked with."""
    first, second = (open_disk().store.revisions.of(b"x", plain=False) for _ in range(2))
    assert first == second
    path = next(open_disk().scratch.glob("state/revision.key"))
    assert path.stat().st_mode & 0o7777 == 0o600
    path.write_bytes(key)
    with pytest.raises(OSError, match=r"revision\.key"):
        open_disk()


BAD_NAMES = ["", ".", "..", "../site/motd", "a/b.conf", "/etc/passwd", "a.conf/", "a.conf\0", "\udcff.conf",
             "a.conf~", ".rpcd-0123456789abcdef~", "a\n.conf", "a\u2028.conf", "x" * 256]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_file_is_called_by_one_plain_name(open_disk: Open, name: str) -> None:
    """A path, a hidden file, a control character, a name that is too long are refused whatever `names` says."""
    disk = open_disk(SETTINGS.replace(r"'[a-z0-9-]+\.conf'", "'(?s:.*)'"))
    assert disk.store.targets.read("vhosts/Any name.txt") is None
    with pytest.raises(Refused) as refused:
        disk.store.targets.read(f"vhosts/{name}")
    assert refused.value.kind == "invalid_params"
    with pytest.raises(Refused, match="no_such_target"):
        disk.store.targets.read(f"motd/{name}")


def test_a_file_that_names_do_not_match_is_none(disk: Disk) -> None:
    """The whole name has to match `names`, not a part of it."""
    for name in ("A.conf", "a.conf.bak", "a.conf\n", "x a.conf"):
        assert disk.told((f"vhosts/{name}", b"x")) == [
            {"kind": "invalid_params", "faults": [{"at": "/target", "rule": "names"}]}
        ]


# Races


def test_two_callers_lose_nothing(server: Rpcd) -> None:
    """Two callers who change different keys of one file 300 times each: all 600 are there."""

    def change(prefix: str) -> None:
        with server.connect() as connection:
            for number in range(300):
                connection.call("update_key", target="shop", key=["ui", f"{prefix}{number}"], value=str(number))

    threads = [threading.Thread(target=change, args=(prefix,)) for prefix in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = (server.scratch / "shop/shop.ini").read_text()
    assert all(f"{prefix}{number} = {number}\n" in text for prefix in "ab" for number in range(300))


@pytest.fixture
def changing(server: Rpcd) -> Iterator[threading.Event]:
    """While this is in use, the message of the day is replaced again and again."""
    stop, failed = threading.Event(), []

    def change() -> None:
        with server.connect() as connection:
            for number in range(100_000):
                if stop.is_set():
                    return
                if (kind := connection.kind("replace_file", target="motd", content=f"{number}\n" * 500)) is not None:
                    failed.append(kind)

    thread = threading.Thread(target=change)
    thread.start()
    yield stop
    stop.set()
    thread.join()
    assert set(failed) <= {"conflict"}


def test_a_reader_never_sees_half_a_file(server: Rpcd, motd: Path) -> None:
    """Whoever opens the file during 1000 changes finds it there, one version of it, whole."""
    versions: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            text = motd.read_text()
            time.sleep(0.0002)
            versions.add(text if text == FILES["site/motd"] else f"{len(text.splitlines())} {len(set(text.split()))}")

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(1000):
            server.call("replace_file", target="motd", content=f"{number}\n" * 300)
    finally:
        stop.set()
        thread.join()
    assert versions <= {FILES["site/motd"], "300 1"}


@pytest.mark.usefixtures("changing")
def test_nobody_else_ever_reads_a_private_file(server: Rpcd, as_user: Callable[..., Any]) -> None:
    """A file of mode 0600 can be opened by nobody else at any moment of a change, under no name."""
    directory = str(server.scratch / "site")

    def opens() -> int:
        opened = 0
        for _ in range(2000):
            for name in os.listdir(directory):
                try:
                    os.close(os.open(f"{directory}/{name}", os.O_RDONLY))
                    opened += 1
                except OSError:
                    pass
        return opened

    assert as_user(STRANGER, STRANGER, [], opens) == 0


def test_an_outsiders_version_is_never_overwritten_unseen(disk: Disk) -> None:
    """What somebody renames into place while changes go on is in all that follows, or the change fails."""
    motd = disk.scratch / "site/motd"
    stop = threading.Event()
    kinds: set[str | None] = set()

    def ours(content: bytes | None) -> bytes:
        kept, _, number = (content or b"").partition(b" / ")
        return kept + b" / %d" % (int(number or b"0") + 1)

    def change() -> None:
        wish = Edit(uid=0, target="motd", apply=ours)
        while not stop.is_set():
            kinds.update(told["kind"] if told else None for told in disk.told(wish))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for number in range(150):
            new, text = motd.with_name("outside"), f"outside {number}"
            new.write_text(text)
            new.chmod(0o600)
            os.rename(new, motd)
            # what lost the race is there for the moment until it is seen and goes back
            wait_until(lambda text=text: motd.read_text().startswith(f"{text} / "), what="a change")  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
    assert kinds <= {None, "conflict"}
    assert disk.names("site") == ["motd"]
    assert disk.settled()


@pytest.mark.parametrize("make", [as_pipe, as_link_to_shadow, as_directory, with_two_names])
def test_a_name_that_was_guessed_does_no_harm(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    """Where somebody knows the name of a temporary file beforehand, what stands there is neither used nor changed."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "0123456789abcdef")
    guessed = disk.scratch / "site/.rpcd-0123456789abcdef~"
    guessed.write_text("stranger's")
    make(guessed)
    before = os.lstat(guessed)
    assert disk.told(("motd", b"x")) == [{"kind": "storage", "reason": "io"}]
    assert disk.told(("motd", None)) != [None]
    assert (disk.scratch / "site/motd").read_text() == FILES["site/motd"]
    assert os.lstat(guessed) == before


def test_who_may_not_even_connect_changes_nothing(serve: Serve, as_user: Callable[..., Any]) -> None:
    """With a socket of mode 0600 others get EACCES."""
    server = serve('socket_mode = "0600"\n' + SETTINGS)

    def connects() -> None:
        Connection(server.socket)

    with pytest.raises(PermissionError):
        as_user(STRANGER, STRANGER, [], connects)
