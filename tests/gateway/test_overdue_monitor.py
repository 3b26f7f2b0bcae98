"""What becomes of pushes that nobody takes, and what a targets file may say of them."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bus.config_file import ConfigFileInvalid
from bus.postgres.pool import Pool
from bus.programs.gateway import run_gateway
from bus.programs.targets import targets_config_of
from bus.settings import Settings
from tests.delivery.deliveries import ticket
from tests.gateway.pushes import APP, PushSetup, empty_setup
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]


@pytest.fixture
async def setup(pool: Pool) -> PushSetup:
    """Begin with no delivery and no ticket."""
    return await empty_setup(pool)


async def test_overdue_monitor_what_nobody_holds_is_let_go_and_what_comes_later_is_not(setup: PushSetup) -> None:
    unheld, held = await setup.hold(ticket(), ""), await setup.hold(ticket(), "王磊")
    await setup.add(unheld, 1, 2)
    await setup.add(held, 1)
    rounds = setup.rounds()
    await rounds.look()
    assert await setup.states(unheld) == ["discarded", "waiting"]
    await rounds.look()
    assert await setup.states(unheld) == ["discarded", "discarded"]
    assert await setup.states(held) == ["waiting"]
    await setup.hold(unheld, "王磊")
    await setup.add(unheld, 3)
    await rounds.look()
    assert await setup.states(unheld) == ["discarded", "discarded", "waiting"]


async def test_overdue_monitor_a_ticket_that_waits_too_long_is_told_once_whoever_looks_and_waits_on(
    setup: PushSetup,
) -> None:
    one, other = await setup.hold(ticket(), "王磊"), await setup.hold(ticket(), "陈静")
    await setup.add(one, 1, 2)
    await setup.rounds().look()
    setup.now += timedelta(hours=1)
    await setup.add(other, 1)
    await setup.add(one, 3)
    await asyncio.gather(*(setup.rounds().look() for _ in range(4)))
    await setup.rounds().look()
    (finding,) = setup.found
    assert (finding.rule, finding.about, finding.ticket_id, finding.trace_id) == ("push_overdue", APP, one, "ab")
    assert finding.facts["waiting"] == 3
    assert "王磊" not in f"{finding.zh} {finding.en} {finding.facts}"
    assert await setup.states(one) == ["waiting"] * 3
    assert await setup.delivery_queue.rows("SELECT DISTINCT attempts FROM delivery_heads") == [(0,)]
    setup.now += timedelta(hours=1)
    await setup.rounds().look()
    assert [found.ticket_id for found in setup.found] == [one, other], "each of them once"


async def test_overdue_monitor_rounds_go_by_portions_and_reach_every_ticket(
    setup: PushSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.push.overdue_monitor.LOOKED_AT_MAX", 2)
    tickets = [await setup.hold(ticket(), "") for _ in range(5)]
    for one in tickets:
        await setup.add(one, 1)
    rounds = setup.rounds()
    for left in (3, 1, 0):
        await rounds.look()
        assert len(await setup.delivery_queue.rows("SELECT 1 FROM delivery_heads")) == left


@pytest.mark.parametrize(
    ("targets", "named"),
    [
        ("{app: {adapter: engineer-app, events: all, options: {url: x}}}", "targets.app.options.url: 没有这个字段"),
        ("{app: {adapter: engineer-app, events: all, retry: {attempts: 15}}}", "targets.app.retry: the engineer-app"),
        ("{app: {adapter: engineer-app, events: all, rate_per_s: 5}}", "targets.app.rate_per_s"),
        ("{app: {adapter: engineer-apps, events: all}}", "did you mean 'engineer-app'?"),
        ("{a: {adapter: engineer-app, events: all}, b: {adapter: engineer-app, events: all}}", "targets.b: a is"),
        (
            "{a: {adapter: engineer-app, events: all}, b: {adapter: engineer-app, events: all, canary_of: a}}",
            "one version",
        ),
    ],
)
async def test_overdue_monitor_a_targets_file_that_asks_for_what_is_not_there_stops_the_gateway(
    tmp_path: Path, targets: str, named: str
) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(f"targets: {targets}")
    settings = Settings(targets_file=file)
    for refuses in (lambda: asyncio.sleep(0, targets_config_of(settings)), lambda: run_gateway(settings)):
        with pytest.raises(ConfigFileInvalid) as wrong:
            await refuses()
        assert named in str(wrong.value)
