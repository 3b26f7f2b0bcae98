"""Every repair of a serial number over HTTP, of what the token reaches (R26)."""

from datetime import UTC, datetime

from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.postgres.device_rows import RepairRow
from tests.gateway.conftest import Gateway


def repair(number: int, region: str = "华东") -> RepairRow:
    """Make a repair."""
    at = datetime(2026, 11, number % 27 + 1, tzinfo=UTC)
    return RepairRow(
        ticket_id=f"T20261101-{number:06d}", type="hardware_fault", title="不制冷", opened_at=at, resolved_at=at,
        closed_at=None, root_cause="control_board", summary="更换主控板", parts=[{"part_no": "PCB-02", "quantity": 1}],
        state="resolved", region=region, assignee="王师傅",
    )  # fmt: skip


async def test_devices_http_r26_one_call_has_every_repair_with_its_parts(gateway: Gateway) -> None:
    gateway.repairs["SN-AB/1"] = [repair(2), repair(1, "西南")]
    shown = (await gateway.get("/v1/devices/sn-ab%2F1", "dispatcher")).json()
    assert [one["ticket_id"][-1] for one in shown["repairs"]] == ["2", "1"]
    assert (shown["repairs"][0]["parts"], shown["more"]) == ([{"part_no": "PCB-02", "quantity": 1}], False)
    own = Binding(bound=True, regions=("西南",))
    gateway.clients.known["west"] = Client(name="west", role=Role.LEAD, binding=own)
    assert [one["region"] for one in (await gateway.get("/v1/devices/SN-AB%2F1", "west")).json()["repairs"]] == ["西南"]
    gateway.repairs["SN-AB/1"] = [repair(n) for n in range(101)]
    many = (await gateway.get("/v1/devices/ SN-AB/1 ", "sre")).json()
    assert (len(many["repairs"]), many["more"]) == (100, True)
    assert (await gateway.get("/v1/devices/无", "sre")).json()["repairs"] == []
    for role in ("engineer", "source", "subscriber"):
        assert (await gateway.get("/v1/devices/SN-AB%2F1", role)).status_code == 403
