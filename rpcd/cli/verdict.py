"""What `rpcd audit verify` finds, and how it is told."""

import json
import re
from dataclasses import asdict, dataclass
from errno import ENOENT
from typing import Final

import click

from rpcd.audit.chain import Finding, Verdict, verify
from rpcd.audit.files import Files
from rpcd.audit.head import Head, boot_id, read_head
from rpcd.printable import printable

__all__ = ["Told", "verdict"]

_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict on so many files, and what was not looked at."""

    verdict: Verdict
    files: int
    without_head: bool

    @property
    def holds(self) -> bool:
        """Whether the log is what was written."""
        return self.verdict.holds

    def show(self, *, as_json: bool) -> None:
        """Print it, for programs or for people."""
        verdict = self.verdict
        if as_json:
            told = {"holds": self.holds, "files": self.files, "head": not self.without_head, **asdict(verdict)}
            click.echo(json.dumps(told))
            return
        for note in verdict.notes:
            click.echo(f"note: {_placed(note)}")
        if self.without_head:
            click.echo("note: no head to compare with: a tail that was cut off would not be seen")
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        if verdict.problem is not None:
            click.secho(f"does not hold: {_placed(verdict.problem)}", fg="red", bold=True)
            click.echo(f"the {verdict.records:,} records before hold")
        elif not self.holds:
            missing = sum(note.missing for note in verdict.notes if not note.explained)
            click.secho(f"does not hold: {missing:,} records may be missing, see above", fg="red", bold=True)
        else:
            click.secho(f"holds: {verdict.records:,} records in {files}, up to {verdict.last}", fg="green", bold=True)


def verdict(files: tuple[str, ...], head: str | None, log: str = "", kept: str = "") -> Told:
    """Judge `files`, or the log at `log` with what was rotated away.

    `head` is a file, or a number and a hash; where it is None, the file `kept` is it. Raises `OSError`.
    """
    known = _head(head, kept)  # before the log: records come in the meantime, and are no more than it knows
    with Files(files) if files else Files.of(log) as opened:
        if not opened.parts:
            raise FileNotFoundError(ENOENT, "there is no such log", log)
        return Told(verify(opened.parts, known), len(opened.parts), known is None)


def _head(given: str | None, kept: str) -> Head | None:
    if given is None:
        try:
            return read_head(kept) if kept else None
        except OSError:
            return None
    if (found := _HEAD.fullmatch(given)) is not None:
        return Head(int(found[1]), found[2], int(found[1]), boot_id())
    return read_head(given)


def _placed(finding: Finding) -> str:
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path
    return printable(f"{place}: {finding.why}" if place else finding.why)
