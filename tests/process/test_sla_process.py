"""The process manager of SLA targets: when it wants attention, and the command it wants then."""

from datetime import timedelta
from uuid import UUID

from bus.domain.commands import Accept, Command
from bus.domain.inside_commands import BreachSla, WarnSla
from bus.domain.terms import ClockName
from bus.domain.ticket import Ticket, clock_of
from bus.process.process_manager import Due, request_of
from bus.process.sla_process import SLA
from projections.ticket_model import fold
from tests.domain.given import At
from tests.domain.people import ASSIGN, MINUTE, OPEN, START
from tests.projections.told import told

RESPONSE = ClockName.FIRST_RESPONSE.value


def ticket(*commands: Command | At, **own: object) -> Ticket:
    folded: Ticket | None = None
    for recorded in told(*commands, **own):
        folded = fold(folded, recorded)
    assert folded is not None
    return folded


def test_sla_process_wants_attention_at_80_percent_then_at_the_end_then_never() -> None:
    assert SLA.deadlines(ticket(OPEN))[RESPONSE] == START + 12 * MINUTE
    warned = ticket(OPEN, At(START + 12 * MINUTE, WarnSla(clock=ClockName.FIRST_RESPONSE)))
    assert SLA.deadlines(warned)[RESPONSE] == START + 15 * MINUTE
    breached = ticket(OPEN, At(START + 16 * MINUTE, BreachSla(clock=ClockName.FIRST_RESPONSE)))
    assert RESPONSE not in SLA.deadlines(breached)


def test_sla_process_of_the_imported_past_never_wants_attention() -> None:
    assert SLA.deadlines(ticket(OPEN, historic=True)) == {}


def test_sla_process_wants_the_warning_before_the_end_and_the_breach_from_then_on() -> None:
    assigned = ticket(OPEN, ASSIGN)
    before, after = (Due(name=RESPONSE, now=START + minutes * MINUTE) for minutes in (14, 15))
    (warning,), (breach,) = SLA.react(before, assigned), SLA.react(after, assigned)
    assert (warning.command, warning.at) == (WarnSla(clock=ClockName.FIRST_RESPONSE), START + 12 * MINUTE)
    assert (breach.command, breach.at) == (BreachSla(clock=ClockName.FIRST_RESPONSE), START + 15 * MINUTE)


def test_sla_process_wants_nothing_of_a_clock_that_stands() -> None:
    accepted = ticket(OPEN, ASSIGN, Accept())
    assert clock_of(accepted, ClockName.FIRST_RESPONSE).running_since is None
    assert SLA.react(Due(name=RESPONSE, now=START + timedelta(days=1)), accepted) == ()


def test_sla_process_asks_for_the_same_command_as_versions_before_did() -> None:
    opened = ticket(OPEN)
    (wanted,) = SLA.react(Due(name=RESPONSE, now=START + 20 * MINUTE), opened)
    request = request_of(opened, wanted, START + 20 * MINUTE)
    assert (request.source, request.actor, request.trace_id) == ("bus", "ticketbus", opened.trace_id)
    assert request.command_id == UUID("367b4aa5-8ac6-5772-abc9-decc95c5e91d")
