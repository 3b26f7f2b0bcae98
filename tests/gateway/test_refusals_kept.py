"""A refusal is kept before it is told: who was told does not come again."""

from collections.abc import Sequence

import pytest

from bus.domain.errors import StoreUnavailable
from bus.wire.rejected_input import RejectedInput
from deadletter.rejected_inputs import MemoryRejectedInputs
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway


@pytest.fixture
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the place of refusals be away."""

    async def away(_self: object, _inputs: Sequence[RejectedInput]) -> None:
        raise StoreUnavailable("away for a test")

    monkeypatch.setattr(MemoryRejectedInputs, "keep", away)


async def test_refusals_kept_a_refused_command_that_cannot_be_kept_is_to_come_again(
    gateway: Gateway, request: pytest.FixtureRequest
) -> None:
    ticket = await gateway.opened()
    request.getfixturevalue("nothing_is_kept")
    answer = await gateway.post(f"/v1/tickets/{ticket}/resolve", {"summary": "x"})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


@pytest.mark.usefixtures("nothing_is_kept")
async def test_refusals_kept_a_malformed_opening_is_not_spooled_but_to_come_again(gateway: Gateway) -> None:
    answer = await gateway.post("/v1/tickets", {**OPENING, "titel": "?"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert gateway.spool.spooled == []
