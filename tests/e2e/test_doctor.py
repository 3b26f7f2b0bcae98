"""`ticketbus doctor` on a real bus: what it says, that it changes nothing, and what it says of what is away."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from bus.doctor.diagnosis import Check, Examined
from bus.doctor.examination import all_checks, examine
from bus.domain.errors import BusError
from tests.bus_under_test import Bus, eventually

JUDGED = "SELECT 1 FROM consumers LIMIT 1"
AT_FAULT = "SELECT 1 FROM programs, jsonb_each(parts) AS p (part, why) WHERE stopped_at IS NULL AND why <> 'null'"


def examined(bus: Bus, *only: str, **variables: str) -> tuple[int, list[dict[str, Any]]]:
    """Give the exit status, and what it says."""
    before = bus.environment
    bus.environment = {**before, **variables}
    try:
        done = bus.run("doctor", "--json", *(("--only", ",".join(only)) if only else ()))
    finally:
        bus.environment = before
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


async def test_doctor_of_a_bus_that_runs_names_no_part_of_it_and_looks_at_all(running: Bus) -> None:
    async def judged() -> bool:
        live = "SELECT count(DISTINCT program) FROM programs WHERE stopped_at IS NULL"
        return running.query(live) == [(2,)] and not running.query(AT_FAULT) and bool(running.query(JUDGED))

    await eventually(judged, what=lambda: running.last_words("worker"))
    status, found = await asyncio.to_thread(examined, running)
    assert {one["check"] for one in found} == {one.name for one in all_checks()}
    bad = [one for one in found if one["verdict"] in ("wrong", "unseen")]
    assert status == (1 if bad else 0)
    # How full this machine's disks are, and that no watch of this bus reads them, is not the bus's.
    assert [one for one in bad if one["check"] not in ("disks", "retention", "alerts")] == []
    assert any("Kafka's controller" in one["says"] and one["verdict"] == "ok" for one in found)
    assert all({"check", "verdict", "says", "mend", "evidence"} == set(one) for one in found)


def test_doctor_what_is_away_is_wrong_and_what_cannot_look_is_not_ok(shared_bus: Bus) -> None:
    away = {"KAFKA_BOOTSTRAP": "127.0.0.1:9"}
    status, found = examined(shared_bus, "reach", "topics", "pools", **away)
    assert status == 1
    verdicts = {(one["check"], one["says"].partition(" ")[0]): one["verdict"] for one in found}
    assert verdicts["reach", "Kafka:"] == "wrong"
    assert verdicts["reach", "PostgreSQL"] == "ok"
    assert verdicts["topics", "could"] == "unseen"


async def test_doctor_a_check_that_fails_holds_up_no_other_and_shows_no_password(shared_bus: Bus) -> None:
    async def fail(_: Examined) -> None:
        raise BusError("postgresql://ticketbus:s3cret@db.example/t is away")

    async def work(_: Examined) -> None:
        return None

    fails = Check(name="fails", read=fail, judge=lambda _: [], mend="mend it")
    works = Check(name="works", read=work, judge=lambda _: [])
    first, second = await examine(shared_bus.settings, datetime.now(UTC), {}, [fails, works])
    assert (first.verdict, first.mend, "s3cret" in first.says) == ("unseen", "mend it", False)
    assert "db.example" in first.says
    assert second.verdict == "ok"


def test_doctor_a_check_that_is_not_there_is_wrong_use(shared_bus: Bus) -> None:
    done = shared_bus.run("doctor", "--only", "clock")
    assert (done.returncode, "there are alerts" in done.stderr) == (2, True)
