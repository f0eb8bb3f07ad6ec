"""What a server can still write once it has confined itself, and what it does where it cannot."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import FILES, SETTINGS
from tests.harness.server import Rpcd
from tests.process.conftest import Taken

WITHOUT = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=landlock_create_ruleset"]
NEVER_KNOWN = [*WITHOUT, "-e", "inject=landlock_create_ruleset:error=ENOSYS"]
SWITCHED_OFF = [*WITHOUT, "-e", "inject=landlock_create_ruleset:error=EOPNOTSUPP"]

ALREADY_THERE = ("write", "append", "cut", "truncate", "unlink")
STILL_TO_COME = ("create", "symlink", "mkdir", "mkfifo", "mknod", "bind", "child")


def version(number: int) -> list[str]:
    """A kernel that says it has this version of Landlock: what that does not know is not asked of it."""
    return [*WITHOUT, "-e", f"inject=landlock_create_ruleset:retval={number}:when=1"]


def attempts(server: Rpcd, *, worker: bool) -> dict[str, str]:
    """What comes of every way to change something outside of the targets."""
    outside = server.scratch / "outside"

    def come(what: str, path: Path, other: Path = outside) -> str:
        return str(server.call("intrude", what=what, path=str(path), other=str(other), worker=worker))

    file, new, inside = outside / "file", outside / "new", server.scratch / "shop" / "shop.ini"
    return {
        **{what: come(what, file) for what in ALREADY_THERE},
        **{what: come(what, new) for what in STILL_TO_COME},
        "rmdir": come("rmdir", outside / "empty"),
        "rename": come("rename", file, new),
        "rename out": come("rename", inside, new),
        "rename in": come("rename", file, server.scratch / "shop" / "stolen"),
        "link out": come("link", inside, new),
        "link in": come("link", file, server.scratch / "shop" / "stolen"),
        "mount": come("mount", outside, server.scratch / "shop"),
    }


def unchanged(server: Rpcd) -> bool:
    """Whether everything outside is as it was, and nothing of it came in."""
    outside = server.scratch / "outside"
    found = {path.name for path in outside.iterdir()}
    stolen = server.scratch / "shop" / "stolen"
    return found == {"file", "empty"} and (outside / "file").read_text() == "theirs\n" and not stolen.exists()


def serves(server: Rpcd) -> None:
    """Every kind of change works."""
    assert server.call("update_key", target="shop", key="ui.theme", value=os.urandom(4).hex())["changed"]
    assert server.call("replace_file", target="vhosts/new.conf", content="server {}\n")["changed"]
    assert server.call("replace_file", target="vhosts/new.conf", content="server { }\n")["changed"]
    assert server.call("delete_file", target="vhosts/new.conf")["changed"]
    assert server.call("read_file", target="motd")["content"] == FILES["site/motd"]


@pytest.mark.parametrize("worker", [False, True], ids=["loop", "worker"])
@pytest.mark.parametrize("wrapper", [[], version(1), version(2), version(3)], ids=["newest", "1", "2", "3"])
def test_a_handler_writes_nowhere_else(wrapper: list[str], worker: bool, taken: Taken) -> None:  # noqa: FBT001 - a case
    """Outside the targets' directories nothing can be written, made, renamed, linked or removed, nor by children."""
    server = taken("required", wrapper=wrapper)
    allowed = {"truncate"} if wrapper in (version(1), version(2)) else set()
    refused = {what: came for what, came in attempts(server, worker=worker).items() if what not in allowed}
    assert set(refused.values()) <= {"EACCES", "EXDEV"}, refused
    assert allowed or unchanged(server)
    serves(server)


def test_without_it_a_handler_could(taken: Taken) -> None:
    """The attempts above are real: with landlock = "off" they succeed."""
    came = attempts(taken("off"), worker=False)
    assert {what for what, error in came.items() if error != "done"} <= {
        "append", "cut", "truncate", "unlink", "symlink", "mkdir", "mkfifo", "mknod", "bind", "child", "link out",
        "rename", "rename in", "rename out", "link in",
    }, came  # fmt: skip
    assert came["write"] == came["create"] == came["rmdir"] == "done"


def test_reading_stays(taken: Taken) -> None:
    """What it could read before it still can: settings are read again, and links followed."""
    server = taken("required")
    for path in ("/etc/passwd", f"{server.scratch}/outside/file", f"{server.scratch}/rpcd.toml"):
        assert server.call("intrude", what="read", path=path) == "done"
    assert server.reload()["verdict"] == "taken"


def test_its_own_places_are_bounded_too(taken: Taken) -> None:
    """Settings and methods cannot be written, a log not removed, and nothing but files be made beside a target."""
    server = taken("required")
    for what, path in {
        "write": "rpcd.toml", "create": "methods/more.py", "unlink": "log/audit.jsonl", "mkdir": "shop/directory",
        "symlink": "shop/link", "bind": "shop/socket", "mknod": "vhosts/device", "mkfifo": "site/pipe",
    }.items():  # fmt: skip
        assert server.call("intrude", what=what, path=str(server.scratch / path), other="/etc/shadow") == "EACCES", path


def test_the_log_may_be_renamed_away(taken: Taken) -> None:
    """A new log is made in the same directory, and the chain goes on in it."""
    server = taken("required")
    serves(server)
    last = server.audit()[-1]["seq"]
    server.audit_log.rename(server.audit_log.with_suffix(".jsonl.1"))
    serves(server)
    first = server.audit_log.read_text().splitlines()[0]
    assert f'"seq":{last + 1},' in first
    server.audit_log.write_text("".join(path.read_text() for path in sorted(server.audit_log.parent.iterdir())[::-1]))


def test_the_socket_is_removed_at_the_end(taken: Taken) -> None:
    """Stopping leaves no socket behind."""
    server = taken("required")
    server.stop()
    assert not os.path.exists(server.socket)


def test_a_link_that_is_followed_leads_to_where_it_may_write(taken: Taken, scratch: Path) -> None:
    """Of a target with follow = true the directory behind the link counts, and not the one that the link is in."""
    for name in ("real", "links"):
        (scratch / name).mkdir()
    (scratch / "real" / "file").write_text("a\n")
    (scratch / "links" / "file").symlink_to(scratch / "real" / "file")
    target = '[targets.linked]\npath = "{scratch}/links/file"\nformat = "text"\nfollow = true\n'
    server = taken("required", SETTINGS + target)
    assert server.call("replace_file", target="linked", content="b\n")["changed"]
    assert (scratch / "real" / "file").read_text() == "b\n"
    assert server.call("intrude", what="unlink", path=str(scratch / "links" / "file")) == "EACCES"


def test_a_mount_point_is_overwritten_in_place(taken: Taken, scratch: Path) -> None:
    """A file that is mounted over a target with in_place = true is below the target's directory."""
    (scratch / "mounted").mkdir()
    for path in (scratch / "mounted" / "file", scratch / "elsewhere"):
        path.write_text("a\n")
    subprocess.run(["mount", "--bind", scratch / "elsewhere", scratch / "mounted" / "file"], check=True)
    try:
        target = '[targets.mounted]\npath = "{scratch}/mounted/file"\nformat = "text"\nin_place = true\n'
        server = taken("required", SETTINGS + target)
        assert server.call("replace_file", target="mounted", content="b\n")["changed"]
        server.stop()
        assert (scratch / "elsewhere").read_text() == "b\n"
    finally:
        subprocess.run(["umount", scratch / "mounted" / "file"], check=True)


def test_another_directory_takes_a_restart(taken: Taken, scratch: Path) -> None:
    """A reload that brings a target elsewhere is refused, and a restart takes it; one that does not is taken."""
    server = taken("required")
    server.configure(server.config.read_text() + '[targets.more]\npath = "{scratch}/shop/more"\nformat = "text"\n')
    assert server.reload()["verdict"] == "taken"
    server.configure(server.config.read_text() + '[targets.far]\npath = "{scratch}/outside/file"\nformat = "text"\n')
    kept = server.reload()
    assert kept["verdict"] == "kept"
    assert kept["faults"] == [
        f"targets.far: the process has been confined out of {scratch}/outside; restart needed",
    ]
    server.stop()
    server.start()
    assert server.call("replace_file", target="far", content="ours\n")["changed"]


def test_a_directory_that_was_replaced_takes_a_restart(taken: Taken, scratch: Path) -> None:
    """Another directory of the same name is not the one that may be written: a reload says so."""
    server = taken("required")
    (scratch / "site").rename(scratch / "site.old")
    (scratch / "site").mkdir()
    assert server.kind("replace_file", target="motd", content="ours\n") == "storage"
    (fault,) = server.reload()["faults"]
    assert fault == f"targets.motd: the process has been confined out of {scratch}/site; restart needed"
    server.stop()
    server.start()
    assert server.call("replace_file", target="motd", content="ours\n")["changed"]


def test_unconfined_any_directory_will_do(taken: Taken) -> None:
    """Without Landlock a reload may bring targets anywhere."""
    server = taken("off")
    server.configure(server.config.read_text() + '[targets.far]\npath = "{scratch}/outside/file"\nformat = "text"\n')
    assert server.reload()["verdict"] == "taken"
    assert server.call("replace_file", target="far", content="ours\n")["changed"]


@pytest.mark.parametrize("wrapper", [NEVER_KNOWN, SWITCHED_OFF], ids=["ENOSYS", "EOPNOTSUPP"])
def test_a_kernel_without_it(wrapper: list[str], taken: Taken) -> None:
    """With "auto" it serves, and its log says that it is not confined; with "required" it does not start."""
    server = taken("auto", wrapper=wrapper)
    serves(server)
    assert "not confined" in server.log()
    server.stop()
    server = taken("required", wrapper=wrapper, start=False)
    assert 'server.landlock is "required", and cannot be had' in server.refuses_to_start()
    assert not os.path.exists(server.socket)


def test_a_kernel_that_refuses_it(taken: Taken) -> None:
    """An error at the last step is no confinement either."""
    wrapper = [*WITHOUT[:-1], "trace=landlock_restrict_self", "-e", "inject=landlock_restrict_self:error=EPERM"]
    server = taken("auto", wrapper=wrapper)
    serves(server)
    assert "not confined" in server.log()
    server.stop()
    assert "cannot be had" in taken("required", wrapper=wrapper, start=False).refuses_to_start()


def test_a_thread_of_a_module_is_noticed(taken: Taken, scratch: Path) -> None:
    """Landlock holds for the thread that asks and those it starts: where a module has one already, it is not had."""
    server = taken("required", start=False)
    with (scratch / "methods" / "intrude.py").open("a") as module:
        module.write("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n")
    assert "a module of yours has started a thread" in server.refuses_to_start()


def test_what_it_has_is_logged(taken: Taken, scratch: Path) -> None:
    """The log says which version of Landlock confines it, and to which directories."""
    said = taken("auto").log()
    assert "event=confined" in said
    assert f"{scratch}/shop" in said
    assert "landlock=" in said


def test_it_gains_no_privileges(taken: Taken) -> None:
    """No program that it executes gains any."""
    status = Path(f"/proc/{taken('required').pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
