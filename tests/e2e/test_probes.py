"""Probes and practice on the whole bus: a probe that is not home is an alert, and no real system hears of either."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bus.alerts.alert import Alert
from bus.alerts.rules.probe import PROBE_MISSING
from bus.app import Core
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.batch import Accepted
from bus.journey.probes import Probe, read_probes
from bus.postgres.pool import connected
from bus.programs.probes import Probes
from bus.wire.headers import SYNTHETIC, header
from schemas.topics import LOG, PROBE, physical
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.consistency.test_two_stores import life, request
from tests.store.kafka_log import records

TOPICS = (LOG, PROBE, "ticket.status")
EVERY, WITHIN = timedelta(minutes=5), timedelta(seconds=60)


class Erp:
    """A target that answers its probe, or not."""

    def __init__(self) -> None:
        words = "token=abc 13800001111"
        self.failure: DeliveryFailed | None = DeliveryFailed(FailureKind.UNAUTHORIZED, "refused", message=words)

    async def probe(self, within_s: float) -> None:
        del within_s
        if self.failure:
            raise self.failure


def probes_of(core: Core, erp: Erp) -> Probes:
    return Probes(
        pool=core.pool,
        dispatch=core.dispatcher.dispatch,
        rules=core.dispatcher.rules,
        records=physical(core.settings.namespace, LOG),
        every=EVERY,
        within=WITHIN,
        targets={"erp": erp},
    )


async def states(core: Core) -> dict[str, Probe]:
    async with connected(core.pool) as connection:
        return {one.route: one for one in await read_probes(connection)}


async def alerts_at(core: Core, at: datetime) -> list[Alert]:
    return [*PROBE_MISSING.evaluate([*(await states(core)).values()], at)]


def targets_file(folder: Path) -> str:
    """Write a targets file with a CRM that takes every event of real tickets, and is not there."""
    options = {"url": "http://127.0.0.1:9", "secrets": ["CRM_SECRET"]}
    path = folder / "targets.yaml"
    targets = {"crm": {"adapter": "crm-callback", "events": "all", "options": options}}
    path.write_text(json.dumps({"targets": targets}), encoding="utf-8")
    return str(path)


async def missed(bus: Bus, core: Core) -> datetime:
    """Send probes while no worker runs and a target refuses; gives a time at which both are alerts."""
    bus.query("INSERT INTO delivery_targets (target) VALUES ('erp') RETURNING 1")
    erp = Erp()
    sender = probes_of(core, erp)
    for _ in range(2):  # the first declares the routes
        await sender.probe_bus()
        await sender.probe_target("erp", erp)
        bus.query("UPDATE probes SET sent_at = sent_at - every WHERE home_at IS NULL RETURNING 1")
    now = datetime.now(UTC)
    assert await alerts_at(core, now) == []
    late = now + timedelta(seconds=62)
    own, other = await alerts_at(core, late)
    assert (own.about, own.ticket_id[:1], other.about, other.facts["target"]) == ("probe", "V", "erp probe", "erp")
    assert "waits at ticket.events, ticket.probe" in own.en
    assert "unauthorized: refused" in other.en
    assert not [secret for secret in ("13800001111", "abc") if secret in other.zh + other.en]
    erp.failure = None
    await sender.probe_target("erp", erp)
    assert [one.about for one in await alerts_at(core, late)] == ["probe"]
    return late


async def test_probes_missing_ones_are_alerts_until_home_and_practice_reaches_no_system(
    bus: Bus, tmp_path: Path
) -> None:
    bus.environment |= {"TICKETBUS_TARGETS_FILE": targets_file(tmp_path), "CRM_SECRET": WEBHOOK_SECRET}

    async def eventually_found(query: str) -> None:
        async def found() -> bool:
            return bool(await asyncio.to_thread(bus.query, query))

        await eventually(found, what=lambda: f"{query}: {bus.last_words('worker')}")

    opened = bus.run("sandbox", "new", "--person", "张工")
    assert opened.returncode == 0, opened.stderr
    number = opened.stdout.split()[0]
    async with bus.core() as core:
        (real,) = await core.dispatcher.dispatch([request(1, life(1)[0], 0)])
        assert isinstance(real, Accepted)
        late = await missed(bus, core)
        bus.start("worker")
        await eventually_found("SELECT FROM probes WHERE route = '' AND missing_since IS NULL AND home_at > sent_at")
        assert await alerts_at(core, late) == []
    routes = bus.run("sandbox", "probes")
    assert [line.split()[0] for line in routes.stdout.splitlines()] == ["总线", "erp"], routes.stderr
    assert routes.returncode == 0
    await eventually_found(f"SELECT FROM tickets WHERE ticket_id = '{number}'")
    listed = bus.run("sandbox", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [number], listed.stderr
    ended = bus.run("sandbox", "end", number)
    assert (ended.returncode, ended.stderr) == (0, "")
    await eventually_found(f"SELECT FROM tickets WHERE ticket_id = '{number}' AND state = 'closed'")
    await eventually_found("SELECT FROM deliveries WHERE ticket_id LIKE 'T%%'")
    bus.stop("worker")
    for table in ("deliveries", "expectations", "sla_clocks"):
        assert bus.query(f"SELECT DISTINCT left(ticket_id, 1) FROM {table}") == [("T",)], table  # noqa: S608 - our own tables
    keys = {topic: {one.key.decode() for one in await records(bus.settings, topic)} for topic in TOPICS}
    assert keys["ticket.status"] == {real.ticket_id}
    assert number in keys[PROBE]
    assert keys[LOG] == {real.ticket_id, *keys[PROBE]}
    flagged = {one.key[:1]: header(one.headers, SYNTHETIC) for one in await records(bus.settings)}
    assert flagged == {b"V": "true", b"T": None}
    assert json.loads(bus.run("ticket", "list", "--json").stdout)["ticket_id"] == real.ticket_id
    assert "虚拟工单 virtual" in bus.run("trace", number).stdout.splitlines()[0]
    assert bus.run("sandbox", "list").stdout == ""
    assert bus.run("sandbox", "end", real.ticket_id).returncode == 2
