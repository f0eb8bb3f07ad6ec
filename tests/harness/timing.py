"""What work costs, so that a busy or slow machine fails no test: only as a ratio to other work of the same moment."""

import time
from collections.abc import Callable

__all__ = ["cost", "costs_what_its_size_does"]

TIMES = 8
"""How many times the size, where growth is looked at."""

PATIENT = 5
"""Measurements that are made before it is believed that something grows."""


def cost(work: Callable[[], object]) -> float:
    """Seconds of processor time that `work` takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def costs_what_its_size_does(cost_of: Callable[[int], float], size: int) -> bool:
    """Whether a size costs less than three times what its eighth part says; a square would cost eight times that.

    `cost_of` gives the cost of a size in seconds. A machine that is busy with something else can only make a cost
    larger, so the least of what was measured counts.
    """
    small = large = float("inf")
    for _ in range(PATIENT):
        small, large = min(small, cost_of(size // TIMES)), min(large, cost_of(size))
        if large < 3 * TIMES * small + 0.05:
            return True
    return False
