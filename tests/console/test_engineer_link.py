"""The link of the handler's page on the console: for who assigns, once somebody has the ticket (R18)."""

import re

from tests.console.conftest import Visitor
from tests.gateway.conftest import PERSON


async def test_engineer_link_is_shown_as_a_code_for_who_assigns_once_somebody_has_the_ticket_r18(
    visitor: Visitor,
) -> None:
    number = await visitor.gateway.opened("SN-1")
    page = f"/board/{number}/engineer"
    await visitor.sign_in("dispatcher")
    assert "/engineer" not in (await visitor.get(f"/board/{number}")).text
    nobody = await visitor.get(page)
    assert (nobody.status_code, "还没有指派给人" in nobody.text) == (409, True)
    assigned = await visitor.gateway.post(f"/v1/tickets/{number}/assign", {"assignee": PERSON})
    assert assigned.status_code == 200
    assert f'{page}"' in (await visitor.get(f"/board/{number}")).text
    shown = await visitor.get(page)
    assert shown.status_code == 200
    for text in ("https://t.example.com/e/", "data:image/svg+xml;base64,", "只交给 王工 本人"):
        assert text in shown.text, text
    old = re.search(r"https://t\.example\.com(/e/[^<]+)</code>", shown.text)
    assert old
    done = await visitor.send(page, f"{page}/revoke", why="手机丢了")
    assert (done.status_code, done.headers["location"]) == (303, f"/console{page}")
    again = (await visitor.get(page)).text
    assert ("https://t.example.com/e/" in again, old[1] in again, "此前的链接已作废" in again) == (True, False, True)
    await visitor.sign_in("sre")
    assert "/engineer" not in (await visitor.get(f"/board/{number}")).text
    assert (await visitor.get(page)).status_code == 403
