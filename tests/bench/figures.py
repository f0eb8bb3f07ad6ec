"""How a contender is measured, and what is told of it."""

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Figures", "Programs", "interleave", "message"]

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Figures:
    """One contender: times of a call and the server's CPU for one in microseconds, where that is known."""

    p50: float
    p99: float
    calls_a_second: float
    cpu: float | None = None

    @classmethod
    def median(cls, rounds: Sequence["Figures"]) -> "Figures":
        """Of several rounds, the median of each figure."""
        cpu = [figures.cpu for figures in rounds if figures.cpu is not None]
        return cls(
            p50=statistics.median(figures.p50 for figures in rounds),
            p99=statistics.median(figures.p99 for figures in rounds),
            calls_a_second=statistics.median(figures.calls_a_second for figures in rounds),
            cpu=statistics.median(cpu) if cpu else None,
        )


def interleave(contenders: Mapping[str, Callable[[], Figures]], rounds: int) -> dict[str, Figures]:
    """Each contender in turn, so many rounds: what disturbs the machine for a while disturbs all of them."""
    taken: dict[str, list[Figures]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            taken[name].append(measure())
    return {name: Figures.median(figures) for name, figures in taken.items()}


def message(method: str, **params: object) -> str:
    """One request, as the load generator sends it."""
    return json.dumps({"jsonrpc": "2.0", "id": 17, "method": method, "params": params}, separators=(",", ":"))


class Programs:
    """The programs in C, compiled into a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("echo", "load", "durable"):
            command = ["gcc", "-O2", "-pthread", "-o", str(directory / name), str(HERE / f"{name}.c")]
            subprocess.run(command, check=True)

    def path(self, name: str) -> str:
        """Where a program is."""
        return str(self.directory / name)

    def load(
        self, server: int, socket: str, messages: Iterable[str], *, connections: int = 1, seconds: float = 0.8
    ) -> Figures:
        """What it takes to be answered by the process `server`, which listens at `socket`."""
        command = [self.path("load"), socket, str(connections), str(seconds)]
        before, start = _cpu(server), time.monotonic()
        told = _run(command, "\n".join(messages))
        elapsed, spent = time.monotonic() - start, _cpu(server) - before
        if told["errors"]:
            raise RuntimeError(f"{told['errors']} error replies from {socket}")
        figures = _figures(told)
        return Figures(figures.p50, figures.p99, figures.calls_a_second, spent / (figures.calls_a_second * elapsed))

    def durable(self, directory: Path, *, threads: int = 1, seconds: float = 0.8) -> Figures:
        """What the least sequence of a durable replacement takes in `directory`."""
        return _figures(_run([self.path("durable"), str(directory), str(threads), str(seconds)], ""))


def _run(command: list[str], text: str) -> dict[str, Any]:
    done = subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _figures(told: Mapping[str, Any]) -> Figures:
    return Figures(p50=told["p50"], p99=told["p99"], calls_a_second=told["calls"] / told["seconds"])


def _cpu(process: int) -> float:
    """Microseconds that all threads of a process have run (schedstat, in nanoseconds)."""
    total = 0
    for thread in os.listdir(f"/proc/{process}/task"):
        try:
            total += int(Path(f"/proc/{process}/task/{thread}/schedstat").read_text().split()[0])
        except FileNotFoundError:  # it has ended; what it ran is lost to us
            continue
    return total / 1000
