"""People are told by the real programs: cards, quiet hours (R17), and a customer who confirms by an SMS (R20)."""

import asyncio
import json
from pathlib import Path

import yaml

from adapters.simulators.sms_aliyun import SmsAliyunSimulator
from adapters.simulators.wecom_app import WecomAppSimulator
from tests.adapters.notice_calls import CARD, PEOPLE
from tests.bus_under_test import Bus, eventually
from tests.e2e.closing import ASKING, NOTICE, confirmed_by_link_and_code
from tests.e2e.test_delivery import Outside
from tests.e2e.test_whole_path import ASSIGNEE

PERSON = ASSIGNEE["person"]
ARRIVED = {"title": "{ticket.assignee.person} 已到达", "fields": {"工单": "{ticket_id}"}, "link": "{engineer.link}"}
ALWAYS = {"from": "00:00", "until": "23:59", "zone": "UTC"}


async def test_notices_reach_engineers_wait_through_quiet_hours_and_ask_the_customer_to_confirm_r17_r20(
    bus: Bus, tmp_path: Path
) -> None:
    wecom, sms = WecomAppSimulator(), SmsAliyunSimulator()
    notices = [
        NOTICE,
        {"events": "TicketAssigned", "to": "handler", "by": "wecom", "card": CARD},
        {"events": "EngineerArrived", "to": "handler", "by": "wecom", "card": ARRIVED},
        {"events": "TicketAssigned", "to": "handler", "by": "later", "card": CARD, "quiet": {"hours": "always"}},
    ]
    file = tmp_path / "notices.yaml"
    people = {PERSON: PEOPLE["张伟"]}
    file.write_text(yaml.safe_dump({"people": people, "quiet_hours": {"always": ALWAYS}, "notices": notices}))
    async with wecom.serving(), sms.serving():
        options = dict(wecom.target_options(str(file)))
        target = {"adapter": "wecom-app", "events": ["TicketAssigned", "EngineerArrived"], "options": options}
        asking = {"adapter": "sms-aliyun", "events": ASKING, "options": dict(sms.target_options(str(file)))}
        targets = tmp_path / "targets.yaml"
        targets.write_text(yaml.safe_dump({"targets": {"wecom": target, "later": target, "sms": asking}}))
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(targets), **wecom.variables, **sms.variables}
        bus.environment |= {"TICKETBUS_CUSTOMER_URL": bus.url}
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
        told_before, traceparents = list(wecom.delivered), list(wecom.traceparents)
        closed, secrets = await confirmed_by_link_and_code(bus, world, sms)
        asked = await asyncio.to_thread(bus.run, "delivery", "preview", "sms", closed)
        assert bus.stop("worker") == 0, bus.log_of("worker")[-2000:]
    first, second = told_before
    assert {first.to, second.to} == {"zhangwei"}
    assert first.content["main_title"]["desc"] == f"{ticket_id} #2"
    assert second.content["main_title"]["title"] == f"{PERSON} 已到达"
    page = second.content["card_action"]["url"]
    assert page.startswith(f"{bus.url}/e/{ticket_id}.")
    assert len({one.split("-")[1] for one in traceparents if one}) == 1
    assert [(one.returncode, one.stdout) for one in refusals] == [(0, ""), (1, "")]
    assert "is not sent before" in trace.stdout, trace.stdout
    assert "quiet hours" in trace.stdout
    assert "新工单 空调不制冷" in preview.stdout, preview.stderr
    stored = json.dumps(bus.query("SELECT state::text FROM ticket_states"), default=str)
    logs = [bus.log_of(program) for program in ("worker", "gateway")]
    shown = "\n".join((trace.stdout, *logs, stored, json.dumps(status, default=str)))
    assert asked.stdout.count("***") == 3, asked.stderr
    assert [one for one in secrets if one in asked.stdout] == []
    assert [one for one in (*secrets, page, "13812345678", "zhangwei", *wecom.variables.values()) if one in shown] == []
