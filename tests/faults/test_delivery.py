"""Workers killed at every step of a delivery, under load: one effect each, in order (R35, R37)."""

import signal
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest
import yaml

from adapters.stand_ins.callback_receiver import CallbackReceiver
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.faults.programs import DELIVERY_STEPS, armed
from tests.faults.test_kill import STAGE_SEEDS, long
from tests.faults.trial import QUIET_S_MAX, ended, trial


def deliver_to(bus: Bus, crm: CallbackReceiver, folder: Path) -> None:
    """Let the bus deliver everything to a CRM; a claim that a kill leaves behind is over after 8 s."""
    options = {"url": crm.url, "secrets": ["CRM_SECRET"]}
    target = {"adapter": "crm-callback", "events": "all", "attempt_timeout": "PT0.5S", "rate_per_s": 1000}
    file = folder / "targets.yaml"
    file.write_text(yaml.safe_dump({"targets": {"crm": {**target, "concurrency": 16, "options": options}}}))
    bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), "CRM_SECRET": WEBHOOK_SECRET}


async def judge(bus: Bus, crm: CallbackReceiver) -> None:
    """Wait until nothing waits, then hold the CRM's ledger against the events."""

    async def nothing_waits() -> bool:
        behind = bus.query("SELECT 1 FROM delivery_heads LIMIT 1")
        return (
            not behind and len(crm.ledger.effects) >= bus.query("SELECT count(*) FROM events WHERE NOT historic")[0][0]
        )

    def how() -> str:
        heads = bus.query("SELECT * FROM delivery_heads LIMIT 3")
        return f"{len(crm.ledger.effects)} effects, waiting {heads}; {bus.log_of('worker')[-1500:]}"

    await eventually(nothing_waits, within_s=QUIET_S_MAX, what=how)
    told, true = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for one in crm.ledger.effects:
        told[one.body["data"]["ticket_id"]].append(one.body["data"]["version"])
    for ticket_id, version in bus.query("SELECT ticket_id, version FROM events WHERE NOT historic ORDER BY 1, 2"):
        true[ticket_id].append(version)
    assert told == true
    assert crm.ledger.repeated() == []
    assert bus.query("SELECT count(*) FROM letters") == [(0,)]
    calls = sum(crm.ledger.calls.values())
    print(f"{len(crm.ledger.effects)} effects by {calls} calls, {len(true)} tickets")


@pytest.mark.parametrize(
    ("step", "times"), [(DELIVERY_STEPS[1], 1), *(long(step, STAGE_SEEDS) for step in DELIVERY_STEPS)]
)
async def test_a_worker_killed_at_a_step_of_a_delivery(
    bus: Bus, rng: Random, tmp_path: Path, step: str, times: int
) -> None:
    async with CallbackReceiver(WEBHOOK_SECRET) as crm:
        deliver_to(bus, crm, tmp_path)
        async with trial(bus, rng, rate=20):
            bus.stop("worker", signal.SIGKILL)
            for _ in range(times):
                armed(bus, f"kill:{step}:{rng.randint(1, 60)}").start("worker")
                await ended(bus, "worker")
            bus.start("worker")
        await judge(bus, crm)


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_postgres_away_while_delivering_makes_no_letter(bus: Bus, rng: Random, tmp_path: Path) -> None:
    async with CallbackReceiver(WEBHOOK_SECRET) as crm:
        deliver_to(bus, crm, tmp_path)
        async with trial(bus, rng, rate=20) as load:
            for _ in range(5):
                bus.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticketbus'")
                await load.answered(20)
        await judge(bus, crm)
