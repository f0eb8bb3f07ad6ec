"""Counters of what the server does, and the OpenMetrics text of them.

Rules of this file:

- Counting a call costs a microsecond at most, on the event loop; text is made only when somebody asks for it.
- Every set of labels is bounded: methods are those of the surface, callers those whose calls were permitted,
  and of these a limited number.
  What does not exist, and who is nobody, has one label.
- Names and units are those of OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/): seconds, bytes,
  `_total`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock
from typing import Final

from rpcd import __version__

__all__ = ["BOUNDS", "FAMILIES", "Family", "Metrics"]

BOUNDS: Final = tuple(
    round(base * 10**power) for power in range(4, 10) for base in (1, 2.5, 5)
)  # 10 µs to 5 s, in nanoseconds
"""Upper bounds of the latency histogram's buckets, in nanoseconds; one more has what took longer."""

MAX_CALLERS: Final = 256
"""uids with counters of their own; the others share one."""

NOBODY: Final = "other"
"""The label of what does not exist: a method without a row, a uid that was never permitted anything."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: `kind` is OpenMetrics's type; `label` the name of its one label, where it has one."""

    kind: str
    help: str
    label: str = ""
    unit: str = ""


FAMILIES: Final[Mapping[str, Family]] = {
    # what is counted
    "connections_accepted": Family("counter", "Connections that were accepted."),
    "connections_refused": Family("counter", "Connections that were turned away.", "why"),
    "changes": Family("counter", "Edits that were written to a target."),
    "batches": Family("counter", "Writes of a target; one has the edits of all who waited."),
    "audit_records": Family("counter", "Records of the audit log, from its first one on."),
    "audit_faults": Family("counter", "Times that the audit log could not be written, or not be synced."),
    "reloads": Family("counter", "Times that the settings were read again.", "verdict"),
    # what is looked at when somebody asks
    "connections": Family("gauge", "Connections that are open."),
    "queued": Family("gauge", "Changes that wait for their turn."),
    "read_only": Family("gauge", "1 in read-only mode."),
    "degraded": Family("gauge", "1 where something needs an administrator."),
    "uptime_seconds": Family("gauge", "Time since the server started.", unit="seconds"),
    "resident_memory_bytes": Family("gauge", "Memory that the process holds.", unit="bytes"),
    "descriptors": Family("gauge", "Descriptors that the process has open."),
    "threads": Family("gauge", "Threads of the process."),
}
"""Every metric but those of calls, by its name without `rpcd_`."""


@dataclass(slots=True)
class _Calls:
    """The calls of one method: nanoseconds in all, how many up to each bound, and how many by kind of outcome."""

    nanoseconds: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    kinds: dict[str | None, int] = field(default_factory=dict)


class Metrics:
    """The counters of one server. `call` is for the event loop; everything else for any thread."""

    def __init__(self) -> None:
        self._unknown = _Calls()
        self._calls: dict[str, _Calls] = {}
        self._strangers = [0, 0]
        self._callers: dict[int, list[int]] = {}
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._reads: dict[str, Callable[[], float]] = {}
        self._lock = Lock()

    def know(self, methods: Iterable[str]) -> None:
        """Have counters for these methods from now on."""
        for name in methods:
            self._calls.setdefault(name, _Calls())

    def call(self, method: str, kind: str | None, nanoseconds: int, uid: int, *, permitted: bool) -> None:
        """Count a call that ended after this time, refused with `kind` or not (None).

        `permitted` says that a grant covered it: only then a new uid gets counters of its own.
        """
        calls = self._calls.get(method, self._unknown)
        calls.nanoseconds += nanoseconds
        calls.buckets[bisect_left(BOUNDS, nanoseconds)] += 1
        kinds = calls.kinds
        kinds[kind] = kinds.get(kind, 0) + 1
        caller = self._callers.get(uid)
        if caller is None:
            caller = self._caller(uid) if permitted else self._strangers
        caller[0] += 1
        if kind is not None:
            caller[1] += 1

    def count(self, family: str, label: str = "", amount: int = 1) -> None:
        """Add to a counter of `FAMILIES`."""
        with self._lock:
            self._counts[family, label] += amount

    def read(self, family: str, value: Callable[[], float]) -> None:
        """Have `value` asked for this metric of `FAMILIES` whenever somebody looks."""
        self._reads[family] = value

    def value(self, family: str) -> float:
        """What a metric without a label is now."""
        read = self._reads.get(family)
        return read() if read is not None else self._counts.get((family, ""), 0)

    def text(self) -> str:
        """Everything, as `application/openmetrics-text; version=1.0.0`."""
        return "\n".join((*self._lines(), "# EOF", ""))

    def _caller(self, uid: int) -> list[int]:
        if len(self._callers) >= MAX_CALLERS:
            return self._strangers
        return self._callers.setdefault(uid, [0, 0])

    def _lines(self) -> Iterator[str]:
        yield from _head("build", Family("info", "The version of rpcd."))
        yield f'rpcd_build_info{{version="{__version__}"}} 1'
        calls = {name: row for name, row in self._calls.items() if row.kinds}
        if self._unknown.kinds:
            calls[NOBODY] = self._unknown
        yield from _head("calls", Family("counter", "Calls, by what became of them."))
        for name, row in calls.items():
            for kind, number in row.kinds.items():
                yield f'rpcd_calls_total{{method="{name}",kind="{kind or "ok"}"}} {number}'
        yield from _head("call_seconds", Family("histogram", "From request to reply.", unit="seconds"))
        for name, row in calls.items():
            numbers = list(accumulate(row.buckets))
            for bound, number in zip(BOUNDS, numbers, strict=False):
                yield f'rpcd_call_seconds_bucket{{method="{name}",le="{bound / 1e9!r}"}} {number}'
            yield f'rpcd_call_seconds_bucket{{method="{name}",le="+Inf"}} {numbers[-1]}'
            yield f'rpcd_call_seconds_count{{method="{name}"}} {numbers[-1]}'
            yield f'rpcd_call_seconds_sum{{method="{name}"}} {row.nanoseconds / 1e9!r}'
        callers = [*self._callers.items(), (NOBODY, self._strangers)]
        for place, (name, what) in enumerate((("caller_calls", "Calls"), ("caller_refusals", "Refused calls"))):
            yield from _head(name, Family("counter", f"{what}, by the caller's uid."))
            for uid, numbers in callers:
                yield f'rpcd_{name}_total{{uid="{uid}"}} {numbers[place]}'
        for name, family in FAMILIES.items():
            yield from self._family(name, family)

    def _family(self, name: str, family: Family) -> Iterator[str]:
        """The lines of one of `FAMILIES`."""
        yield from _head(name, family)
        sample = f"rpcd_{name}_total" if family.kind == "counter" else f"rpcd_{name}"
        if not family.label:
            yield f"{sample} {self.value(name):.15g}"
            return
        with self._lock:
            counts = [(label, number) for (counted, label), number in self._counts.items() if counted == name]
        yield from (f'{sample}{{{family.label}="{label}"}} {number}' for label, number in counts)


def _head(name: str, family: Family) -> Iterator[str]:
    yield f"# TYPE rpcd_{name} {family.kind}"
    if family.unit:
        yield f"# UNIT rpcd_{name} {family.unit}"
    yield f"# HELP rpcd_{name} {family.help}"
