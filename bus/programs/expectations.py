"""The expectations of a deployment, read against its topics, handlers and targets; and their limits."""

from typing import Any

from bus.app import Core
from bus.delivery.targets_config import TargetsConfig
from bus.journey.expectations_config import Expectations, Places, load_expectations, place_of
from bus.journey.learned_limits import limit_of, read_learned
from bus.postgres.pool import connected
from bus.programs.targets import targets_config_of
from bus.settings import Settings
from bus.stage_names import LOG_STAGES
from schemas.topics import load_contract


def expectations_of(settings: Settings, targets: TargetsConfig) -> Expectations:
    """Read the expectations file. Raises ConfigFileInvalid."""
    places = Places(
        topics={name: topic.event_names for name, topic in load_contract().topics.items() if topic.event_names},
        handlers=LOG_STAGES,
        targets={name: config.events for name, config in targets.targets.items()},
    )
    return load_expectations(settings.expectations_file, places)


async def expectation_limits(core: Core) -> list[dict[str, Any]]:
    """Give each expectation with its limit and what was learned of it. Raises ConfigFileInvalid, StoreUnavailable."""
    expectations = expectations_of(core.settings, targets_config_of(core.settings))
    async with connected(core.pool) as connection:
        learned = await read_learned(connection, expectations)
    return [
        {
            "expectation": name,
            "hop": one.hop.value,
            "where": place_of(one),
            "limit_s": limit_of(one, known := learned.get(name)).total_seconds(),
            "within_s": one.within.total_seconds(),
            "learned": one.learned,
            "p99_s": known and known.p99_s,
            "samples": known.samples if known else 0,
            "computed_at": known and known.computed_at,
        }
        for name, one in expectations.items()
    ]
