"""The operator of the drill: what the commands do, by the same functions, and what the injector breaks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
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
    pass

_AT_ONCE = 500
# What is asked for while the target is held waits for that, not behind the backlog: it counts from the first call on.
_LIVE: LiteralString = """
WITH again AS (
    SELECT min(settled_at) AS at FROM deliveries
    WHERE target = %(target)s AND state = 'done' AND settled_at > %(freed)s)
SELECT extract(epoch FROM a.at - %(freed)s)::float8, percentile_cont(0.95) WITHIN GROUP (
    ORDER BY extract(epoch FROM d.settled_at - greatest(d.enqueued_at, a.at)))
FROM again a JOIN deliveries d ON d.settled_at >= a.at AND d.ticket_id = ANY(%(tickets)s) AND d.state = 'done'
GROUP BY a.at"""


class DrillOperatorOnCore(DemoFaults):
    """Works on the drill's own stack."""

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

    async def live_s(self, target: str, tickets: Sequence[str], freed_at: datetime) -> tuple[float, float]:
        """Give the seconds until the target took something again, and the p95 of what these tickets took from then."""
        asked = {"target": target, "tickets": list(tickets), "freed": freed_at}
        async with connected(self._core.pool) as connection:
            row = await (await connection.execute(_LIVE, asked)).fetchone()
        return row or (inf, inf)

    async def _dispatch(self, commands: Sequence[tuple[str | None, Command]]) -> list[str]:
        numbers = list[str]()
        for begin in range(0, len(commands), _AT_ONCE):
            requests = [_request(ticket, command) for ticket, command in commands[begin : begin + _AT_ONCE]]
            outcomes = await self._core.dispatcher.dispatch(requests)
            taken = [one.ticket_id for one in outcomes if isinstance(one, Accepted)]
            if len(taken) < len(requests):
                raise InvariantBroken(f"the drill's own commands are refused: {outcomes[len(taken)]}")
            numbers += taken
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
