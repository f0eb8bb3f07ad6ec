"""Which files the server believes."""

import os
import resource
import subprocess
from pathlib import Path

import pytest

from rpcd.trust import Untrusted, open_trusted, trusted
from tests.harness.users import WWW_DATA

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def file(scratch: Path) -> Path:
    """A file two directories down that is trusted."""
    (scratch / "a" / "b").mkdir(parents=True)
    path = scratch / "a" / "b" / "file"
    path.write_text("x", encoding="ascii")
    path.chmod(0o644)
    return path


def test_a_file_that_nobody_else_can_write_is_trusted(file: Path) -> None:
    """Below /tmp too, which is sticky: nobody else can replace what lies there."""
    assert trusted(str(file)) is None
    assert trusted(str(file.parent)) is None
    assert trusted("/") is None


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o620, 0o602])
def test_a_file_that_others_can_write_is_not(file: Path, mode: int) -> None:
    """Whether by group or by everybody."""
    file.chmod(mode)
    assert trusted(str(file)) == f"{file}: others than its owner can write it (mode {mode:04o})"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o2775])
def test_a_directory_above_that_others_can_write_is_not(file: Path, mode: int) -> None:
    """Any directory on the way: who can write it can put another file there."""
    file.parents[1].chmod(mode)
    assert str(trusted(str(file))).startswith(f"{file.parents[1]}: others than its owner can write it")


def test_a_sticky_directory_above_may_be_writable(file: Path) -> None:
    """Nobody but the owner of what lies there can rename it away."""
    file.parents[1].chmod(0o1777)
    assert trusted(str(file)) is None


def test_a_sticky_directory_itself_is_not_trusted(file: Path) -> None:
    """Everybody can put new files into it."""
    file.parent.chmod(0o1777)
    assert trusted(str(file.parent)) is not None


@ROOT_ONLY
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_somebody_else_owns_is_not(file: Path, depth: int) -> None:
    """The owner can change the mode whenever he likes."""
    path = (file, *file.parents)[depth]
    os.chown(path, WWW_DATA, -1)
    assert trusted(str(file)) == f"{path}: is owned by uid {WWW_DATA}"


@ROOT_ONLY
def test_a_group_may_own_what_it_cannot_write(file: Path) -> None:
    """root:www-data 0640 is how settings are often kept."""
    os.chown(file, 0, WWW_DATA)
    file.chmod(0o640)
    assert trusted(str(file)) is None


@pytest.mark.parametrize("link", ["a/b/link", "linked/file", "dangling", "loop"])
def test_no_symbolic_link_is_followed(file: Path, link: str) -> None:
    """Neither the last step nor one before it may be a link, wherever it leads."""
    scratch = file.parents[2]
    (scratch / "a" / "b" / "link").symlink_to(file)
    (scratch / "linked").symlink_to(file.parent)
    (scratch / "dangling").symlink_to("nowhere")
    (scratch / "loop").symlink_to("loop")
    assert str(trusted(str(scratch / link))).endswith("is a symbolic link")


@pytest.mark.parametrize("kind", ["fifo", "missing", "a/b/file/below"])
def test_what_is_no_file_is_not_trusted(file: Path, kind: str) -> None:
    """A pipe does not hold anybody up; what is missing is said to be."""
    scratch = file.parents[2]
    os.mkfifo(scratch / "fifo")
    why = trusted(str(scratch / kind))
    assert why is not None
    assert str(scratch) in why


@ROOT_ONLY
def test_an_access_control_list_counts(file: Path) -> None:
    """A user who may write by an ACL is one of the others (acl(5): its mask stands where the group's bits do)."""
    subprocess.run(["setfacl", "-m", f"u:{WWW_DATA}:r", str(file)], check=True)
    assert trusted(str(file)) is None
    subprocess.run(["setfacl", "-m", f"u:{WWW_DATA}:rw", str(file)], check=True)
    assert "others than its owner can write it" in str(trusted(str(file)))


def test_without_descriptors_nothing_is_trusted(file: Path) -> None:
    """What cannot be looked at is not believed; the reason is told like any other."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        why = trusted(str(file))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert why == "/: Too many open files"


def test_relative_paths_are_not_trusted() -> None:
    """They depend on where somebody stands."""
    assert trusted("rpcd.toml") == "rpcd.toml: not an absolute path"


def test_what_was_judged_is_what_is_read(file: Path) -> None:
    """A file that takes the place of the judged one afterwards is not what the descriptor reads."""
    descriptor = open_trusted(str(file))
    file.unlink()
    file.write_text("other", encoding="ascii")
    assert os.read(descriptor, 10) == b"x"
    os.close(descriptor)


def test_nothing_stays_open(file: Path) -> None:
    """However it ends, only the descriptor that is returned is left."""
    before = os.listdir("/proc/self/fd")
    assert trusted(str(file)) is None
    file.chmod(0o666)
    assert trusted(str(file)) is not None
    with pytest.raises(Untrusted):
        open_trusted(str(file / "below"))
    assert len(os.listdir("/proc/self/fd")) == len(before)
