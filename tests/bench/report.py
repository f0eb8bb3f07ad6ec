"""What is shown: one table for each part, with the goals beside the figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.bench.figures import Figures

__all__ = ["Goal", "Row", "show"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached, in words, and whether it is."""

    words: str
    reached: bool

    @classmethod
    def at_most(cls, figure: float, bound: float, unit: str) -> "Goal":
        """A figure that is to be at most `bound`."""
        return cls(f"{figure:.3g} of {bound:g} {unit}", figure <= bound)

    @classmethod
    def at_least(cls, figure: float, bound: float, unit: str) -> "Goal":
        """A figure that is to be at least `bound`."""
        return cls(f"{figure:.3g} of {bound:g} {unit}", figure >= bound)


@dataclass(frozen=True, slots=True)
class Row:
    """One contender; `beside` is whom its ratio compares it with; `memory` in KiB."""

    name: str
    figures: Figures | None = None
    beside: Figures | None = None
    memory: float | None = None
    goal: Goal | None = None


def show(console: Console, title: str, rows: Sequence[Row], note: str = "") -> None:
    """Print a table; columns that no row has anything for are left out."""
    table = Table(title=title, title_justify="left", title_style="bold", caption=note or None, caption_justify="left")
    table.add_column("")
    for heading in ("p50", "p99", "calls/s", "ratio", "CPU a call", "memory", "goal"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row.name, *_times(row), _memory(row), _goal(row))
    for column in [column for column in table.columns[1:] if not any(str(cell) for cell in column.cells)]:
        table.columns.remove(column)
    console.print(table)
    console.print()


def _times(row: Row) -> list[str]:
    figures = row.figures
    if figures is None:
        return ["", "", "", "", ""]
    ratio = f"{figures.p50 / row.beside.p50:.2f}" if row.beside else ""
    cpu = _duration(figures.cpu) if figures.cpu is not None else ""
    return [_duration(figures.p50), _duration(figures.p99), f"{figures.calls_a_second:,.0f}", ratio, cpu]


def _duration(microseconds: float) -> str:
    return f"{microseconds:,.0f} µs" if microseconds < 10_000 else f"{microseconds / 1000:,.1f} ms"


def _memory(row: Row) -> str:
    if row.memory is None:
        return ""
    return f"{row.memory:,.1f} KiB" if row.memory < 1024 else f"{row.memory / 1024:,.1f} MiB"


def _goal(row: Row) -> Text:
    return Text(row.goal.words, "green" if row.goal.reached else "bold red") if row.goal else Text()
