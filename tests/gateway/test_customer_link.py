"""The link to a customer's page, as text and as a QR code: who is given it, and what revoking does (R16)."""

from typing import Any

import pytest
from defusedxml import ElementTree

from bus.domain.page_links import PageLinks
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from tests.gateway.behind_a_server import behind_a_server
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway


def _two_sources(gateway: Gateway) -> None:
    for name in ("crm", "shop"):
        binding = Binding(bound=True, source=name)
        gateway.clients.known[name] = Client(name=name, role=Role.SOURCE, binding=binding)


async def test_customer_link_opens_the_page_and_another_one_after_it_is_revoked_r16(gateway: Gateway) -> None:
    path = f"/v1/tickets/{await gateway.opened()}"
    given = await gateway.get(f"{path}/link", "dispatcher")
    first = given.json()
    assert (given.status_code, given.headers["cache-control"]) == (200, "no-store")
    assert (first["number"], first["ends_at"]) == (0, None)
    assert first == (await gateway.get(f"{path}/link", "lead")).json()
    page = first["link"].removeprefix("https://t.example.com")
    assert (await gateway.http.get(page)).status_code == 200
    unsaid = await gateway.post(f"{path}/revoke-customer-link", {}, role="lead")
    assert (unsaid.status_code, unsaid.json()["field"]) == (422, "reason")
    assert (await gateway.post(f"{path}/revoke-customer-link", {"reason": "发错了人"}, role="lead")).status_code == 200
    assert (await gateway.http.get(page)).status_code == 410
    second = (await gateway.get(f"{path}/link", "dispatcher")).json()
    assert second["number"] == 1
    assert (await gateway.http.get(second["link"].removeprefix("https://t.example.com"))).status_code == 200


@pytest.mark.parametrize("role", [*Role])
async def test_customer_link_is_for_who_serves_the_customer_and_none_who_works_on_it_r16_r20(
    gateway: Gateway, role: str
) -> None:
    path = f"/v1/tickets/{await gateway.opened()}"
    may = role in {"source", "dispatcher", "lead", "admin"}
    for what in ("link", "qr"):
        assert (await gateway.get(f"{path}/{what}", role)).status_code == (200 if may else 403)
    revoked = await gateway.post(f"{path}/revoke-customer-link", {"reason": "发错了人"}, role=role)
    assert revoked.status_code == (200 if may and role != "source" else 403)


async def test_customer_link_as_a_qr_code_holds_the_link_r16(gateway: Gateway) -> None:
    path = f"/v1/tickets/{await gateway.opened()}"
    drawn = await gateway.get(f"{path}/qr", "source")
    assert (drawn.headers["content-type"], drawn.headers["cache-control"]) == ("image/svg+xml", "no-store")
    svg = ElementTree.fromstring(drawn.content)
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert ("width" in svg.attrib, "viewBox" in svg.attrib) == (False, True)
    again = await gateway.get(f"{path}/qr", "lead")
    await gateway.post(f"{path}/revoke-customer-link", {"reason": "发错了人"})
    assert (again.content == drawn.content, (await gateway.get(f"{path}/qr")).content == drawn.content) == (True, False)


async def test_customer_link_of_a_ticket_that_a_report_joined_is_not_the_reporters_r16(gateway: Gateway) -> None:
    _two_sources(gateway)
    opened: list[dict[str, Any]] = [
        (await gateway.post("/v1/tickets", OPENING, role=one)).json() for one in ("crm", "shop")
    ]
    assert [one["answer"] for one in opened] == ["opened", "joined"]
    path = f"/v1/tickets/{opened[0]['ticket_id']}"
    assert (await gateway.get(path, "shop")).status_code == 200
    assert [(await gateway.get(f"{path}/link", one)).status_code for one in ("crm", "shop")] == [200, 404]
    assert (await gateway.get("/v1/tickets/T20260101-000009/link", "crm")).status_code == 404


async def test_customer_link_comes_with_an_opening_that_asks_for_it_r16(gateway: Gateway) -> None:
    _two_sources(gateway)
    plain = await gateway.post("/v1/tickets", OPENING, role="crm", key="a-1")
    asked = await gateway.post("/v1/tickets?link=true", OPENING, role="crm", key="a-1")
    assert ("customer_link" in plain.json(), asked.headers["idempotent-replayed"]) == (False, "true")
    link = asked.json()["customer_link"].removeprefix("https://t.example.com")
    assert (await gateway.http.get(link)).status_code == 200
    joined = await gateway.post("/v1/tickets?link=true", OPENING, role="shop")
    assert (joined.json()["answer"], joined.json()["customer_link"]) == ("joined", ""), "it is another's"


async def test_customer_link_where_there_is_no_page_says_what_to_set_r16() -> None:
    async with behind_a_server(Gateway(links=PageLinks())) as gateway:
        path = f"/v1/tickets/{await gateway.opened()}"
        for what in ("link", "qr"):
            refused = await gateway.get(f"{path}/{what}")
            assert (refused.status_code, refused.json()["field"]) == (409, "TICKETBUS_CUSTOMER_URL")
