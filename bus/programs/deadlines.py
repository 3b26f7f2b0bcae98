"""What runs beside the stage `sla`: the timers of process managers, and the watch of calendars."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from bus.aio import unless
from bus.alerts.report_queue import ReportQueue
from bus.app import Core
from bus.intake.dispatch import utc_now
from bus.process.closure_process import CLOSURE
from bus.process.offer_process import OFFERS
from bus.process.process_manager import ProcessManager
from bus.process.routing_process import ROUTING
from bus.process.sla_process import SLA
from bus.process.step_process import STEPS
from bus.process.timer import ProcessTimer
from bus.programs.calendar_watch import watch_calendars
from bus.programs.dwell_watch import watch_dwell
from bus.programs.health_server import ProgramHealth
from bus.programs.insight_watch import watch_insight
from bus.programs.morning_watch import mornings, watch_mornings


def deadline_tasks(
    core: Core, health: ProgramHealth, stopping: asyncio.Event
) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    """Give the tasks by their names, and have their health watched.

    Tickets are routed where rules name a mode; offers end also once none does, since nobody else takes them back.
    """
    rules, reports = core.dispatcher.rules, ReportQueue()
    due = mornings(core.settings, rules.calendars)
    named = (STEPS, CLOSURE, OFFERS, *((ROUTING,) if rules.routing.is_on else ()))
    timers = {"deadlines": _timer(core, SLA)} | {one.name: _timer(core, one) for one in named}
    for part, timer in timers.items():
        health.watch(part, timer.trouble)
    return {
        **{timer.manager.name: partial(timer.run, stopping, utc_now) for timer in timers.values()},
        "dwell": lambda: unless(
            stopping, watch_dwell(core.pool, core.settings.dwell_limits, rules.calendars, reports.report, utc_now)
        ),
        "insight": lambda: unless(stopping, watch_insight(core)),
        "mornings": lambda: unless(stopping, watch_mornings(core.pool, due)),
        "calendars": lambda: unless(
            stopping,
            watch_calendars(rules, reports.report, utc_now, morning=core.settings.morning_calendar),
        ),
        "alert reports": lambda: unless(stopping, reports.run(core.pool)),
    }


def _timer(core: Core, manager: ProcessManager) -> ProcessTimer:
    return ProcessTimer(manager=manager, pool=core.pool, dispatch=core.dispatcher.dispatch, report=core.alerts)
