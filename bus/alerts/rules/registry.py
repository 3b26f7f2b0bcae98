"""Rules of the schema registry: it differs from this version, or does not answer; open while the last check says so."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.consistency.registry_state import RegistryState, read_registry
from bus.domain.text import Text

_ANSWERS: Final = RegistryState(away=None, differences=())
_DIFFERS: Final = RegistryState(
    away=None, differences=[("ticket.events-value", Text("不在 schema registry 中", "is not in the registry"))]
)


def _differs(state: RegistryState, _now: datetime) -> Sequence[Alert]:
    texts = defaultdict[str, list[Text]](list)
    for subject, text in state.differences:
        texts[subject].append(text)
    return [
        Alert(
            rule=RuleName.SCHEMA_DIFFERS,
            about=subject,
            zh=";".join(one.zh for one in found),
            en="; ".join(one.en for one in found),
            mend="ticketbus prepare",
        )
        for subject, found in texts.items()
    ]


def _away(state: RegistryState, _now: datetime) -> Sequence[Alert]:
    if state.away is None:
        return []
    return [
        Alert(
            rule=RuleName.REGISTRY_AWAY,
            about="schema registry",
            zh=f"schema registry 无应答:{state.away};已知 schema 的读写照常,带有未知 schema id 的记录要等待,也无法升级",
            en=f"the schema registry does not answer: {state.away}; what has a known schema goes on, records with an "
            "unknown schema id wait, and no upgrade is possible",
            mend="ticketbus doctor",
        )
    ]


SCHEMA_DIFFERS: Final = AlertRule(
    name=RuleName.SCHEMA_DIFFERS,
    severity=Severity.P2,
    title=Text("注册表中的模式不一致", "the registry differs"),
    read=read_registry,
    evaluate=_differs,
    fires=lambda _now: _DIFFERS,
    quiet=lambda _now: _ANSWERS,
)
REGISTRY_AWAY: Final = AlertRule(
    name=RuleName.REGISTRY_AWAY,
    severity=Severity.P2,
    title=Text("注册表无应答", "the schema registry is away"),
    read=read_registry,
    evaluate=_away,
    fires=lambda _now: RegistryState(away="ConnectError", differences=()),
    quiet=lambda _now: _DIFFERS,
    open_after=timedelta(seconds=45),  # two checks: a restart is no alert
)
REGISTRY_RULES: Final = (SCHEMA_DIFFERS, REGISTRY_AWAY)
