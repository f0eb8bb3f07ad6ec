"""What OWASP's logging vocabulary calls our records."""

import re
from typing import Any

import pytest

from rpcd.audit.vocabulary import owasp

PEER = {"peer": {"uid": 33}}
CALL = {"event": "decided", **PEER, "method": "get_key", "target": "shop", "verdict": "refused", "kind": None}
DONE = {**CALL, "event": "outcome", "verdict": "allowed", "changed": True, "secret": True,
        "before": "sha256:0", "after": "sha256:1"}  # fmt: skip

NAMES: list[tuple[dict[str, Any], str | None]] = [
    ({"event": "started"}, "sys_startup:system"),
    ({"event": "stopped"}, "sys_shutdown:system"),
    ({"event": "settings", "verdict": "taken"}, "authz_change:system,settings,taken"),
    ({"event": "settings", "verdict": "kept"}, "authz_admin:system,settings_kept"),
    ({"event": "read_only"}, "authz_admin:system,read_only"),
    ({"event": "read_only", **PEER}, "authz_admin:33,read_only"),
    ({"event": "connected", **PEER}, None),
    ({"event": "connection_refused", **PEER}, "authz_fail:33,connection"),
    ({"event": "connection_refused"}, "authz_fail:unknown,connection"),
    ({"event": "accept_paused"}, "excess_rate_limit_exceeded:system,descriptors"),
    ({"event": "tail_missing"}, "sys_monitor_disabled:system,audit"),
    ({"event": "truncated"}, "sys_monitor_disabled:system,audit"),
    ({"event": "removed"}, "sys_monitor_disabled:system,audit"),
    ({"event": "head_lost"}, "sys_monitor_disabled:system,audit"),
    ({"event": "interrupted"}, "sys_monitor_disabled:system,audit"),
    ({"event": "torn"}, None),
    (CALL, None),
    ({**CALL, "kind": "denied"}, "authz_fail:33,shop"),
    ({**CALL, "kind": "denied", "target": None}, "authz_fail:33,get_key"),
    ({**CALL, "kind": "denied", "target": "vhosts/a,b"}, "authz_fail:33,vhosts/a%2Cb"),
    ({"event": "decided", **PEER, "method": "", "kind": "denied"}, "authz_fail:33,message"),
    ({**CALL, "kind": "invalid_params"}, "input_validation_fail:params,33"),
    ({**CALL, "kind": "parse_error"}, "input_validation_fail:message,33"),
    ({**CALL, "kind": "invalid_request"}, "input_validation_fail:request,33"),
    ({**CALL, "kind": "no_such_method"}, "input_validation_fail:method,33"),
    ({**CALL, "kind": "not_editable"}, "input_validation_fail:content,33"),
    ({**CALL, "kind": "rejected"}, "input_validation_fail:content,33"),
    ({**CALL, "kind": "too_large"}, "input_validation_fail:size,33"),
    ({**CALL, "kind": "busy"}, "excess_rate_limit_exceeded:33"),
    ({"event": "connection_refused", "sender": {"uid": 33}, "why": "connections"}, "excess_rate_limit_exceeded:33"),
    ({"event": "connection_refused", **PEER, "why": "stall"}, "excess_rate_limit_exceeded:33"),
    ({**CALL, "kind": "internal"}, "sys_crash:incident"),
    ({**CALL, "kind": "conflict"}, None),
    ({**CALL, "event": "counted", "of": "decided", "kind": "denied"}, "authz_fail:33,shop"),
    ({**CALL, "verdict": "allowed", "secret": True}, "sensitive_read:33,shop"),
    ({**CALL, "verdict": "allowed", "secret": True, "dry_run": True}, None),
    (DONE, "sensitive_update:33,shop"),
    ({**DONE, "before": "absent"}, "sensitive_create:33,shop"),
    ({**DONE, "after": "absent"}, "sensitive_delete:33,shop"),
    ({**DONE, "changed": False}, None),
    ({**DONE, "secret": False}, None),
    ({**DONE, "event": "intent"}, None),
    ({**DONE, "kind": "denied"}, "authz_fail:33,shop"),
    ({**DONE, "event": "intent", "kind": "denied"}, None),
]


@pytest.mark.parametrize(("record", "name"), NAMES)
def test_a_record_has_the_name_of_the_vocabulary(record: dict[str, Any], name: str | None) -> None:
    """Security events have a name in the vocabulary's form, and nothing else has one."""
    assert owasp(record) == name
    assert name is None or re.fullmatch(r"[a-z]+(_[a-z]+)+:[^:\s]+", name)
