"""A month is archived once and as a whole, whoever is killed; all that reads the log reads it there."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from bus.app import Core, open_core
from bus.archive.event_file import EventFileWriter, groups_of
from bus.archive.reader import log_values
from bus.archive.replacing import NotArchived
from bus.audit.bundle import bundle_of, read_history, verify_bundle
from bus.audit.subject import Subject
from bus.consistency.restore import restore
from bus.delivery.ticket_texts import ticket_events
from bus.doctor.checks.archive import CHECK
from bus.doctor.diagnosis import Examined
from bus.domain.batch import Accepted, Refused
from bus.domain.commands import OpenTicket, Start
from bus.domain.errors import ArchiveUnreadable
from bus.domain.terms import TicketId
from bus.outbox.republish import EventsArchived, republish
from bus.postgres.pool import in_transaction, snapshot
from bus.privacy.erase import Erasure, erase
from bus.privacy.export import document
from bus.privacy.search import find
from bus.programs.archiving import archived_events, recalled, verified
from bus.settings import archive_dir
from bus.wire.event_reader import EventReader
from schemas.topics import LOG
from tests.archive.conftest import (
    CLOSED_TICKETS,
    LATER,
    OPEN_TICKETS,
    PHONE,
    WORDS,
    archived,
    ask,
    closed_with_an_order,
    events,
    live,
    log_report,
    reopening,
    signing,
    told,
)
from tests.audit.lives import KEY, report_of, sealed
from tests.bus_under_test import Bus, make_topics
from tests.consistency import test_two_stores
from tests.consistency.test_two_stores import request
from tests.domain.people import CLOSED


async def exported(core: Core) -> str:
    held = await find(core.pool, core.clear, PHONE)
    return "".join([line async for line in document(core.pool, core.clear, held, LATER)])


async def test_archive_closed_tickets_go_and_everything_that_reads_the_log_reads_them_there(core: Core) -> None:
    tickets = await live(core)
    before, journeys = await events(core), [await told(core, one) for one in tickets]
    export, (one, *_) = await exported(core), tickets
    history, texts = await core.store.events(TicketId(one)), await ticket_events(core.pool, core.clear, TicketId(one))
    assert (await archived(core, dry_run=True)).tickets == CLOSED_TICKETS
    assert await events(core) == before
    made = await archived(core)
    assert (made.tickets, made.tickets_left) == (CLOSED_TICKETS, OPEN_TICKETS)
    assert (made.events, made.events_left) == (len(before) - OPEN_TICKETS, OPEN_TICKETS)
    assert {row[0] for row in await events(core)} == {*tickets[CLOSED_TICKETS:]}
    assert [await told(core, one) for one in tickets] == journeys
    by_event = await told(core, str(history[-1].event_id))
    assert by_event
    assert by_event["ticket_id"] == one
    assert await told(core, str(UUID(int=7))) is None
    assert await core.store.events(TicketId(one)) == history
    page = await core.store.events_page(TicketId(one), after=2, most=3)
    assert page
    assert list(page.events) == list(history[2:5])
    assert await ticket_events(core.pool, core.clear, TicketId(one)) == texts
    assert await exported(core) == export
    assert [each["version"] async for each in archived_events(core, one, "")] == [e.version for e in history]
    assert len([each async for each in archived_events(core, "", made.month)]) == made.events
    for source in {e.source for e in history} - {"bus"}:
        assert await core.store.reported(TicketId(one), source) or source == "crm"
    assert await verified(core) == [(made.file, None)]
    assert await log_report(core) == []
    read = EventReader(decode=core.codec.decode, know=core.schemas.know)
    assert await restore(core.pool, core.settings, core.contract, read, core.keys) == 0
    assert (await report_of(core)).listed == []
    async with snapshot(core.pool) as connection:
        for subject in (Subject(ticket=one), Subject(since=datetime(2000, 1, 1, tzinfo=UTC), until=LATER)):
            placed = await read_history(connection, subject)
            raw = await bundle_of(connection, subject, placed, KEY, LATER)
            assert (verify_bundle(raw, KEY.public, None).listed, len(placed) > 0) == ([], True)


async def test_archive_a_late_event_goes_on_and_the_next_file_has_it(core: Core) -> None:
    await closed_with_an_order(core, 9)
    (one, *_) = await live(core)
    file = archive_dir(core.settings) / (await archived(core)).file
    away = file.rename(file.with_suffix(".away"))
    course = [reopening(1), reopening(9), request(9, Start(), 501), signing(9, 502)]  # its steps are in the file alone
    unread = await core.dispatcher.dispatch(course)
    assert [one.error.code if isinstance(one, Refused) else "" for one in unread] == ["", "", "", "template_unreadable"]
    away.rename(file)
    (signed,) = await core.dispatcher.dispatch([signing(9, 503)])
    assert isinstance(signed, Accepted)
    await sealed(core, LATER)
    history = await core.store.events(TicketId(one))
    assert [e.version for e in history] == [*range(1, len(history) + 1)]
    assert (await log_report(core), (await report_of(core)).listed) == ([], [])
    assert (await archived(core)).file == "", "it is open again"
    held = await find(core.pool, core.clear, PHONE)
    assert len(held.tickets) == CLOSED_TICKETS + OPEN_TICKETS


async def test_archive_what_is_erased_is_erased_in_the_file(core: Core) -> None:
    tickets = await live(core)
    numbers = range(CLOSED_TICKETS + 1, CLOSED_TICKETS + OPEN_TICKETS + 1)
    for command in (one for one in CLOSED if not isinstance(one, OpenTicket)):
        await core.dispatcher.dispatch([test_two_stores.request(number, command, 600) for number in numbers])
    made = await archived(core)
    content = (archive_dir(core.settings) / made.file).read_bytes()
    assert WORDS.encode() not in content
    assert WORDS in await exported(core)
    erasure = Erasure(by="张工", why="客户要求", at=LATER)
    held = await erase(core.pool, core.clear, core.dispatcher.dispatch, PHONE, erasure)
    assert sorted(held.tickets) == sorted(tickets)
    assert not (await find(core.pool, core.clear, PHONE)).tickets
    shown = await core.clear.events(await in_transaction(core.pool, log_values, tickets[0]))
    assert WORDS not in repr(shown)
    assert len(shown) > made.events / made.tickets, "the erasure follows what is archived"
    await sealed(core, LATER)
    again = await archived(core)
    assert (again.tickets, again.tickets_left, again.events_left) == (len(tickets), 0, 0)
    assert again.file != made.file
    assert (await report_of(core)).listed == []


async def test_archive_says_by_name_which_file_is_missing_or_changed(core: Core, bus: Bus) -> None:
    (one, *_, still_open) = await live(core)
    made = await archived(core)
    path = archive_dir(core.settings) / made.file
    content = path.read_bytes()
    path.write_bytes(content[:-20] + bytes(20))
    ((_, fault),) = await verified(core)
    assert fault
    assert "SHA-256" in fault.en
    path.unlink()
    examined = Examined(
        settings=core.settings, pool=core.pool, contract=core.contract, now=LATER, environment=bus.environment
    )
    (diagnosis,) = CHECK.judge(await CHECK.read(examined))
    assert diagnosis.verdict == "wrong"
    assert made.file in diagnosis.says
    ((_, fault),) = await verified(core)
    assert fault
    assert str(path) in fault.en
    with pytest.raises(NotArchived, match=f"lacks 1 of the files archived before, such as {made.file}"):
        await archived(core)
    assert await told(core, still_open), "who needs no file is told"
    for ask_for in (
        lambda: told(core, one),
        lambda: core.store.events_page(TicketId(one), after=0, most=9),
        lambda: log_report(core),
        lambda: report_of(core),
        lambda: find(core.pool, core.clear, PHONE),
    ):
        with pytest.raises(ArchiveUnreadable, match=made.file):
            await ask_for()
    path.write_bytes(content)
    assert (await log_report(core), await verified(core)) == ([], [(made.file, None)])
    (diagnosis,) = CHECK.judge(await CHECK.read(examined))
    assert (diagnosis.verdict, diagnosis.evidence["bytes"]) == ("ok", made.bytes_file)


async def test_archive_a_row_that_was_changed_in_the_file_is_found(core: Core) -> None:
    await live(core)
    path = archive_dir(core.settings) / (await archived(core)).file
    (rows,) = list(groups_of(path))
    writer = EventFileWriter(path)
    writer.add([rows[0]._replace(source="erp"), *rows[2:]])
    writer.finish()
    kinds = sorted(one.kind for one in (await report_of(core)).listed)
    assert kinds == ["changed", "dropped"]
    assert {one.kind for one in await log_report(core)} == {"gap", "unknown_in_kafka"}


async def test_archive_recalled_events_are_as_they_were(core: Core) -> None:
    await live(core)
    before = await events(core)
    made = await archived(core)
    assert await recalled(core, made.month) == made.events
    assert await events(core) == before
    with pytest.raises(NotArchived, match=made.month):
        await recalled(core, made.month)
    assert (await log_report(core), (await report_of(core)).listed) == ([], [])
    assert (await archived(core)).events == made.events


async def test_archive_a_topic_that_lost_archived_events_asks_for_them_by_a_recall(core: Core) -> None:
    await live(core, seal=False)
    made = await archived(core)
    ((waiting,),) = await ask(core, "SELECT count(*) FROM audit_pending")
    assert waiting == made.events_left, "there is no tree: what is archived is never sealed"
    lost = core.settings.model_copy(update={"namespace": f"{core.settings.namespace}new"})
    await make_topics(lost)
    async with open_core(lost) as moved:
        assert "missing_in_kafka" in {one.kind for one in await log_report(moved)}
        with pytest.raises(EventsArchived, match=f"{made.events} events"):
            await republish(moved.pool, lost, moved.contract, LOG)
        await recalled(moved, made.month)
        assert await republish(moved.pool, lost, moved.contract, LOG) == made.events
        await test_two_stores.publish_all(moved)
        assert await log_report(moved) == []
        await moved.relay.close()
