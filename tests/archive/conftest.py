"""A bus with an audit key whose tickets are closed, sealed and published; two years later they are archived."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.app import Core
from bus.archive.writing import ArchivedMonth
from bus.consistency.report import Difference
from bus.domain.batch import Accepted
from bus.domain.closing_commands import Reopen, RequestClosure
from bus.domain.commands import Command, OpenTicket, Request, Start
from bus.domain.terms import KeyKind
from bus.domain.values import Customer, IncidentKey
from bus.domain.work_order_commands import SignStep, StartWorkOrder
from bus.journey.journey import JourneyParts, journey
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.programs.archiving import archive
from schemas.topics import LOG, physical
from tests.audit.keys import ORIGIN, made_up_key, pem_of
from tests.audit.lives import sealed
from tests.bus_under_test import Bus, bus_on
from tests.consistency.test_two_stores import publish_all, request, verified
from tests.domain.orders import step, template
from tests.domain.people import ASSIGN, CLOSED, CONFIRM, OPEN, RESOLVE

LATER = datetime.now(UTC) + timedelta(days=800)
PHONE, WORDS = "13800004711", "门锁密码四八二一"
CLOSED_TICKETS, OPEN_TICKETS = 3, 2


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Give a bus with an audit key."""
    with bus_on(parts, tmp_path, database_kept=False) as made:
        made.environment |= {"TICKETBUS_AUDIT_KEY": pem_of(made_up_key()), "TICKETBUS_AUDIT_ORIGIN": ORIGIN}
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open it in this process."""
    async with bus.core() as opened:
        yield opened
        await opened.relay.close()


def opening(number: int) -> Request:
    """Report an incident of a customer."""
    key = IncidentKey(kind=KeyKind.SERIAL, value=f"SN-{number}")
    customer = Customer(name="欧阳云岚", phone=PHONE, address="云栖小区七栋")
    command = replace(OPEN, incident_key=key, source_no=f"C-{number}", customer=customer, description=WORDS)
    return request(number, command, 0)


async def live(core: Core, *, seal: bool = True) -> list[str]:
    """Open tickets and close the first of them, all sealed and published; gives their numbers."""
    numbers = range(1, CLOSED_TICKETS + OPEN_TICKETS + 1)
    outcomes = await core.dispatcher.dispatch([opening(one) for one in numbers])
    for minute, command in enumerate((one for one in CLOSED if not isinstance(one, OpenTicket)), start=1):
        later = await core.dispatcher.dispatch([request(n, command, minute) for n in numbers[:CLOSED_TICKETS]])
        assert all(isinstance(one, Accepted) for one in later), later
    await (sealed(core, LATER) if seal else publish_all(core))
    return [one.ticket_id for one in outcomes if isinstance(one, Accepted)]


async def archived(core: Core, **more: Any) -> ArchivedMonth:
    """Archive the first partition, two years later."""
    (made, *_) = await archive(core, now=lambda: LATER, **more)
    return made


async def ask(core: Core, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the database."""
    async with connected(core.pool) as connection:
        return await (await connection.execute(query.encode(), parameters or None)).fetchall()


async def events(core: Core) -> list[tuple[Any, ...]]:
    """Read the log's table."""
    return await ask(core, "SELECT * FROM events ORDER BY ticket_id, version")


async def told(core: Core, name: str) -> dict[str, Any] | None:
    """Tell a journey, as `trace` does."""
    parts = JourneyParts(records=physical(core.settings.namespace, LOG), stages={})
    return await journey(core.pool, core.clear, parts, name, now=lambda: LATER)


def reopening(number: int) -> Request:
    """Report that it is not mended."""
    return request(number, Reopen(reason="又漏了"), 500)


async def closed_with_an_order(core: Core, number: int) -> None:
    """Open a ticket of nobody whom others know, and close it after its one step is signed."""
    dispatcher = replace(
        core.dispatcher, rules=replace(core.dispatcher.rules, work_orders={"job": template(step("a"))})
    )
    key = IncidentKey(kind=KeyKind.SERIAL, value=f"SN-{number}")
    first = replace(OPEN, incident_key=key, source_no=f"C-{number}", customer=Customer())
    course: tuple[Command, ...] = (first, ASSIGN, Start(), StartWorkOrder(template="job"))
    rest: tuple[Command, ...] = (RESOLVE, RequestClosure(), CONFIRM)
    requests = [request(number, one, 0) for one in course]
    signed = [signing(number, 0), *(request(number, one, 0) for one in rest)]
    outcomes = await dispatcher.dispatch([*requests, *signed])
    assert all(isinstance(one, Accepted) for one in outcomes), outcomes


def signing(number: int, minute: int) -> Request:
    """Let the handler sign the one step."""
    return replace(request(number, SignStep(step="a"), minute), actor=ASSIGN.assignee.person)


async def log_report(core: Core) -> Sequence[Difference]:
    """Compare both stores."""
    return (await verified(core)).listed
