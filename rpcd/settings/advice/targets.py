"""Advice on targets: where they lie, who executes what stands in them, and who may read their secrets."""

from collections.abc import Iterator

from rpcd.documents.key import KeyPattern
from rpcd.policy import Grant
from rpcd.settings import Target
from rpcd.settings.advice.executed import executed
from rpcd.settings.advice.facts import Advice, Facts
from rpcd.settings.places import resolved
from rpcd.trust import trusted

__all__ = ["executed_by_root", "open_directory", "readable_secret"]


def open_directory(facts: Facts) -> Iterator[Advice]:
    """A target in a directory that others than root can write."""
    for target in facts.settings.targets.values():
        if target.untrusted_directory and (why := trusted(resolved(target)[0])) is not None:
            yield Advice(
                f"targets.{target.name}",
                f"{why}: whoever can may put another file, or a link, in the place of this one at any time",
                "Move it into a directory that only root can write, and leave untrusted_directory out",
            )


def executed_by_root(facts: Facts) -> Iterator[Advice]:
    """A target that somebody may change, and that root executes or obeys."""
    for target in facts.settings.targets.values():
        changing = [grant.source for grant in facts.reaching(target) if facts.changes(grant)]
        if changing and (what := executed(target)) is not None:
            yield Advice(
                f"targets.{target.name}",
                f"{what}: whoever may write it can become root (granted at {', '.join(changing)})",
                "Grant no more than the single keys that execute nothing, or leave the file to root",
            )


def readable_secret(facts: Facts) -> Iterator[Advice]:
    """A secret that a grant lets somebody read."""
    for reach in facts.reaches:
        for target in reach.targets:
            secrets = ", ".join(_readable(reach.grant, target))
            if secrets:
                yield Advice(
                    reach.grant.source,
                    f"it lets what is secret in {target.name} be read ({secrets}): who takes the caller over has it",
                    "Grant update_key without get_key and read_file, or keys that leave it out, where that is enough",
                )


def _readable(grant: Grant, target: Target) -> Iterator[str]:
    """The secrets of a target that a grant lets somebody read."""
    whole = "read_file" in grant.methods
    if target.secret_content and whole:
        yield "all"
    for secret in target.secret:
        by_key = not grant.keys or any(_meet(secret, pattern) for pattern in grant.keys)
        if whole or ("get_key" in grant.methods and by_key):
            yield str(secret)
    if target.schema is not None and (whole or "get_key" in grant.methods):
        ways = [_way(pattern) for pattern in grant.keys] if grant.keys and not whole else [()]
        yield from dict.fromkeys(str(hidden) for way in ways for hidden in target.schema.write_only(way))


def _way(pattern: KeyPattern) -> tuple[str | None, ...]:
    """The steps of a pattern up to the star at its end, which stands for everything below."""
    return pattern.segments if pattern.segments[-1] is not None else pattern.segments[:-1]


def _meet(one: KeyPattern, other: KeyPattern) -> bool:
    """Whether some key is meant by both patterns."""
    shorter, longer = sorted((one.segments, other.segments), key=len)
    if any(None not in {mine, its} and mine != its for mine, its in zip(shorter, longer, strict=False)):
        return False
    return len(shorter) == len(longer) or shorter[-1] is None
