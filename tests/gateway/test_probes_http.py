"""GET /v1/probes: the bus's own way and each target's, and what is wrong with one."""

from datetime import timedelta

from bus.intake.dispatch import utc_now
from bus.journey.probes import Probe
from tests.gateway.conftest import Gateway


def probe(route: str, *, sent_s: int, missing: bool) -> Probe:
    """Make a probe that was sent so many seconds ago."""
    sent_at = utc_now() - timedelta(seconds=sent_s)
    return Probe(
        route=route,
        ticket_id="" if route else "V20261129-000001",
        sent_at=sent_at,
        home_at=None if missing else sent_at + timedelta(seconds=1),
        missing_since=sent_at if missing else None,
        waits_at="ticket.events" if missing else "",
        every=timedelta(minutes=5),
        within=timedelta(minutes=1),
    )


async def test_probes_http_lists_each_with_what_is_wrong(gateway: Gateway) -> None:
    gateway.probes = [probe("", sent_s=90, missing=True), probe("erp", sent_s=30, missing=True)]
    own, erp = (await gateway.get("/v1/probes", "lead")).json()["probes"]
    assert (own["target"], own["ticket_id"], own["home_at"]) == (None, "V20261129-000001", None)
    assert own["wrong_en"].endswith("waits at ticket.events")
    assert (erp["target"], erp["wrong"]) == ("erp", None), "on its way in time"


async def test_probes_http_is_for_those_who_look_after_the_bus(gateway: Gateway) -> None:
    assert (await gateway.get("/v1/probes", "dispatcher")).status_code == 403
    assert (await gateway.get("/v1/probes", "sre")).json() == {"probes": []}
