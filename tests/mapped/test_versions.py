"""Versions of maps in PostgreSQL, and how programs take them up while they run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.crm.adapter import CrmAdapter
from adapters.mapped import versions
from adapters.mapped.source import MappedSource
from bus.domain.errors import Conflict
from bus.local.stack import Urls
from bus.postgres.pool import Pool, in_transaction, open_pool
from bus.programs.live_sources import LiveSources, MapOutdated, SecretShared, SourceTaken
from tests.bus_under_test import eventually
from tests.databases import drop_database, make_database
from tests.mapped.maps import CONTENT, SECRET

ENVIRONMENT = {"DESK_SECRET": SECRET}
WHO: dict[str, Any] = {"by": "张工", "why": "接入"}


@pytest.fixture
async def own(parts: Urls) -> AsyncIterator[Pool]:
    """Give a database of the test's own."""
    name = f"maps_{datetime.now(UTC):%H%M%S%f}"
    url = await asyncio.to_thread(make_database, parts, name)
    async with open_pool(url, size=4) as pool:
        yield pool
    await asyncio.to_thread(drop_database, parts, name)


async def applied(pool: Pool, content: str | None, source: str = "desk") -> int:
    return await in_transaction(pool, versions.apply, source, content, **WHO)


def version_of(live: LiveSources) -> int:
    found = live["desk"]
    assert isinstance(found, MappedSource)
    return found.version


async def test_versions_the_newest_is_in_force_and_a_rollback_is_a_new_one(own: Pool) -> None:
    second = CONTENT.replace("中}", "普通}")
    assert (await applied(own, CONTENT), await applied(own, second)) == (1, 2)
    with pytest.raises(Conflict, match="in force already"):
        await applied(own, second)
    back = await in_transaction(own, versions.rollback, "desk", None, **WHO)
    assert (back.version, back.copy_of, back.content) == (3, 1, CONTENT)
    with pytest.raises(Conflict, match="there are 3, 2, 1"):
        await in_transaction(own, versions.rollback, "desk", 9, **WHO)
    with pytest.raises(Conflict, match="no map of 'other'"):
        await applied(own, None, "other")
    listed = await in_transaction(own, versions.versions, "desk")
    assert [(one.version, one.made_by, one.reason) for one in listed] == [(n, "张工", "接入") for n in (3, 2, 1)]


async def test_versions_two_that_apply_at_once_get_two_numbers(own: Pool) -> None:
    contents = [CONTENT.replace("中}", f"中{n}}}") for n in range(8)]
    numbers = await asyncio.gather(*(applied(own, one) for one in contents))
    assert sorted(numbers) == list(range(1, 9))
    over = {**WHO, "over": 8}
    outcomes = await asyncio.gather(
        *(in_transaction(own, versions.apply, "desk", CONTENT.replace("中}", f"低{n}}}"), **over) for n in range(4)),
        return_exceptions=True,
    )
    assert min(map(str, outcomes)) == "9"
    assert [type(one) for one in outcomes].count(versions.NewerVersion) == 3


async def until(holds: Callable[[], bool]) -> None:
    async def held() -> bool:
        return holds()

    await eventually(held)


async def test_versions_are_taken_up_while_a_program_runs(own: Pool) -> None:
    live = LiveSources({}, own, ENVIRONMENT)
    await live.refresh()
    assert list(live) == []
    running = asyncio.create_task(live.run())
    try:
        await applied(own, CONTENT)
        await until(lambda: list(live) == ["desk"])
        await applied(own, CONTENT.replace("中}", "普通}"))
        await until(lambda: version_of(live) == 2)
        await applied(own, None)
        await until(lambda: list(live) == [])
        await in_transaction(own, versions.rollback, "desk", 1, **WHO)
        await until(lambda: "desk" in live and version_of(live) == 4)
    finally:
        running.cancel()
    assert live.trouble() is None


async def test_versions_one_that_cannot_be_taken_up_leaves_the_one_before_and_is_said(own: Pool) -> None:
    live = LiveSources({"crm": CrmAdapter(())}, own, ENVIRONMENT)
    await applied(own, CONTENT)
    await live.refresh()
    await applied(own, "source: desk\nnothing: else\n")
    await applied(own, CONTENT.replace("source: desk", "source: crm"), "crm")
    await live.refresh()
    assert version_of(live) == 1
    assert isinstance(live["crm"], CrmAdapter)
    assert "desk version 2" in (live.trouble() or "")
    assert "crm version 1" in (live.trouble() or "")
    await applied(own, CONTENT.replace("中}", "普通}"))
    await live.refresh()
    assert version_of(live) == 3
    assert "desk" not in (live.trouble() or "")


async def test_versions_a_secret_that_is_not_set_or_that_another_source_has_is_said(own: Pool) -> None:
    live = LiveSources({}, own, {"DESK_SECRET": SECRET, "OTHER_SECRET": SECRET})
    await applied(own, CONTENT.replace("DESK_SECRET", "NOWHERE_SET"))
    await live.refresh()
    assert "NOWHERE_SET" in (live.trouble() or "")
    assert SECRET not in (live.trouble() or "")
    await applied(own, CONTENT)
    other = CONTENT.replace("source: desk", "source: desk2").replace("DESK_SECRET", "OTHER_SECRET")
    await applied(own, other, "desk2")
    await live.refresh()
    assert "密钥相同" in (live.trouble() or "")
    assert "same secret" in (live.trouble() or "")
    assert list(live) == ["desk"]


async def test_versions_one_that_could_not_be_taken_up_is_refused_before_it_is_in_force(own: Pool) -> None:
    live = LiveSources({"crm": CrmAdapter(())}, own, {"DESK_SECRET": SECRET, "OTHER_SECRET": SECRET})
    await applied(own, CONTENT)
    await live.refresh()
    checked: dict[str, Any] = {**WHO, "check": live.check}
    other = CONTENT.replace("source: desk", "source: desk2").replace("DESK_SECRET", "OTHER_SECRET")
    for name, content, refusal in (
        ("desk2", CONTENT.replace("source: desk", "source: desk2"), SecretShared),
        ("desk2", other, SecretShared),
        ("crm", CONTENT.replace("source: desk", "source: crm"), SourceTaken),
    ):
        with pytest.raises(refusal, match=" / ") as refused:
            await in_transaction(own, versions.apply, name, content, **checked)
        assert SECRET not in str(refused.value)
        assert await in_transaction(own, versions.versions, name) == []
    assert await in_transaction(own, versions.apply, "desk", CONTENT.replace("DESK", "OTHER"), **checked) == 2
    await applied(own, "source: desk\n")
    await applied(own, CONTENT)
    with pytest.raises(MapOutdated, match="现在的规则"):
        await in_transaction(own, versions.rollback, "desk", 3, **checked)
    assert (await in_transaction(own, versions.rollback, "desk", 1, **checked)).version == 5
