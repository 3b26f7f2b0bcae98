"""Fairness over HTTP: for whom all tickets are, of 31 days at most (R5)."""

from datetime import timedelta

from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.intake.dispatch import utc_now
from tests.gateway.conftest import Gateway


async def test_fairness_http_counts_31_days_at_most_for_those_who_see_all_tickets(gateway: Gateway) -> None:
    month = (utc_now() - timedelta(days=31) + timedelta(minutes=1)).isoformat()
    shown = await gateway.get("/v1/fairness", "lead", params={"since": month})
    assert (shown.status_code, shown.json()["people"]) == (200, [])
    before = (utc_now() - timedelta(days=31, seconds=1)).isoformat()
    refused = await gateway.get("/v1/fairness", "lead", params={"since": before})
    assert (refused.status_code, refused.json()["field"]) == (400, "since")
    assert "31 天" in refused.json()["detail"]
    own = Binding(bound=True, regions=("华北",))
    gateway.clients.known["north"] = Client(name="north", role=Role.LEAD, binding=own)
    bound = await gateway.get("/v1/fairness", "north")
    assert (bound.status_code, bound.json()["code"]) == (403, "not_allowed")
    assert (await gateway.get("/v1/fairness", "engineer")).status_code == 403
