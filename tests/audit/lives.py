"""Tickets that live a little, sealed and published."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bus.app import Core
from bus.audit.check import AuditReport
from bus.audit.checkpoint import Checkpoint, SigningKey
from bus.domain.commands import Accept, Assign, Command, OpenTicket, Request
from bus.domain.terms import CommandId, KeyKind, TraceId
from bus.domain.values import Assignee, Customer, IncidentKey
from bus.kafka.range_reader import open_reader
from bus.programs.audit_checking import checked, witness_of
from bus.programs.audit_sealing import seal_once
from tests.audit.keys import made_up_key

AT = datetime(2026, 1, 18, 8, 0, tzinfo=UTC)
KEY = made_up_key()
WANG = Assignee(role="engineer", person="王磊", contact="801", backup_person="赵敏", backup_contact="802")
PHONE = "13800001111"
ONE, TWO = "(ticket_id LIKE '%-000002' AND version = 2)", "(ticket_id LIKE '%-000003' AND version = 2)"


def life(number: int) -> tuple[Command, ...]:
    """Open a ticket of a customer, assign it and accept it."""
    key = IncidentKey(kind=KeyKind.ORDER, value=f"O-{number}")
    customer = Customer(name="李女士", phone=PHONE)
    opening = OpenTicket(
        incident_key=key, title="漏水", type="hardware_fault", source_no=f"C-{number}", customer=customer
    )
    return (opening, Assign(assignee=WANG, reason="就近"), Accept())


async def live(core: Core, numbers: range) -> None:
    """Let tickets live: three events each."""
    requests = [
        Request(
            command_id=CommandId(uuid4()),
            command=command,
            source="crm",
            source_no=f"C-{number}",
            actor="tester",
            at=AT + timedelta(minutes=minute),
            received_at=AT + timedelta(minutes=minute),
            trace_id=TraceId(f"{number:032x}"),
            fingerprint="same",
        )
        for number in numbers
        for minute, command in enumerate(life(number))
    ]
    await core.dispatcher.dispatch(requests)


async def sealed(core: Core, at: datetime, *, blind: bool = False, key: SigningKey = KEY) -> int:
    """Seal what is new, with a checkpoint, and publish it; gives how many leaves were added.

    `blind`: as somebody who has the key and asks no witness.
    """

    async def witnessed() -> Checkpoint | None:
        async with open_reader(core.settings) as reader:
            return None if blind else await witness_of(reader, core.settings, core.codec).last(key.public)

    batch = await seal_once(core.pool, key, core.codec.encode_record, at, witnessed)
    while await core.relay.publish_once():
        pass
    return batch.leaves


async def sealed_lives(core: Core) -> None:
    """Seal five tickets in two checkpoints, of nine and fifteen leaves."""
    await live(core, range(3))
    assert await sealed(core, AT) == 9
    await live(core, range(3, 5))
    assert await sealed(core, AT + timedelta(minutes=2)) == 6


async def report_of(core: Core, key: SigningKey = KEY) -> AuditReport:
    """Check all of it."""
    return await checked(core.pool, core.settings, core.codec, key.public)


async def execute(core: Core, *statements: str) -> None:
    """Do what somebody with the database's password can; ONE and TWO stand for an event of two tickets."""
    async with core.pool.connection() as connection:
        for one in statements:
            await connection.execute(one.replace("ONE", ONE).replace("TWO", TWO).encode())
