"""The operator of the drill: what the commands do, by the same functions, and what the injector breaks."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import uuid4

from adapters.simulators.drill.systems import SOURCE
from adapters.simulators.systems_around import PART
from bus.cli.demo_faults import DemoFaults
from bus.domain.batch import Accepted
from bus.domain.commands import Accept, Assign, Command, OpenTicket, RequestParts, Start
from bus.domain.commands import Request as CommandRequest
from bus.domain.errors import InvariantBroken
from bus.domain.terms import CommandId, KeyKind, TicketId, TraceId
from bus.domain.values import Assignee, IncidentKey, Part
from bus.intake.dispatch import utc_now
from bus.postgres.pool import connected

if TYPE_CHECKING:
    from bus.app import Core

_AT_ONCE = 500
_P95: LiteralString = """
SELECT coalesce(percentile_cont(0.95) WITHIN GROUP (
    ORDER BY extract(epoch FROM settled_at - greatest(enqueued_at, %s))), 0)
FROM deliveries WHERE ticket_id = ANY(%s) AND state = 'done'"""


class DrillOperatorOnCore(DemoFaults):
    """Works on the drill's own stack."""

    def __init__(self, core: "Core") -> None:
        """Begin."""
        super().__init__(core)
        self._repaired_at = utc_now()

    async def start_work(self, tickets: int) -> Sequence[str]:
        """Open tickets and bring them so far that parts may be asked for."""
        person = Assignee(
            role="field_engineer",
            person="李强",
            contact="13700000009",
            backup_person="陈静",
            backup_contact="13700000002",
        )
        numbers = await self._dispatch([(None, _opening(number)) for number in range(tickets)])
        for command in (Assign(assignee=person), Accept(), Start()):
            await self._dispatch([(one, command) for one in numbers])
        return numbers

    async def ask_for_parts(self, tickets: Sequence[str]) -> None:
        """Ask for a part for each."""
        wanted = RequestParts(parts=(Part(part_no=PART, quantity=1),), reason="现场更换")
        await self._dispatch([(one, wanted) for one in tickets])

    async def waiting(self, target: str) -> tuple[int, str]:
        """Give how much waits for a target and why it is held."""
        from bus.delivery.status import target_statuses

        found = next((one for one in await target_statuses(self._core.pool) if one.target == target), None)
        return (found.waiting, found.paused or "") if found else (0, "")

    async def trace(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Give the verdicts on a name."""
        from bus.programs.journeys import journeys_of

        found = await journeys_of(self._core)(name)
        return found["verdict"] if found else []

    async def reconcile(self, *, ingest: bool) -> Sequence[str]:
        """Compare the CRM's list; give what is missing, or the tickets that were opened for it, in its order."""
        from bus.programs.reconciling import reconcile_asked
        from bus.reconcile.asked import ReconcileAsked

        asked = ReconcileAsked(source=SOURCE, since=utc_now() - timedelta(hours=1), ingest=ingest)
        report, opened = await reconcile_asked(self._core, asked)
        missing = sorted(one.number for one in report.found.missing_here)
        return [opened.opened[one] for one in missing if one in opened.opened] if ingest else missing

    async def live_p95_s(self, tickets: Sequence[str]) -> float:
        """Give the 95th percentile of the seconds that deliveries of these tickets took, once the disk was free."""
        async with connected(self._core.pool) as connection:
            ((p95,),) = await (await connection.execute(_P95, (self._repaired_at, list(tickets)))).fetchall()
        return float(p95)

    async def _dispatch(self, commands: Sequence[tuple[str | None, Command]]) -> list[str]:
        numbers = list[str]()
        for begin in range(0, len(commands), _AT_ONCE):
            requests = [_request(ticket, command) for ticket, command in commands[begin : begin + _AT_ONCE]]
            outcomes = await self._core.dispatcher.dispatch(requests)
            taken = [one.ticket_id for one in outcomes if isinstance(one, Accepted)]
            if len(taken) < len(requests):
                raise InvariantBroken(f"the drill's own commands are refused: {outcomes[len(taken)]}")
            numbers += taken
        self._repaired_at = utc_now()
        return numbers


def _opening(number: int) -> OpenTicket:
    key = IncidentKey(kind=KeyKind.SERIAL, value=f"SN-BUSY-{number:06d}")
    return OpenTicket(incident_key=key, title="洗衣机漏水", type="hardware_fault", region="north")


def _request(ticket: str | None, command: Command) -> CommandRequest:
    own, at = uuid4(), utc_now()
    return CommandRequest(
        command_id=CommandId(own),
        command=command,
        source="drill",
        actor="drill",
        at=at,
        received_at=at,
        trace_id=TraceId(own.hex),
        fingerprint=own.hex,
        ticket_id=TicketId(ticket) if ticket else None,
    )
