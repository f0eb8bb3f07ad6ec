"""The server's counters as `rpcd top` needs them: read from their text, and what came between two looks. Pure.

It reads what `rpcd.metrics` writes and not all of OpenMetrics: one sample a line, labels without escapes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf
from typing import Final

__all__ = ["Rates", "Sample", "quantile", "read"]

_SAMPLE: Final = re.compile(r"rpcd_(\w+)(?:\{(.*)\})? (\S+)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')

Sample = dict[tuple[str, ...], float]
"""Values by name and the values of the labels, in their order."""


def read(text: str) -> Sample:
    """The samples of an exposition."""
    found: Sample = {}
    for line in text.splitlines():
        if matched := _SAMPLE.fullmatch(line):
            name, labels, value = matched.groups()
            found[name, *(label for _, label in _LABEL.findall(labels or ""))] = float(value)
    return found


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened between two looks that are `seconds` apart."""

    before: Sample
    after: Sample
    seconds: float

    def labels(self, name: str) -> list[str]:
        """The values of a metric's first label."""
        return list(dict.fromkeys(key[1] for key in self.after if key[0] == name))

    def rate(self, name: str, label: str, *, but: str | None = None) -> float:
        """How much a counter grew each second, over all its further labels less the one `but`."""
        wanted = (key for key in self.after if key[:2] == (name, label) and key[2:] != (but,))
        return sum(map(self._grown, wanted)) / self.seconds

    def quantile(self, share: float, method: str) -> float | None:
        """The latency in seconds that this share of a method's calls stayed below; None where there were none."""
        keys = [key for key in self.after if key[:2] == ("call_seconds_bucket", method)]
        return quantile(share, sorted((float(key[2]), self._grown(key)) for key in keys))

    def _grown(self, key: tuple[str, ...]) -> float:
        """What a counter grew by; one that is less than before began anew, in another server."""
        before, after = self.before.get(key, 0), self.after[key]
        return after - before if after >= before else after


def quantile(share: float, buckets: Iterable[tuple[float, float]]) -> float | None:
    """A quantile of cumulative counts below their bounds, straight between two; the last bound where it is beyond."""
    bounds = list(buckets)
    wanted = share * bounds[-1][1] if bounds else 0
    if not wanted:
        return None
    low = under = 0.0
    for bound, count in bounds:
        if count >= wanted:
            break
        low, under = bound, count
    return low if isinf(bound) else low + (bound - low) * (wanted - under) / (count - under)
