"""`[quotas]`: numbers that have to fit each other, and the largest content."""

from rpcd.quotas import Quotas
from rpcd.settings.once import Once

__all__ = ["build_quotas"]


def build_quotas(once: Once, *, max_content: int) -> Quotas:
    """The quotas; faults where one of them would leave nobody anything."""
    quotas = Quotas(
        connections=once.number("quotas", "connections", 1024),
        connections_of_uid=once.number("quotas", "connections_of_uid", 256),
        connections_for_root=once.number("quotas", "connections_for_root", 8),
        connections_of_strangers=once.number("quotas", "connections_of_strangers", 64),
        idle=once.duration("quotas", "idle", "10 min"),
        idle_of_strangers=once.duration("quotas", "idle_of_strangers", "5 s"),
        stall=once.duration("quotas", "stall", "5 s"),
        calls=once.number("quotas", "calls", 5000),
        changes=once.number("quotas", "changes", 500),
        checks=once.number("quotas", "checks", 2),
        contents=once.size("quotas", "contents", "128 MiB", least="8 MiB", most="64 GiB"),
    )
    if quotas.connections_for_root >= quotas.connections:
        once.at("quotas", "connections_for_root").add(
            "all connections would be root's: it is not less than connections"
        )
    if quotas.contents < 2 * max_content:
        once.at("quotas", "contents").add(
            "less than twice server.max_content: a uid may have half of it, and no largest content would ever fit"
        )
    return quotas
