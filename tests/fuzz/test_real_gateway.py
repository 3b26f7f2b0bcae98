"""Garbage at the real gateway with PostgreSQL and sockets: nothing breaks or is told, memory stays flat."""

import gzip
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from random import Random

import psutil
import pytest

from adapters.mapped import versions
from adapters.webhook_signature import secret, sign
from bus.intake.dispatch import utc_now
from bus.local.stack import Urls
from bus.postgres.pool import in_transaction, open_pool
from tests.bus_under_test import TOKEN, WEBHOOK_SECRET, Bus, bus_on, eventually
from tests.fuzz.bodies import COMMAND_BODIES, DELIVERY_BODIES
from tests.fuzz.endpoints import Endpoint, HttpEndpoint, WebhookEndpoint
from tests.fuzz.judge import faults, kept_as, log_faults
from tests.fuzz.mapped_endpoint import MappedEndpoint, contents, secrets
from tests.fuzz.mutations import spelled
from tests.fuzz.shots import Answer, Shot
from tests.fuzz.wire import CUT_OFF, Wire, fire_all

MEMORY_GROWTH_MAX = 50 * 1024 * 1024
CLIENT = "first-admin"
PROVEN = (b"authorization", b"Bearer " + TOKEN.encode())


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run a gateway of this module's own."""
    with bus_on(parts, tmp_path_factory.mktemp("fuzz")) as made:
        made.environment |= secrets()
        made.start("gateway")
        yield made
        made.stop("gateway")


@pytest.fixture
async def tickets(bus: Bus) -> list[str]:
    """Open tickets for the garbage to be about."""
    await bus.ready()
    wire, numbers = Wire(bus.url), []
    for number in range(6):
        answer = await wire.fire(opening(f"cast-{time.time_ns()}-{number}"))
        numbers.append(answer.member("ticket_id"))
    await wire.close()
    return numbers


def opening(key: str, title: str = "冰箱不制冷") -> Shot:
    """Open a ticket that no other is like, under a key."""
    own = {"incident_key": {"kind": "order", "value": key}, "source_no": key, "title": title}
    headers = (PROVEN, (b"idempotency-key", key.encode()))
    body = spelled({**COMMAND_BODIES["open-ticket"], **own})
    return Shot(method="POST", target=b"/v1/tickets", headers=headers, body=body)


def memory_of(bus: Bus) -> int:
    return psutil.Process(bus.processes["gateway"].pid).memory_info().rss


async def bombard(bus: Bus, endpoint: Endpoint | MappedEndpoint, shots: int, to_keep: set[str]) -> list[str]:
    """Fire over many connections; gives what was wrong, and says how much was answered how."""
    wrong: list[str] = []
    met = Counter[int]()
    began, before = time.monotonic(), memory_of(bus)

    def told(shot: Shot, answer: Answer) -> None:
        met[answer.status] += 1
        if answer is not CUT_OFF:
            wrong.extend(f"{fault}\n    {shot.told()}" for fault in faults(shot, answer))
        to_keep.update(kept_as(shot, answer, CLIENT))
        endpoint.learn(shot, answer)

    await fire_all(bus.url, islice(iter(endpoint.shot, None), shots), told)
    took, after = time.monotonic() - began, memory_of(bus)
    rate, statuses = shots / took, sorted(met.items())
    print(f"{type(endpoint).__name__}: {rate:.0f}/s, RSS {before >> 20} to {after >> 20} MiB, {statuses}")
    return wrong


@pytest.mark.parametrize("shots", [600, pytest.param(10_000, marks=[pytest.mark.faults, pytest.mark.timeout(1800)])])
async def test_garbage_at_both_doors_leaves_nothing_but_refusals(
    bus: Bus, tickets: list[str], chance: Random, shots: int
) -> None:
    run = f"{time.time_ns()}"
    endpoints = (
        HttpEndpoint(chance=chance, tickets=tickets, token=TOKEN.encode(), run=run),
        WebhookEndpoint(chance=chance, run=run),
    )
    to_keep: set[str] = set()
    for endpoint in endpoints:
        assert (await bombard(bus, endpoint, 200, to_keep))[:5] == []  # what is loaded and cached once is no growth
    before = memory_of(bus)
    for endpoint in endpoints:
        assert (await bombard(bus, endpoint, shots, to_keep))[:5] == []
    assert memory_of(bus) - before < MEMORY_GROWTH_MAX
    assert log_faults(bus.log_of("gateway").splitlines())[:5] == []
    assert to_keep <= {ref.partition("#")[0] for (ref,) in bus.query("SELECT origin_ref FROM refused_inputs")}


@pytest.mark.faults
@pytest.mark.timeout(1800)
async def test_garbage_under_maps_leaves_nothing_but_refusals(bus: Bus, chance: Random) -> None:
    await bus.ready()
    endpoint = MappedEndpoint(chance=chance, run=f"{time.time_ns()}")
    async with open_pool(bus.environment["DATABASE_URL"], size=1) as pool:
        for vendor, content in contents().items():
            name = endpoint.sources[vendor].name
            await in_transaction(pool, versions.apply, name, content, by="张工", why=endpoint.run)
    wire = Wire(bus.url)

    async def in_force() -> bool:
        answers = [await wire.fire(one) for one in endpoint.valid_shots()]
        return {answer.status for answer in answers} <= {200, 201, 422}  # the list's pause waits for an engineer

    await eventually(in_force)
    await wire.close()
    to_keep: set[str] = set()
    assert (await bombard(bus, endpoint, 200, to_keep))[:5] == []
    before = memory_of(bus)
    assert (await bombard(bus, endpoint, 10_000, to_keep))[:5] == []
    assert memory_of(bus) - before < MEMORY_GROWTH_MAX
    assert log_faults(bus.log_of("gateway").splitlines())[:5] == []
    assert to_keep <= {ref.partition("#")[0] for (ref,) in bus.query("SELECT origin_ref FROM refused_inputs")}


async def test_fifty_at_once_with_one_key_have_one_effect(bus: Bus) -> None:
    await bus.ready()
    key = f"fifty-{time.time_ns()}"
    shot = opening(key)
    answers: list[Answer] = []
    await fire_all(bus.url, [shot] * 50, lambda _, answer: answers.append(answer), at_once=50)
    met = Counter((one.status, one.member("code")) for one in answers)
    assert set(met) <= {(201, None), (409, "in_flight")}
    [ticket] = {one.member("ticket_id") for one in answers if one.status == 201}
    assert bus.query("SELECT count(*) FROM events WHERE ticket_id = %s", ticket) == [(1,)]
    wire = Wire(bus.url)
    again = await wire.fire(shot)
    assert (again.status, again.member("ticket_id"), again.headers["idempotent-replayed"]) == (201, ticket, "true")
    repeats: list[Answer] = []
    await fire_all(bus.url, [shot] * 50, lambda _, answer: repeats.append(answer), at_once=50)
    assert [(one.status, one.body) for one in repeats] == [(201, again.body)] * 50
    answer = await wire.fire(opening(key, title="other"))
    assert (answer.status, answer.member("code"), answer.member("field")) == (
        422,
        "idempotency_key_reused",
        "Idempotency-Key",
    )
    await wire.close()


async def test_fifty_deliveries_of_one_id_have_one_effect(bus: Bus) -> None:
    await bus.ready()
    number = f"CRM-{time.time_ns()}"
    tree = DELIVERY_BODIES["ticket.created"]
    now = utc_now()
    tree = {**tree, "timestamp": now.isoformat(), "data": {**tree["data"], "source_no": number}}
    headers = sign(secret(WEBHOOK_SECRET), f"msg-{number}", now, spelled(tree))
    shot = Shot(
        method="POST",
        target=b"/v1/sources/crm/webhook",
        headers=tuple((name.encode(), value.encode()) for name, value in headers.items()),
        body=spelled(tree),
    )
    answers: list[Answer] = []
    await fire_all(bus.url, [shot] * 50, lambda _, answer: answers.append(answer), at_once=50)
    assert {(one.status, one.member("code")) for one in answers} <= {(201, None), (409, "in_flight")}
    [(ticket,)] = bus.query("SELECT ticket_id FROM ticket_names WHERE kind = 'source:crm' AND value = %s", number)
    assert bus.query("SELECT count(*) FROM events WHERE ticket_id = %s", ticket) == [(1,)]


async def test_bodies_too_large_to_hold_are_refused_and_not_held(bus: Bus) -> None:
    await bus.ready()
    bomb = gzip.compress(b"\0" * 200_000_000)
    proven = (PROVEN, (b"idempotency-key", b"large"))
    large = Shot(method="POST", target=b"/v1/tickets", headers=proven, body=b"[" * 2_000_000)
    squeezed = Shot(method="POST", target=b"/v1/tickets", headers=(*proven, (b"content-encoding", b"gzip")), body=bomb)
    raw = Shot(method="POST", target=b"/v1/tickets", headers=(*proven, (b"transfer-encoding", b"chunked")), body=bomb)
    before, met = memory_of(bus), Counter[tuple[int, str]]()

    def told(shot: Shot, answer: Answer) -> None:
        assert answer is CUT_OFF or faults(shot, answer) == []
        met[answer.status, answer.member("code")] += 1

    await fire_all(bus.url, [large, squeezed, raw] * 30, told)
    assert set(met) <= {(413, "body_too_large"), (413, None), (415, "content_encoding"), (400, "not_http")}
    assert memory_of(bus) - before < MEMORY_GROWTH_MAX
    assert log_faults(bus.log_of("gateway").splitlines()) == []
