"""The audit log: what counting spares, how fast changes get their records to disk, and how fast it is read again."""

import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from rpcd.audit import AuditLog
from tests.bench.figures import Figures, Programs, interleave, message
from tests.bench.report import Goal, Row, show
from tests.bench.servers import GRANT, ini, rpcd

__all__ = ["audit"]

ROUNDS = 5
RECORDS = 400_000
GIGABYTE = 10**9

SHOP = '\n[targets.shop]\npath   = "{scratch}/files/shop.ini"\nformat = "ini"\n'
GET = message("get_key", target="shop", key="section.key7")

PEER = {"uid": 33, "gid": 33, "groups": [33], "pid": 4711, "started": 123456, "exe": "/usr/sbin/php-fpm8.2",
        "unit": "php8.2-fpm.service"}  # fmt: skip
RECORD = {"event": "decided", "peer": PEER, "id": 17, "method": "get_key", "target": "shop", "keys": ["section.key7"],
          "grant": "rpcd.toml:31", "verdict": "allowed", "kind": None, "ms": 0.2}  # fmt: skip


def audit(console: Console, scratch: Path, programs: Programs) -> None:
    """Reads that are counted beside reads that are written, changes at full speed, verify, and a gigabyte."""
    _reads(console, scratch, programs)
    _changes(console, scratch)
    _reading(console, scratch)


def _reads(console: Console, scratch: Path, programs: Programs) -> None:
    with ExitStack() as stack:
        contenders: dict[str, Callable[[], Figures]] = {}
        for reads in ("all", "counted"):
            table = f'\n[audit]\nlog = "{{scratch}}/log/audit.jsonl"\nreads = "{reads}"\n'
            files = {"shop.ini": ini(65 * 64)}
            server = stack.enter_context(rpcd(scratch, f"reads-{reads}", SHOP + GRANT + table, files))
            contenders[reads] = _asking(programs, server.pid, server.socket)
        taken = interleave(contenders, ROUNDS)
    each, counted = taken["all"], taken["counted"]
    goal = Goal.at_most(counted.p50 / each.p50, 1, "times a record each")
    rows = [Row('reads = "all"', each), Row('reads = "counted"', counted, beside=each, goal=goal)]
    show(console, "5a. get_key, with a record each and counted", rows)


def _asking(programs: Programs, server: int, socket: str) -> Callable[[], Figures]:
    return lambda: programs.load(server, socket, [GET])


def _changes(console: Console, scratch: Path) -> None:
    """An intent that is synced and an outcome, as a change leaves them."""
    rows = []
    for threads in (1, 16):
        directory = scratch / f"synced{threads}"
        directory.mkdir()
        log = AuditLog.open(str(directory / "audit.jsonl"), head=str(directory / "audit.head"))
        ended = time.monotonic() + 2
        times: list[float] = []

        def change(log: AuditLog = log, ended: float = ended, times: list[float] = times) -> None:
            while (began := time.monotonic()) < ended:
                log.sync(log.write({**RECORD, "event": "intent"}))
                log.write({**RECORD, "event": "outcome"})
                times.append((time.monotonic() - began) * 1e6)

        workers = [threading.Thread(target=change) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        log.close()
        times.sort()
        figures = Figures(times[len(times) // 2], times[len(times) * 99 // 100], len(times) / 2)
        rows.append(Row(f"{threads} thread{'s' * (threads > 1)}", figures))
    show(console, "5b. Intent, sync and outcome of a change", rows, "one who waits syncs for all")


def _reading(console: Console, scratch: Path) -> None:
    path = str(scratch / "long.jsonl")
    log = AuditLog.open(path)
    for _ in range(RECORDS // 1000):
        log.write(*[RECORD] * 1000)
    log.close()
    short = str(scratch / "short.jsonl")
    Path(short).write_bytes(b"".join(_first_lines(path, RECORDS // 10)))
    _ran("verify", short)
    idle, (seconds, memory) = _ran("verify", short), _ran("verify", path)
    rate = RECORDS * 0.9 / (seconds - idle[0])
    rows = [
        Row(f"verify, {RECORDS // 10:,} records", memory=idle[1]),
        Row(f"verify, {RECORDS:,} records", memory=memory, goal=Goal.at_least(rate, 200_000, "records/s")),
    ]
    os.unlink(short)
    long = _gigabyte(path, scratch / "gigabyte.jsonl")
    since = ("--json", "--since", "2030-01-01T00:00:00Z", "--file")
    _ran(*since, long)  # the second time it is read from memory: this is not the disk's measure
    seconds, memory = _ran(*since, long)
    rows.append(Row("--since, a gigabyte", memory=memory, goal=Goal.at_most(seconds, 2, "s")))
    seconds, memory = _ran("--json", "-n", "10", "--file", long)
    rows.append(Row("-n 10, a gigabyte", memory=memory, goal=Goal.at_most(seconds, 1, "s")))
    show(console, "5c. rpcd audit", rows, "seconds of CPU, with the interpreter's start; verify's records/s without it")


def _first_lines(path: str, count: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        for _ in range(count):
            yield file.readline()


def _gigabyte(path: str, long: Path) -> str:
    """A gigabyte of records, of which the last few are of 2030."""
    with long.open("wb") as file:
        while file.tell() < GIGABYTE:
            with Path(path).open("rb") as block:
                shutil.copyfileobj(block, file)
        file.writelines(b'{"ts":"2030' + line[11:] for line in _first_lines(path, 50))
    os.unlink(path)
    return str(long)


PROGRAM = """
import atexit, sys
from rpcd.cli import main
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
main(["audit", *sys.argv[1:]])
"""
"""`rpcd audit`, which tells in the end what it took: what the kernel tells of a child counts its parent's memory."""


def _ran(*arguments: str) -> tuple[float, float]:
    """Seconds of CPU that `rpcd audit` takes, and KiB that it takes at most."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (peak,) = re.findall(r"VmHWM:\s+([0-9]+) kB", done.stderr)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, float(peak)
