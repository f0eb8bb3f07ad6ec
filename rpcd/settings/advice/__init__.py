"""What settings allow that is unwise: advice, where `rpcd check` finds no fault.

Rules of this package:

- Each rule is one function, and one row of `RULES`. It says where, what could happen, and what to do.
- Advice is for whoever may not do it by themselves anyway: grants of root alone are nobody's danger.
- Nothing is said twice: what many grants have in common is one piece of advice.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rpcd.settings import MethodFacts, Settings
from rpcd.settings.advice import grants, targets
from rpcd.settings.advice.facts import Advice, Facts

__all__ = ["RULES", "Advice", "advise"]

RULES: Final[tuple[Callable[[Facts], Iterator[Advice]], ...]] = (
    targets.open_directory,
    targets.executed_by_root,
    targets.readable_secret,
    grants.shared_user,
    grants.everything,
    grants.never_applies,
    grants.closed_socket,
)


def advise(settings: Settings, methods: Mapping[str, MethodFacts]) -> tuple[Advice, ...]:
    """All advice on settings that have no faults, in the order of the rules."""
    facts = Facts(settings, methods)
    return tuple(dict.fromkeys(advice for rule in RULES for advice in rule(facts)))
