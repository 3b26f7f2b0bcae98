"""纷享销客 as a target, against its simulator over real sockets: records changed and made once, flows off."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest

from adapters.contract_suites.faulty_ways import http_response, responding_with
from adapters.contract_suites.target import OPENED, services
from adapters.fxiaoke.options import FxiaokeOptions
from adapters.fxiaoke.target import ADAPTER, FxiaokeTarget
from adapters.fxiaoke_api import wire
from adapters.simulators.fxiaoke import CREATE as CREATE_STEP
from adapters.simulators.fxiaoke import QUERY, TOKEN, FxiaokeSimulator
from adapters.simulators.fxiaoke import UPDATE as UPDATE_STEP
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from bus.config_file import ConfigFileInvalid
from bus.delivery.target import DeliveryFailed, Effect, FailureKind, LaggingTarget, PreviewedTarget
from tests.adapters.fxiaoke_calls import (
    CASE,
    CREATE,
    FOLLOW_UP,
    KEY,
    READ,
    SECRETS,
    UPDATE,
    call,
    failure_of,
    made,
    options,
    simulated,
    target,
)


async def test_fxiaoke_a_case_is_changed_by_its_id_and_no_flow_begins() -> None:
    crm = simulated()
    async with crm.serving(), target(crm, UPDATE) as built:
        assert built.idempotent
        assert await built.send(call()) == Effect(reference="case-1")
        assert await built.send(call()) == Effect(reference="case-1"), "a repeat does no harm"
    (case,) = crm.books.records
    assert case.values["field_state__c"] == "pending"
    assert case.values["field_version__c"] == "2", "numbers are texts"
    assert case.values["field_at__c"] == 1_795_293_000_000, "times are milliseconds"
    assert (case.values["field_done__c"], case.values["field_people__c"]) == (True, ["张伟"])
    assert "field_none__c" not in case.values
    assert (crm.books.flows_started, crm.calls) == (0, [TOKEN, UPDATE_STEP, UPDATE_STEP])
    assert case.steps == Counter(created=1, updated=2)


async def test_fxiaoke_a_record_is_made_with_the_calls_key_and_found_by_it() -> None:
    crm, asked = simulated(), call()
    async with crm.serving(), target(crm) as built:
        assert await built.confirm(asked) is None
        effect = await built.send(asked)
        assert await built.confirm(asked) == effect
        assert isinstance(built, LaggingTarget)
        assert (built.idempotent, built.lookup_settles_s) == (False, 120)
    (record,) = [one for one in crm.books.records if one.object == FOLLOW_UP]
    assert (record.values["_id"], record.values[KEY]) == (effect.reference, asked.key)
    assert (record.values["text__c"], record.values["owner"]) == ("李女士 13800001111 来电", ["1000"])
    assert crm.books.flows_started == 0
    assert len(crm.traces) == 1, "every call bears the ticket's trace"


def test_fxiaoke_objects_of_the_tenant_have_paths_of_their_own_and_every_request_an_id_of_its_own() -> None:
    assert wire.path(CASE, "update") == "/cgi/crm/v2/data/update"
    assert wire.path(FOLLOW_UP, "create") == "/cgi/crm/custom/v2/data/create"
    assert wire.traced("/x") != wire.traced("/x")
    asked = wire.query(CASE, [wire.condition("_id", "GT", "a")])
    assert asked["data"]["dataObjectApiName"] == CASE, "of a question the object stands beside what is asked"
    assert wire.change(CASE, {"_id": "a"})["data"]["object_data"]["dataObjectApiName"] == CASE


async def test_fxiaoke_the_first_write_that_fits_is_made_and_what_none_takes_is_done_without_a_call() -> None:
    crm = simulated()
    writes = (
        {**UPDATE, "events": "NoteAdded", "when": "ticket.source == 'other'"},
        {**CREATE, "events": ["NoteAdded"]},
    )
    async with crm.serving(), target(crm, *writes) as built:
        assert await built.send(call(event=OPENED)) == Effect()
        assert await built.confirm(call(event=OPENED)) is None
        assert crm.calls == []
        assert (await built.send(call())).reference
    assert made(crm, call()) == 1


async def test_fxiaoke_of_a_change_nothing_is_looked_for_and_it_is_made_again() -> None:
    crm = simulated()
    writes = ({**UPDATE, "when": "type == 'note.added'"}, CREATE)
    async with crm.serving(), target(crm, *writes) as built:
        crm.fail(FxiaokeFault.ERROR_AFTER, times=1, only=(UPDATE_STEP,))
        assert (await failure_of(built, call())).kind is FailureKind.UNKNOWN
        assert await built.confirm(call()) is None
        assert await built.send(call()) == Effect(reference="case-1")
    assert QUERY not in crm.calls


async def test_fxiaoke_where_the_key_is_unique_a_refused_repeat_is_what_was_made_before() -> None:
    crm, asked = simulated(), call()
    crm.books.unique, crm.books.lag_s = (KEY,), 0
    async with crm.serving(), target(crm) as built:
        first = await built.send(asked)
        assert await built.send(asked) == first
        crm.fail(FxiaokeFault.REFUSED, times=1, only=(CREATE_STEP,))
        failed = await failure_of(built, call(2))
        assert (failed.kind, failed.code, failed.message) == (FailureKind.REJECTED, "21010", "处理结果为必填项")
        crm.fail(FxiaokeFault.REFUSED, times=1, only=(CREATE_STEP,))
        crm.fail(FxiaokeFault.ERROR, times=1, only=(QUERY,))
        assert (await failure_of(built, call(3))).kind is FailureKind.UNKNOWN, "nobody could look"
    assert made(crm, asked) == 1


async def test_fxiaoke_a_record_that_shows_late_is_found_later() -> None:
    clock, asked = [0.0], call()
    crm = simulated(now=lambda: clock[0])
    crm.books.lag_s = 30
    async with crm.serving(), target(crm) as built:
        crm.fail(FxiaokeFault.HANG_AFTER, times=1, only=(CREATE_STEP,))
        failed = await failure_of(built, replace(asked, within_s=0.6))
        assert failed.kind is FailureKind.UNKNOWN
        assert await built.confirm(asked) is None, "an empty look-up proves nothing yet"
        clock[0] = 31
        found = await built.confirm(asked)
        assert found is not None
    assert made(crm, asked) == 1


async def test_fxiaoke_a_mended_copy_has_a_key_of_its_own_and_goes_beside_no_earlier_record() -> None:
    crm = simulated()
    mended = call(mended=True, copy_key="key of the copy")
    async with crm.serving(), target(crm) as built:
        await built.send(call())
        failed = await failure_of(built, mended)
        assert (failed.kind, "invalidate it first" in failed.detail) == (FailureKind.REJECTED, True)
        crm.books.records.pop()
        effect = await built.send(mended)
        assert await built.confirm(mended) == effect
    assert (made(crm, mended), made(crm, call())) == (1, 0)


async def test_fxiaoke_what_is_locked_or_gone_is_for_people_with_their_own_words() -> None:
    crm = simulated()
    gone = {**UPDATE, "id": {"value": "case-9"}}
    async with crm.serving(), target(crm, UPDATE) as built, target(crm, gone) as other:
        crm.books.locked = {"case-1"}
        failed = await failure_of(built, call())
        assert (failed.kind, failed.message) == (FailureKind.REJECTED, "数据已锁定,不允许编辑")
        failed = await failure_of(other, call())
        assert (failed.kind, failed.message) == (FailureKind.REJECTED, "数据不存在或已作废")


@pytest.mark.parametrize(
    "write",
    [
        {**UPDATE, "id": "event.nothing"},
        {**UPDATE, "id": "version"},
        {**CREATE, "fields": {"a": "join(',', [version])"}},
        {**CREATE, "fields": {"a": {"from": "type", "words": {"x": "y"}}}},
    ],
)
async def test_fxiaoke_an_event_without_a_form_is_untranslatable_and_nothing_is_sent(write: dict[str, Any]) -> None:
    crm = simulated()
    async with crm.serving(), target(crm, write) as built:
        assert (await failure_of(built, call())).kind is FailureKind.UNTRANSLATABLE
    assert crm.calls == []


async def test_fxiaoke_an_answer_that_is_another_calls_leaves_it_unknown() -> None:
    token = {"errorCode": 0, "accessToken": "t", "ea": "e"}
    for more, write in (({}, CREATE), ({"dataId": "d"}, UPDATE), ({"data": {"dataList": []}}, UPDATE), ({}, UPDATE)):
        answer = http_response(200, orjson.dumps({**token, **more}))
        async with (
            responding_with(answer) as url,
            target(FxiaokeSimulator(), write, account={"base_url": url}) as built,
        ):
            failed = await failure_of(built, call())
            assert (failed.kind, "no answer of" in failed.detail) == (FailureKind.UNKNOWN, True), more


async def test_fxiaoke_two_workers_with_the_same_call_make_one_record_where_the_key_is_unique() -> None:
    crm, asked = simulated(), call()
    crm.books.unique = (KEY,)
    async with crm.serving(), target(crm) as one, target(crm) as other:
        effects = await asyncio.gather(one.send(asked), other.send(asked))
    assert effects[0] == effects[1]
    assert (made(crm, asked), crm.calls.count(TOKEN)) == (1, 1)


async def test_fxiaoke_a_preview_shows_the_request_without_its_proof_and_sends_nothing() -> None:
    crm = simulated()
    ticket = await services().ticket_at(call())
    async with target(crm, {**UPDATE, "events": "NoteAdded"}) as built:
        assert isinstance(built, PreviewedTarget)
        shown = built.preview(call(), ticket)
        assert built.preview(call(event=OPENED), ticket) == ""
    assert shown.startswith(f"POST {crm.url}/cgi/crm/v2/data/update\n\n")
    assert '"triggerApprovalFlow": false' in shown
    assert not [secret for secret in SECRETS.values() if secret in shown]


LVELS = {"from": "type", "words": "lvels"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"account": {"base_url": "https://www.fxiaoke.com"}}, "is the web site"),
        ({"account": {"base_url": "https://open.fxiaoke.com/cgi"}}, "without a path"),
        ({"account": {"user_id": "李 女士"}}, "an employee's id is meant"),
        ({"account": {"calls_per_20_s": 101}}, "calls_per_20_s"),
        ({"account": {"app_secret": "pasted-secret"}}, "app_secret"),
        ({"writes": [{**UPDATE, "create": FOLLOW_UP}]}, "one of `update` and `create`"),
        ({"writes": [{"update": CASE, "fields": {"a": "type"}}]}, "`update` wants `id`"),
        ({"writes": [{"create": CASE, "fields": {"a": "type"}}]}, "`create` wants `key_field`"),
        ({"writes": [{**CREATE, "fields": {KEY: "type"}}]}, "`key_field` is the adapter's"),
        ({"writes": [{**UPDATE, "fields": {"owner": "type"}}]}, "cannot write `owner`"),
        ({"writes": [{**UPDATE, "fields": {"_id": "type"}}]}, "_id is the adapter's own"),
        (
            {"writes": [{**UPDATE, "fields": {"a": {"from": "type", "words": "none"}}}]},
            "writes.0.fields.a.words: .*has no table 'none'",
        ),
        (
            {"words": {"levels": {"P1": "1"}}, "writes": [{**UPDATE, "fields": {"a": LVELS, "b": LVELS}}]},
            "fields.a.words: .*did you mean 'levels'.*; writes.0.fields.b.words: ",
        ),
        ({"writes": [{**UPDATE, "fields": {"a b": "type"}}]}, "apiName of a field"),
        ({"writes": [{**UPDATE, "update": "客户"}]}, "apiName of an object"),
    ],
)
def test_fxiaoke_options_that_cannot_work_are_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    crm = simulated()
    good = options(crm).model_dump(mode="json", exclude={"writes"}, exclude_none=True)
    account = {**crm.account("FXIAOKE_SECRET", "FXIAOKE_CODE"), **wrong.get("account", {})}
    with pytest.raises(ValueError, match=words):
        FxiaokeOptions.model_validate({**good, "writes": [CREATE], **wrong, "account": account})


def test_fxiaoke_other_clouds_are_an_option_and_building_needs_the_secrets_alone() -> None:
    crm = simulated()
    for host in ("https://open-hwcloud.fxiaoke.com/", "https://open-na.sharecrm.com"):
        given = options(crm, account={"base_url": host, "user_id": 1000})
        assert (given.account.base_url, given.account.user_id) == (host.rstrip("/"), "1000")
        built = FxiaokeTarget(given, READ, services())
        assert not [one for one in SECRETS.values() if one in repr(vars(built))]
    with pytest.raises(ConfigFileInvalid, match="FXIAOKE_CODE"):
        ADAPTER.build(options(crm), replace(READ, environment={"FXIAOKE_SECRET": "x" * 20}), services())


async def test_fxiaoke_no_call_reaches_an_address_of_our_own_network_unless_it_may() -> None:
    crm = simulated()
    async with crm.serving(), target(crm, account={"private_addresses": False}) as built:
        failed = await failure_of(built, call())
    assert (failed.kind, crm.calls) == (FailureKind.UNREACHABLE, [])
    assert "private_addresses: true" in failed.detail


async def test_fxiaoke_a_probe_gets_a_token_and_reads_and_changes_nothing() -> None:
    crm = simulated()
    async with crm.serving(), target(crm, UPDATE) as built:
        await built.probe(10)
        assert crm.calls == [TOKEN, QUERY]
        crm.fail(FxiaokeFault.NO_QUOTA)
        with pytest.raises(DeliveryFailed) as failed:
            await built.probe(10)
        assert (failed.value.kind, failed.value.code) == (FailureKind.UNAUTHORIZED, "30003")
    assert crm.books.records[0].steps == Counter(created=1)
