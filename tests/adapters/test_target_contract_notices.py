"""The contract suite for targets notices each duty that a target does not do: here they are left undone, one by one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from adapters.adapter import TargetAdapter
from adapters.contract_suites.faulty_ways import Loss
from adapters.crm.callback import CallbackOptions, CrmCallback
from adapters.outbound_http import OutboundHttp
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from tests.adapters.test_target_contract import SIGNING, CrmContract
from ticketbus.testing import HttpTargetContract


class SaysNothingWasSent(CrmCallback):
    async def send(self, call: Call) -> Effect:
        try:
            return await super().send(call)
        except DeliveryFailed as failure:
            raise DeliveryFailed(FailureKind.UNREACHABLE, failure.detail) from None


class ForgetsTheKey(CrmCallback):
    async def send(self, call: Call) -> Effect:
        return await super().send(replace(call, key=str(uuid4())))


class TakesItsTime(CrmCallback):
    async def send(self, call: Call) -> Effect:
        return await super().send(replace(call, within_s=3600))


class Raises(CrmCallback):
    async def send(self, call: Call) -> Effect:
        try:
            return await super().send(call)
        except DeliveryFailed as failure:
            raise ValueError(failure.status) from None


class BelievesAnything(CrmCallback):
    async def send(self, call: Call) -> Effect:
        try:
            return await super().send(call)
        except DeliveryFailed as failure:
            if failure.status == 200:
                return Effect()
            raise


class GivesUpTooSoon(CrmCallback):
    async def send(self, call: Call) -> Effect:
        try:
            return await super().send(call)
        except DeliveryFailed as failure:
            raise DeliveryFailed(FailureKind.REJECTED, failure.detail, status=failure.status) from None


class SwallowsTheCancelling(CrmCallback):
    async def send(self, call: Call) -> Effect:
        try:
            return await super().send(call)
        except asyncio.CancelledError:
            raise DeliveryFailed(FailureKind.UNKNOWN, "cancelled") from None


class TellsThePerson(CrmCallback):
    async def send(self, call: Call) -> Effect:
        try:
            return await super().send(call)
        except DeliveryFailed as failure:
            raise DeliveryFailed(failure.kind, f"{call.event.actor}: {failure.detail}") from None


class ReadsWithoutLimit(CrmCallback):
    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._http = OutboundHttp(headers={}, connections_max=1, answer_bytes_max=10**9)


class ShowsItsSecret(CrmCallback):
    def __repr__(self) -> str:
        return f"CRM with {SIGNING}"


class SendsWhenAsked(CrmCallback):
    async def confirm(self, call: Call) -> Effect | None:
        await self.send(call)
        return None


def suite_on(kind: type[CrmCallback]) -> HttpTargetContract:
    """Run the suite on a target of this kind."""

    def build(options: CallbackOptions, secrets: Any, services: Any) -> CrmCallback:
        return kind(options.url, options.keys(secrets), services.ticket_at, now=services.now)

    class Suite(CrmContract):
        adapter = TargetAdapter(name="crm-callback", options=CallbackOptions, build=build)
        late_s = 0.5

    return Suite()


LOST = "test_an_answer_lost_at_any_exchange_is_never_taken_for_nothing_done_and_leaves_one_effect"
CASES: tuple[tuple[type[CrmCallback], str, tuple[Any, ...]], ...] = (
    (SaysNothingWasSent, LOST, (Loss.CUT,)),
    (SaysNothingWasSent, "test_retry_after_is_honoured_in_both_forms", ()),
    (ForgetsTheKey, "test_an_event_sent_twice_has_one_effect_or_is_found", ()),
    (ForgetsTheKey, LOST, (Loss.HALF,)),
    (TakesItsTime, LOST, (Loss.SILENCE,)),
    (TakesItsTime, "test_trickling_bytes_do_not_move_the_deadline", (b"HTTP/1.1 200 OK\r\nx: ",)),
    (Raises, "test_a_system_that_is_not_there_is_unreachable", ()),
    (Raises, "test_whatever_status_and_body_come_the_outcome_is_an_effect_or_a_failure_with_a_kind", ()),
    (BelievesAnything, "test_what_is_no_answer_leaves_the_end_in_doubt", ()),
    (GivesUpTooSoon, "test_what_is_no_answer_leaves_the_end_in_doubt", ()),
    (GivesUpTooSoon, "test_whatever_status_and_body_come_the_outcome_is_an_effect_or_a_failure_with_a_kind", ()),
    (GivesUpTooSoon, "test_a_system_that_is_not_there_is_unreachable", ()),
    (SwallowsTheCancelling, "test_a_call_that_is_cancelled_is_cancelled", ()),
    (ReadsWithoutLimit, "test_an_answer_without_end_is_not_read_to_it", ()),
    (ShowsItsSecret, "test_building_and_printing_show_no_secret", ()),
    (SendsWhenAsked, "test_confirm_changes_nothing", ()),
)


@pytest.mark.parametrize(("kind", "test", "given"), CASES, ids=lambda part: getattr(part, "__name__", None))
def test_target_contract_notices_suite_notices_what_a_target_leaves_undone(
    kind: type[CrmCallback], test: str, given: tuple[Any, ...]
) -> None:
    run: Callable[..., None] = getattr(suite_on(kind), test)
    with pytest.raises((AssertionError, DeliveryFailed, TimeoutError, ValueError, pytest.fail.Exception)):
        run(*given)


def test_target_contract_notices_suite_notices_a_name_in_what_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError):
        suite_on(TellsThePerson).test_no_failure_and_no_log_tells_a_name_or_a_secret(caplog)
