"""The names that OWASP's logging vocabulary has for what a record tells. Pure.

Monitoring that knows the vocabulary (OWASP Cheat Sheet Series, Application Logging Vocabulary) can key on `owasp`
without knowing rpcd. A name has the form `event:user,object`; users are uids, and `system` is the server itself.

Rules of this file:

- What is no security event has no name.
- A comma within a part is written `%2C`: the form has no quotes.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["owasp"]

EVENTS: Final[Mapping[str, str]] = {
    "started": "sys_startup:system",
    "stopped": "sys_shutdown:system",
    "read_only": "authz_admin:{admin},read_only",
    "accept_paused": "excess_rate_limit_exceeded:system,descriptors",
    "connection_refused": "authz_fail:{user},connection",
    "interrupted": "sys_monitor_disabled:system,audit",
    "truncated": "sys_monitor_disabled:system,audit",
    "removed": "sys_monitor_disabled:system,audit",
    "tail_missing": "sys_monitor_disabled:system,audit",
    "head_lost": "sys_monitor_disabled:system,audit",
}
"""By event, whatever else the record says."""

QUOTAS: Final = frozenset({"connections", "connections_of_uid", "connections_of_strangers", "stall"})
"""Why a connection is refused that is one too many, or takes too long."""

SETTINGS: Final[Mapping[str, str]] = {
    "taken": "authz_change:{admin},settings,taken",
    "kept": "authz_admin:{admin},settings_kept",
}
"""By verdict: settings hold the grants."""

KINDS: Final[Mapping[str, str]] = {
    "denied": "authz_fail:{user},{object}",
    "parse_error": "input_validation_fail:message,{user}",
    "invalid_request": "input_validation_fail:request,{user}",
    "no_such_method": "input_validation_fail:method,{user}",
    "invalid_params": "input_validation_fail:params,{user}",
    "rejected": "input_validation_fail:content,{user}",
    "not_editable": "input_validation_fail:content,{user}",
    "too_large": "input_validation_fail:size,{user}",
    "busy": "excess_rate_limit_exceeded:{user}",
    "internal": "sys_crash:incident",
}
"""By how a call failed."""

SECRETS: Final[Mapping[str, str]] = {
    "decided": "sensitive_read:{user},{object}",
    "created": "sensitive_create:{user},{object}",
    "changed": "sensitive_update:{user},{object}",
    "deleted": "sensitive_delete:{user},{object}",
}
"""By what was done with what a target's `secret` names."""


def owasp(record: Mapping[str, Any]) -> str | None:
    """The vocabulary's name for a record; None where it is no security event."""
    template = _template(record)
    if template is None or "{" not in template:
        return template
    peer = record.get("peer") or record.get("sender")
    return template.format(
        user=peer["uid"] if peer else "unknown",
        admin=peer["uid"] if peer else "system",
        object=str(record.get("target") or record.get("method") or "message").replace(",", "%2C"),
    )


def _template(record: Mapping[str, Any]) -> str | None:
    event = record["event"]
    if event == "counted":
        event = record["of"]
    if event in EVENTS:
        return KINDS["busy"] if record.get("why") in QUOTAS else EVENTS[event]
    if event == "settings":
        return SETTINGS.get(record["verdict"])
    kind = record.get("kind")
    if kind is not None:
        return None if event == "intent" else KINDS.get(kind)
    if not record.get("secret") or record.get("verdict") != "allowed":
        return None
    if event == "decided":
        return None if record.get("dry_run") else SECRETS["decided"]
    if event != "outcome" or not record.get("changed"):
        return None
    done = "created" if record["before"] == "absent" else "deleted" if record["after"] == "absent" else "changed"
    return SECRETS[done]
