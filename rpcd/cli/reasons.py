"""An explanation in words: for the administrator at the shell, who may know everything."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rpcd.documents.key import Key, format_key
from rpcd.meant import meant
from rpcd.methods import Rules
from rpcd.peer import INVALID_ID, OVERFLOW_ID, Peer
from rpcd.policy import Grant, Miss
from rpcd.settings.accounts import Accounts

__all__ = ["Answer", "Question", "told"]

MOST: Final = 10
"""Grants that are told; whoever has more of them wants the first."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether `peer`, whom people call `user`, may call this method there."""

    peer: Peer
    user: str
    method: str
    target: str | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """What one grant lacks: the conditions that fail (`rpcd.policy.explanation`), and a clause for each."""

    grant: str
    failed: tuple[str, ...]
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Yes or no, and why. `value` and `table` are what of the key is covered, `remarks` what else is worth knowing."""

    allowed: bool
    sentence: str
    grant: str | None = None
    value: bool = False
    table: bool = False
    reasons: tuple[Reason, ...] = ()
    remarks: tuple[str, ...] = ()

    def record(self) -> dict[str, object]:
        """The answer for programs."""
        return {
            "allowed": self.allowed,
            "sentence": self.sentence,
            "grant": self.grant,
            "value": self.value,
            "table": self.table,
            "closest": [
                {"grant": reason.grant, "failed": list(reason.failed), "reasons": list(reason.clauses)}
                for reason in self.reasons
            ],
            "remarks": list(self.remarks),
        }

    def text(self) -> str:
        """The answer for people."""
        lines = [f"{'yes' if self.allowed else 'no'}: {self.sentence}"]
        width = max((len(reason.grant) for reason in self.reasons), default=0)
        lines += [f"  {reason.grant:{width}}  {'; '.join(reason.clauses)}" for reason in self.reasons[:MOST]]
        if len(self.reasons) > MOST:
            lines.append(f"  and {len(self.reasons) - MOST} more that come as close")
        lines.extend(f"  {remark}" for remark in self.remarks)
        return "\n".join(lines)


def told(rules: Rules, asked: Question) -> Answer:
    """Whether the grants cover what is asked, and why."""
    peer, user, method, target, key = asked.peer, asked.user, asked.method, asked.target, asked.key
    if peer.uid in (OVERFLOW_ID, INVALID_ID):
        sentence = f"uid {peer.uid} stands for every user that cannot be named: the server hangs up on it"
        return Answer(allowed=False, sentence=sentence)
    row = rules.methods.get(method)
    if row is None:
        return Answer(allowed=False, sentence=f"there is no method '{method}'{meant(method, rules.methods)}")
    explained = rules.explain(peer, method, target, key)
    remarks = tuple(_remarks(rules, target))
    where = "".join((f" on {target}" if target else "", f" for the key {format_key(key)}" if key else ""))
    if explained.permit is None:
        sentence = f"no grant names {user}" if row.open else f"no grant lets {user} call {method}{where}"
        reasons = tuple(_reason(rules, miss, asked) for miss in explained.misses)
        return Answer(allowed=False, sentence=sentence, reasons=reasons, remarks=remarks)
    permit = explained.permit
    source = permit.grant.source
    sentence = f"{source} names {user}, and {method} needs no more" if row.open else ""
    if key is not None and permit.value != permit.table:
        covered, other = ("as a value", "a table") if permit.value else ("as a table", "a plain value")
        remarks = (f"Only {covered}: where the key holds {other}, or is to hold one, it is denied.", *remarks)
    needs = {name: needed for name, needed in row.needs.items() if not rules.may(peer, needed, target, key)}
    remarks += tuple(f"With {name} it is denied: that takes {needed} there, too." for name, needed in needs.items())
    return Answer(
        allowed=True,
        sentence=sentence or f"{source} lets {user} call {method}{where}",
        grant=source,
        value=permit.value,
        table=permit.table,
        remarks=remarks,
    )


def _remarks(rules: Rules, target: str | None) -> Iterator[str]:
    """What is worth knowing of a target, whoever may do what."""
    if target is None:
        return
    name, slash, file = target.partition("/")
    targets = rules.settings.targets
    if name not in targets:
        yield f"There is no target '{name}'{meant(name, targets)}"
        return
    names = targets[name].names
    if slash and names is None:
        yield f"'{name}' is a single file, and has none below it."
    elif slash and names is not None and not names.fullmatch(file):
        yield f"'{file}' is not among the names of '{name}' ({names.text})."


def _reason(rules: Rules, miss: Miss, asked: Question) -> Reason:
    """What one grant lacks, in words."""
    grant, unit = miss.grant, asked.peer.unit
    keys = [str(pattern) for pattern in grant.keys]
    key = format_key(asked.key) if asked.key else ""
    clauses = {
        "caller": lambda: f"it is for {_callers(rules, grant)}, not for {asked.user}",
        "unit": lambda: f"it is for callers in {_list(grant.units)}, {f'not in {unit}' if unit else 'see --unit'}",
        "method": lambda: f"its methods are {_list(grant.methods)}, not {asked.method}",
        "target": lambda: f"its targets are {_list(grant.targets) or 'none'}, not {asked.target}",
        "key": lambda: f"its keys are {', '.join(keys)}, not {key}{meant(key, keys)}",
        "table": lambda: f"its keys are {', '.join(keys)}: some of what is below {key}, not all of it",
    }
    return Reason(grant.source, miss.failed, tuple(clauses[condition]() for condition in miss.failed))


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _callers(rules: Rules, grant: Grant) -> str:
    """Whom a grant is for, by name where there are names."""
    accounts = Accounts()
    users = [rules.settings.users.get(uid) or accounts.user(uid) for uid in sorted(grant.uids)]
    groups = [accounts.group(gid) for gid in sorted(grant.gids)]
    several = f"the group{'s' if len(groups) > 1 else ''} {', '.join(groups)}"
    return " and ".join(filter(None, (", ".join(users), several if groups else "")))
