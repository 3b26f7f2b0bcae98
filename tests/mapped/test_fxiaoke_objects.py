"""Records of 纷享销客 that are polled: by the time of change with an overlap, page by page by the last id."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from adapters.adapter import EnvironmentSecrets
from adapters.fxiaoke_api import wire
from adapters.mapped.asked_list import WAIT_S_MAX, ListAway
from adapters.mapped.fxiaoke_objects import FxiaokePoller
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.transports import FxiaokeObjects
from adapters.simulators.fxiaoke import QUERY, TOKEN, FxiaokeSimulator
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from bus.config_file import ConfigFileInvalid
from tests.adapters.fxiaoke_calls import CASE, FOLLOW_UP, READ, SECRETS, tenant_of_its_own

T0 = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
FAULT = FxiaokeFault


class Clock:
    """The vendor's wall clock and ours, in seconds since T0."""

    at = 0.0

    def wall(self) -> float:
        """Give it as the vendor has it."""
        return T0.timestamp() + self.at

    def now(self) -> datetime:
        """Give it as we have it."""
        return T0 + timedelta(seconds=self.at)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def crm(clock: Clock) -> AsyncIterator[FxiaokeSimulator]:
    async with FxiaokeSimulator(wall=clock.wall, tenant=tenant_of_its_own()).serving() as running:
        yield running


def polled(crm: FxiaokeSimulator, **changed: Any) -> FxiaokeObjects:
    account = crm.account("FXIAOKE_SECRET", "FXIAOKE_CODE")
    return FxiaokeObjects.model_validate(
        {"kind": "fxiaoke", "account": account, "object": CASE, "overlap_s": 60, **changed}
    )


def poller(crm: FxiaokeSimulator, clock: Clock, **changed: Any) -> FxiaokePoller:
    return FxiaokePoller(polled(crm, **changed), READ, now=clock.now)


async def read(one: FxiaokePoller, since: datetime = T0) -> list[str]:
    return [row["name"] for row in await rows(one, since)]


async def rows(one: FxiaokePoller, since: datetime = T0) -> list[Mapping[str, Any]]:
    return [row async for page in one.pages(since) for row in page.documents]


def opened(crm: FxiaokeSimulator, clock: Clock, count: int, step_s: float = 1.0) -> list[str]:
    for _ in range(count):
        clock.at += step_s
        crm.books.create(CASE, {"field_v24BD__c": "new"})
    return [one.values["name"] for one in crm.books.records]


async def test_fxiaoke_objects_every_page_is_read_from_the_overlap_on_and_no_offset_is_used(
    crm: FxiaokeSimulator, clock: Clock
) -> None:
    seen = list[bytes]()
    crm.seen = lambda service, body, _: seen.append(body) if service == QUERY else None
    names = opened(crm, clock, 250)
    assert await read(poller(crm, clock), T0 + timedelta(seconds=111)) == names[50:], "60 s before are read again"
    assert crm.calls == [TOKEN, QUERY, QUERY, QUERY]
    assert all(b'"offset":0' in one for one in seen)
    assert [b'"GT"' in one for one in seen] == [False, True, True]
    assert await read(poller(crm, clock, overlap_s=0), clock.now() + timedelta(seconds=1)) == []


async def test_fxiaoke_objects_a_full_last_page_is_followed_by_an_empty_one_and_pages_that_repeat_lose_nothing(
    crm: FxiaokeSimulator, clock: Clock
) -> None:
    names = opened(crm, clock, 200)
    one = poller(crm, clock, overlap_s=3_600)
    assert await read(one) == names
    assert crm.calls.count(QUERY) == 3
    crm.fail(FAULT.REPEATED)
    assert await read(one) == names


async def test_fxiaoke_objects_a_round_says_up_to_when_it_goes_and_never_beyond_its_own_begin(
    crm: FxiaokeSimulator, clock: Clock
) -> None:
    opened(crm, clock, 3)
    (page,) = [page async for page in poller(crm, clock).pages(T0)]
    assert page.changed_until == T0 + timedelta(seconds=3)
    begun, pages = clock.now(), poller(crm, clock).pages(T0)
    crm.books.records[2].values["last_modified_time"] += 500_000  # as if it had changed while pages are read
    assert [page.changed_until async for page in pages] == [begun]
    crm.books.records.clear()
    assert [page.changed_until async for page in poller(crm, clock).pages(T0)] == [None]


async def test_fxiaoke_objects_a_record_that_changes_behind_the_last_id_comes_in_the_next_round(
    crm: FxiaokeSimulator, clock: Clock
) -> None:
    names, until, taken = opened(crm, clock, 150), T0, list[str]()
    async for page in poller(crm, clock).pages(T0):
        taken += [row["name"] for row in page.documents]
        until = max(until, page.changed_until or until)
        if len(taken) == 100:  # the first page is read: one of its records changes now, an hour's work away
            clock.at += 3_600
            crm.books.update(CASE, {"_id": crm.books.records[0].values["_id"], "field_v24BD__c": "done"})
            opened(crm, clock, 1)
    assert names[0] in taken
    (first, *_) = found = await rows(poller(crm, clock, overlap_s=0), until)
    assert first["field_v24BD__c"] == "done"
    assert len(found) >= 1


async def test_fxiaoke_objects_conditions_and_fields_are_asked_for_and_empty_fields_are_left_out(
    crm: FxiaokeSimulator, clock: Clock
) -> None:
    for kind in ("a", "b", ""):
        crm.books.create(FOLLOW_UP, {"kind__c": kind, "amount__c": "12.50"})
    condition = {"field_name": "kind__c", "operator": "EQ", "field_values": "b"}
    found = await rows(poller(crm, clock, object=FOLLOW_UP, filters=[condition], fields=["amount__c"]))
    assert [sorted(one) for one in found] == [["_id", "amount__c", "last_modified_time"]]
    found = await rows(poller(crm, clock, object=FOLLOW_UP))
    assert [one.get("kind__c") for one in found] == ["a", "b", None]
    assert found[0]["amount__c"] == "12.50"


@pytest.mark.parametrize(
    ("fault", "step", "words"),
    [
        (FAULT.ERROR, QUERY, "HTTP 500"),
        (FAULT.BUSY, QUERY, "HTTP 503"),
        (FAULT.RESET, QUERY, "ends too early|reset"),
        (FAULT.CUT_AFTER, QUERY, "ends too early|cut|early"),
        (FAULT.ENDLESS, QUERY, "longer than"),
        (FAULT.WEB_SITE, QUERY, "HTTP 302"),
        (FAULT.PAGE, QUERY, "no answer of"),
        (FAULT.EMPTY, QUERY, "no answer of"),
        (FAULT.FOREIGN, QUERY, "no answer of"),
        (FAULT.SINGLE, QUERY, "no answer of"),
        (FAULT.UNFILTERED, QUERY, "no answer of"),
        (FAULT.SECRET, TOKEN, "errorCode 10006"),
        (FAULT.TOKEN_EXPIRED, QUERY, "errorCode 20016"),
        (FAULT.NO_TOKEN, QUERY, "errorCode 20017"),
        (FAULT.NO_QUOTA, QUERY, "errorCode 30003"),
        (FAULT.SYSTEM_ERROR, QUERY, "errorCode -1"),
    ],
)
async def test_fxiaoke_objects_an_answer_that_is_none_is_asked_for_again(
    crm: FxiaokeSimulator, clock: Clock, fault: FxiaokeFault, step: str, words: str
) -> None:
    names = opened(crm, clock, 3)
    crm.fail(fault, only=(step,))
    with pytest.raises(ListAway, match=words) as away:
        await read(poller(crm, clock))
    assert not [secret for secret in (*SECRETS.values(), "OF0A0SIMULATED") if secret in str(away.value)]
    crm.heal()
    assert await read(poller(crm, clock)) == names


@pytest.mark.parametrize(
    ("fault", "wait"), [(FAULT.TOO_FAST, 20), (FAULT.TOO_FAST_GATEWAY, 20), (FAULT.DAY_QUOTA, WAIT_S_MAX)]
)
async def test_fxiaoke_objects_calls_too_many_say_how_long_to_wait(
    crm: FxiaokeSimulator, clock: Clock, fault: FxiaokeFault, wait: float
) -> None:
    crm.fail(fault, only=(QUERY,))
    with pytest.raises(ListAway) as away:
        await read(poller(crm, clock))
    assert away.value.after_s == wait


@pytest.mark.parametrize("fault", [FAULT.TEXT, FAULT.BOM, FAULT.GBK, FAULT.TOKEN_EXPIRED])
async def test_fxiaoke_objects_an_answer_in_another_dress_is_read(
    crm: FxiaokeSimulator, clock: Clock, fault: FxiaokeFault
) -> None:
    crm.books.create(CASE, {"title__c": "水泵不转"})
    crm.fail(fault, times=1, only=(QUERY,))
    assert [one["title__c"] for one in await rows(poller(crm, clock))] == ["水泵不转"]


@pytest.mark.parametrize("changed", [None, "x", -1, 10**17, True])
async def test_fxiaoke_objects_a_record_without_a_time_of_change_is_no_answer(
    crm: FxiaokeSimulator, clock: Clock, changed: object
) -> None:
    opened(crm, clock, 1)
    crm.books.query = lambda *_: [{"_id": "a", wire.CHANGED_AT: changed}]  # type: ignore[method-assign]  # as no vendor should
    with pytest.raises(ListAway, match="no answer of"):
        await read(poller(crm, clock))


async def test_fxiaoke_objects_a_record_has_the_same_bytes_in_whatever_order_its_fields_come(
    crm: FxiaokeSimulator, clock: Clock
) -> None:
    opened(crm, clock, 1)
    crm.books.records[0].values["owner__r"] = {"name": "李敏", "id": "1001"}
    first = await rows(poller(crm, clock))
    values = crm.books.records[0].values
    crm.books.records[0].values = dict(reversed(values.items())) | {"owner__r": {"id": "1001", "name": "李敏"}}
    assert orjson.dumps(await rows(poller(crm, clock))) == orjson.dumps(first)


MAP = """
source: fxiaoke
transport:
  kind: fxiaoke
  account: {app_id: FSAID_1, app_secret: FXIAOKE_SECRET, permanent_code: FXIAOKE_CODE, user_id: 1000}
  object: CasesObj
delivery_id: {field: "join('/', [_id, to_string(last_modified_time)])"}
number: _id
commands: [{command: note, fields: {text: name}}]
"""


def test_fxiaoke_objects_a_map_names_the_account_and_every_wrong_part_by_its_place() -> None:
    mapped = read_map(MAP)
    assert isinstance(mapped.transport, FxiaokeObjects)
    assert (mapped.transport.account.user_id, mapped.transport.every_s) == ("1000", 60)
    for change, words in (
        (("kind: fxiaoke", "kind: fxiaoke\n  account_x: 1"), "account_x"),
        (("app_id: FSAID_1, ", "app_id: FSAID_1, base_url: https://www.fxiaoke.com, "), "is the web site"),
        (("object: CasesObj", "object: CasesObj\n  filters: [{field_name: a, operator: equals}]"), "operator"),
        (("delivery_id: {field: \"join('/', [_id, to_string(last_modified_time)])\"}\n", ""), "delivery_id"),
        (("delivery_id:", "proof: {kind: path, secrets: [A_SECRET], networks: [10.0.0.0/8]}\ndelivery_id:"), "proof"),
    ):
        with pytest.raises(SourceMapInvalid, match=words):
            read_map(MAP.replace(*change))


def test_fxiaoke_objects_a_secret_that_is_not_set_is_named(crm: FxiaokeSimulator) -> None:
    with pytest.raises(ConfigFileInvalid, match=r"map of x: transport\.account.*FXIAOKE_SECRET"):
        FxiaokePoller(polled(crm), EnvironmentSecrets(environment={}, where="map of x: transport.account"))
