"""The token of U8 OpenAPI: one for all calls, renewed before it ends and once in a call when it is refused."""

import asyncio
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.adapter import EnvironmentSecrets
from adapters.simulators.u8 import ADD, LIST, TOKEN, VERIFY
from adapters.simulators.u8_books import TOKEN_CALLS as U8_CALLS
from adapters.simulators.u8_faults import U8Fault
from adapters.u8 import openapi_session
from adapters.u8.openapi_session import TOKEN_CALLS, TOKEN_S
from adapters.u8.openapi_wire import call_url, result_url
from adapters.u8.options import OpenApiSettings, U8OpenApiOptions
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.u8_calls import AUDITED, SECRETS, call, failure_of, issued, number_of, openapi, simulated


async def test_u8_token_eight_calls_at_once_share_one_token_and_one_new_token() -> None:
    erp = simulated(**{"PUMP-7": 1000, "SEAL-1": 1000})
    async with erp.serving(), openapi(erp) as target:
        effects = await asyncio.gather(*(target.send(call(number)) for number in range(8)))
        assert effects == [issued(call(number)) for number in range(8)]
        assert erp.calls.count(TOKEN) == 1
        erp.books.forget_tokens()
        await asyncio.gather(*(target.send(call(number)) for number in range(8, 16)))
        assert erp.calls.count(TOKEN) == 2
    assert {bill.number: erp.books.effects(bill.number) for bill in erp.books.bills} == {
        number_of(call(number)): AUDITED for number in range(16)
    }


async def test_u8_token_a_token_is_renewed_before_its_time_is_over() -> None:
    clock = [0.0]
    erp = simulated()
    async with erp.serving(), openapi(erp, clock=lambda: clock[0]) as target:
        assert await target.confirm(call()) is None
        clock[0] = TOKEN_S - 1
        assert await target.confirm(call()) is None
        assert erp.calls.count(TOKEN) == 1
        clock[0] = TOKEN_S
        assert await target.confirm(call()) is None
        assert erp.calls.count(TOKEN) == 2


async def test_u8_token_a_token_is_renewed_before_its_calls_are_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi_session, "TOKEN_CALLS", 3)
    erp = simulated()
    async with erp.serving(), openapi(erp) as target:
        for calls, tokens in ((3, 1), (6, 2), (7, 3)):
            while erp.calls.count(LIST) < calls:
                assert await target.confirm(call()) is None
            assert erp.calls.count(TOKEN) == tokens
    assert TOKEN_CALLS < U8_CALLS


@pytest.mark.parametrize("fault", [U8Fault.TOKEN_EXPIRED, U8Fault.TOKEN_WORDS])
@pytest.mark.parametrize("step", [LIST, ADD, VERIFY])
async def test_u8_token_a_token_refused_at_any_step_is_renewed_once(fault: U8Fault, step: str) -> None:
    erp, asked = simulated(), call()
    async with erp.serving(), openapi(erp) as target:
        erp.fail(fault, times=1, only=(step,))
        assert await target.send(asked) == issued(asked)
        assert erp.calls.count(TOKEN) == 2
        erp.fail(fault, only=(LIST,))
        failed = await failure_of(target, call(2))
        assert failed.kind is FailureKind.UNAUTHORIZED
        assert erp.calls.count(TOKEN) == 3, "once in a call"
    assert erp.books.effects(number_of(asked)) == AUDITED


async def test_u8_token_a_wrong_secret_is_tried_once_by_eight_calls_at_once() -> None:
    erp = simulated()
    erp.books.account = replace(erp.account, app_secret="of somebody else")
    async with erp.serving(), openapi(erp) as target:
        ends = await asyncio.gather(*(target.send(call(number)) for number in range(8)), return_exceptions=True)
        assert [one.kind for one in ends if isinstance(one, DeliveryFailed)] == [FailureKind.UNAUTHORIZED] * 8
        assert erp.calls == [TOKEN]
        await failure_of(target, call())
        assert erp.calls == [TOKEN, TOKEN]  # a later call asks anew: somebody may have mended it


def settings(**own: object) -> OpenApiSettings:
    options = U8OpenApiOptions.model_validate({**simulated().openapi_options("U8_SECRET"), **own})
    return options.settings(EnvironmentSecrets(environment=SECRETS, where="t"))


def test_u8_token_goes_to_the_operators_address_alone_and_so_does_the_question_for_a_result() -> None:
    here = settings(base_url="http://u8/x/")
    for given, asked in (
        ("https://api.of-the-vendor.example/result?requestid=7", "http://u8/x/result?requestid=7"),
        ("http://169.254.169.254/latest", "http://u8/x/latest"),
        ("//elsewhere/result?requestid=7", "http://u8/x/result?requestid=7"),
        ("result?requestid=7", "http://u8/x/result?requestid=7"),
    ):
        assert result_url(here, given) == asked


def test_u8_token_stands_beside_the_data_source_in_every_call_and_never_beside_a_tradeid() -> None:
    here = settings(ds_sequence=3)
    asked = parse_qs(urlsplit(call_url(here, "/api/otherout/add", "t&1", biz_id="b")).query)
    assert (asked["ds_sequence"], asked["token"]) == (["3"], ["t&1"])
    assert "tradeid" not in asked
    assert SECRETS["U8_SECRET"] not in repr(here)
