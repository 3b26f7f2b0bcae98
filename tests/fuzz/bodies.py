"""Valid bodies of every command and of every CRM delivery, about persons whose names no log may hold."""

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any

from pydantic import TypeAdapter

from bus.domain.naming import kebab
from bus.intake.command_bodies import COMMANDS
from bus.intake.dispatch import utc_now
from tests.domain.people import SAMPLES
from tests.fuzz.judge import SECRET_WORD

AT = (utc_now() - timedelta(hours=1)).astimezone(timezone(timedelta(hours=8))).isoformat(timespec="seconds")
_PERSONAL = frozenset({"name", "address", "person", "backup_person", "asked_by", "confirmed_by", "rejected_by", "by"})
_PHONES = frozenset({"phone", "contact", "backup_contact"})


def _about_persons(value: Any, key: str = "") -> Any:
    match value:
        case dict():
            return {name: _about_persons(inner, name) for name, inner in value.items() if inner is not None}
        case list():
            return [_about_persons(inner, key) for inner in value]
        case str() if key in _PERSONAL:
            return SECRET_WORD + value
        case str() if key in _PHONES:
            return "13812345678" if key == "contact" else "13912345678"
        case _:
            return value


COMMAND_BODIES: Mapping[str, Any] = {
    kebab(cls): {**_about_persons(TypeAdapter(cls).dump_python(SAMPLES[cls], mode="json")), "actor": f"{SECRET_WORD}员"}
    for cls in COMMANDS.values()
}

_ABOUT = {"source_no": "CRM-1001", "by": f"{SECRET_WORD}客服"}
_TICKS = ["fully_solved", "no_side_risk", "no_follow_up"]
_DELIVERIES: Mapping[str, Mapping[str, Any]] = {
    "ticket.created": {
        "incident_key": {"kind": "serial", "value": "SN-88-0001"},
        "title": "洗衣机不脱水",
        "type": "hardware_fault",
        "region": "华东",
        "skills": ["washer"],
        "customer": {"name": f"{SECRET_WORD}女士", "phone": "13912345678", "address": f"{SECRET_WORD}路"},
    },
    "ticket.note": {"text": "门禁密码 1234"},
    "ticket.progress_asked": {"asked_by": f"{SECRET_WORD}女士", "text": "什么时候来?"},
    "ticket.closure_confirmed": {"confirmed_by": f"{SECRET_WORD}女士", "ticks": _TICKS},
    "ticket.closure_rejected": {"rejected_by": f"{SECRET_WORD}女士", "reason": "仍有异响"},
    "ticket.status_changed": {"status": "closed", "confirmed_by": f"{SECRET_WORD}女士", "ticks": _TICKS},
}
DELIVERY_BODIES: Mapping[str, Any] = {
    kind: {"type": kind, "timestamp": AT, "data": {**_ABOUT, **data}} for kind, data in _DELIVERIES.items()
}
