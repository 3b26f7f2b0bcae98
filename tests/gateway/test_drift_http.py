"""The drift list of a morning, and what changed since the one before, over HTTP, of what the token reaches (R9)."""

from dataclasses import replace
from datetime import timedelta

from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from tests.domain.test_drift_list import DUE, MONDAY, listed
from tests.gateway.conftest import Gateway


async def test_drift_http_lists_are_kept_by_day_and_compared(gateway: Gateway) -> None:
    assert (await gateway.get("/v1/drift/compare", "lead")).status_code == 404
    north = replace(listed(4).tickets[0], region="华北")
    gateway.drift_lists += [listed(1, 2, late=timedelta(hours=1)), listed(2, days=-3)]
    gateway.drift_lists[1] = replace(gateway.drift_lists[1], tickets=(*gateway.drift_lists[1].tickets, north))
    made = (await gateway.get("/v1/drift?date=2026-11-30", "dispatcher")).json()
    assert [one["ticket_id"][-1] for one in made["tickets"]] == ["1", "2"]
    assert made["due_at"] == DUE.isoformat()
    change = (await gateway.get("/v1/drift/compare", "lead")).json()
    assert (change["day"], change["before"]) == (MONDAY.isoformat(), (MONDAY - timedelta(days=3)).isoformat())
    assert [[one["ticket_id"][-1] for one in change[name]] for name in ("new", "still", "gone")] == [
        ["1"],
        ["2"],
        ["4"],
    ]
    own = Binding(bound=True, regions=("华北",))
    gateway.clients.known["north"] = Client(name="north", role=Role.LEAD, binding=own)
    change = (await gateway.get("/v1/drift/compare?date=2026-11-30", "north")).json()
    assert [len(change[name]) for name in ("new", "still", "gone")] == [0, 0, 1]
    for day, status in (("2026-11-29", 404), ("yesterday", 400)):
        assert (await gateway.get(f"/v1/drift?date={day}", "lead")).status_code == status
    assert (await gateway.get("/v1/drift/compare", "engineer")).status_code == 403
