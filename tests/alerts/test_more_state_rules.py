"""The other rules of states in PostgreSQL, each on a state that is made: it fires, and no more once it is over."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState
from bus.alerts.engine.alerts_config import Route
from bus.alerts.engine.outside_alerts import keep, read_batch
from bus.alerts.rule_names import RuleName
from bus.consistency.verify_state import note_verification
from bus.gateway.source_arrivals import SourceArrivals
from bus.intake.dispatch import utc_now
from bus.postgres.heartbeats import ProgramBeat, read_beats
from bus.postgres.pool import Pool, connected, in_transaction
from bus.programs import heartbeat
from bus.programs.certificate_watch import CertificateFile, note_certificates
from bus.programs.heartbeat import beat
from tests.adapters.certificates import PrivateAuthority
from tests.bus_under_test import eventually

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture(autouse=True)
async def emptied(pool: Pool) -> None:
    """Begin without any state."""
    await run(pool, "TRUNCATE alert_messages, alert_notices, outbox, events, clients, certificates, programs CASCADE")
    await run(pool, "TRUNCATE sla_clocks, source_minutes")
    await run(pool, "UPDATE log_verifications SET prepared_at = now(), verified_at = NULL, differences = 0")


async def run(pool: Pool, query: str, *parameters: Any) -> None:
    """Run a statement."""
    async with connected(pool) as connection:
        await connection.execute(query.encode(), parameters or None)


async def fired(pool: Pool, rule: RuleName, later: timedelta = timedelta(0)) -> Sequence[Alert]:
    """Give what a rule says of what PostgreSQL holds."""
    async with connected(pool) as connection:
        readings = await RULES[rule].read(connection)
    return RULES[rule].evaluate(readings, datetime.now(UTC) + later)


async def about(pool: Pool, rule: RuleName) -> list[tuple[str, Severity | None]]:
    """Give subjects and severities."""
    return [(one.about, one.severity) for one in await fired(pool, rule)]


async def test_channel_failing_from_the_second_failure_in_a_row_until_one_is_taken(pool: Pool) -> None:
    sent = "INSERT INTO alert_messages (channel, begun_at, notices, sent_at, failure) VALUES (%s, now(), 1, %s, %s)"
    await run(pool, sent, "sre", utc_now(), "")
    await run(pool, sent, "sre", None, "errcode 93000")
    await run(pool, sent, "night", utc_now(), "")
    await run(pool, sent, "sre", None, "")  # under way
    assert await fired(pool, RuleName.CHANNEL_FAILING) == []
    await run(pool, sent, "sre", None, "errcode 93000")
    [alert] = await fired(pool, RuleName.CHANNEL_FAILING)
    assert alert.about == "sre"
    assert "errcode 93000" in alert.zh
    await run(pool, sent, "sre", utc_now(), "")
    assert await fired(pool, RuleName.CHANNEL_FAILING) == []


async def test_relay_stuck_while_nothing_of_a_shard_goes_out_but_not_while_a_backlog_moves(pool: Pool) -> None:
    await run(
        pool,
        """INSERT INTO events SELECT 'T1', n, gen_random_uuid(), '', gen_random_uuid(), '', 'crm', now(),
            now() - interval '1 hour', false, ''::bytea FROM generate_series(1, 3) n""",
    )
    await run(
        pool,
        """INSERT INTO outbox (shard, topic, ticket_id, version, published_at)
        VALUES (3, 'ticket.events', 'T1', 1, now()), (3, 'ticket.events', 'T1', 2, NULL)""",
    )
    assert await fired(pool, RuleName.RELAY_STUCK) == [], "the one before went out just now"
    [alert] = await fired(pool, RuleName.RELAY_STUCK, later=30 * SECOND)
    assert alert.facts == {"shards": 1}
    await run(
        pool,
        """INSERT INTO outbox (shard, topic, key, value, timestamp)
        VALUES (1001, 'bus.alerts', 'k', ''::bytea, now() - interval '1 minute')""",
    )
    [alert] = await fired(pool, RuleName.RELAY_STUCK)
    assert alert.facts == {"shards": 1}, "of another topic's shard nothing went out before"
    await run(pool, "UPDATE outbox SET published_at = now() WHERE version IS NOT NULL")
    await run(pool, "DELETE FROM outbox WHERE version IS NULL")
    assert await fired(pool, RuleName.RELAY_STUCK, later=DAY) == []


async def test_client_expires_by_what_is_left_of_its_token(pool: Pool) -> None:
    added = """INSERT INTO clients (name, role, token_sha256, expires_at, revoked_at)
    VALUES (%s, 'source', sha256(%s::bytea), now() + make_interval(hours => %s), %s)"""
    for name, hours, revoked_at in (
        ("a", 12, None), ("b", 6 * 24, None), ("c", 20 * 24, None), ("d", 40 * 24, None), ("e", -5, None),
        ("f", -9 * 24, None), ("g", 12, utc_now()),
    ):  # fmt: skip
        await run(pool, added, name, name.encode(), hours, revoked_at)
    found = dict(await about(pool, RuleName.CLIENT_EXPIRES))
    assert found == {"a": Severity.P1, "b": Severity.P2, "c": Severity.P3, "e": Severity.P1}
    await run(pool, "UPDATE clients SET name = 'oidc-' || name")
    assert await fired(pool, RuleName.CLIENT_EXPIRES) == [], "a person's client ends with the shift and begins anew"
    await run(pool, "UPDATE clients SET expires_at = now() + interval '1 year'")
    assert await fired(pool, RuleName.CLIENT_EXPIRES) == []


async def test_certificate_expires_its_own_by_the_first_and_authorities_by_the_last(pool: Pool, tmp_path: Path) -> None:
    own, trusted, key = (tmp_path / name for name in ("own.pem", "ca.pem", "key.pem"))
    soon, late = (PrivateAuthority(folder=tmp_path, days=(-1, days)).ca.read_bytes() for days in (5, 900))
    own.write_bytes(soon + late)
    trusted.write_bytes(soon + late)
    key.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    files = [
        CertificateFile(used_by=f"targets.erp.{option}", path=path)
        for option, path in (("client_certificate", own), ("ca_file", trusted), ("client_key", key))
    ] + [CertificateFile(used_by="kafka_ca_file", path=tmp_path / "away.pem")]
    await note_certificates(pool, "host-1", files)
    [alert] = await fired(pool, RuleName.CERTIFICATE_EXPIRES)
    assert (alert.about, alert.severity) == ("targets.erp.client_certificate", Severity.P2)
    assert f"host-1:{own}" in alert.zh
    own.write_bytes(late)
    await note_certificates(pool, "host-1", files)
    assert await fired(pool, RuleName.CERTIFICATE_EXPIRES) == []


async def test_outside_alert_keeps_the_label_that_routes_choose_a_region_by(pool: Pool) -> None:
    def sent(name: str, **labels: str) -> dict[str, Any]:
        labels = {"alertname": name, **labels}
        return {"status": "firing", "labels": labels, "startsAt": "2026-01-18T03:00:00Z", "fingerprint": name}

    batch = {"alerts": [sent("Here", region="上海"), sent("Nowhere")]}
    found, _ = read_batch(batch, "prometheus", utc_now())
    await in_transaction(pool, keep, found)
    alerts = await fired(pool, RuleName.OUTSIDE_ALERT)
    taken = [
        one.about
        for one in alerts
        if Route(regions=frozenset({"上海"}), channels=("shanghai",)).takes(
            Change(state=AlertState(alert=one, severity=Severity.P3, seen_at=utc_now()))
        )
    ]
    assert taken == ["prometheus: Here (Here)"]
    assert len(alerts) == 2


async def test_log_not_verified_within_a_day_or_with_differences(pool: Pool) -> None:
    assert await fired(pool, RuleName.LOG_NOT_VERIFIED) == []
    [alert] = await fired(pool, RuleName.LOG_NOT_VERIFIED, later=27 * timedelta(hours=1))
    assert alert.severity is Severity.P3
    await in_transaction(pool, note_verification, 2)
    [alert] = await fired(pool, RuleName.LOG_NOT_VERIFIED)
    assert (alert.severity, "2 differences" in alert.en) == (Severity.P1, True)
    await in_transaction(pool, note_verification, 0)
    assert await fired(pool, RuleName.LOG_NOT_VERIFIED) == []


async def test_source_silent_by_its_own_gaps_and_a_rare_one_by_a_day(pool: Pool) -> None:
    now = utc_now()
    arrivals = SourceArrivals(pool=pool, now=lambda: now)
    arrivals.note("crm")
    await arrivals.write()
    assert await fired(pool, RuleName.SOURCE_SILENT, later=30 * DAY) == [], "once is no habit"
    await run(
        pool,
        """INSERT INTO source_minutes SELECT source, date_trunc('minute', now()) - n * step
        FROM (VALUES ('crm', interval '4 minutes'), ('rare', interval '20 hours')) AS s (source, step),
            generate_series(1, 11000) n WHERE n * step < interval '29 days' ON CONFLICT DO NOTHING""",
    )
    assert await fired(pool, RuleName.SOURCE_SILENT) == []
    [alert] = await fired(pool, RuleName.SOURCE_SILENT, later=timedelta(minutes=15))
    assert (alert.about, alert.severity) == ("crm", Severity.P2)
    found = {one.about: one.severity for one in await fired(pool, RuleName.SOURCE_SILENT, later=timedelta(hours=5))}
    assert found == {"crm": Severity.P2, "rare": Severity.P3}
    assert alert.facts == {"every_source": 0}
    assert {one.facts["every_source"] for one in await fired(pool, RuleName.SOURCE_SILENT, later=DAY)} == {1}
    arrivals.note("crm")
    arrivals.note("rare")
    await arrivals.write()
    assert await fired(pool, RuleName.SOURCE_SILENT) == []


async def test_sla_breaches_more_than_chance_makes_of_the_days_before(pool: Pool) -> None:
    broken = """INSERT INTO sla_clocks (ticket_id, clock, trace_id, limit_s, state, breached_at)
    SELECT %s || day || '-' || n, 'response', '', 60, 'breached',
        now() - day * interval '1 day' - n * interval '1 minute'
    FROM generate_series(%s::int, %s::int) day, generate_series(1, %s) n"""
    await run(pool, broken, "usual", 0, 28, 4)
    assert await fired(pool, RuleName.SLA_BREACHES) == []
    await run(pool, broken, "storm", 0, 0, 20)
    [alert] = await fired(pool, RuleName.SLA_BREACHES)
    assert alert.facts == {"breaches": 24}
    assert "4.0" in alert.en
    await run(pool, broken, "worse", 1, 28, 30)
    assert await fired(pool, RuleName.SLA_BREACHES) == [], "it is so every day"


@asynccontextmanager
async def beating(pool: Pool, ahead: timedelta, **parts: str) -> AsyncIterator[None]:
    """Let a program of this host beat, its clock ahead by so much."""

    async def troubles() -> dict[str, str | None]:
        return {**parts}

    running = asyncio.create_task(beat(pool, "worker", troubles, lambda: utc_now() + ahead))

    async def beats() -> bool:
        async with connected(pool) as connection:
            return await (await connection.execute("SELECT FROM programs")).fetchone() is not None

    await eventually(beats)
    yield
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize(("ahead_s", "severity"), [(-5.0, None), (90.0, Severity.P1)])
async def test_clock_skew_of_a_host_by_its_programs_heartbeats(
    pool: Pool, ahead_s: float, severity: Severity | None
) -> None:
    async with beating(pool, ahead_s * SECOND):
        [alert] = await fired(pool, RuleName.CLOCK_SKEW)
        assert alert.severity is severity
        assert alert.facts["ahead_s"] == pytest.approx(ahead_s, abs=1)
    assert await fired(pool, RuleName.CLOCK_SKEW) == [], "it was stopped"


async def test_clock_skew_of_a_clock_that_is_right_is_no_alert(pool: Pool) -> None:
    async with beating(pool, timedelta(0)):
        assert await fired(pool, RuleName.CLOCK_SKEW) == []


async def test_no_worker_counts_from_when_a_program_could_write_its_heartbeat_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.05)

    async def read() -> ProgramBeat:
        [one] = await in_transaction(pool, read_beats)
        return one

    async with beating(pool, timedelta(0)):
        began = await read()
        assert began.steady_since == began.started_at
        await run(pool, "UPDATE programs SET beat_at = beat_at - interval '24 seconds'")

        async def steady_again() -> bool:
            return (await read()).steady_since > began.beat_at

        await eventually(steady_again, within_s=10)
        again = await read()

        async def beats() -> bool:
            return (await read()).beat_at > again.beat_at

        await eventually(beats, within_s=10)
        assert (await read()).steady_since == again.steady_since, "heartbeats in time change nothing"
