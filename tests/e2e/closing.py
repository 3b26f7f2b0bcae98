"""A customer who confirms closures by what an SMS says: its link, or its code, read out or typed on a page (R20)."""

from collections.abc import Sequence
from typing import Any, Final

import httpx2

from adapters.simulators.sms_aliyun import SmsAliyunSimulator
from bus.domain.terms import Tick
from tests.bus_under_test import Bus, eventually
from tests.e2e.test_delivery import Outside
from tests.e2e.test_whole_path import ASSIGNEE, command

ASKING: Final = ["ClosureRequested", "ClosureReminded", "ClosureCodeAsked"]
NOTICE: Final = {
    "events": ASKING,
    "to": "customer",
    "by": "sms",
    "sms": {
        "template_code": "SMS_1",
        "params": {"page": "{ticket.link}", "link": "{closure.link}", "code": "{closure.code}"},
    },
}
_TICKS: Final = [tick.value for tick in Tick]
_RESOLVED: Final = {
    "photos": ["https://p.example/1.jpg"],
    "summary": "更换李雷家的主控板",
    "root_cause": "control_board",
}


async def confirmed_by_link_and_code(bus: Bus, world: Outside, sms: SmsAliyunSimulator) -> tuple[str, Sequence[str]]:
    """Let tickets be confirmed by a link, by a code that is read out, and by one on the page of the ticket.

    Gives the second ticket, and the secrets of all.
    """
    by_link, words = await _asked(bus, world, sms)
    async with httpx2.AsyncClient(trust_env=False) as customer:
        for link in (words["link"], words["page"]):
            assert (await customer.get(link)).status_code == 200, link
        fields: dict[str, Any] = {"answer": "confirm", "tick": _TICKS, "name": "李雷"}
        done = await customer.post(words["link"], data=fields)
    assert "已收到您的确认" in done.text, done.text
    secrets = [words[name].rpartition(".")[2] for name in ("link", "page")]

    by_code, words = await _asked(bus, world, sms)
    body = {"confirmed_by": "李雷", "ticks": _TICKS, "actor": ASSIGNEE["person"]}
    other = f"{(int(words['code']) + 1) % 10**6:06}"
    for code, status, why in (("", 422, "missing"), (other, 422, "wrong_code"), (words["code"], 200, None)):
        answer = await command(bus, by_code, "confirm-closure", {**body, "code": code})
        assert (answer.status_code, answer.json().get("code")) == (status, why), answer.text
    assert world.events(by_code)[-2:] == ["closure.code.refused.v1", "closure.confirmed.v1"]
    async with bus.client() as http:
        for ticket_id, way in ((by_link, "page"), (by_code, "code")):
            told = (await http.get(f"/v1/tickets/{ticket_id}/events")).json()["events"]
            assert told[-1]["via"] == way
    coded = await _confirmed_on_the_page(bus, world, sms)
    return by_code, [*secrets, words["link"].rpartition(".")[2], words["code"], *coded]


async def _confirmed_on_the_page(bus: Bus, world: Outside, sms: SmsAliyunSimulator) -> Sequence[str]:
    """Let a ticket be confirmed on its page, by the code that is sent once more; gives the secrets."""
    ticket_id, words = await _asked(bus, world, sms)
    page, before = words["page"], sms.effects()
    yes: dict[str, Any] = {"answer": "confirm", "tick": _TICKS, "name": "李雷"}
    async with httpx2.AsyncClient(trust_env=False, follow_redirects=True) as customer:
        shown = (await customer.get(page)).text
        assert ("138****5678" in shown, "更换***家的主控板" in shown) == (True, True), "the customer's name is masked"
        alone = await customer.post(page, data=yes)
        assert (alone.status_code, "请填写短信验证码" in alone.text) == (422, True), "the link alone closes nothing"
        assert "验证码已发往 138****5678" in (await customer.post(page, data={"answer": "code"})).text

        async def sent() -> bool:
            return sms.effects() > before

        await eventually(sent, what=lambda: bus.log_of("worker")[-2000:])
        code = sms.delivered[-1].content["params"]["code"]
        assert code == words["code"], "the same request has the same code"
        done = await customer.post(page, data={**yes, "code": code})
    assert "已收到您的确认" in done.text, done.text
    assert world.events(ticket_id)[-2:] == ["closure.code.asked.v1", "closure.confirmed.v1"]
    return [page.rpartition(".")[2], words["link"].rpartition(".")[2], code]


async def _asked(bus: Bus, world: Outside, sms: SmsAliyunSimulator) -> tuple[str, dict[str, str]]:
    """Ask for closure; gives the ticket and what the customer's SMS says."""
    ticket_id, before = await world.ticket(), sms.effects()
    for name, body in (("resolve", _RESOLVED), ("request-closure", {})):
        answer = await command(bus, ticket_id, name, body)
        assert answer.status_code == 200, answer.text

    async def sent() -> bool:
        return sms.effects() > before

    await eventually(sent, what=lambda: bus.log_of("worker")[-2000:])
    assert sms.delivered[-1].to == "13812345678"
    words: dict[str, str] = sms.delivered[-1].content["params"]
    return ticket_id, words
