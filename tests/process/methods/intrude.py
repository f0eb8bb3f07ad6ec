"""What a handler could do that somebody has taken over: one attempt at the file system, on the loop or in a worker."""

import ctypes
import errno
import os
import platform
import socket
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from rpcd.methods import Call, Method


def _opened(flags: int, path: str, _other: str) -> None:
    os.close(os.open(path, flags, 0o600))


def _bound(path: str, _other: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)


def _child(path: str, _other: str) -> None:
    command = ["sh", "-c", 'exec 2>/dev/null; echo stolen > "$1"', "sh", path]
    if subprocess.run(command, check=False).returncode:
        raise PermissionError(errno.EACCES, "in the child")


def _mounted(path: str, other: str) -> None:
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "--bind", path, other]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        raise PermissionError(errno.EACCES, "in the child")


def _called(name: str, _other: str) -> None:
    """A call by its name with arguments that are all wrong: who may call it learns that, and not EPERM."""
    number = NUMBERS[platform.machine()][name]
    if ctypes.CDLL(None, use_errno=True).syscall(number, -1, -1, -1, -1, -1, -1) < 0:
        raise OSError(ctypes.get_errno(), name)


NUMBERS: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {
        "ptrace": 101, "mount": 165, "bpf": 321, "init_module": 175, "keyctl": 250, "io_uring_setup": 425,
        "userfaultfd": 323, "perf_event_open": 298, "open_by_handle_at": 304, "process_vm_readv": 310,
    },
    "aarch64": {
        "ptrace": 117, "mount": 40, "bpf": 280, "init_module": 105, "keyctl": 219, "io_uring_setup": 425,
        "userfaultfd": 282, "perf_event_open": 241, "open_by_handle_at": 265, "process_vm_readv": 270,
    },
}  # fmt: skip
"""System calls that no server of files needs."""

ATTEMPTS: Final[Mapping[str, Callable[[str, str], object]]] = {
    "read": partial(_opened, os.O_RDONLY),
    "write": partial(_opened, os.O_WRONLY),
    "append": partial(_opened, os.O_WRONLY | os.O_APPEND),
    "create": partial(_opened, os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "cut": partial(_opened, os.O_WRONLY | os.O_TRUNC),
    "truncate": lambda path, _other: os.truncate(path, 0),
    "unlink": lambda path, _other: os.unlink(path),
    "rename": os.rename,
    "link": os.link,
    "symlink": lambda path, other: os.symlink(other, path),
    "mkdir": lambda path, _other: os.mkdir(path),
    "rmdir": lambda path, _other: os.rmdir(path),
    "mkfifo": lambda path, _other: os.mkfifo(path),
    "mknod": lambda path, _other: os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3)),
    "bind": _bound,
    "child": _child,
    "mount": _mounted,
    "chmod": lambda path, _other: os.chmod(path, 0o640),
    "chown": lambda path, _other: os.chown(path, 1000, 1000),
    "call": _called,
    "setxattr": lambda path, _other: os.setxattr(path, "user.stolen", b"1"),
}
"""Ways to change something, by name; each takes two paths."""


def intrude(call: Call, params: dict[str, Any]) -> object:
    """Try it: `done`, or the name of the error."""
    attempt = partial(_tried, ATTEMPTS[params["what"]], params["path"], params.get("other", ""))
    return call.work(attempt) if params.get("worker") else attempt()


def _tried(attempt: Callable[[str, str], object], path: str, other: str) -> str:
    try:
        attempt(path, other)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


METHODS = {"intrude": Method(handler=intrude, params=("what", "path", "other"), open=True)}
