"""What stands still and what drifts, over HTTP, of the tickets that a token reaches (R9, R15)."""

from dataclasses import replace
from datetime import timedelta

from bus.domain.terms import TicketId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from tests.gateway.conftest import PERSON, Gateway

LATE = timedelta(hours=3)


async def test_dwell_http_places_red_tickets_and_drift_of_what_the_token_reaches(gateway: Gateway) -> None:
    east = await gateway.opened("SN-1")
    other = await gateway.opened("SN-2")
    for person in ("王工", "赵工"):
        body = {"assignee": {**PERSON, "person": person}, "reason": "就近"}
        assert (await gateway.post(f"/v1/tickets/{other}/assign", body)).status_code == 200
    store = gateway.store
    for ticket_id, region in ((east, "east"), (other, "west")):
        ticket = store._tickets[TicketId(ticket_id)]
        assert ticket.state_since is not None
        assert ticket.handed_over_at is not None
        store._tickets[ticket.ticket_id] = replace(
            ticket, region=region, state_since=ticket.state_since - LATE, handed_over_at=ticket.handed_over_at - LATE
        )
    shown = (await gateway.get("/v1/dwell", "dispatcher")).json()
    assert [(one["state"], one["region"], one["tickets"], one["red"]) for one in shown["places"]] == [
        ("pending", "east", 1, 1), ("assigned", "west", 1, 1),
    ]  # fmt: skip
    assert {one["ticket_id"] for one in shown["red"]} == {east, other}
    assert all(10_800 <= one["wall_s"] == one["working_s"] for one in shown["red"])
    drift = (await gateway.get("/v1/drift", "lead")).json()["tickets"]
    assert [(one["ticket_id"], one["assignee"], one["reasons"]) for one in drift] == [
        (other, "赵工", ["claims_missed"])
    ]
    own = Binding(bound=True, regions=("east",))
    gateway.clients.known["east-lead"] = Client(name="east-lead", role=Role.LEAD, binding=own)
    assert [one["ticket_id"] for one in (await gateway.get("/v1/dwell", "east-lead")).json()["red"]] == [east]
    assert (await gateway.get("/v1/drift", "east-lead")).json()["tickets"] == []
    for role in ("engineer", "subscriber"):
        for path in ("/v1/dwell", "/v1/drift"):
            assert (await gateway.get(path, role)).status_code == 403
