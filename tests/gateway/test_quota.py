"""One client starves nobody: requests a second and streams at once have a limit each."""

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bus.gateway.auth import quota as quota_module
from bus.gateway.auth.quota import BURST_S, Quota
from bus.gateway.http.problems import HttpProblem
from tests.bus_under_test import eventually
from tests.gateway.behind_a_server import behind_a_server
from tests.gateway.conftest import Gateway


def test_quota_a_burst_then_the_rate_and_each_client_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(quota_module, "monotonic", lambda: now)
    quota = Quota(5.0)
    for _ in range(int(5 * BURST_S)):
        quota.take("crm")
    with pytest.raises(HttpProblem) as refused:
        quota.take("crm")
    told = refused.value
    assert (told.status, told.code, told.headers) == (429, "too_many_requests", {"Retry-After": "1"})
    quota.take("erp")
    now += 0.2
    quota.take("crm")
    with pytest.raises(HttpProblem):
        quota.take("crm")


async def test_quota_is_told_with_when_to_come_again(gateway: Gateway) -> None:
    gateway.deps.quota.rate_per_s = 0.5
    answers = [await gateway.get("/v1/topics", "source") for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 429]
    assert answers[1].headers["retry-after"] == "2"
    assert answers[1].json()["code"] == "too_many_requests"
    assert (await gateway.get("/v1/topics", "lead")).status_code == 200
    assert (await gateway.http.get("/livez")).status_code == 200


async def test_quota_of_streams_is_counted_down_when_one_goes() -> None:
    async with behind_a_server(Gateway(streams_per_client=2)) as gateway:
        url, headers = f"{gateway.url}/v1/stream?topics=ticket.assign", {"Authorization": "Bearer subscriber"}
        first, second = [await connect(url, additional_headers=headers, proxy=None) for _ in range(2)]
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 429
        await first.close()

        async def taken() -> bool:
            try:
                await (await connect(url, additional_headers=headers, proxy=None)).close()
            except InvalidStatus:
                return False
            return True

        await eventually(taken)
        await second.close()
