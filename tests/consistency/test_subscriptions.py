"""Subscriptions as rows: what is refused by name, who changed what, and whom an alert names."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bus.alert_catalogue import RULES
from bus.alerts.rule_names import RuleName
from bus.consistency.mismatch_store import note_mismatches, read_mismatches
from bus.consistency.rewind import refuse_own
from bus.consistency.subscription_store import (
    add_subscription,
    list_subscriptions,
    remove_subscription,
    see_readers,
    seen_readers,
    subscriptions,
)
from bus.consistency.subscriptions import Subscription, groups_of, read_subscription, subscription_of
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch
from bus.consistency.topic_readers import ReaderKind, TopicReader
from bus.domain.errors import CommandRefused, Conflict, MalformedInput
from bus.gateway.stream.subscription_notes import PostgresSubscriptionNotes
from bus.kafka.group_members import ConsumerGroup
from bus.postgres.pool import Pool, connected
from deadletter.topic_mismatch import TOPIC_MISMATCH
from schemas.topics import load_contract
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]

CONTRACT = load_contract()
BI = Subscription(
    client="bi", owner="数据组", contact="bi@corp", topics=("ticket.assign",), groups=groups_of("bi", "dev")
)


def changed(**changes: object) -> Subscription:
    """Make it otherwise."""
    given = {name: getattr(BI, name) for name in BI.__slots__}
    return Subscription(**{**given, **changes})


@pytest.fixture
async def emptied(pool: Pool) -> None:
    """Begin without any rows."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE subscriptions, topic_readers, topic_mismatches")


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"client": "BI"}, "client", "lower case"),
        ({"client": "ticketbus"}, "client", "the bus's own"),
        ({"owner": " "}, "owner", "1 to 100"),
        ({"contact": "13800000001"}, "contact", "no phone"),
        ({"owner": "数据组 +86 138-0000-0001"}, "owner", "no phone"),
        ({"contact": "a\nb"}, "contact", "control character"),
        ({"version": ""}, "version", "1 to 32"),
        ({"version": "the new one"}, "version", "1 to 32"),
        ({"topics": ()}, "topic", "--topic"),
        ({"topics": ("ticket.assigns",)}, "topic", "did you mean ticket.assign?"),
        ({"topics": ("ticket.commands",)}, "topic", "is no topic to subscribe to"),
        ({"types": ("TicketAsigned",)}, "type", "did you mean TicketAssigned?"),
        ({"types": ("TicketOpened",)}, "type", "ticket.events, ticket.status"),
        ({"groups": ("*",)}, "group", "every group"),
        ({"groups": ("dev.projections",)}, "group", "dev.projections is a group of the bus"),
        ({"groups": ("mes", "dev.pro*")}, "group", "dev.projections is a group of the bus"),
        ({"groups": ("dev.ticketbus.delivery",)}, "group", "dev.ticketbus.delivery is a group of the bus"),
        ({"groups": ("dev.ticketbus.anything",)}, "group", "is a group of the bus"),
        ({"groups": ("dev.ti*",)}, "group", "is a group of the bus"),
        ({"regions": ("上海,北京",)}, "region", "no comma"),
        ({"assignees": ("13800000001",)}, "assignee", "no phone"),
        ({"regions": tuple(map(str, range(101)))}, "region", "at most 100"),
        ({"rate": 0.0}, "rate", "above 0"),
    ],
)
def test_subscriptions_what_is_wrong_is_refused_with_its_field(
    changes: dict[str, object], field: str, says: str
) -> None:
    with pytest.raises(MalformedInput) as refused:
        read_subscription(changed(**changes), CONTRACT, "dev")
    assert refused.value.field == field
    assert says in refused.value.text.en


@pytest.mark.parametrize(("group", "own"), [("dev.ticketbus.delivery", True), ("dev.bi", False)])
def test_subscriptions_that_name_a_group_of_the_bus_do_not_set_it_back(group: str, own: bool) -> None:
    with pytest.raises(Conflict, match="group of the bus itself") if own else nullcontext():
        refuse_own(ConsumerGroup(name=group, node=1), "dev")


def test_subscriptions_are_of_the_client_and_of_its_groups_and_of_no_others() -> None:
    assert read_subscription(BI, CONTRACT, "dev") == BI
    for who in ("bi", "dev.bi", "dev.subscriber.bi/reports"):
        assert subscription_of([BI], who) == BI
    for who in ("bi2", "dev.bi2", "subscriber.bi/reports", "dev.subscriber.bi2/reports", ""):
        assert subscription_of([BI], who) is None
    newer = changed(version="2", owner="平台组")
    assert subscription_of([BI, newer], "bi") == newer


@pytest.mark.usefixtures("emptied")
async def test_subscriptions_are_added_once_and_removed_with_who_and_why(pool: Pool) -> None:
    async with connected(pool) as connection:
        await add_subscription(connection, BI, by="wang", why="reports")
    with pytest.raises(CommandRefused, match="has a subscription of version 1"):
        async with connected(pool) as connection:
            await add_subscription(connection, BI, by="wang", why="")
    async with connected(pool) as connection:
        assert await subscriptions(connection) == [BI]
        assert await remove_subscription(connection, "bi", "1", by="li", why="gone")
        assert not await remove_subscription(connection, "bi", "1", by="li", why="gone")
        assert await subscriptions(connection) == []
        await add_subscription(connection, changed(owner="平台组"), by="li", why="again")
        first, second = await list_subscriptions(connection, "bi", removed=True)
    assert (first.subscription, first.added_by, first.added_why) == (BI, "wang", "reports")
    assert (first.removed_by, first.removed_why, second.removed_at) == ("li", "gone", None)
    assert second.subscription.owner == "平台组"


@pytest.mark.usefixtures("emptied")
async def test_subscriptions_an_alert_names_owner_and_contact_of_who_is_subscribed(pool: Pool) -> None:
    mismatch = TopicMismatch(kind=MismatchKind.SUBSCRIPTION, topic="ticket.assigns", who="dev.bi", nearest="")
    async with connected(pool) as connection:
        await note_mismatches(connection, [mismatch])
        [before] = await read_mismatches(connection)
        await add_subscription(connection, BI, by="wang", why="")
        found = await read_mismatches(connection)
    assert (before.owner, before.contact) == ("", "")
    [alert] = TOPIC_MISMATCH.evaluate(found, datetime.now(UTC))
    assert "负责人:数据组,联系:bi@corp" in alert.zh
    assert "Owner: 数据组, contact: bi@corp" in alert.en


@pytest.mark.usefixtures("emptied")
async def test_subscriptions_an_alert_of_a_stopped_consumer_names_its_owner(pool: Pool) -> None:
    rule = RULES[RuleName.CONSUMER_STOPPED]
    [(status, _)] = rule.fires(datetime.now(UTC))
    async with connected(pool) as connection:
        await add_subscription(connection, BI, by="wang", why="")
        known = await subscriptions(connection)
    for who, named in (("dev.bi", True), ("dev.other", False)):
        found = [(replace(status, consumer=who), subscription_of(known, who))]
        [alert] = rule.evaluate(found, datetime.now(UTC))
        assert ("负责人:数据组,联系:bi@corp" in alert.zh) is named


@pytest.mark.usefixtures("emptied")
async def test_subscriptions_a_stream_is_seen_while_it_is_open_and_a_refusal_with_its_address(pool: Pool) -> None:
    notes = PostgresSubscriptionNotes(pool)
    notes.opened("bi", ["ticket.assign", "ticket.status"])
    notes.refused("bi", "ticket.assigns", "ticket.assign", "192.0.2.7")
    notes.refused("bi", "ticket.assigns", "ticket.assign", "192.0.2.8")
    await notes.write()
    notes.closed("bi", ["ticket.assign", "ticket.status"])
    await notes.write()
    async with connected(pool) as connection:
        seen, [refused] = await seen_readers(connection), await read_mismatches(connection)
    assert [(one.kind, one.who, one.topic) for one in seen] == [
        (ReaderKind.STREAM, "bi", "ticket.assign"),
        (ReaderKind.STREAM, "bi", "ticket.status"),
    ]
    assert (refused.times, refused.members) == (2, ("192.0.2.7", "192.0.2.8"))
    [alert] = TOPIC_MISMATCH.evaluate([refused], datetime.now(UTC))
    assert "bi (192.0.2.7; 192.0.2.8)" in alert.zh


@pytest.mark.usefixtures("emptied")
async def test_subscriptions_an_open_stream_is_written_again_and_a_closed_one_is_not(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.gateway.stream.subscription_notes.SEEN_EVERY_S", 0.0)
    notes = PostgresSubscriptionNotes(pool)
    notes.opened("open", ["ticket.assign"])
    notes.opened("closed", ["ticket.assign"])
    await notes.write()
    notes.closed("closed", ["ticket.assign"])
    await notes.write()
    async with connected(pool) as connection:
        again = {one.who: one.last_at != one.first_at for one in await seen_readers(connection)}
    assert again == {"open": True, "closed": False}


@pytest.mark.usefixtures("emptied")
async def test_subscriptions_who_reads_is_seen_again_and_not_twice(pool: Pool) -> None:
    one = TopicReader(kind=ReaderKind.GROUP, who="bi", topic="ticket.assign", members=("m1",))
    async with connected(pool) as connection:
        await see_readers(connection, [one])
    async with connected(pool) as connection:
        await see_readers(connection, [one])
        [seen] = await seen_readers(connection)
    assert seen.first_at
    assert seen.last_at
    assert seen.last_at > seen.first_at
