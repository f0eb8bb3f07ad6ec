"""What a target can be on disk, and what a change keeps of it (CASES, group D)."""

import os
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SETTINGS, SHOP_INI, Serve
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd

STRANGER = 12345


@pytest.fixture
def motd(rpcd: Rpcd) -> Path:
    """The message of the day: a text target."""
    return rpcd.scratch / "site/motd"


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


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "a link": (as_link, "symlink"),
    "a link to /etc/shadow": (as_link_to_shadow, "symlink"),
    "in a linked directory": (as_linked_directory, "symlink"),
    "a file with two names": (with_two_names, "hard_link"),
    "a pipe": (as_pipe, "not_regular"),
    "a directory": (as_directory, "not_regular"),
    "a device": (as_device, "not_regular"),
    "a socket": (as_socket, "not_regular"),
    "in a directory that has gone": (without_directory, "directory"),
}


@pytest.mark.parametrize(("make", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_plain_file_is_not_touched(
    rpcd: Rpcd, motd: Path, make: Callable[[Path], None], reason: str
) -> None:
    """Reading, replacing and deleting are `storage` with the reason, at once, and everything stays as it was."""
    make(motd)
    before = [(path, os.lstat(path).st_mode, os.lstat(path).st_size) for path in sorted(rpcd.scratch.glob("*/*"))]
    with rpcd.nothing_leaks():
        for method, params in (("read_file", {}), ("replace_file", {"content": "x"}), ("delete_file", {})):
            assert rpcd.error(method, target="motd", **params)["data"] == {"kind": "storage", "reason": reason}
    after = [(path, os.lstat(path).st_mode, os.lstat(path).st_size) for path in sorted(rpcd.scratch.glob("*/*"))]
    assert [row for row in after if "log" not in str(row[0])] == [row for row in before if "log" not in str(row[0])]


DEMANDS = [("owner = 12345", "owner"), ("group = 12345", "owner"), ('mode = "0640"', "mode")]


@pytest.mark.parametrize(("demand", "reason"), DEMANDS)
def test_what_the_settings_demand_of_a_file_must_hold(serve: Serve, demand: str, reason: str) -> None:
    """A file that has not the owner, group or mode that its target names is not touched, and not read."""
    server = serve(SETTINGS.replace("[targets.motd]", f"[targets.motd]\n{demand}"))
    assert server.error("read_file", target="motd")["data"]["reason"] == reason
    assert server.error("replace_file", target="motd", content="x")["data"]["reason"] == reason


def test_a_new_file_gets_what_the_settings_say(serve: Serve) -> None:
    """A file that is made has owner, group and mode of its target from its first moment."""
    said = '[targets.motd]\nowner = 12345\ngroup = 23456\nmode = "2640"'.replace("2640", "0640")
    server = serve(
        SETTINGS.replace("[targets.motd]", said), {"shop/shop.ini": SHOP_INI, "vhosts/a.conf": ""}, start=False
    )
    (server.scratch / "site").mkdir()
    server.start()
    server.call("replace_file", target="motd", content="new\n")
    found = (server.scratch / "site/motd").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (12345, 23456, 0o640)


@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o400, 0o2755])
def test_a_change_keeps_owner_mode_and_attributes(serve: Serve, mode: int, umask: int) -> None:
    """Owner, group, mode, ACL and extended attributes are afterwards what they were, whatever the umask."""
    before_umask = os.umask(umask)
    try:
        server = serve()
    finally:
        os.umask(before_umask)
    path = server.scratch / "site/motd"
    os.chown(path, 1234, 2345)
    path.chmod(mode)
    subprocess.run(["setfacl", "-m", "u:3456:r", str(path)], check=True)
    path.chmod(mode)
    os.setxattr(path, "user.origin", b"kept")
    before = path.stat(), {name: os.getxattr(path, name) for name in os.listxattr(path)}
    server.call("replace_file", target="motd", content="other\n")
    after = path.stat(), {name: os.getxattr(path, name) for name in os.listxattr(path)}
    assert path.read_text() == "other\n"
    assert after[1] == before[1]
    assert [getattr(after[0], name) for name in ("st_uid", "st_gid", "st_mode")] == [
        getattr(before[0], name) for name in ("st_uid", "st_gid", "st_mode")
    ]


def test_a_directorys_default_acl_does_not_loosen_a_file(rpcd: Rpcd, motd: Path) -> None:
    """Where the directory has a default ACL, a file without one has none after a change either."""
    subprocess.run(["setfacl", "-d", "-m", "u:3456:rwx", str(motd.parent)], check=True)
    rpcd.call("replace_file", target="motd", content="other\n")
    assert os.listxattr(motd) == []
    assert motd.stat().st_mode & 0o7777 == 0o600


def test_a_link_is_followed_where_the_target_says_so(serve: Serve) -> None:
    """With `follow` the link stays, and what it leads to is replaced."""
    server = serve(SETTINGS.replace("[targets.motd]", "[targets.motd]\nfollow = true"))
    path = server.scratch / "site/motd"
    as_link(path)
    server.call("replace_file", target="motd", content="behind\n")
    assert path.is_symlink()
    assert path.with_name("elsewhere").read_text() == "behind\n"
    assert server.call("read_file", target="motd")["content"] == "behind\n"


def test_a_directory_that_others_can_write_is_refused(serve: Serve) -> None:
    """A change in a directory that became writable for others is `storage`; with the opt-in it goes on."""
    server = serve()
    (server.scratch / "site").chmod(0o777)
    assert server.error("replace_file", target="motd", content="x")["data"]["reason"] == "directory"
    server.configure(SETTINGS.replace("[targets.motd]", "[targets.motd]\nuntrusted_directory = true"))
    assert server.reload()["verdict"] == "taken"
    assert server.call("replace_file", target="motd", content="x")["changed"] is True


def test_sizes_are_bounded(serve: Serve) -> None:
    """A file, a document or a directory above its limit is `too_large`, unread and unwritten."""
    limits = 'max_content = "64 KiB"\nmax_document = "16 KiB"\n'
    directory = '[targets.vhosts]\nmax_files = 3\nmax_bytes = "10 KiB"'
    server = serve(limits + SETTINGS.replace("[targets.vhosts]", directory))
    motd, shop = server.scratch / "site/motd", server.scratch / "shop/shop.ini"
    os.truncate(motd, 1 << 40)
    before = server.usage().resident
    assert server.error("read_file", target="motd")["data"] == {"kind": "too_large", "limit": 65536}
    assert server.usage().resident - before < 8192
    shop.write_text(SHOP_INI + ";" * 16384)
    assert server.error("get_key", target="shop", key="ui.theme")["data"] == {"kind": "too_large", "limit": 16384}
    shop.write_text(SHOP_INI)
    large = {"target": "shop", "key": "ui.theme", "value": "x" * 16384}
    assert server.error("update_key", **large)["data"] == {"kind": "too_large", "limit": 16384}
    for name in "ab":
        server.call("replace_file", target=f"vhosts/{name}.conf", content="x" * 1000)
    assert server.error("replace_file", target="vhosts/c.conf", content="")["data"] == {"kind": "too_large", "limit": 3}
    error = server.error("replace_file", target="vhosts/a.conf", content="x" * 9900)
    assert error["data"] == {"kind": "too_large", "limit": 10240}
    assert server.call("replace_file", target="vhosts/a.conf", content="x" * 900)["changed"] is True


# Races


def test_two_callers_lose_nothing(rpcd: Rpcd) -> None:
    """Two callers who change different keys of one file 300 times each: all 600 are there."""

    def change(prefix: str) -> None:
        with rpcd.connect() as connection:
            for number in range(300):
                connection.call("update_key", target="shop", key=["ui", f"{prefix}{number}"], value=str(number))

    threads = [threading.Thread(target=change, args=(prefix,)) for prefix in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = (rpcd.scratch / "shop/shop.ini").read_text()
    assert all(f"{prefix}{number} = {number}\n" in text for prefix in "ab" for number in range(300))


@pytest.fixture
def changing(rpcd: Rpcd) -> Iterator[threading.Event]:
    """While this is in use, the message of the day is replaced again and again."""
    stop, failed = threading.Event(), []

    def change() -> None:
        with rpcd.connect() as connection:
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


@pytest.mark.usefixtures("changing")
def test_a_reader_never_sees_half_a_file(rpcd: Rpcd, motd: Path) -> None:
    """Whoever reads while the file is replaced sees one version, whole."""
    for _ in range(3000):
        lines = motd.read_text().splitlines()
        assert len(lines) in (1, 500)
        assert len(set(lines)) == 1
    assert rpcd.kind("ping") is None


@pytest.mark.usefixtures("changing")
def test_nobody_else_ever_reads_a_private_file(rpcd: Rpcd, as_user: Callable[..., Any]) -> None:
    """A file of mode 0600 can be opened by nobody else at any moment of a change, under no name."""
    directory = str(rpcd.scratch / "site")

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


@pytest.mark.usefixtures("changing")
def test_an_outsiders_version_is_never_overwritten_unseen(rpcd: Rpcd, motd: Path) -> None:
    """What somebody renames into place while changes go on is replaced after it was read, or the change fails."""
    for number in range(200):
        new = motd.with_name("outside")
        new.write_text(f"outside {number}\n")
        new.chmod(0o600)
        os.rename(new, motd)
    assert rpcd.kind("read_file", target="motd") is None


def test_a_name_that_was_guessed_does_no_harm(rpcd: Rpcd, motd: Path) -> None:
    """Files that look like ours in the directory are neither followed nor overwritten."""
    victim = rpcd.scratch / "victim"
    victim.write_text("untouched")
    for name in (".rpcd-0123456789abcdef~", ".rpcd-x~"):
        (motd.parent / name).symlink_to(victim)
    rpcd.call("replace_file", target="motd", content="x")
    for name in (".rpcd-0123456789abcdef~", ".rpcd-x~"):
        (motd.parent / name).unlink()
    assert victim.read_text() == "untouched"


def test_who_may_not_even_connect_changes_nothing(serve: Serve, as_user: Callable[..., Any]) -> None:
    """With a socket of mode 0600 others get EACCES."""
    server = serve('socket_mode = "0600"\n' + SETTINGS)

    def connects() -> None:
        Connection(server.socket)

    with pytest.raises(PermissionError):
        as_user(STRANGER, STRANGER, [], connects)
