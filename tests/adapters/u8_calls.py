"""Calls, settings and targets that the tests of both of U8's interfaces are made of."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.adapter import EnvironmentSecrets
from adapters.contract_suites.target import services
from adapters.simulators.u8 import U8Simulator
from adapters.simulators.u8_books import U8BillKept, U8Refusal
from adapters.u8.bill import order_of
from adapters.u8.eai import U8Eai
from adapters.u8.openapi import U8OpenApi
from adapters.u8.options import U8EaiOptions, U8OpenApiOptions
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind, Target
from bus.domain.commands import IssueParts
from tests.adapters.test_kingdee import PARTS, call

__all__ = ["PARTS", "call"]
SECRETS = {
    "U8_SECRET": U8Simulator(stock={}).account.app_secret,
    "U8_SENDER": U8Simulator(stock={}).account.sender,
}
MADE, AUDITED = Counter(made=1), Counter(made=1, audited=1)
UNKNOWN, UNAVAILABLE = FailureKind.UNKNOWN, FailureKind.UNAVAILABLE


def simulated(**stock: float) -> U8Simulator:
    """Give a U8 with parts enough, which works off its queue at once."""
    return U8Simulator(stock={"PUMP-7": 100, "SEAL-1": 100, **stock}, queue_s=0)


def refuse_as_repeated(erp: U8Simulator, *, there: bool) -> None:
    """Let U8 refuse a bill as a repeat, since another attempt made it meanwhile, or for no such reason."""
    books, add = erp.books, erp.books.add

    def added(bill: U8BillKept, *, interface: str) -> U8BillKept:
        if there:
            add(bill, interface=interface)
        raise U8Refusal("20005", "单据号重复")

    books.add = added  # type: ignore[method-assign]  # this one has another worker


def number_of(asked: Call) -> str:
    """Give the number of a call's bill."""
    return order_of(asked).number


def issued(asked: Call) -> Effect:
    """Give the effect of a call whose parts were issued."""
    number = number_of(asked)
    return Effect(reference=number, commands=(IssueParts(request_no="PR-1", document_no=number, parts=PARTS),))


@asynccontextmanager
async def openapi(erp: U8Simulator, **own: Any) -> AsyncIterator[Target]:
    """Build a target of OpenAPI for the length of a block."""
    clock = own.pop("clock", None)
    options = U8OpenApiOptions.model_validate({**erp.openapi_options("U8_SECRET"), **own})
    target = U8OpenApi(options.settings(EnvironmentSecrets(environment=SECRETS, where="t")), clock=clock)
    try:
        yield target
    finally:
        await target.close()


@asynccontextmanager
async def eai(erp: U8Simulator, **own: Any) -> AsyncIterator[Target]:
    """Build a target of EAI for the length of a block."""
    options = U8EaiOptions.model_validate({**erp.eai_options("U8_SENDER"), **own})
    target = U8Eai(options.settings(EnvironmentSecrets(environment=SECRETS, where="t")), now=services().now)
    try:
        yield target
    finally:
        await target.close()


async def as_delivered(target: Target, asked: Call) -> Effect:
    """Do as delivery does after a failure: look, and send if it is not there."""
    return await target.confirm(asked) or await target.send(asked)


async def failure_of(target: Target, asked: Call) -> DeliveryFailed:
    """Make a call that fails, and give how."""
    try:
        effect = await asyncio.wait_for(target.send(asked), 60)
    except DeliveryFailed as failure:
        return failure
    raise AssertionError(f"it did not fail: {effect}")
