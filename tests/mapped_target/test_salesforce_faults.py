"""Salesforce as a target when everything fails: the kind of each answer at each step, one record and one change."""

import asyncio
import base64
import random
from collections.abc import Mapping
from datetime import timedelta

import orjson
import pytest

from adapters.contract_suites.target import next_attempt
from adapters.simulators.salesforce import QUERY, TOKEN, WRITE, SalesforceSimulator
from adapters.simulators.salesforce_faults import WAYS, SalesforceFault
from adapters.simulators.salesforce_org import OrgAccount
from bus.config_file import ConfigFileInvalid
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from tests.bus_under_test import eventually
from tests.delivery.conftest import database, delivery_queue, pool
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import delivery_workers, utc_now
from tests.delivery.test_delivery_worker import EVENTS, settled
from tests.mapped_target.calls import PATIENT_S, call, outcome, target_of
from tests.mapped_target.salesforce_calls import SECRETS, VARIABLE, by_client_secret, each_event_a_record, options
from tests.mapped_target.test_on_the_queue import Queued

__all__ = ["database", "delivery_queue", "pool"]
SHORT_S = 2.0
FAULT = SalesforceFault
UNKNOWN, UNAVAILABLE, REJECTED = FailureKind.UNKNOWN, FailureKind.UNAVAILABLE, FailureKind.REJECTED
HANGING = {FAULT.HANG, FAULT.HANG_AFTER, FAULT.SLOW, FAULT.ENDLESS}
AT_WRITING: Mapping[FAULT, FailureKind | None] = {
    **dict.fromkeys(FAULT, UNKNOWN),
    **dict.fromkeys(
        (FAULT.UNAVAILABLE, FAULT.LOCKED, FAULT.LOCKED_WITHIN, FAULT.MADE_MEANWHILE, FAULT.REDIRECT), UNAVAILABLE
    ),
    FAULT.THROTTLED: FailureKind.THROTTLED,
    FAULT.NO_ACCESS: FailureKind.UNAUTHORIZED,
    **dict.fromkeys((FAULT.DUPLICATES, FAULT.VALIDATION, FAULT.MISSING), REJECTED),
    **dict.fromkeys((FAULT.SEVERAL, FAULT.DELETED, FAULT.NO_FIELD), REJECTED),
    FAULT.SESSION_EXPIRED: None,  # a new session, within the call
    **dict.fromkeys((FAULT.TWICE_AFTER, FAULT.GBK_AFTER, FAULT.ANOTHER_AFTER), None),
}


async def failing_once(fault: FAULT) -> None:
    asked = call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
    async with SalesforceSimulator().serving() as org, target_of(options(org.url), SECRETS) as target:
        org.fail(fault, times=1, only=[WRITE])
        came = await outcome(target, asked)
        failed = came if isinstance(came, DeliveryFailed) else None
        assert (fault, failed and failed.kind) == (fault, AT_WRITING[fault])
        if failed:
            assert failed.retry_after_s == (7.0 if fault is FAULT.UNAVAILABLE else None)
            assert failed.kind is UNKNOWN or org.effects() == 0
            came = await next_attempt(target, call(), unsure=failed.kind is UNKNOWN)
        assert isinstance(came, Effect)
        [(own, record)] = org.books.records.items()
        assert came.reference == own or fault is FAULT.ANOTHER_AFTER
        assert (record["Ticket_No__c"], record["Origin"], record["Ticket_State__c"]) == (
            call().event.ticket_id,
            "Ticketbus",
            "Working",
        )
        assert org.effects() == 1, fault


async def test_salesforce_faults_each_has_its_kind_and_leaves_one_record_and_one_change() -> None:
    for faults in (set(FAULT) - HANGING, HANGING):  # apart, so that what has a short deadline is not held up
        await asyncio.gather(*map(failing_once, faults))


@pytest.mark.parametrize(
    "fault", sorted(set(FAULT) - HANGING - {FAULT.TWICE_AFTER, FAULT.ANOTHER_AFTER, FAULT.GBK_AFTER})
)
async def test_salesforce_faults_at_the_token_nothing_is_written_and_the_next_call_is(fault: FAULT) -> None:
    async with SalesforceSimulator().serving() as org, target_of(options(org.url), SECRETS) as target:
        org.fail(fault, times=1, only=[TOKEN])
        failed = await outcome(target, call())
        assert isinstance(failed, DeliveryFailed)
        assert failed.kind in (UNAVAILABLE, FailureKind.UNAUTHORIZED, FailureKind.UNREACHABLE)
        assert org.effects() == 0
        assert isinstance(await outcome(target, call()), Effect)
    assert org.effects() == 1


async def test_salesforce_faults_an_expired_session_is_replaced_once_for_all_who_call() -> None:
    async with SalesforceSimulator().serving() as org, target_of(each_event_a_record(org.url), SECRETS) as target:
        await target.send(call())
        org.books.sessions.clear()
        await asyncio.gather(*(target.send(call()) for _ in range(10)))
    assert org.calls.count(TOKEN) == 2
    assert org.effects() == 1


async def test_salesforce_faults_a_case_of_its_own_is_written_by_its_id_and_one_that_is_gone_is_refused() -> None:
    given = options("")
    async with SalesforceSimulator().serving() as org:
        own = org.books.create("Case", {"Subject": "水泵不转"})
        given = options(org.url)
        given["requests"][0]["when"] = "ticket.source == 'crm'"
        given["requests"][0]["path"] = "/sobjects/Case/" + own
        async with target_of(given, SECRETS) as target:
            for _ in range(2):
                assert await target.send(call()) == Effect()
            record = org.books.records.pop(own)
            failed = await outcome(target, call())
    assert (record["Ticket_No__c"], record["Ticket_State__c"]) == (call().event.ticket_id, "Working")
    assert org.effects() == 2  # that people made it, and what the bus wrote
    assert isinstance(failed, DeliveryFailed)
    assert (failed.kind, failed.code) == (REJECTED, "NOT_FOUND")


async def test_salesforce_faults_client_credentials_are_taken_as_well() -> None:
    secrets = {VARIABLE: OrgAccount().client_secret}
    async with SalesforceSimulator().serving() as org:
        async with target_of(by_client_secret(org.url), secrets) as target:
            assert isinstance(await outcome(target, call()), Effect)
        async with target_of(by_client_secret(org.url), {VARIABLE: "a-secret-of-somebody-else"}) as target:
            failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert failed.kind is FailureKind.UNAUTHORIZED
    assert "somebody-else" not in f"{failed} {failed.message}"


@pytest.mark.parametrize("changed", ["client_id", "subject", "audience"])
async def test_salesforce_faults_a_jwt_for_somebody_else_is_unauthorized(changed: str) -> None:
    async with SalesforceSimulator().serving() as org:
        given = options(org.url)
        given["proof"][changed] = "somebody-else"
        async with target_of(given, SECRETS) as target:
            failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert failed.kind is FailureKind.UNAUTHORIZED
    assert org.calls == [TOKEN]


async def test_salesforce_faults_a_jwt_says_who_as_whom_for_whom_and_for_how_long_and_nothing_repeats_it() -> None:
    seen = list[bytes]()
    async with SalesforceSimulator().serving() as org, target_of(options(org.url), SECRETS) as target:
        org.seen = lambda service, body, _fault: seen.append(body) if service == TOKEN else None
        await target.send(call())
        jwt = seen[0].split(b"assertion=")[1].decode()
        head, claims = (orjson.loads(base64.urlsafe_b64decode(part + "==")) for part in jwt.split(".")[:2])
        org.fail(FAULT.ERROR, only=[WRITE])
        failed = await outcome(target, call())
    assert head == {"alg": "RS256", "typ": "JWT"}
    account = OrgAccount()
    assert (claims["iss"], claims["sub"], claims["aud"]) == (account.client_id, account.subject, account.audience)
    assert 0 < claims["exp"] - org.books.now() <= 180
    assert isinstance(failed, DeliveryFailed)
    hidden = [jwt, *org.books.sessions]
    assert [one for one in hidden if one in f"{failed} {failed.message} {failed.detail}"] == []


@pytest.mark.parametrize("key", ["no key", "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----"])
def test_salesforce_faults_a_key_that_is_none_is_named_by_its_variable_and_never_shown(key: str) -> None:
    async def built() -> None:
        async with target_of(options("http://127.0.0.1:9"), {VARIABLE: key}):
            raise AssertionError

    with pytest.raises(ConfigFileInvalid, match=VARIABLE) as refused:
        asyncio.run(built())
    assert key not in str(refused.value)


async def test_salesforce_faults_on_the_queue_each_event_is_one_record_whatever_goes_wrong(
    delivery_queue: DeliveryQueue,
) -> None:
    few = [(ticket, version) for ticket, version in EVENTS if ticket in ("T0", "T1", "T2")]
    refusals = {fault for fault, kind in AT_WRITING.items() if kind is REJECTED}  # dead letters at once, as they should
    shown = sorted(set(FAULT) - refusals)
    chance = random.Random(5)  # noqa: S311 - the same faults at every run
    async with SalesforceSimulator().serving() as org:

        def turned(service: str, _body: bytes, _fault: str) -> None:
            org.heal()
            if service != QUERY and chance.random() < 0.4:
                org.fail(chance.choice(shown), times=1, only=[WRITE])

        org.seen = turned
        async with target_of(each_event_a_record(org.url), SECRETS) as target:
            queued = Queued(to=target, idempotent=target.idempotent)
            async with delivery_workers(delivery_queue.pool, queued, 2, attempt_timeout=timedelta(milliseconds=500)):
                await delivery_queue.add(*few, now=utc_now())
                await eventually(lambda: settled(delivery_queue))
    made = sorted((one["Ticket__c"], one["Version__c"]) for one in org.books.records.values())
    assert made == sorted(few)
    assert org.effects() == len(few)
    assert await delivery_queue.rows("SELECT count(*) FROM letters") == [(0,)]
    assert org.calls.count(WRITE) > len(few)
    assert {*WAYS} <= {*FAULT}
