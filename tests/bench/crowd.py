"""What is measured under load: a thousand connections of fifty uids, and what counting costs one call."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from timeit import repeat

from rich.console import Console

from rpcd.metrics import Metrics
from rpcd.quotas import Rate
from tests.bench.figures import Figures, Programs, interleave, message
from tests.bench.report import Goal, Row, show
from tests.bench.servers import GRANT, ini, rpcd

__all__ = ["crowd"]

UIDS = 50
CONNECTIONS = 1000
FIRST_UID = 2001
SECONDS = 3.0

SHOP = """
[targets.shop]
path   = "{scratch}/files/shop.ini"
format = "ini"
"""

CALLERS = f"""
[[grants]]
users   = {list(range(FIRST_UID, FIRST_UID + UIDS))}
methods = ["get_key", "update_key"]
targets = ["shop"]
"""

GET = message("get_key", target="shop", key="section.key7")
MIXED = [GET] * 97 + [message("ping")] * 2 + [message("update_key", target="shop", key="section.key9", value="x")]


def crowd(console: Console, scratch: Path, programs: Programs) -> None:
    """Many callers of many uids; and the share of a call that quotas and counters take."""
    with rpcd(scratch, "crowd", SHOP + CALLERS + GRANT, {"shop.ini": ini(65 * 64)}) as server:

        def alone() -> Figures:
            return programs.load(server.pid, server.socket, [GET])

        contenders: dict[str, Callable[[], Figures]] = {"get_key, 1 connection": alone}
        if os.geteuid() == 0:
            contenders[f"mixed, {CONNECTIONS:,} connections of {UIDS} uids"] = lambda: _many(programs, server.socket)
        taken = interleave(contenders, 3)
    single = taken["get_key, 1 connection"]
    counting = Figures(cost := _counting(), cost, 1e6 / cost)
    rows = [Row(name, figures, beside=single) for name, figures in taken.items()]
    share = Goal.at_most(100 * counting.p50 / single.p50, 3, "% of get_key")
    rows.append(Row("quotas and counters of one call", counting, beside=single, goal=share))
    show(
        console,
        "6. A crowd",
        rows,
        "mixed: 97 of 100 read a key, 2 ping, 1 changes a key; p50: the middle uid's, p99: the worst uid's"
        + ("" if os.geteuid() == 0 else "\nthe crowd is left out: only root can become fifty others"),
    )


def _many(programs: Programs, socket: str) -> Figures:
    """What it takes to be answered for the callers of all uids at once."""
    command = [programs.path("load"), socket, str(CONNECTIONS // UIDS), str(SECONDS)]
    callers = [
        subprocess.Popen(
            command, user=uid, group=uid, extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for uid in range(FIRST_UID, FIRST_UID + UIDS)
    ]
    for caller in callers:
        assert caller.stdin is not None
        caller.stdin.write("\n".join(MIXED))
        caller.stdin.close()
        caller.stdin = None
    told = [json.loads(caller.communicate()[0]) for caller in callers]
    if errors := sum(one["errors"] for one in told):
        raise RuntimeError(f"{errors} error replies under load")
    return Figures(
        p50=median(one["p50"] for one in told),
        p99=max(one["p99"] for one in told),
        calls_a_second=sum(one["calls"] / one["seconds"] for one in told),
    )


def _counting() -> float:
    """Microseconds that quotas and counters take of one call."""
    rate, metrics, calls = Rate(10**6), Metrics(), 10_000
    metrics.know(["get_key"])

    def count() -> None:
        rate.take(1, time.monotonic_ns())
        metrics.call("get_key", None, 100_000, 1, permitted=True)

    return min(repeat(count, number=calls, repeat=5)) / calls * 1e6
