"""Data as a version before sealing stored it: written by the bus itself, with keys that seal nothing."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from bus.app import Core
from bus.domain.batch import Accepted
from bus.domain.closing_commands import RequestClosure
from bus.domain.commands import AskProgress, Command, Note, OpenTicket, Start
from bus.domain.events import Event
from bus.domain.inside_commands import ErasePersonalData
from bus.domain.terms import KeyKind, TicketId
from bus.domain.ticket_keys import TicketKey
from bus.domain.values import Customer, IncidentKey
from bus.intake.dispatch import Dispatcher, utc_now
from bus.kafka.clients import start_producer
from bus.kafka.range_reader import open_reader
from bus.postgres.personal_keys import PersonalKeys
from bus.postgres.pool import Connection, connected
from bus.postgres.store import PostgresStore
from bus.stage import offsets
from bus.stage.runner import Runner
from bus.wire.rejected_input import RejectedInput
from bus.wire.sealing import MasterKey
from bus.wire.ticket_sealing import TicketSealing
from deadletter.rejected_inputs import PostgresRejectedInputs
from deadletter.store import post
from projections.read_models import TICKET_MODELS, handler_of
from projections.rebuild import rebuild
from schemas.topics import COMMANDS, LOG, physical
from tests.consistency.test_two_stores import request
from tests.databases import MASTER_KEY
from tests.deadletter.letters import dead, noted
from tests.domain.people import ASSIGN, CONFIRM, RESOLVE, RULES, ZHAO

PHONE, NAME, STREET, FAULT = "13912345678", "陈桂芳", "梧桐路八十八号", "门铃坏了请敲窗"
GATE, ASKER, CALL, JUNK = "门禁密码四四六", "陈大姐", "请拨她女儿的电话", "乱码里的手机号"
TEXTS = (PHONE, NAME, STREET, FAULT, GATE, ASKER, CALL, JUNK)
DELIVERIES = "deliveries"


class _NothingSealed(TicketSealing):
    def seal(self, ticket_id: TicketId, event: Event) -> Event:  # noqa: ARG002 - the interface of what it replaces
        return event


class OldKeys(PersonalKeys):
    """Seals nothing, and leaves phones as they are."""

    def stored(self, names: Iterable[TicketKey]) -> list[TicketKey]:
        return list(names)

    def lookup(self, phone: str) -> str:
        return phone

    def sealing(self, rows: Iterable[tuple[str, str, bytes]]) -> TicketSealing:  # noqa: ARG002 - likewise: see above
        return _NothingSealed({})

    async def sealed_inputs(
        self,
        connection: Connection,  # noqa: ARG002 - likewise: see above
        bodies: Sequence[bytes],
        *,
        destroyed: bool = False,  # noqa: ARG002 - likewise: see above
    ) -> list[bytes]:
        return list(bodies)


@asynccontextmanager
async def older(core: Core) -> AsyncIterator[Core]:
    """Give the core as the version before was."""
    keys = OldKeys(MasterKey(MASTER_KEY.encode()))
    store = PostgresStore(core.pool, core.codec, core.contract, keys, read=core.schemas.events)
    yield replace(
        core,
        keys=keys,
        store=store,
        dispatcher=Dispatcher(store=store, rules=RULES),
        refused=PostgresRejectedInputs(core.pool, core.codec.encode_record, keys, report=core.alerts),
    )
    await core.relay.close()


def opening(number: int, phone: str) -> OpenTicket:
    """Give a customer's report, about her phone or a device."""
    kind, value = (KeyKind.PHONE, phone) if number == 1 else (KeyKind.SERIAL, f"SN-{number}")
    return OpenTicket(
        incident_key=IncidentKey(kind=kind, value=value),
        title="漏水",
        type="hardware_fault",
        source_no=f"C-{number}",
        description=FAULT,
        customer=Customer(name=NAME, phone=phone, address=STREET),
    )


LIVES: Sequence[Sequence[Command]] = (
    (),
    (ASSIGN, Note(text=GATE), replace(ASSIGN, assignee=ZHAO)),
    (ASSIGN, Start(), AskProgress(asked_by=ASKER, text=CALL)),
    (ASSIGN, Start(), RESOLVE, RequestClosure(note=GATE), replace(CONFIRM, confirmed_by=ASKER)),
)


async def live(
    core: Core, lives: Sequence[Sequence[Command]] = LIVES, *, first: int = 1, phone: str = PHONE
) -> list[TicketId]:
    """Let a customer's tickets live up to some state each; gives their numbers."""
    requests = [
        request(number, one, minute)
        for number, life in enumerate(lives, first)
        for minute, one in enumerate((opening(number, phone), *life))
    ]
    outcomes = await core.dispatcher.dispatch(requests)
    assert all(isinstance(one, Accepted) for one in outcomes), outcomes
    return list(dict.fromkeys(one.ticket_id for one in outcomes if isinstance(one, Accepted)))


def refused(origin_ref: str, ticket_id: str | None = None) -> RejectedInput:
    """Give input whose sender heard why it was refused."""
    return RejectedInput(
        origin="http", origin_ref=origin_ref, source="crm", code="c", field="f", detail_zh="不", detail_en="no",
        body=JUNK.encode(), trace_id="0" * 32, kind="refused", ticket_id=ticket_id, heard=True,
    )  # fmt: skip


async def brought_back(core: Core) -> TicketId:
    """Let a ticket be erased whose texts an older backup brought back in clear; gives its number."""
    (number,) = await live(core, LIVES[-1:], first=20)
    await core.refused.keep([refused("r2", number)])
    (outcome,) = await core.dispatcher.dispatch([request(20, ErasePersonalData(reason="x"), 60)])
    assert isinstance(outcome, Accepted)
    return number


async def publish(core: Core) -> None:
    """Publish all that waits."""
    while await core.relay.publish_once():
        pass


async def follow(core: Core) -> None:
    """Build the read models, and let the stages of commands and deliveries have read all."""
    log, commands = (physical(core.settings.namespace, name) for name in (LOG, COMMANDS))
    async with open_reader(core.settings) as reader:
        for model in TICKET_MODELS.values():
            runner = Runner(topic=log, pool=core.pool, reader=reader, now=utc_now, report=core.alerts)
            handler = handler_of(model, core.codec)
            await rebuild(handler, topic=log, partitions=6, pool=core.pool, runner=runner, reader=reader)
        for name, topic in ((DELIVERIES, log), ("commands", commands)):
            ends = await reader.ends(topic, range(6))
            async with connected(core.pool) as connection:
                await offsets.begin(connection, [name], topic, range(6))
                await offsets.reset(connection, name, ends)


async def put_letters(core: Core, tickets: Sequence[TicketId]) -> None:
    """Put there a letter of a delivery and its head, one of input, refused input, and a command on Kafka."""
    value = core.codec.encode((await core.store.events(tickets[0]))[0])
    delivery = {"origin": "delivery:erp", "origin_ref": f"{tickets[0]}/1", "target": "erp", "version": 1}
    note = core.codec.encode_record(noted("k1", CALL))
    async with connected(core.pool) as connection:
        letters = [dead(**delivery, ticket_id=tickets[0], value=value), dead(value=note)]
        await post(connection, letters, core.codec.encode_record)
        await connection.execute(
            "INSERT INTO delivery_heads (target, ticket_id, version, next_at, parked, edited)"
            " VALUES ('erp', %s, 1, now(), true, %s)",
            (tickets[0], value),
        )
    await core.refused.keep([refused("r1")])
    producer = await start_producer(core.settings)
    try:
        await producer.send_and_wait(physical(core.settings.namespace, COMMANDS), note, key=b"S-1", partition=0)
    finally:
        await producer.stop()
