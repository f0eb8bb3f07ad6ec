"""One piece of advice, and what the rules look at."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rpcd.policy import Grant
from rpcd.policy.grant import Rule
from rpcd.settings import MethodFacts, Settings, Target
from rpcd.settings.accounts import Accounts

__all__ = ["Advice", "Facts"]

ROOT = frozenset({0})
"""The uid, and the gid, of root."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is allowed but unwise: where it stands, what could happen, and what to do about it."""

    at: str
    danger: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.at}: {self.danger}. {self.remedy}."


@dataclass(frozen=True, slots=True)
class Reach:
    """A grant, and the targets that it reaches, or files of which it reaches."""

    grant: Grant
    targets: tuple[Target, ...]


class Facts:
    """Settings, with what each of their grants reaches, and the names of those whom they are for.

    `reaches` leaves out the grants of root alone: root can do without rpcd whatever they let it do.
    """

    def __init__(self, settings: Settings, methods: Mapping[str, MethodFacts]) -> None:
        self.settings = settings
        self.methods = methods
        self.accounts = Accounts()
        self.reaches = tuple(
            Reach(grant, tuple(self._targets(Rule.of(number, grant))))
            for number, grant in enumerate(settings.grants)
            if not (grant.uids <= ROOT and grant.gids <= ROOT)
        )

        self._reaching: defaultdict[str, list[Grant]] = defaultdict(list)
        for reach in self.reaches:
            for target in reach.targets:
                self._reaching[target.name].append(reach.grant)

    def reaching(self, target: Target) -> list[Grant]:
        """The grants that reach a target."""
        return self._reaching[target.name]

    def changes(self, grant: Grant) -> bool:
        """Whether a grant lets anybody change what it reaches."""
        return any(self.methods[name].changes and self.methods[name].target is not None for name in grant.methods)

    def _targets(self, rule: Rule) -> Iterator[Target]:
        targets = self.settings.targets
        named = targets if rule.every else [name for name in sorted(rule.first_parts) if name in targets]
        return (targets[name] for name in named if rule.covers(name))
