"""The rule of what will go and is still read: who, whom to ask, and how soon."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.expiry import severity_before
from bus.consistency.declared_readers import DeclaredReader
from bus.consistency.deprecated_reads import DeprecatedRead, deprecated_reads
from bus.consistency.subscription_store import seen_readers, subscriptions
from bus.consistency.subscriptions import Subscription
from bus.domain.text import Text
from bus.postgres.pool import Connection
from schemas.deprecations import Deprecation, load_deprecations
from schemas.topics import Contract, load_contract


@cache
def announced() -> tuple[Contract, Sequence[Deprecation]]:
    """Read the contract and what of it will go: once, as a round comes every few seconds."""
    contract = load_contract()
    return contract, load_deprecations(contract)


async def read_deprecated(connection: Connection) -> Sequence[DeprecatedRead]:
    """Read who reads what will go, by subscriptions and who was seen."""
    contract, listed = announced()
    if not listed:
        return []
    return deprecated_reads(
        listed, contract, await subscriptions(connection), await seen_readers(connection), datetime.now(UTC)
    )


def _alerts(found: Sequence[DeprecatedRead], now: datetime) -> Sequence[Alert]:
    judged = ((one, severity_before(one.ends_at - now)) for one in found)
    return [_alert(one, severity) for one, severity in judged if severity]


def _alert(one: DeprecatedRead, severity: Severity) -> Alert:
    text = one.text()
    return Alert(
        rule=RuleName.DEPRECATED_READ, about=one.about, zh=text.zh, en=text.en, mend=one.mend, severity=severity
    )


def _example(until: datetime) -> Sequence[DeprecatedRead]:
    subscription = Subscription(client="bi", owner="数据组", contact="bi@example.com", topics=("ticket.parts",))
    one = Deprecation(
        what="ticket.parts", since=(until - timedelta(days=90)).date(), until=until.date(), instead="ticket.events",
        why="an example",
    )  # fmt: skip
    return [DeprecatedRead(deprecation=one, who="bi", reader=DeclaredReader(subscription=subscription, sure=True))]


DEPRECATED_READ: Final = AlertRule(
    name=RuleName.DEPRECATED_READ,
    severity=Severity.P3,
    title=Text("仍有订阅者读取即将移除的内容", "what will go is still read"),
    read=read_deprecated,
    evaluate=_alerts,
    fires=lambda now: _example(now + timedelta(days=20)),
    quiet=lambda now: _example(now + timedelta(days=60)),
)
