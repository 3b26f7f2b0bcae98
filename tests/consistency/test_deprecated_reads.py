"""Who still reads what will go: by subscriptions, by who was seen; in documents, checks and alerts."""

from datetime import UTC, datetime, timedelta

from bus.alerts.alert import Severity
from bus.alerts.rules.deprecated_read import DEPRECATED_READ
from bus.consistency.declared_readers import declared_readers
from bus.consistency.deprecated_reads import deprecated_reads
from bus.consistency.subscription_store import add_subscription, subscriptions
from bus.consistency.subscriptions import Subscription
from bus.consistency.topic_readers import ReaderKind, TopicReader
from bus.docgen import events, topics
from bus.gateway.http.asyncapi import Hosts, document
from bus.gateway.http.asyncapi_deprecations import KEY, with_deprecations
from bus.postgres.pool import Pool, connected
from bus.programs.topics_check import deprecated_result
from schemas.deprecations import Deprecation
from schemas.topics import load_contract
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]

CONTRACT = load_contract()
CARRIED = {name: CONTRACT.topics[name].event_names for name in CONTRACT.public()}
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
BI = Subscription(client="bi", owner="数据组", contact="bi@corp", topics=("ticket.assign",), groups=("bi",))


def going(what: str, days: int = 20) -> Deprecation:
    """Deprecate something."""
    until = (NOW + timedelta(days=days)).date()
    return Deprecation(what=what, since=NOW.date() - timedelta(days=90), until=until, instead="ticket.events", why="w")


def sure(what: str, **changes: object) -> list[bool]:
    """Ask whether one subscription reads it, and how sure that is."""
    given = {name: getattr(BI, name) for name in BI.__slots__}
    return [one.sure for one in declared_readers(what, CARRIED, [Subscription(**{**given, **changes})])]


def test_declared_readers_by_what_a_subscription_names() -> None:
    assert sure("ticket.assign") == [True]
    assert sure("ticket.parts") == []
    assert sure("TicketAssigned") == [False], "one of all the events of its topic"
    assert sure("TicketAssigned", types=("TicketAssigned",)) == [True]
    assert sure("TicketAssigned", types=("TicketReturned",)) == []
    assert sure("PartsIssued") == []
    assert sure("TicketAssigned.reason") == [False], "it has not said which fields"
    for field in ("TicketAssigned.assignee.person", "TicketAssigned.assignee"):
        assert sure("TicketAssigned.assignee.person", fields=(field,)) == [True]
        assert sure("TicketAssigned.assignee", fields=(field,)) == [True]
    assert sure("TicketAssigned.reason", fields=("TicketAssigned.assignee",)) == []
    assert sure("TicketAssigned.reason", fields=("TicketReturned.reason",)) == [False], "fields of another event"


def test_deprecated_reads_by_subscriptions_and_by_who_was_seen() -> None:
    seen = [
        TopicReader(kind=ReaderKind.GROUP, who=who, topic="ticket.assign", last_at=NOW - timedelta(hours=hours))
        for who, hours in (("bi", 1), ("wall", 1), ("gone", 30), ("dev.ticketbus.delivery", 1))
    ]
    found = deprecated_reads([going("ticket.assign")], CONTRACT, [BI], seen, NOW)
    assert [(one.who, one.reader is not None) for one in found] == [("bi", True), ("wall", False)]
    results = [deprecated_result(one, NOW) for one in found]
    assert {one.severity for one in results} == {Severity.P3}
    assert "数据组" in results[0].text.zh
    assert "instead: ticket.events" in results[0].text.en
    [late] = deprecated_reads([going("ticket.assign", 60)], CONTRACT, [BI], [], NOW)
    assert deprecated_result(late, NOW).severity is None, "there is time"


def test_deprecated_read_alerts_by_the_days_that_are_left() -> None:
    for days, severity in ((-3, Severity.P1), (5, Severity.P2), (20, Severity.P3)):
        found = deprecated_reads([going("ticket.assign", days)], CONTRACT, [BI], [], NOW)
        [alert] = DEPRECATED_READ.evaluate(found, NOW)
        assert (alert.severity, alert.about) == (severity, "bi → ticket.assign")
    found = deprecated_reads([going("ticket.assign", 60)], CONTRACT, [BI], [], NOW)
    assert DEPRECATED_READ.evaluate(found, NOW) == []


async def test_deprecated_read_fields_of_a_subscription_are_kept(pool: Pool) -> None:
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE subscriptions")
        given = {name: getattr(BI, name) for name in BI.__slots__}
        one = Subscription(**{**given, "fields": ("TicketAssigned.assignee",)})
        await add_subscription(connection, one, by="li", why="")
        assert await subscriptions(connection) == [one]
        assert await DEPRECATED_READ.read(connection) == [], "nothing of this version will go"


def test_deprecated_things_stand_in_the_documents() -> None:
    listed = [going("ticket.parts"), going("TicketAssigned.reason")]
    whole = with_deprecations(document(CONTRACT, Hosts()), listed)
    assert [one["what"] for one in whole["channels"]["ticket.parts"][KEY]] == ["ticket.parts"]
    assert KEY not in whole["channels"]["ticket.assign"]
    messages = whole["components"]["messages"]
    assert [name for name, one in messages.items() if KEY in one] == ["TicketAssigned"]
    assert "**Deprecated** since 2026-09-02: `TicketAssigned.reason`" in events.page(CONTRACT, listed)
    assert "**Deprecated** since 2026-09-02: `ticket.parts`" in topics.page(CONTRACT, listed)
