"""People are told by the real programs: cards with a map link, and quiet hours that hold a message (R17)."""

import asyncio
import json
from pathlib import Path

import yaml

from adapters.simulators.wecom_app import WecomAppSimulator
from tests.adapters.notice_calls import CARD, PEOPLE
from tests.bus_under_test import Bus, eventually
from tests.e2e.test_delivery import Outside
from tests.e2e.test_whole_path import ASSIGNEE

PERSON = ASSIGNEE["person"]
ARRIVED = {"title": "{ticket.assignee.person} 已到达", "fields": {"工单": "{ticket_id}"}, "link": "{map}"}
ALWAYS = {"from": "00:00", "until": "23:59", "zone": "UTC"}


async def test_notices_an_engineer_gets_the_assignment_and_the_arrival_and_quiet_hours_hold_a_message(
    bus: Bus, tmp_path: Path
) -> None:
    wecom = WecomAppSimulator()
    notices = [
        {"events": "TicketAssigned", "to": "handler", "by": "wecom", "card": CARD},
        {"events": "EngineerArrived", "to": "handler", "by": "wecom", "card": ARRIVED},
        {"events": "TicketAssigned", "to": "handler", "by": "later", "card": CARD, "quiet": {"hours": "always"}},
    ]
    file = tmp_path / "notices.yaml"
    people = {PERSON: PEOPLE["张伟"]}
    file.write_text(yaml.safe_dump({"people": people, "quiet_hours": {"always": ALWAYS}, "notices": notices}))
    async with wecom.serving():
        options = dict(wecom.target_options(str(file)))
        target = {"adapter": "wecom-app", "events": ["TicketAssigned", "EngineerArrived"], "options": options}
        targets = tmp_path / "targets.yaml"
        targets.write_text(yaml.safe_dump({"targets": {"wecom": target, "later": target}}))
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(targets), **wecom.variables}
        bus.start("gateway")
        bus.start("worker")
        await bus.ready()
        world = Outside(bus=bus, crm=None, erp=None)  # type: ignore[arg-type]  # neither is here
        ticket_id = await world.ticket()

        async def told() -> bool:
            return wecom.effects() == 2

        await eventually(told, what=lambda: bus.log_of("worker")[-2000:])
        status = await world.waiting("later", postponed=1)
        assert (status["failing"], status["oldest_at"], status["last_failure"]) == (0, None, None)
        trace = await asyncio.to_thread(bus.run, "trace", ticket_id)
        preview = await asyncio.to_thread(bus.run, "delivery", "preview", "wecom", ticket_id)
        refusals = [await asyncio.to_thread(bus.run, "notices", "refusals", *more) for more in ((), ("--forget", "it"))]
        assert bus.stop("worker") == 0, bus.log_of("worker")[-2000:]
    first, second = wecom.delivered
    assert {first.to, second.to} == {"zhangwei"}
    assert first.content["main_title"]["desc"] == f"{ticket_id} #2"
    assert second.content["main_title"]["title"] == f"{PERSON} 已到达"
    assert len({one.split("-")[1] for one in wecom.traceparents if one}) == 1
    assert [(one.returncode, one.stdout) for one in refusals] == [(0, ""), (1, "")]
    assert "is not sent before" in trace.stdout, trace.stdout
    assert "quiet hours" in trace.stdout
    assert "新工单 空调不制冷" in preview.stdout, preview.stderr
    shown = "\n".join((trace.stdout, bus.log_of("worker"), json.dumps(status, default=str)))
    assert [one for one in ("13812345678", "zhangwei", *wecom.variables.values()) if one in shown] == []
