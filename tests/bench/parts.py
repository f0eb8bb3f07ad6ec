"""What is measured: reads, durable changes, and growth."""

import itertools
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from tests.bench.figures import Figures, Programs, interleave, message
from tests.bench.report import Goal, Row, show
from tests.bench.servers import GRANT, echo, ini, plain_echo, rpcd
from tests.harness.seqpacket import Connection
from tests.harness.server import Rpcd

__all__ = ["changes", "growth", "idle", "reads"]

ROUNDS = 5
LINES = 65

SHOP = """
[targets.shop]
path   = "{scratch}/files/shop.ini"
format = "ini"
"""

OTHERS = "".join(
    f'\n[[grants]]\nusers = [{uid}]\nmethods = ["get_key"]\ntargets = ["shop"]\nkeys = ["section.key{uid}"]\n'
    for uid in range(1000, 1009)
)
"""Grants of nine other users."""

GET = message("get_key", target="shop", key="section.key7")


def reads(console: Console, scratch: Path, programs: Programs) -> None:
    """One round trip: echo in C, echo in Python, and a guarded, validated, audited read."""
    with ExitStack() as stack:
        in_c = stack.enter_context(echo(scratch, programs))
        in_python = stack.enter_context(plain_echo(scratch))
        ours = stack.enter_context(rpcd(scratch, "reads", SHOP + OTHERS + GRANT, {"shop.ini": ini(LINES * 64)}))
        contenders: dict[str, Callable[[], Figures]] = {}
        for count in (1, 50):
            for name, server in (("C echo", in_c), ("Python echo", in_python), ("rpcd get_key", ours)):
                contenders[f"{name}, {count} connection{'s' * (count > 1)}"] = _asking(
                    programs, server.pid, server.socket, [GET], count
                )
        taken = interleave(contenders, ROUNDS)
    rows = []
    first = next(iter(taken.values()))
    for name, figures in taken.items():
        if name.startswith("C echo"):
            first = figures
        goal = Goal.at_most(figures.p50 / first.p50, 3, "C echoes") if name == "rpcd get_key, 1 connection" else None
        rows.append(Row(name, figures, beside=first, goal=goal))
    show(console, "1. A guarded, validated, audited read", rows, "ratio: p50 to C's with as many connections")


def _asking(
    programs: Programs, server: int, socket: str, messages: list[str], connections: int
) -> Callable[[], Figures]:
    return lambda: programs.load(server, socket, messages, connections=connections)


def changes(console: Console, scratch: Path, programs: Programs) -> None:
    """One durable change: the least sequence in C, update_key, and sudo with crudini."""
    files = 16
    settings = GRANT + SHOP
    for number in range(files):
        settings += f'\n[targets.t{number}]\npath = "{{scratch}}/files/t{number}.ini"\nformat = "ini"\n'
    names = ["shop", *(f"t{number}" for number in range(files))]
    in_c, by_sudo = scratch / "replaced", scratch / "crudini.ini"
    in_c.mkdir()
    by_sudo.write_text(ini(LINES * 64))
    with rpcd(scratch, "changes", settings, {f"{name}.ini": ini(LINES * 64) for name in names}) as ours:
        one = [_update("shop", 7, turn) for turn in range(1000)]
        many = [_update(f"t{number}", 7, turn) for turn in range(100) for number in range(files)]
        same = [_update("shop", number, turn) for turn in range(50) for number in range(64)]
        fresh = itertools.count()

        def named() -> Figures:
            """Changes that could be asked for again, each under an id that has never been there."""
            messages = [_update("shop", 7, turn, request_id=str(next(fresh))) for turn in range(4096)]
            return programs.load(ours.pid, ours.socket, messages)

        contenders: dict[str, Callable[[], Figures]] = {
            "C, 1 thread": lambda: programs.durable(in_c),
            "rpcd update_key, 1 client": _asking(programs, ours.pid, ours.socket, one, 1),
            "the same with a request_id": named,
            "the same, asked again": _asking(
                programs, ours.pid, ours.socket, [_update("shop", 7, 0, request_id="-")], 1
            ),
            "C, 16 threads, 16 files": lambda: programs.durable(in_c, threads=files),
            "rpcd update_key, 16 clients, 16 files": _asking(programs, ours.pid, ours.socket, many, files),
            "rpcd update_key, 64 clients, 1 file": _asking(programs, ours.pid, ours.socket, same, 64),
        }
        if may_sudo := shutil.which("crudini") and _succeeds(["sudo", "-n", "true"]):
            contenders["sudo crudini --set"] = lambda: _crudini(by_sudo)
        taken = interleave(contenders, ROUNDS)
    alone, in_step = taken["C, 1 thread"], taken["C, 16 threads, 16 files"]
    single, crowd = taken["rpcd update_key, 1 client"], taken["rpcd update_key, 64 clients, 1 file"]
    retried = taken["the same with a request_id"]
    goals = {
        "the same with a request_id": Goal.at_most(retried.p50 / single.p50, 1.5, "changes without"),
        "rpcd update_key, 1 client": Goal.at_most(single.p50 / alone.p50, 2, "C sequences"),
        "rpcd update_key, 64 clients, 1 file": Goal.at_least(
            crowd.calls_a_second / single.calls_a_second, 3, "times one client's calls/s"
        ),
    }
    show(
        console,
        "2. One durable change of a 65-line ini file",
        [
            Row(name, figures, beside=in_step if "16" in name else alone, goal=goals.get(name))
            for name, figures in taken.items()
        ],
        "C: write 4 KiB, fsync, rename, fsync the directory; ratio: p50 to C's, for 16 to C's 16"
        + ("" if may_sudo else "\nsudo crudini is left out: it is not installed, or sudo asks for a password"),
    )


def _update(target: str, number: int, turn: int, **options: object) -> str:
    """A change whose result has not been there lately: a server that knows contents again gains nothing."""
    return message("update_key", target=target, key=f"section.key{number}", value=f"{turn:040d}", **options)


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _crudini(file: Path) -> Figures:
    times = []
    for number in range(4):
        start = time.perf_counter()
        subprocess.run(["sudo", "-n", "crudini", "--set", str(file), "section", "key7", f"value{number}"], check=True)
        times.append((time.perf_counter() - start) * 1e6)
    return Figures(statistics.median(times), max(times), len(times) * 1e6 / sum(times))


def idle(console: Console, scratch: Path) -> None:
    """How soon it is ready, and what it holds then."""
    ready, memory = [], []
    for number in range(7):
        start = time.perf_counter()
        with rpcd(scratch, f"idle{number}", SHOP + OTHERS + GRANT, {"shop.ini": ini(LINES * 64)}) as server:
            ready.append((time.perf_counter() - start) * 1000)
            server.call("get_key", target="shop", key="section.key7")
            memory.append(server.usage().resident)
    resident = statistics.median(memory)
    show(
        console,
        "3. At rest",
        [
            Row("from start to ready", goal=Goal.at_most(statistics.median(ready), 500, "ms")),
            Row("after a first call", memory=resident, goal=Goal.at_most(resident / 1024, 45, "MiB")),
        ],
    )


def growth(console: Console, scratch: Path, programs: Programs) -> None:
    """What becomes of one caller when there are more connections, more grants, or larger files."""
    _connections(console, scratch, programs)
    _grants(console, scratch, programs)
    _files(console, scratch, programs)


def _connections(console: Console, scratch: Path, programs: Programs) -> None:
    rows: list[Row] = []
    with rpcd(scratch, "connections", SHOP + GRANT, {"shop.ini": ini(LINES * 64)}) as server, ExitStack() as open_ones:
        ask = _asking(programs, server.pid, server.socket, [GET], 1)
        ask()
        empty, held = server.usage().resident, 0
        for count in (1, 10, 100, 1000):
            while held < count - 1:
                connection = open_ones.enter_context(Connection(server.socket))
                connection.raw(GET.encode())
                held += 1
            figures = Figures.median([ask() for _ in range(3)])
            each = (server.usage().resident - empty) / held if held else None
            goal = Goal.at_most(each, 16, "KiB each") if each is not None and count == 1000 else None
            rows.append(Row(f"{count:,}", figures, beside=rows[0].figures if rows else None, memory=each, goal=goal))
    show(console, "4a. get_key on one of so many connections", rows, "memory: of each further connection")


def _grants(console: Console, scratch: Path, programs: Programs) -> None:
    counts = (10, 100, 1000, 10_000)
    with ExitStack() as stack:
        servers: dict[int, Rpcd] = {}
        for count in counts:
            others = "".join(
                f'\n[[grants]]\nusers = [{1000 + number}]\nmethods = ["get_key"]\ntargets = ["shop"]\n'
                for number in range(count - 1)
            )
            files = {"shop.ini": ini(LINES * 64)}
            servers[count] = stack.enter_context(rpcd(scratch, f"grants{count}", SHOP + others + GRANT, files))
        taken = interleave(
            {str(count): _asking(programs, server.pid, server.socket, [GET], 1) for count, server in servers.items()},
            ROUNDS,
        )
        memory = {count: server.usage().resident for count, server in servers.items()}
    few = taken[str(counts[0])]
    most = taken[str(counts[-1])]
    goals = {counts[-1]: Goal.at_most(most.p50 / few.p50, 1.1, "times 10 grants' p50")}
    show(
        console,
        "4b. get_key with so many grants, the caller's being the last",
        [
            Row(f"{count:,}", taken[str(count)], beside=few, memory=memory[count], goal=goals.get(count))
            for count in counts
        ],
    )


def _files(console: Console, scratch: Path, programs: Programs) -> None:
    sizes = {"1 KiB": 1 << 10, "16 KiB": 1 << 14, "128 KiB": 1 << 17, "1 MiB": 1 << 20}
    targets = {size: f"f{size}" for size in sizes.values()}
    settings = GRANT + "".join(
        f'\n[targets.{target}]\npath = "{{scratch}}/files/{target}.ini"\nformat = "ini"\n'
        for target in targets.values()
    )
    with rpcd(scratch, "files", settings, {f"{target}.ini": ini(size) for size, target in targets.items()}) as server:
        contenders: dict[str, Callable[[], Figures]] = {}
        for name, size in sizes.items():
            get = [message("get_key", target=targets[size], key="section.key7")]
            update = [_update(targets[size], 7, turn) for turn in range(1000)]
            contenders[f"get_key, {name}"] = _asking(programs, server.pid, server.socket, get, 1)
            contenders[f"update_key, {name}"] = _asking(programs, server.pid, server.socket, update, 1)
        taken = interleave(contenders, 3)
    smallest = {method: taken[f"{method}, 1 KiB"] for method in ("get_key", "update_key")}
    show(
        console,
        "4c. one key of a file of such a size",
        [
            Row(f"{method}, {size}", taken[f"{method}, {size}"], beside=smallest[method])
            for method in smallest
            for size in sizes
        ],
    )
