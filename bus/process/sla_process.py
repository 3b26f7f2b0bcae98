"""The process manager of SLA targets: it warns at 80 % of the time and breaches at its end (R7)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.domain import sla_clock
from bus.domain.inside_commands import BreachSla, EndAllowance, WarnSla
from bus.domain.terms import ClockName
from bus.domain.ticket import Ticket, clock_of, has_deadlines
from bus.domain.waits import runs_on_at
from bus.process.process_manager import Due, ProcessManager, WantedCommand

# The oldest first; a claimed row rests for the lease, in which the log has time to tell what became of it. A lease that
# ends later than any taken now would was taken by a clock that ran ahead: it counts for nothing.
_CLAIM = """
UPDATE sla_clocks AS c SET lease_until = %(lease_until)s
FROM (SELECT ticket_id, clock FROM sla_clocks
      WHERE next_alarm_at <= %(now)s
            AND (lease_until IS NULL OR lease_until <= %(now)s OR lease_until > %(lease_until)s)
      ORDER BY next_alarm_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) AS due
JOIN sla_tickets t USING (ticket_id)
WHERE c.ticket_id = due.ticket_id AND c.clock = due.clock
RETURNING t.folded::text, c.clock"""


def _deadlines(ticket: Ticket) -> Mapping[str, datetime]:
    """Give when each clock wants attention next: end of a pause's allowance, warning, breach."""
    if not has_deadlines(ticket):
        return {}
    alarms = {name.value: sla_clock.next_alarm_at(clock_of(ticket, name)) for name in ClockName}
    alarms |= {ClockName.RESOLUTION.value: runs_on} if (runs_on := runs_on_at(ticket)) else {}
    return {name: at for name, at in alarms.items() if at is not None}


def _react(due: Due, ticket: Ticket) -> Sequence[WantedCommand]:
    """Want the breach when the time is spent, else the warning; nothing while the clock stands."""
    name = ClockName(due.name)
    clock = clock_of(ticket, name)
    if name is ClockName.RESOLUTION and ticket.paused_for and (runs_on := runs_on_at(ticket)):
        ends = EndAllowance(waiting_for=ticket.paused_for)
        return (WantedCommand(command=ends, name=f"pause {ticket.waits.began}", at=runs_on),)
    due_at, warn_at = sla_clock.due_at(clock), sla_clock.warn_at(clock)
    if due_at is None or warn_at is None:
        return ()
    # A breach that was withdrawn may come again at the same time: the clock has been stopped and started in between.
    stops = ticket.pauses + ticket.reopens
    own = f"{due.name} {stops}" if stops else due.name
    if due_at <= due.now:
        return (WantedCommand(command=BreachSla(clock=name), name=own, at=due_at),)
    return (WantedCommand(command=WarnSla(clock=name), name=own, at=warn_at),)


SLA = ProcessManager(name="sla", deadlines=_deadlines, react=_react, claim=_CLAIM)
