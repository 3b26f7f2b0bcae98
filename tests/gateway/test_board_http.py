"""The dispatcher's board over HTTP: five columns of what the token reaches, page by page, and who is there (R11)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bus.domain.terms import State, TicketId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.postgres.people_rows import PersonRow
from tests.gateway.conftest import PERSON, Gateway
from tests.people.staff import LI, ZHAO

AT = datetime(2026, 11, 30, 8, tzinfo=UTC)


async def test_board_http_shows_five_columns_of_what_the_token_reaches(gateway: Gateway) -> None:
    numbers = [await gateway.opened(f"SN-{n}") for n in range(3)]
    await gateway.post(f"/v1/tickets/{numbers[0]}/assign", {"assignee": PERSON, "reason": "就近"})
    west = gateway.store._tickets[TicketId(numbers[2])]
    gateway.store._tickets[west.ticket_id] = replace(
        west, region="west", routing=replace(west.routing, unroutable="region")
    )
    for one in (LI, replace(ZHAO, regions=("west",))):
        gateway.people.rows[one.person] = PersonRow(profile=one, changed_at=AT)
    board = (await gateway.get("/v1/board", "dispatcher")).json()
    assert [one["state"] for one in board["columns"]] == [one.value for one in State]
    pending, assigned, *rest = board["columns"]
    assert [one["ticket_id"] for one in pending["cards"]] == numbers[1:]
    (card,) = assigned["cards"]
    assert (card["handler"], card["backup"], card["clock"]["clock"]) == ("王工", "李工", "first_response")
    assert (assigned["state_zh"], [one["tickets"] for one in rest]) == ("已指派", [0, 0, 0])
    assert [one["card"]["ticket_id"] for one in board["unroutable"]] == numbers[2:]
    assert {one["person"]: one["on_shift"] for one in board["lanes"]} == {"李工": True, "赵工": True}
    assert "13800000001" not in str(board), "no contact is on the board"
    own = Binding(bound=True, regions=("west",))
    gateway.clients.known["west"] = Client(name="west", role=Role.LEAD, binding=own)
    seen = (await gateway.get("/v1/board", "west")).json()
    assert [one["ticket_id"] for column in seen["columns"] for one in column["cards"]] == numbers[2:]
    assert [one["person"] for one in seen["lanes"]] == ["赵工"]
    assert (await gateway.get("/v1/board?region=east", "west")).json()["columns"][0]["tickets"] == 0
    for role in ("engineer", "subscriber", "source"):
        assert (await gateway.get("/v1/board", role)).status_code == 403


async def test_board_http_goes_on_by_its_cursor_and_names_a_parameter_that_is_wrong(gateway: Gateway) -> None:
    numbers = [await gateway.opened(f"SN-{n}") for n in range(3)]
    first = (await gateway.get("/v1/board?limit=2")).json()["columns"][0]
    assert (first["tickets"], [one["ticket_id"] for one in first["cards"]]) == (3, numbers[:2])
    rest = (await gateway.get(f"/v1/board?cursor={first['next']}")).json()
    assert [[one["ticket_id"] for one in column["cards"]] for column in rest["columns"]] == [numbers[2:]]
    assert rest["columns"][0]["next"] is None
    assert rest["lanes"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor"), ("cursor=cGVuZGluZyB4IHk", "cursor"),
     ("state=pending", "state"), ("region=", "region")],
)  # fmt: skip
async def test_board_http_names_a_parameter_that_is_wrong(gateway: Gateway, query: str, field: str) -> None:
    refused = await gateway.get(f"/v1/board?{query}")
    assert (refused.status_code, refused.json()["field"]) == (400, field)
