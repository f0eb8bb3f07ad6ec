"""Executes a command under what the shipped unit restricts a service to, on a machine without systemd.

    python unit.py WRITABLE … -- COMMAND …

Read from contrib/systemd/rpcd.service: the bounding set, the groups of system calls, and that writable-executable
memory, namespaces and address families are restricted. A mount namespace has everything read-only but the WRITABLE
directories, the network is empty, and /proc has processes only. What systemd does beyond that (private devices, /tmp,
cgroups) is not made here.
"""

import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["allowed_calls", "service"]

SERVICE: Final = Path(__file__).resolve().parents[2] / "contrib/systemd/rpcd.service"

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_NOSUID_NODEV_NOEXEC, MS_BIND, MS_REC, MS_SLAVE = 2 | 4 | 8, 0x1000, 0x4000, 0x80000
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY, MOUNT_SETATTR = -100, 0x8000, 1, 442
PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 24, 22, 38

LOAD, JUMP_IF_EQUAL, JUMP_IF_ANY, RETURN = 0x20, 0x15, 0x45, 0x06  # linux/bpf_common.h
ALLOW, ERRNO = 0x7FFF0000, 0x00050000  # linux/seccomp.h
EPERM, EAFNOSUPPORT, AF_UNIX = 1, 97, 1
PROT_WRITE, PROT_EXEC = 2, 4
CAPABILITIES: Final = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_FSETID": 4}

libc = ctypes.CDLL(None, use_errno=True)


def service() -> dict[str, list[str]]:
    """The settings of the unit's service, each with its lines."""
    settings: dict[str, list[str]] = {}
    section = SERVICE.read_text().partition("[Service]\n")[2].partition("\n[")[0]
    for line in section.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(name, []).append(value)
    return settings


def allowed_calls() -> set[str]:
    """The system calls that SystemCallFilter= leaves, by systemd's own groups (systemd-analyze(1))."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    groups: dict[str, list[str]] = {}
    for line in listed.splitlines():
        word = line.strip()
        if line.startswith("@"):
            group = groups.setdefault(word, [])
        elif word and not word.startswith("#") and line.startswith(" "):
            group.append(word)

    def calls(words: Iterable[str]) -> Iterator[str]:
        for word in words:
            if word.startswith("@"):
                yield from calls(groups[word])
            else:
                yield word

    allowed = set(calls(["@default"]))
    for line in service()["SystemCallFilter"]:
        named = set(calls(line.removeprefix("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def _numbers() -> dict[str, int]:
    """The number of every system call on this machine, from the C library's headers."""
    defined = subprocess.run(
        ["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-xc", os.devnull], capture_output=True, text=True, check=True
    ).stdout
    words = (line.split() for line in defined.splitlines())
    return {word[1].removeprefix("__NR_"): int(word[2]) for word in words if word[1].startswith("__NR_")}


def _filter() -> bytes:
    """A program for seccomp(2): the first rule that fits returns."""
    numbers = _numbers()
    program: list[tuple[int, int, int, int]] = []

    def argument(number: int) -> tuple[int, int, int, int]:
        return (LOAD, 0, 0, 16 + 8 * number)  # struct seccomp_data

    def refuse(name: str, test: list[tuple[int, int, int, int]], error: int = EPERM) -> None:
        """Refuse a call whose arguments pass a test; `test` ends where the next instruction is the refusal."""
        body = [*test, (RETURN, 0, 0, ERRNO | error), (LOAD, 0, 0, 0)]
        program.extend([(JUMP_IF_EQUAL, 0, len(body), numbers[name]), *body])

    program.append((LOAD, 0, 0, 0))
    for name in ("mprotect", "pkey_mprotect"):
        refuse(name, [argument(2), (JUMP_IF_ANY, 0, 1, PROT_EXEC)])
    refuse("mmap", [argument(2), (JUMP_IF_ANY, 0, 2, PROT_WRITE), (JUMP_IF_ANY, 0, 1, PROT_EXEC)])
    refuse("socket", [argument(0), (JUMP_IF_EQUAL, 1, 0, AF_UNIX)], EAFNOSUPPORT)
    for name in sorted((allowed_calls() & numbers.keys()) - {"unshare", "setns"}):
        program += [(JUMP_IF_EQUAL, 0, 1, numbers[name]), (RETURN, 0, 0, ALLOW)]
    program.append((RETURN, 0, 0, ERRNO | EPERM))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _do(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _mount(source: str, where: str, kind: str | None, flags: int, options: str | None = None) -> None:
    _do(libc.mount(source.encode(), where.encode(), kind and kind.encode(), flags, options and options.encode()))


def _read_only(path: str, *, recursive: bool, on: bool) -> None:
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY * on, MOUNT_ATTR_RDONLY * (not on), 0, 0)
    _do(libc.syscall(MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE * recursive, attributes, len(attributes)))


def main() -> None:
    """Restrict this process, and become the command."""
    separator = sys.argv.index("--")
    writable, command = sys.argv[1:separator], sys.argv[separator + 1 :]
    program = _filter()
    kept = {CAPABILITIES[name] for name in service()["CapabilityBoundingSet"][0].split()}
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    _do(libc.unshare(CLONE_NEWNS | CLONE_NEWNET))
    _mount("none", "/", None, MS_REC | MS_SLAVE)
    for path in writable:
        _mount(path, path, None, MS_BIND)
    _read_only("/", recursive=True, on=True)
    for path in writable:
        _read_only(path, recursive=False, on=False)
    _mount("proc", "/proc", "proc", MS_NOSUID_NODEV_NOEXEC, "subset=pid")
    for capability in set(range(last + 1)) - kept:
        _do(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    _do(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    code = ctypes.create_string_buffer(program)
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    _do(libc.prctl(PR_SET_SECCOMP, 2, described, 0, 0))
    os.execvp(command[0], command)  # noqa: S606 - what this program is for


if __name__ == "__main__":
    main()
