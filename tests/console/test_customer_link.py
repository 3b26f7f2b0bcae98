"""The page with the customer's link: a code to print, and revoking it; for who serves customers alone (R16)."""

import re
from base64 import b64decode

import pytest

from tests.console.conftest import Visitor


async def test_customer_link_is_shown_printed_and_revoked_with_a_reason_r16(visitor: Visitor) -> None:
    ticket_id = await visitor.gateway.opened()
    visitor.gateway.known_by = {ticket_id: [ticket_id]}
    await visitor.sign_in("dispatcher")
    page = f"/board/{ticket_id}/customer"
    assert f'href="/console{page}"' in (await visitor.get(f"/board/{ticket_id}")).text
    shown = (await visitor.get(page)).text
    link = re.search(r"https://t\.example\.com(/t/[\w.-]+)", shown)
    assert link
    drawn = re.search(r"data:image/svg\+xml;base64,([\w+/=]+)", shown)
    assert drawn
    assert b64decode(drawn[1]).startswith(b"<?xml")
    assert (await visitor.gateway.http.get(link[1])).status_code == 200
    refused = await visitor.send(page, f"{page}/revoke", why=" ")
    assert refused.status_code == 422
    done = await visitor.send(page, f"{page}/revoke", why="发错了人")
    assert (done.status_code, done.headers["location"]) == (303, f"/console{page}")
    assert (await visitor.gateway.http.get(link[1])).status_code == 410
    assert link[1] not in (await visitor.get(page)).text


@pytest.mark.parametrize("role", ["engineer", "sre"])
async def test_customer_link_is_not_shown_to_who_serves_no_customer_r20(visitor: Visitor, role: str) -> None:
    ticket_id = await visitor.gateway.opened()
    visitor.gateway.known_by = {ticket_id: [ticket_id]}
    await visitor.sign_in(role)
    assert "/customer" not in (await visitor.get(f"/board/{ticket_id}")).text
    assert (await visitor.get(f"/board/{ticket_id}/customer")).status_code == 403
