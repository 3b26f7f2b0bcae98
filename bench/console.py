"""What the console costs: a page beside the API calls it makes, and the gateway's throughput with 50 pages open."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from time import monotonic
from typing import Final

import httpx2

from bench.bus import TOKEN, Bus, until
from bench.figure import Figure
from bench.http_load import drive

PAGES: Final = 50
PERSONS: Final = 10  # each has five of the pages open
CLIENTS: Final = 50
ROUNDS: Final = 3
ROUND_S: Final = 5.0
LOOKS: Final = 15
SHOWN: Final = ("/now", "/tickets/{ticket}", "/alerts", "/letters", "/consumers")


async def run(bus: Bus) -> list[Figure]:
    """Measure in turn without pages and with them, then one page at a time."""
    bus.start("gateway")
    bus.start("worker")
    await bus.ready()
    tokens = [bus.run("client", "add", f"sre-{n}", "--role", "sre").stdout.split()[-1] for n in range(PERSONS)]
    async with bus.client() as http:
        opened = {"incident_key": {"kind": "serial", "value": "SN-1"}, "title": "x", "type": "hardware_fault"}
        answer = await http.post("/v1/tickets", json={**opened, "region": "east"}, headers={"Idempotency-Key": "one"})
        ticket: str = answer.json()["ticket_id"]
    without, watched = list[float](), list[float]()
    for turn in range(ROUNDS):
        without.append(await _rate(bus, f"without{turn}"))
        async with _open_pages(bus, tokens, ticket):
            watched.append(await _rate(bus, f"with{turn}"))
    rate, limit = median(watched), median(without)
    return [
        Figure(
            name=f"openings over HTTP with {PAGES} console pages open",
            value=rate,
            unit="commands/s",
            against=f"with none open: {limit:,.0f}/s",
            ratio=rate / limit,
            goal="≥ 0.95×",
            note=f"{PERSONS} people with {len(SHOWN)} pages each; what they watch is rendered every 3 s",
        ),
        *(await page_figures(bus, ticket)),
    ]


async def page_figures(bus: Bus, ticket: str, at: str = "") -> list[Figure]:
    """Give what a journey's page takes beside the one call that it makes."""
    browser = await signed_in(bus, TOKEN)
    async with bus.client() as http:
        page = await took(browser, f"/console/tickets/{ticket}")
        call = await took(http, f"/v1/journeys/{ticket}")
    await browser.aclose()
    return [
        Figure(
            name=f"the page of a ticket's journey{at}",
            value=page,
            unit="ms",
            against=f"the API call that it makes: {call:.1f} ms",
            ratio=page / call,
            goal="≤ 200",
        )
    ]


async def took(http: httpx2.AsyncClient, path: str) -> float:
    """Give the median of how many milliseconds a path takes."""
    took = list[float]()
    for _ in range(LOOKS):
        began = monotonic()
        answer = await http.get(path)
        assert answer.status_code == 200, answer.text
        took.append((monotonic() - began) * 1000)
    return median(took)


async def _rate(bus: Bus, mark: str) -> float:
    return (await drive(bus.url, TOKEN, mark=mark, clients=CLIENTS, seconds=ROUND_S))["rate"]


async def signed_in(bus: Bus, token: str) -> httpx2.AsyncClient:
    """Open a browser that is signed in to the console."""
    http = httpx2.AsyncClient(base_url=bus.url, timeout=60, trust_env=False)
    answer = await http.post("/console/sign-in", data={"token": token})
    assert answer.status_code == 303, answer.text
    return http


@asynccontextmanager
async def _open_pages(bus: Bus, tokens: Sequence[str], ticket: str) -> AsyncIterator[None]:
    """Keep the pages open, each with its stream of news, once all of them show something."""
    seen = set[tuple[str, str]]()

    async def watch(http: httpx2.AsyncClient, token: str, path: str) -> None:
        page = f"/console{path.format(ticket=ticket)}"
        async with http.stream("GET", "/console/live", params={"page": page}, timeout=None) as answer:
            assert answer.status_code == 200, f"{page}: {answer.status_code}"
            async for _ in answer.aiter_bytes():
                seen.add((token, path))

    browsers = [(await signed_in(bus, token), token) for token in tokens]
    watching = [asyncio.create_task(watch(http, token, path)) for http, token in browsers for path in SHOWN]
    try:

        async def all_shown() -> bool:
            return len(seen) == len(watching) or any(one.done() for one in watching)

        await until(all_shown, within_s=60)
        assert not any(one.done() for one in watching), [one.exception() for one in watching if one.done()]
        yield
    finally:
        for one in watching:
            one.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for http, _ in browsers:
            await http.aclose()
