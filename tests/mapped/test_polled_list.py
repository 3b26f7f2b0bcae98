"""A list that is polled: pages, overlap, a budget of calls, and answers that are none."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.adapter import EnvironmentSecrets
from adapters.expressions import Expression
from adapters.mapped.asked_list import ListAway
from adapters.mapped.polled_list import ListPoller
from adapters.mapped.transports import PolledList
from adapters.time_form import ISO_8601, TimeForm
from tests.mapped.list_server import ListServer

OAUTH = {
    "kind": "oauth-client-credentials",
    "token_url": "https://list.example/token",
    "client_id": "ticketbus",
    "client_secret": "LIST_LOGIN",
}
SINCE = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
SECRETS = EnvironmentSecrets(environment={"LIST_LOGIN": "user:a-long-password"}, where="map")


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    documents = [{"id": n, "updated": f"2026-11-22T01:0{n}:00Z"} for n in range(5)]
    async with ListServer(documents) as running:
        yield running


def poller(server: ListServer, **changed: Any) -> ListPoller:
    asked = {
        "kind": "list",
        "url": server.url,
        "private_addresses": True,
        "login": {"kind": "basic", "secret": "LIST_LOGIN"},
        "since": {"query": "since"},
        "changed_at": "updated",
        "next": {"kind": "token", "from": "next", "query": "cursor"},
        "overlap_s": 60,
        "calls_per_minute": 6_000,
        **changed,
    }
    return ListPoller(PolledList.model_validate(asked), Expression("cases"), TimeForm(format=ISO_8601), SECRETS)


async def read(poller: ListPoller, since: datetime = SINCE) -> list[int]:
    return [one["id"] async for page in poller.pages(since) for one in page.documents]


async def test_polled_list_every_page_is_read_from_the_overlap_on(server: ListServer) -> None:
    assert await read(poller(server), SINCE + timedelta(minutes=2)) == [1, 2, 3, 4]
    first, second = server.queries
    assert (first["since"], first["view"]) == (["2026-11-22T01:01:00Z"], ["all"])
    assert second["cursor"] == ["2"]
    assert server.headers[0]["authorization"].startswith("Basic ")


async def test_polled_list_a_page_says_up_to_when_it_goes(server: ListServer) -> None:
    server.documents[1]["updated"] = "2026-11-22T01:09:00Z"
    server.documents.append({"id": 9, "updated": "2026-11-22T01:1x"})
    pages = [page async for page in poller(server, next=None).pages(SINCE)]
    server.page_size = 100
    pages += [page async for page in poller(server, next=None).pages(SINCE)]
    assert [page.changed_until for page in pages] == [SINCE + timedelta(minutes=2), SINCE + timedelta(minutes=9)]


async def test_polled_list_a_round_goes_on_from_its_begin_whatever_changed_meanwhile(server: ListServer) -> None:
    begun = datetime.now(UTC)
    server.documents = [{"id": 1, "updated": (begun + timedelta(hours=1)).isoformat()}]
    (page,) = [page async for page in poller(server, next=None).pages(SINCE)]
    assert page.changed_until is not None
    assert begun <= page.changed_until <= datetime.now(UTC)


@pytest.mark.parametrize("form", ["epoch_s", "epoch_ms", "%Y%m%d%H%M%S"])
async def test_polled_list_the_time_is_written_as_the_list_wants_it(server: ListServer, form: str) -> None:
    server.documents = []
    await read(poller(server, since={"query": "since", "format": form}, overlap_s=0))
    expected = {"epoch_s": "1795309200", "epoch_ms": "1795309200000", "%Y%m%d%H%M%S": "20261122010000"}
    assert server.queries[0]["since"] == [expected[form]]


@pytest.mark.parametrize(
    ("form", "zone", "written"),
    [
        ("%Y-%m-%d %H:%M:%S", "Asia/Shanghai", "2026-11-22 09:00:00"),
        ("%Y-%m-%d %H:%M:%S", "America/New_York", "2026-11-21 20:00:00"),
        ("iso8601", "Asia/Shanghai", "2026-11-22T09:00:00+08:00"),
        ("epoch_s", "Asia/Shanghai", "1795309200"),
    ],
)
async def test_polled_list_the_time_is_written_in_the_list_s_own_zone(
    server: ListServer, form: str, zone: str, written: str
) -> None:
    server.documents = []
    await read(poller(server, since={"query": "since", "format": form, "zone": zone}, overlap_s=0))
    assert server.queries[0]["since"] == [written]


@pytest.mark.parametrize(
    ("since", "word"),
    [
        ({"format": "rfc3339"}, "writes no time"),
        ({"format": "%Y-%m-%dT%H:%M:%SZ", "zone": "Asia/Shanghai"}, "says UTC"),
        ({"zone": "Asia/Shangai"}, "no time zone"),
    ],
)
async def test_polled_list_a_time_that_cannot_be_meant_is_refused(
    server: ListServer, since: dict[str, str], word: str
) -> None:
    with pytest.raises(ValidationError, match=word):
        poller(server, since={"query": "since", **since})


async def test_polled_list_numbers_in_a_query_are_texts(server: ListServer) -> None:
    server.documents = []
    await read(poller(server, query={"limit": 3, "open": True}))
    assert (server.queries[0]["limit"], server.queries[0]["open"]) == (["3"], ["true"])


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "HTTP 500"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", "HTTP 302"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{", "HTTP 200"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n<html", "JSON"),
        (b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"cases":{}}', "no array"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "no array"),
        (b"", "ends too early|reset"),
    ],
)
async def test_polled_list_an_answer_that_is_none_is_asked_for_again(
    server: ListServer, answer: bytes, word: str
) -> None:
    server.fails = [answer]
    with pytest.raises(ListAway, match=word):
        await read(poller(server))


async def test_polled_list_a_throttled_list_says_how_long_to_wait(server: ListServer) -> None:
    server.fails = [b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"]
    with pytest.raises(ListAway) as away:
        await read(poller(server))
    assert away.value.after_s == 7


async def test_polled_list_the_next_page_is_of_the_same_host_and_no_circle(server: ListServer) -> None:
    server.next_url = "http://169.254.169.254/latest"
    with pytest.raises(ListAway, match="another host"):
        await read(poller(server, next={"kind": "url", "from": "next"}))
    server.next_url = "/cases?since=0&x=1"
    with pytest.raises(ListAway, match="read before"):
        await read(poller(server, next={"kind": "url", "from": "next"}))


async def test_polled_list_calls_keep_their_budget(server: ListServer) -> None:
    server.page_size = 1
    began = time.monotonic()
    assert len(await read(poller(server, calls_per_minute=600))) == 5
    assert time.monotonic() - began >= 4 * 0.1


async def test_polled_list_an_address_inside_is_refused_unless_the_map_allows_it(server: ListServer) -> None:
    for url in (server.url, "http://localhost/list", "http://[::1]/list", "http://169.254.169.254/latest"):
        with pytest.raises(ValidationError, match="private_addresses"):
            poller(server, private_addresses=False, url=url)
    oauth = {**OAUTH, "token_url": "http://10.0.0.1/token"}
    with pytest.raises(ValidationError, match=r"login\.token_url"):
        poller(server, private_addresses=False, url="https://list.example/cases", login=oauth)


async def test_polled_list_a_name_that_leads_inside_is_not_called(
    server: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inside(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", inside)
    url = f"http://list.example:{server.port}/cases"
    with pytest.raises(ListAway):
        await read(poller(server, private_addresses=False, url=url))
    assert server.queries == []
    assert await read(poller(server, url=url)) == [0, 1, 2, 3, 4]


async def test_polled_list_a_query_says_the_time_in_its_own_words(server: ListServer) -> None:
    server.documents = []
    with pytest.raises(ValidationError, match="since"):
        poller(server, since={"query": "q", "text": "SELECT Id FROM Case"})
    asked = {"query": "since", "text": "SELECT Id FROM Case WHERE LastModifiedDate >= {since}"}
    await read(poller(server, since=asked, overlap_s=0))
    assert server.queries[0]["since"] == ["SELECT Id FROM Case WHERE LastModifiedDate >= 2026-11-22T01:00:00Z"]
