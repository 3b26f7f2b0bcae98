"""A gateway with the real dead-letter room behind it, on a database of the tests' own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from bus.postgres.pool import Pool, connected
from bus.programs.deadletter_service import PostgresDeadLetterService
from bus.wire.rejected_input import RejectedInput
from deadletter.dead_letter import of_input
from deadletter.store import post
from tests.databases import clear_on
from tests.deadletter.test_store import letter_of, rejecting
from tests.delivery.deliveries import DeliveryQueue
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import FakeSource
from tests.schemas.codecs import CODEC

WHY = {"why": "物料已建档"}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FREEZE = {"target": "erp", "canary": 2, "watch_s": 0, "rate_per_s": 100, **WHY}
GONE = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterApi:
    """The gateway with the real room behind it, and the office whose letters lie there."""

    gateway: Gateway
    delivery_queue: DeliveryQueue

    async def get(self, path: str) -> Any:
        """Read as an operator."""
        answer = await self.gateway.get(path, "sre")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, key: str | None = None) -> httpx2.Response:
        """Order as an operator."""
        return await self.gateway.post(path, body, role="sre", key=key)

    async def done(self, path: str, body: object = None) -> Any:
        """Order what is taken."""
        answer = await self.post(path, body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def letter(self, ticket: str = "R1") -> int:
        """Let a ticket have a letter, an event behind it; gives its number."""
        await rejecting(self.delivery_queue, (ticket, 1), (ticket, 2), parked=1)
        return await letter_of(self.delivery_queue, ticket)

    async def everything(self) -> list[Any]:
        """Read all that an order may change."""
        tables = ("letters", "letter_decisions", "redrives", "delivery_targets", "idempotency_keys")
        return [await self.delivery_queue.rows(f"SELECT * FROM {name} ORDER BY 1") for name in tables]  # noqa: S608 - names above


@pytest.fixture
async def api(pool: Pool) -> AsyncIterator[DeadLetterApi]:
    """Begin with an empty room."""
    delivery_queue = DeliveryQueue(pool=pool)
    await delivery_queue.clear()
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE idempotency_keys")
    gateway = Gateway(
        dead_letters=PostgresDeadLetterService(pool=pool, clear=clear_on(pool), sources={"fake": FakeSource()})
    )
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        yield DeadLetterApi(gateway=gateway, delivery_queue=delivery_queue)


async def put_input(api: DeadLetterApi, origin: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    """Put input that had no effect into the room; gives the letter's number."""
    input_ = RejectedInput(
        origin=origin, origin_ref=f"{origin}@1", source="s", code="c", field="f", detail_zh="不", detail_en="no",
        body=body, headers=headers or {}, trace_id="0" * 31 + "1", kind="malformed",
    )  # fmt: skip
    async with connected(api.delivery_queue.pool) as connection:
        (number,) = await post(connection, [of_input(input_, NOON)], CODEC.encode_record)
    return number


def refused(answer: httpx2.Response) -> tuple[int, str, str]:
    """Give what a problem is known by."""
    return answer.status_code, answer.json()["code"], answer.json()["field"]
