"""Tests for adapters/exchange.py: what a failed exchange says of the effect, and of our own secrets."""

from datetime import UTC, datetime

import pytest

from adapters.connection_failures import PROXY_LOGIN
from adapters.exchange import any_answer, masked, of_login, status_failure
from adapters.outbound_http import HttpResponse, NoResponse
from bus.delivery.target import DeliveryFailed, FailureKind


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("账套001未注册", "账套***未注册"),
        ("系统编码:001;TB0010", "系统编码:***;TB0010"),
        ("a-long-secret-x", "***x"),
        ("nothing of ours", "nothing of ours"),
    ],
)
def test_exchange_secrets_are_masked_a_short_one_where_it_stands_by_itself(words: str, shown: str) -> None:
    failure = DeliveryFailed(FailureKind.REJECTED, "refused", message=words)
    assert masked(failure, "", "001", "a-long-secret-").message == shown


@pytest.mark.parametrize(
    ("changes", "sent", "kind"),
    [
        (True, True, FailureKind.UNKNOWN),
        (False, True, FailureKind.UNAVAILABLE),
        (True, False, FailureKind.UNREACHABLE),
        (False, False, FailureKind.UNREACHABLE),
    ],
)
async def test_exchange_without_an_answer_leaves_open_only_the_effect_of_a_change_that_was_sent(
    changes: bool, sent: bool, kind: FailureKind
) -> None:
    async def silence() -> HttpResponse:
        raise NoResponse("reset", sent=sent)

    with pytest.raises(DeliveryFailed) as failed:
        await any_answer(silence(), "Save", changes=changes)
    assert (failed.value.kind, failed.value.detail) == (kind, "reset at Save")


def test_exchange_a_proxy_that_wants_a_login_is_named() -> None:
    answer = HttpResponse(status=407, headers={})
    failure = status_failure(answer, "Save", changes=True, now=lambda: datetime.now(UTC))
    assert (failure.kind, failure.detail) == (FailureKind.UNAUTHORIZED, f"HTTP 407 at Save, {PROXY_LOGIN}")


@pytest.mark.parametrize("kind", FailureKind)
def test_exchange_a_login_is_refused_to_every_call_and_its_end_is_never_unknown(kind: FailureKind) -> None:
    failure = of_login(DeliveryFailed(kind.of(changes=False), "refused"))
    expected = {
        FailureKind.REJECTED: FailureKind.UNAUTHORIZED,
        FailureKind.UNKNOWN: FailureKind.UNAVAILABLE,
    }
    assert failure.kind is expected.get(kind, kind)
