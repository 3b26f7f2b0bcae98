"""A list against tickets in PostgreSQL: what is missing is named, opened, settled; a broken list judges nothing."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.crm.adapter import CrmAdapter
from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert
from bus.alerts.rule_names import RuleName
from bus.domain.batch import Accepted, CommandResult
from bus.domain.commands import Assign, Command, OpenTicket, Request, Return
from bus.domain.terms import CommandId, KeyKind, TicketId, TraceId
from bus.domain.text import Text
from bus.domain.values import Assignee, IncidentKey
from bus.intake.dispatch import Dispatcher
from bus.intake.source_adapter import Source
from bus.postgres.pool import Pool, connected, in_transaction
from bus.postgres.store import PostgresStore
from bus.programs.reconcile_watch import ReconcileWatch
from bus.reconcile.compare import ListWindow
from bus.reconcile.open_missing import open_missing
from bus.reconcile.reconciler import Ask, Reconciler, ReconcileReport
from bus.reconcile.source_list import ListedTicket, ListUnavailable
from bus.reconcile.store import declare_lists, missing_named

NOW = datetime.now(UTC).replace(microsecond=0)
BEGIN = NOW - timedelta(hours=3)
WINDOW = ListWindow(since=BEGIN, until=NOW - timedelta(minutes=5))
ZHOU = Assignee(role="engineer", person="周师傅", contact="13800000001", backup_person="吴工", backup_contact="802")


def opening(number: str, minute: float, key: str = "") -> OpenTicket:
    at = BEGIN + timedelta(minutes=minute)
    incident = IncidentKey(kind=KeyKind.ORDER, value=key or f"O-{number}")
    return OpenTicket(
        incident_key=incident, title="漏水", type="hardware_fault", region="华东", source_no=number, opened_at=at
    )


def listed(number: str, minute: float, **fields: str) -> ListedTicket:
    command = opening(number, minute)
    return ListedTicket(number=number, at=BEGIN + timedelta(minutes=minute), fields=fields, opening=command)


def pages(*each: Sequence[ListedTicket], fails: bool = False) -> Ask:
    """Give a list that has, of each page, the tickets of the time asked for."""

    async def listed(since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        for page in each:
            yield [one for one in page if since <= one.at < until]
        if fails:
            raise ListUnavailable(Text("第 2 页没有取到 13800000009", "page 2 did not come"))

    return listed


async def arrive(dispatcher: Dispatcher, command: Command, number: str, at: datetime, **how: str) -> Accepted:
    """Let a webhook of the CRM arrive."""
    id_ = CommandId(uuid4())
    request = Request(
        command_id=id_, command=command, source="crm", source_no=number, actor="crm", at=at, received_at=NOW,
        trace_id=TraceId(id_.hex), fingerprint=how.get("fingerprint", "f"),
    )  # fmt: skip
    [outcome] = await dispatcher.dispatch([request])
    assert isinstance(outcome, Accepted), outcome
    return outcome


async def opened(dispatcher: Dispatcher, number: str, minute: float, key: str = "") -> Accepted:
    command = opening(number, minute, key)
    return await arrive(dispatcher, command, number, command.opened_at or NOW)


def names(report: ReconcileReport) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    found = report.found
    return (
        [one.number for one in found.missing_here],
        [one.number for one in found.missing_there],
        [(one.difference.number, one.difference.field) for one in report.different],
    )


async def unsettled(pool: Pool) -> list[str]:
    async with connected(pool) as connection:
        rows = await connection.execute(
            b"SELECT source_no FROM missing_tickets WHERE settled_at IS NULL ORDER BY source_no"
        )
        return [number for (number,) in await rows.fetchall()]


async def fired(pool: Pool, rule: RuleName, later: timedelta = timedelta(0)) -> Sequence[Alert]:
    async with connected(pool) as connection:
        return RULES[rule].evaluate(await RULES[rule].read(connection), NOW + later)


async def test_reconciler_names_just_what_is_missing_and_a_joined_report_is_not(
    reconciler: Reconciler, dispatcher: Dispatcher
) -> None:
    await opened(dispatcher, "1", 50)
    joined = await opened(dispatcher, "2", 58, key="O-1")
    assert joined.answer is CommandResult.JOINED
    await opened(dispatcher, "3", 90)
    await opened(dispatcher, "5", 91)
    list_ = [listed("1", 57), listed("2", 61), listed("4", 65)]  # its clock is 7 minutes ahead
    list_ += [listed("5", -600)]  # the bus has it by the time of a webhook that was sent late
    report = await reconciler.reconcile("crm", pages(list_[:2], list_[1:]), WINDOW)
    assert names(report) == (["4"], ["3"], [])
    assert (report.found.listed, report.found.known) == (3, 4)


async def test_reconciler_says_since_which_event_a_ticket_differs(
    reconciler: Reconciler, dispatcher: Dispatcher
) -> None:
    await opened(dispatcher, "1", 50)
    await arrive(dispatcher, Assign(assignee=ZHOU), "1", BEGIN + timedelta(minutes=60))
    list_ = [listed("1", 50, state="pending", region="华东", type="hardware_fault")]
    assert names(await reconciler.reconcile("crm", pages(list_), WINDOW))[2] == [], (
        "the source may not have heard of it yet"
    )
    await arrive(dispatcher, Return(reason="请假"), "1", BEGIN + timedelta(minutes=70))
    await arrive(dispatcher, Assign(assignee=ZHOU), "1", BEGIN + timedelta(minutes=80))
    later = replace(reconciler, now=lambda: datetime.now(UTC) + timedelta(minutes=6))
    [one] = (await later.reconcile("crm", pages(list_), WINDOW)).different
    assert (one.difference.field, one.difference.listed, one.difference.known) == ("state", "pending", "assigned")
    assert one.since
    at = BEGIN + timedelta(minutes=80)
    assert (one.since.occurred_at, type(one.since.event).__name__) == (at, "TicketAssigned"), "it was pending before"


async def test_reconciler_opens_what_is_missing_at_its_own_time_once_and_a_late_webhook_joins(
    reconciler: Reconciler, dispatcher: Dispatcher, pool: Pool, postgres_store: PostgresStore
) -> None:
    list_ = [listed("1", 10), listed("2", 20), replace(listed("3", 30), opening=None)]
    missing = (await reconciler.reconcile("crm", pages(list_), WINDOW)).found.missing_here
    assert await unsettled(pool) == ["1", "2", "3"]
    first = await open_missing(dispatcher, pool, "crm", missing)
    again = await open_missing(dispatcher, pool, "crm", missing)
    assert ([*first.opened], [*first.refused], again.opened) == (["1", "2"], ["3"], first.opened)
    assert await unsettled(pool) == ["3"]
    event = (await postgres_store.events(TicketId(first.opened["1"])))[0]
    assert (event.actor, event.source, event.occurred_at) == ("reconcile:crm", "crm", BEGIN + timedelta(minutes=10))
    late = await opened(dispatcher, "2", 20)
    assert (late.answer, late.ticket_id) == (CommandResult.JOINED, first.opened["2"])
    report = await reconciler.reconcile("crm", pages(list_), WINDOW)
    assert names(report) == (["3"], [], [])


async def test_reconciler_judges_nothing_by_a_list_that_breaks_off(
    reconciler: Reconciler, dispatcher: Dispatcher, pool: Pool
) -> None:
    await opened(dispatcher, "1", 60)
    with pytest.raises(ListUnavailable):
        await reconciler.reconcile("crm", pages([listed("2", 60)], fails=True), WINDOW)
    assert await unsettled(pool) == []
    async with connected(pool) as connection:
        rows = await connection.execute(b"SELECT missing_here, missing_there, failure FROM reconciliations")
        [(here, there, failure)] = await rows.fetchall()
    assert (here, there) == (0, 0)
    assert "page 2 did not come" in failure
    assert "13800000009" not in failure


async def test_reconciler_gives_up_a_list_that_takes_too_long_and_one_that_is_too_long(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(_since: datetime, _until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        yield []
        await asyncio.Event().wait()

    monkeypatch.setattr("bus.reconcile.reconciler.LIST_WITHIN", timedelta(milliseconds=50))
    with pytest.raises(ListUnavailable, match="can be read within"):
        await reconciler.reconcile("crm", hangs, WINDOW)
    monkeypatch.setattr("bus.reconcile.reconciler.LISTED_MAX", 1)
    with pytest.raises(ListUnavailable, match="more than 1 tickets"):
        await reconciler.reconcile("crm", pages([listed("1", 60), listed("2", 61)]), WINDOW)


class ListOf(CrmAdapter):
    """A source that can be asked; `tickets` None: its list fails."""

    def __init__(self, tickets: Sequence[ListedTicket] | None) -> None:
        super().__init__(())
        self.tickets = tickets
        self.asked: list[tuple[datetime, datetime]] = []

    def listed(self, since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        self.asked.append((since, until))
        return pages(self.tickets or (), fails=self.tickets is None)(since, until)


async def look(watch: ReconcileWatch, source: ListOf) -> None:
    await watch.settle()
    await watch.reconcile_due(source)


async def test_reconciler_by_itself_alerts_at_the_first_miss_until_it_came(
    reconciler: Reconciler, dispatcher: Dispatcher, pool: Pool
) -> None:
    source = ListOf([listed("CRM-13800000009", 60), listed("2", 61)])
    sources: dict[str, Source] = {"crm": source}
    watch = ReconcileWatch(reconciler=reconciler, sources=sources, every=timedelta(hours=1))
    await look(watch, source)
    await look(watch, source)
    assert len(source.asked) == 1, "it is not due yet"
    async with connected(pool) as connection:
        before = timedelta(minutes=59)
        await connection.execute(b"UPDATE source_lists SET begun_at = now(), ended_at = now() - %s", (before,))
    await look(replace(watch, every=timedelta(0)), source)
    assert len(source.asked) == 1, "another worker reads it"
    async with connected(pool) as connection:
        await connection.execute(b"UPDATE source_lists SET begun_at = now() - %s, ended_at = now()", (before,))
    [alert] = await fired(pool, RuleName.TICKET_MISSING)
    assert (alert.about, alert.facts) == ("crm", {"tickets": 2})
    assert "13800000009" not in f"{alert.zh} {alert.en} {alert.mend}"
    await opened(dispatcher, "CRM-13800000009", 60)
    await look(watch, source)
    [alert] = await fired(pool, RuleName.TICKET_MISSING)
    assert alert.facts == {"tickets": 1}
    [row] = await in_transaction(pool, missing_named, " 2 ")
    assert (row.source, row.source_at, row.settled) == ("crm", BEGIN + timedelta(minutes=61), None)
    source.tickets = []
    await look(replace(watch, every=timedelta(0)), source)
    assert source.asked[1][0] < source.asked[0][1], "the windows overlap"
    assert await fired(pool, RuleName.TICKET_MISSING), "it is older than what was asked for"
    await reconciler.reconcile("crm", pages([]), WINDOW, by_file=True)
    assert await fired(pool, RuleName.TICKET_MISSING), "a file that leaves it out says nothing of the source's own list"
    await reconciler.reconcile("crm", pages([]), WINDOW)
    assert await fired(pool, RuleName.TICKET_MISSING) == []
    [row] = await in_transaction(pool, missing_named, "2")
    assert row.settled == "unlisted"


async def test_reconciler_a_window_that_leaves_a_gap_is_no_end_of_what_is_reconciled(
    reconciler: Reconciler, pool: Pool
) -> None:
    until = timedelta(minutes=5)

    async def reconciled(since: timedelta) -> datetime | None:
        await reconciler.reconcile("crm", pages([]), ListWindow(since=NOW - since, until=NOW - until))
        async with connected(pool) as connection:
            rows = await connection.execute(b"SELECT reconciled_until FROM source_lists")
            [(end,)] = await rows.fetchall()
        return end if end is None or isinstance(end, datetime) else None

    await in_transaction(pool, declare_lists, ["crm"])
    assert await reconciled(timedelta(hours=3)) is None
    assert await reconciled(timedelta(hours=25)) == NOW - until
    async with connected(pool) as connection:
        await connection.execute(b"UPDATE source_lists SET reconciled_until = %s", (NOW - timedelta(hours=9),))
    assert await reconciled(timedelta(hours=9)) == NOW - timedelta(hours=9), "near its ends a window judges less"
    assert await reconciled(timedelta(hours=10)) == NOW - until


async def test_not_reconciled_for_a_day_but_only_of_sources_that_have_a_list(
    reconciler: Reconciler, pool: Pool
) -> None:
    source = ListOf(None)
    watch = ReconcileWatch(reconciler=reconciler, sources={"crm": source}, every=timedelta(0))
    await look(watch, source)
    day = timedelta(hours=25)
    assert await fired(pool, RuleName.NOT_RECONCILED) == []
    [alert] = await fired(pool, RuleName.NOT_RECONCILED, later=day)
    assert (alert.about, "page 2 did not come" in alert.en) == ("crm", True)
    source.tickets = []
    async with connected(pool) as connection:
        await connection.execute(b"UPDATE source_lists SET declared_at = declared_at - interval '2 days'")
    assert await fired(pool, RuleName.NOT_RECONCILED)
    await look(watch, source)
    assert await fired(pool, RuleName.NOT_RECONCILED) == []
    async with connected(pool) as connection:
        await connection.execute(b"UPDATE source_lists SET seen_at = seen_at - interval '1 hour'")
    assert await fired(pool, RuleName.NOT_RECONCILED, later=day) == [], "no worker's file names it any more"
